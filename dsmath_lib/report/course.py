"""What the first and the last notebook show about the whole course: the map, the symbols, times."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report.plots import COLOURS, axes
from dsmath_lib.rows.stages import STAGES

# notebook -> what goes in, what comes out, and where its box stands: column, row
_BOXES = {
    "01_corpus_mining": ("web pages", "corpus", (0, 1)),
    "02_pretraining": ("corpus", "base model", (1, 1)),
    "03_sft": ("worked solutions", "SFT model", (2, 1)),
    "04_reward_model": ("graded solutions", "reward models", (3, 2)),
    "05_grpo": ("questions", "RL model", (3, 1)),
    "06_one_gradient": ("questions", "seven methods", (3, 0)),
    "07_simplerl_zero": ("questions", "Zero model", (2, 0)),
    "08_evaluation": ("benchmarks", "scores", (4, 1)),
    "09_paper_vs_ours": ("all results", "verdicts", (4, 0)),
}
# who needs whose result; the last pair only where a learned reward pays
ARROWS = (
    ("01_corpus_mining", "02_pretraining"),
    ("02_pretraining", "03_sft"),
    ("02_pretraining", "07_simplerl_zero"),
    ("03_sft", "04_reward_model"),
    ("03_sft", "05_grpo"),
    ("03_sft", "06_one_gradient"),
    ("04_reward_model", "08_evaluation"),
    ("05_grpo", "08_evaluation"),
    ("08_evaluation", "09_paper_vs_ours"),
    ("04_reward_model", "05_grpo"),
)


def course_map() -> Figure:
    """The stages as boxes with what goes in and what comes out, and arrows from a result to who needs it."""
    fig, (ax,) = axes(width=12.0, height=4.6)
    ax.set_axis_off()
    ax.set(xlim=(-0.5, 4.5), ylim=(-0.5, 2.5))
    for name, (takes, makes, (x, y)) in _BOXES.items():
        box = FancyBboxPatch((x - 0.36, y - 0.3), 0.72, 0.6, boxstyle="round,pad=0.03")
        box.set(facecolor="white", edgecolor=COLOURS[0], linewidth=1.8)
        ax.add_patch(box)
        middle = {"ha": "center", "va": "center"}
        ax.text(x, y + 0.17, f"{name[:2]}  {STAGES[name].title}", weight="bold", **middle)
        ax.text(x, y - 0.12, f"in: {takes}\nout: {makes}", fontsize=10, **middle)
    for pair in ARROWS:
        ax.add_patch(_arrow(*(_BOXES[name][2] for name in pair), optional=pair == ARROWS[-1]))
    ax.set_title(
        "The course: an arrow goes from a result to the notebook that needs it", loc="left"
    )
    return fig


def _arrow(start: tuple[int, int], end: tuple[int, int], optional: bool) -> FancyArrowPatch:
    """From the edge of one box to the edge of another: sideways, up or down."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    across = dx and (0.41 * dx / abs(dx), 0.0)
    shift = across or (0.0, 0.36 * dy / abs(dy))
    ends = [(p[0] + k * shift[0], p[1] + k * shift[1]) for p, k in ((start, 1), (end, -1))]
    arrow = FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=16)
    arrow.set(color=COLOURS[1], linewidth=1.8, linestyle=":" if optional else "-")
    return arrow


def map_in_words() -> str:
    """The map as alternative text."""
    pairs = [f"{a[:2]} to {b[:2]}" for a, b in ARROWS]
    boxes = ", ".join(f"{name[:2]} {STAGES[name].title}" for name in _BOXES)
    return (
        f"{len(_BOXES)} boxes: {boxes}. Arrows: {', '.join(pairs[:-1])}; "
        f"dotted, only where a learned reward pays: {pairs[-1]}."
    )


def symbols() -> str:
    """The tables of ``docs/symbols.md`` as Markdown, one heading level lower, without its title."""
    text = (ROOT / "docs" / "symbols.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    return "\n".join("#" + line if line.startswith("## ") else line for line in lines).strip()


def time_table(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per finished stage: seconds, peak memory in MB, device, threads."""
    rows = []
    for stage, r in results.items():
        where = r.get("environment", {})
        row = {"stage": stage, "seconds": r.get("seconds")}
        memory = r.get("peak_memory_mb", {})
        row |= {f"peak {k} memory (MB)": v for k, v in memory.items()}
        rows.append(row | {"device": where.get("device"), "threads": where.get("threads")})
    return rows
