"""The paper's Table 5 and Figure 7 beside ours: scores of the evaluation stage and the paper's percent."""

from typing import Any

from matplotlib.figure import Figure

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.report.ledger import Measure, StageResults, as_text, first_of, minus
from dsmath_lib.report.ledger import metric as measure_of
from dsmath_lib.report.plots import _STYLE, COLOURS, axes
from dsmath_lib.rows.benchmarks import BENCHMARKS

_EVAL = "08_evaluation"
# a toy benchmark, or a part of one, stands for one of the paper's
STANDS_FOR = {"toy-gsm": "gsm8k", "toy-math": "math", "toy-cmath": "cmath", "math-500": "math"}
PAPER_NAME = {"gsm8k": "GSM8K", "math": "MATH", "cmath": "CMATH", "mgsm-zh": "MGSM-zh"}


def paper_score(benchmark: str, model: str, prompt: str) -> float | None:
    """The paper's score in percent, greedy, of a benchmark or the one it stands for; None: no such."""
    row = BENCHMARKS.get(STANDS_FOR.get(benchmark, benchmark))
    return row.paper.get((model, prompt)) if row else None


def eval_metric(model: str, benchmark: str, prompt: str, how: str) -> Measure:
    """A score of the evaluation stage, e.g. ``eval_metric("sft", "toy-gsm", "cot", "greedy")``."""
    return measure_of(_EVAL, f"{model}.{benchmark}.{prompt}.{how}")


def gain(benchmark: str, prompt: str, how: str) -> Measure:
    """RL policy minus SFT model on the same questions: the paired difference when there is one."""
    paired = measure_of(_EVAL, f"diff.policy-sft.{benchmark}.{prompt}.{how}")
    before, after = (eval_metric(m, benchmark, prompt, how) for m in ("sft", "policy"))
    return first_of(paired, minus(after, before))


def measured_pairs(results: StageResults) -> list[tuple[str, str]]:
    """The (benchmark, prompt) pairs for which both the SFT and the RL model have a greedy score."""
    names = results.get(_EVAL, {}).get("metrics", {})
    parts = [n.split(".") for n in names if n.startswith("policy.") and n.endswith(".greedy")]
    pairs = [(p[1], p[2]) for p in parts if len(p) == 4]
    return [p for p in pairs if gain(*p, "greedy")(results) is not None]


def paper_gain(benchmark: str, prompt: str) -> float | None:
    """The paper's RL minus Instruct, in points."""
    before, after = (paper_score(benchmark, m, prompt) for m in ("sft", "policy"))
    return None if before is None or after is None else after - before


def table_5(results: StageResults) -> list[dict[str, Any]]:
    """One row per measured pair: SFT, RL and gain, greedy, the paper's beside ours."""
    rows = []
    for benchmark, prompt in measured_pairs(results):
        before, after = (paper_score(benchmark, m, prompt) for m in ("sft", "policy"))
        points = paper_gain(benchmark, prompt)
        ours = [eval_metric(m, benchmark, prompt, "greedy")(results) for m in ("sft", "policy")]
        rows.append(
            {
                "benchmark": benchmark,
                "prompt": prompt,
                "our SFT": as_text(ours[0]),
                "our RL": as_text(ours[1]),
                "our gain": as_text(gain(benchmark, prompt, "greedy")(results), "points"),
                "paper's": PAPER_NAME.get(STANDS_FOR.get(benchmark, benchmark), "–"),
                "paper SFT → RL": f"{before} → {after}" if before else "–",
                "paper gain": f"{points:+.1f}" if points is not None else "–",
            }
        )
    return rows


def gains_figure(results: StageResults) -> Figure:
    """Gains of RL over SFT in points: ours with 95 % intervals, the paper's as open marks."""
    pairs = measured_pairs(results)
    fig, (ax,) = axes(width=7.2, height=1.2 + 0.45 * max(2, len(pairs)))
    for i, (benchmark, prompt) in enumerate(pairs):
        e = gain(benchmark, prompt, "greedy")(results)
        width = [[100 * (e.value - e.low)], [100 * (e.high - e.value)]]
        label = "ours, 95 % interval" if i == 0 else None
        ax.errorbar(100 * e.value, i, xerr=width, fmt="o", color=COLOURS[0], capsize=3, label=label)
        points = paper_gain(benchmark, prompt)
        if points is not None:
            ax.plot(points, i, "D", mfc="none", color=COLOURS[1])
    ax.plot([], [], "D", mfc="none", color=COLOURS[1], label="paper (no interval given)")
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(pairs)), [f"{b}, {p}" for b, p in pairs])
    ax.invert_yaxis()
    ax.set_xlabel("RL minus SFT, points of greedy accuracy")
    ax.set_title("What RL added", loc=_STYLE["axes.titlelocation"])
    ax.legend(loc="best")
    return fig


def by_k(results: StageResults, model: str, benchmark: str, how: str) -> dict[int, Estimate]:
    """``how`` is ``maj`` or ``pass``: the estimates over K of one model, chain of thought."""
    prefix = f"{model}.{benchmark}.cot.{how}@"
    names = [n for n in results.get(_EVAL, {}).get("metrics", {}) if n.startswith(prefix)]
    found = {int(n.removeprefix(prefix)): measure_of(_EVAL, n)(results) for n in names}
    return {k: found[k] for k in sorted(found) if found[k] is not None}
