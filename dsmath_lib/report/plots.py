"""Figures of all notebooks, in one style.

Colours are colour-blind safe and come with line styles, so colour is never the only sign. Every
function returns a ``Figure`` made without pyplot, so nothing is drawn twice or left open. A notebook
shows it with ``show(fig, alt="…")``. Where an estimate is drawn, a number without an interval and
None (missing) do too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullLocator

from dsmath_lib.evaluation.metrics import Estimate

COLOURS = mpl.style.library["tableau-colorblind10"]["axes.prop_cycle"].by_key()["color"]
_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
_MARKS = "osD^vPX*<>"
_HATCHES = ("", "//", "..", "xx", "\\\\", "++")
_STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "axes.prop_cycle": mpl.cycler(color=COLOURS[:6]) + mpl.cycler(linestyle=list(_LINES)),
}
Drawn = Estimate | float | None


def style() -> None:
    """Set the style for figures a notebook draws by hand."""
    mpl.rcParams.update(_STYLE)


def axes(
    rows: int = 1, cols: int = 1, *, width: float = 6.4, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """An empty figure in our style and its axes, row by row; width and height in inches."""
    with mpl.rc_context(_STYLE):
        fig = Figure(figsize=(width, height), layout="constrained")
        return fig, list(fig.subplots(rows, cols, squeeze=False).flat)


def interval(drawn: Drawn) -> tuple[float, float, float]:
    """``(value, low, high)`` of an estimate; NaN for what is missing: matplotlib leaves a gap."""
    if isinstance(drawn, Estimate):
        return drawn.value, drawn.low, drawn.high
    return (_number(drawn),) * 3


def curves(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    ys: Sequence[str] | Mapping[str, str],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    smooth: int = 1,
    ax: Axes | None = None,
) -> Figure:
    """Learning curves in one panel, from log rows (``stage.read_log``).

    Args:
        x: column of the x axis, e.g. ``"step"``.
        ys: columns to draw, or column -> legend text. A row without the column leaves a gap.
        smooth: width of a running mean, in rows; the raw values stay visible behind it.
        ax: draw into these axes of an existing figure.
    """
    labels = ys if isinstance(ys, Mapping) else {y: y for y in ys}
    with mpl.rc_context(_STYLE):
        ax = axes()[1][0] if ax is None else ax
        for i, (y, label) in enumerate(labels.items()):
            points = [(_number(r.get(x)), _number(r.get(y))) for r in rows if r.get(y) is not None]
            xs, values = [p[0] for p in points], [p[1] for p in points]
            kw = {"color": COLOURS[i % 6], "linestyle": _LINES[i % 6]}
            if smooth > 1:
                ax.plot(xs, values, color=kw["color"], alpha=0.25, linewidth=0.8, linestyle="-")
                values = _running_mean(values, smooth)
            ax.plot(xs, values, label=label, marker="" if len(xs) > 1 else _MARKS[i % 10], **kw)
        if all(isinstance(r.get(x), int) for r in rows):
            ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))
        _finish(ax, title, xlabel or x, ylabel, legend=len(labels) > 1)
    return ax.figure


def bars(
    labels: Sequence[str],
    estimates: Sequence[Drawn] | Mapping[str, Sequence[Drawn]],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    percent: bool = False,
    reference: float | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Bars with interval whiskers and the value above; grouped when ``estimates`` maps name -> values.

    Args:
        labels: one per position on the x axis.
        percent: show shares (0–1) as percent.
        reference: a dashed horizontal line, e.g. chance.
    """
    groups = estimates if isinstance(estimates, Mapping) else {"": estimates}
    width, scale = 0.8 / len(groups), 100 if percent else 1
    with mpl.rc_context(_STYLE):
        if ax is None:
            ax = axes(width=max(6.4, 0.55 * len(labels) * len(groups) + 2))[1][0]
        for g, (name, values) in enumerate(groups.items()):
            for i, (v, low, high) in enumerate(map(interval, values)):
                if v != v:
                    continue
                at, v, low, high = (
                    i + (g - (len(groups) - 1) / 2) * width,
                    v * scale,
                    low * scale,
                    high * scale,
                )
                err = [[max(v - low, 0.0)], [max(high - v, 0.0)]]
                style_ = {"color": COLOURS[g % 10], "hatch": _HATCHES[g % 6], "edgecolor": "white"}
                ax.bar(at, v, width * 0.92, yerr=err if low < high else None, capsize=3, **style_)
                text = f"{v:.0f}" if percent else f"{v:.3g}"
                at, dy = ((at, max(v, high)), 2) if v >= 0 else ((at, min(v, low)), -11)
                ax.annotate(text, at, (0, dy), textcoords="offset points", ha="center", fontsize=9)
            if name:
                ax.bar(
                    [0],
                    [0],
                    color=COLOURS[g % 10],
                    hatch=_HATCHES[g % 6],
                    edgecolor="white",
                    label=name,
                )
        if reference is not None:
            ax.axhline(reference * scale, color="black", linestyle="--", linewidth=1)
        ax.set_xticks(
            range(len(labels)), labels, rotation=20 if max(map(len, labels), default=0) > 12 else 0
        )
        ax.grid(axis="x", visible=False)
        _finish(ax, title, xlabel, ylabel or ("percent" if percent else ""), legend=False)
        if "" not in groups:  # above the axes: inside, it would cover bars
            ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(groups))
    return ax.figure


