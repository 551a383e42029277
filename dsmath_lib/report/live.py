"""A panel of a running RL loop: curves and samples of the newest step, drawn from the rows of the stage's log.

In JupyterLab the picture is renewed in place while the loop runs::

    with panel(stage, "grpo"):
        train_policy(...)

In a headless run (papermill, tests) nothing can be renewed: the picture is drawn once, at the end.
"""

import base64
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from IPython.display import HTML, display
from matplotlib.figure import Figure

from dsmath_lib.base.progress import interactive
from dsmath_lib.base.tags import Html, joined, tag
from dsmath_lib.base.tags import table as html_table
from dsmath_lib.report.notebook import no_math, show
from dsmath_lib.report.plots import axes, curves
from dsmath_lib.stage.folder import Stage

EVERY_S = 2.0  # at most one picture in this time, so that drawing stays far below a step's time
NUMBERS = {
    "reward": "mean reward",
    "accuracy": "right answers",
    "kl": "KL to the reference, nats",
    "entropy": "entropy, nats",
    "length": "length, tokens",
    "zero_variance": "groups without signal",
    "grad_norm": "gradient norm",
}
LogRow = dict[str, Any]


def panel_plot(rows: Sequence[LogRow], evals: Sequence[LogRow] = ()) -> Figure:
    """One small panel per number of the log, validation accuracy last; a number no row has is an empty panel."""
    fig, axs = axes(2, 4, width=13, height=4.8)
    for ax, (key, title) in zip(axs, NUMBERS.items(), strict=False):
        curves(rows, "step", [key], title=title, xlabel="step", ax=ax)
    curves(evals, "step", ["accuracy"], title="validation accuracy", xlabel="step", ax=axs[-1])
    return fig


def in_words(rows: Sequence[LogRow], evals: Sequence[LogRow] = ()) -> str:
    """The newest numbers as a sentence: alternative text, and all a reader without the picture needs."""
    if not rows:
        return "No step is done yet."
    last = rows[-1]
    parts = [f"{title} {last[k]:.3g}" for k, title in NUMBERS.items() if last.get(k) is not None]
    text = f"Step {last['step']}: " + ", ".join(parts)
    done = [e for e in evals if e.get("accuracy") is not None]
    if done:
        text += f"; validation accuracy {done[-1]['accuracy']:.3g} at step {done[-1]['step']}"
    return text + "."


def samples_html(row: LogRow | None) -> Html:
    """The texts of a ``.samples`` row with their rewards, escaped, as a table; empty without a row."""
    if row is None:
        return Html()
    pairs = zip(row["rewards"], row["texts"], strict=True)
    cells = [(f"{reward:+.2f}", no_math(text.strip())) for reward, text in pairs]
    styles = ("text-align:right;vertical-align:top", "text-align:left;white-space:pre-wrap")
    return html_table(("reward", "completion"), cells, styles, f"Samples of step {row['step']}")


class Panel:
    """Collects the rows of some runs and draws the one that runs now. ``feed`` is a watcher of ``Stage``."""

    def __init__(self, stage: Stage, runs: Sequence[str]):
        self.stage, self.runs = stage, tuple(runs)
        self.follow(self.runs[0])
        self.handle = display(HTML(self.html()), display_id=True) if interactive() else None
        self.drawn = time.monotonic()

    def follow(self, run: str) -> None:
        """Turn to a run; what the log already has of it (a resumed one) is taken along."""
        self.run, self.samples = run, None
        self.rows, self.evals = self.stage.read_log(run), self.stage.read_log(f"{run}.eval")

    def feed(self, row: LogRow) -> None:
        """Take a new row of the log; draw when the last picture is old enough."""
        kind = row["kind"]
        run = next((r for r in self.runs if kind in (r, f"{r}.eval", f"{r}.samples")), None)
        if run is None:
            return
        if run != self.run:
            self.follow(run)
        if kind == f"{run}.samples":
            self.samples = row
            return
        old = self.rows if kind == run else self.evals
        old[:] = [r for r in old if r["step"] < row["step"]]  # a resumed loop repeats steps
        old.append(row)
        if self.handle is not None and time.monotonic() - self.drawn >= EVERY_S:
            self.draw()

    def draw(self) -> None:
        """Renew the picture in place."""
        self.handle.update(HTML(self.html()))
        self.drawn = time.monotonic()

    def html(self) -> str:
        """Picture, sentence and samples."""
        text = f"{self.run}: {in_words(self.rows, self.evals)}"
        if not self.rows:
            return tag("p", text)
        buffer = io.BytesIO()
        panel_plot(self.rows, self.evals).savefig(buffer, format="png", dpi=80)
        data = base64.b64encode(buffer.getvalue()).decode()
        image = tag("img", src=f"data:image/png;base64,{data}", alt=text, style="max-width:100%")
        return joined((image, tag("p", text), samples_html(self.samples)))


@contextmanager
def panel(stage: Stage, *runs: str, static: bool = True) -> Iterator[Panel]:
    """Show the rows that ``stage.log`` writes for these runs while the body runs, also when it is interrupted.

    Args:
        runs: kinds of log rows; of several, the panel follows the one that runs now.
        static: in a headless run, draw the picture once at the end; False where the notebook draws its own.
    """
    live = Panel(stage, runs)
    stage.watchers.append(live.feed)
    try:
        yield live
    finally:
        stage.watchers.remove(live.feed)
        if live.handle is not None:
            live.draw()
        elif static and live.rows:
            show(panel_plot(live.rows, live.evals), alt=in_words(live.rows, live.evals))
            if live.samples is not None:
                display(HTML(samples_html(live.samples)))
