"""What the first and the last notebook show about the whole course: the map, the symbols, times."""

import itertools
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report.plots import COLOURS, axes

# stage, title, what it makes, where in the paper
STAGES: tuple[tuple[str, str, str, str], ...] = (
    ("00_start_here", "Start here", "one GRPO step by hand", "Section 4.1"),
    ("01_corpus_mining", "Corpus mining", "a math corpus from a web crawl", "Section 2.1"),
    ("02_pretraining", "Pre-training", "a base model", "Sections 2.2, 2.3"),
    ("03_sft", "Fine-tuning", "a model that answers", "Section 3"),
    ("04_reward_model", "Reward models", "models that score solutions and steps", "Section 4.1"),
    ("05_grpo", "GRPO", "a model improved by its own samples", "Section 4"),
    ("06_one_gradient", "One gradient", "the whole family on one budget", "Section 5.2"),
    ("07_simplerl_zero", "SimpleRL-Zero", "RL straight from the base model", "Section 5.2"),
    ("08_evaluation", "Evaluation", "scores with intervals", "Sections 3.2, 4.2, 5.2"),
    ("09_paper_vs_ours", "Paper and ours", "a verdict per claim", "all"),
)
_FLOW = {
    "01_corpus_mining": ("web pages", "corpus"),
    "02_pretraining": ("corpus", "base model"),
    "03_sft": ("worked solutions", "SFT model"),
    "04_reward_model": ("graded solutions", "reward models"),
    "05_grpo": ("questions", "RL model"),
    "08_evaluation": ("benchmarks", "scores"),
    "09_paper_vs_ours": ("all results", "verdicts"),
}


def course_map() -> Figure:
    """The stages as boxes in the order of the pipeline, with what goes in and what comes out."""
    across = -(-len(_FLOW) // 2)  # two rows, the second one runs back
    fig, (ax,) = axes(width=3.2 * across, height=3.6)
    ax.set_axis_off()
    ax.set(xlim=(0, across), ylim=(0, 2))
    titles = {name: title for name, title, _, _ in STAGES}
    there = [(i + 0.5, 1.5) for i in range(across)]
    at = [*there, *((x, 0.5) for x, _ in reversed(there))][: len(_FLOW)]
    for (x, y), (name, (takes, makes)) in zip(at, _FLOW.items(), strict=True):
        box = FancyBboxPatch((x - 0.36, y - 0.3), 0.72, 0.6, boxstyle="round,pad=0.03")
        box.set(facecolor="white", edgecolor=COLOURS[0], linewidth=1.8)
        ax.add_patch(box)
        ax.text(x, y + 0.18, f"{name[:2]}  {titles[name]}", ha="center", va="center", weight="bold")
        ax.text(x, y - 0.12, f"in: {takes}\nout: {makes}", ha="center", va="center", fontsize=10)
    for (x0, y0), (x1, y1) in itertools.pairwise(at):
        dx, dy = 0.4 * ((x1 > x0) - (x1 < x0)), 0.34 * ((y1 > y0) - (y1 < y0))
        arrow = FancyArrowPatch((x0 + dx, y0 + dy), (x1 - dx, y1 - dy), arrowstyle="-|>")
        arrow.set(mutation_scale=16, color=COLOURS[1], linewidth=1.8)
        ax.add_patch(arrow)
    ax.set_title("The pipeline: each box is one notebook", loc="left")
    return fig


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