def lines_with_band(
    x: Sequence[float],
    series: Mapping[str, Sequence[Drawn]],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    percent: bool = False,
    log2: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Lines of estimates with their intervals as bands, e.g. Maj@K and Pass@K over K.

    Args:
        series: legend text -> one estimate per x.
        percent: show shares (0–1) as percent.
        log2: x axis in powers of two, ticks at the given x.
    """
    scale = 100 if percent else 1
    with mpl.rc_context(_STYLE):
        ax = axes()[1][0] if ax is None else ax
        for i, (name, estimates) in enumerate(series.items()):
            v, low, high = ([scale * e[k] for e in map(interval, estimates)] for k in range(3))
            kw = {"color": COLOURS[i % 6], "linestyle": _LINES[i % 6], "marker": _MARKS[i % 10]}
            ax.plot(x, v, label=name, **kw)
            ax.fill_between(x, low, high, color=COLOURS[i % 6], alpha=0.15, linewidth=0)
        if log2:
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_locator(FixedLocator(list(x)))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        _finish(ax, title, xlabel, ylabel or ("percent" if percent else ""), legend=len(series) > 1)
    return ax.figure


def maj_pass(
    ks: Sequence[int], series: Mapping[str, Sequence[Drawn]], *, title: str = ""
) -> Figure:
    """Maj@K and Pass@K over K (the form of the paper's Figure 7); shares in, percent drawn."""
    return lines_with_band(
        ks, series, title=title, xlabel="K, samples per question", percent=True, log2=True
    )


def mining_rounds(
    rows: Sequence[Mapping[str, Any]], *, title: str = "Mining, round by round"
) -> Figure:
    """Two panels over the rounds: precision, recall and overlap (percent), and tokens collected.

    Args:
        rows: per round ``{"round", "precision", "recall", "overlap", "tokens"}``; shares in 0–1,
            missing ones leave a gap.
    """
    x = [r["round"] for r in rows]
    shares = {k: [r.get(k) for r in rows] for k in ("precision", "recall", "overlap")}
    shares = {k: v for k, v in shares.items() if any(e is not None for e in v)}
    fig, (left, right) = axes(1, 2, width=9.6)
    lines_with_band(x, shares, title=title, xlabel="round", percent=True, ax=left)
    tokens = {"tokens": [r.get("tokens") for r in rows]}
    lines_with_band(x, tokens, title="Tokens collected", xlabel="round", ylabel="tokens", ax=right)
    for ax in (left, right):
        ax.xaxis.set_major_locator(FixedLocator(x))
    left.set_ylim(0, 105)
    right.set_ylim(bottom=0)
    right.yaxis.set_major_formatter(EngFormatter(sep=""))
    return fig


def _finish(ax: Axes, title: str, xlabel: str, ylabel: str, *, legend: bool) -> None:
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if ax.get_xlim()[1] >= 10_000:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))  # 50k: long numbers run into each other
    if legend:
        ax.legend()


def _number(v: Any) -> float:
    return float("nan") if v is None else float(v)


def _running_mean(values: Sequence[float], width: int) -> list[float]:
    """Mean of the last ``width`` values (fewer at the start)."""
    return [
        sum(part) / len(part)
        for i in range(len(values))
        if (part := values[max(0, i + 1 - width) : i + 1])
    ]
