"""Figures of 04_reward_model. Each draws what the library's own functions return."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from dsmath_lib.evaluation.reward_models import STEPS
from dsmath_lib.report.plots import axes, bars, curves, lines_with_band
from dsmath_lib.rewards.labels import Solution, hard
from dsmath_lib.rewards.reward_losses import pairwise_loss, pointwise_loss


def loss_plot() -> Figure:
    """Both losses over the score, by the library's functions."""
    s = torch.linspace(-4, 4, 81)
    one, zero = torch.ones_like(s), torch.zeros_like(s)
    columns = {
        "right answer": pointwise_loss(s, one),
        "wrong answer": pointwise_loss(s, zero),
        "soft label 0.25": pointwise_loss(s, 0.25 * one),
    }
    pair = {"pair": pairwise_loss(s, zero)}
    fig, (left, right) = axes(1, 2, width=9.6)
    for ax, named, title, x in (
        (left, columns, "Pointwise: one solution", "score s"),
        (right, pair, "Pairwise: right against wrong", "difference s⁺ − s⁻"),
    ):
        rows = [
            {"x": float(v)} | {k: float(c[i]) for k, c in named.items()} for i, v in enumerate(s)
        ]
        curves(rows, "x", list(named), title=title, xlabel=x, ylabel="loss, nats", ax=ax)
    return fig


def label_plot(solutions: Sequence[Solution], most: int = 6) -> Figure:
    """Left: how soft labels are spread. Right: mean soft and hard label by the step's number."""
    judged = [(k, y) for s in solutions for k, y in enumerate(s.steps, 1) if y is not None]
    fig, (left, right) = axes(1, 2, width=9.6)
    left.hist([y for _, y in judged], bins=[i / 10 for i in range(11)], edgecolor="white")
    left.set(title="Soft labels", xlabel="share of completions that succeed", ylabel="steps")
    numbers = [k for k in range(1, most + 1) if any(j == k for j, _ in judged)]
    at = {k: [y for j, y in judged if j == k] for k in numbers}
    means = {
        "soft": [sum(at[k]) / len(at[k]) for k in numbers],
        "hard": [sum(map(hard, at[k])) / len(at[k]) for k in numbers],
    }
    bars(
        [str(k) for k in numbers], means, title="Mean label", xlabel="step", percent=True, ax=right
    )
    return fig


def learning_plot(
    logs: Mapping[str, Sequence[dict]], looks: Mapping[str, Sequence[dict]]
) -> Figure:
    """Training loss (left) and AUC on test solutions or steps (right), one line per model."""
    fig, (left, right) = axes(1, 2, width=9.6)
    for rows, column, title, ax in (
        (logs, "loss", "Training loss, nats", left),
        (looks, "auc", "AUC on the test questions", right),
    ):
        merged: dict[int, dict[str, Any]] = {}
        for name, log in rows.items():
            for r in log:
                merged.setdefault(r["step"], {"step": r["step"]})[name] = r.get(column)
        ordered = [merged[k] for k in sorted(merged)]
        if ordered:
            curves(ordered, "step", list(rows), title=title, ax=ax)
    return fig


def reliability_plot(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Share that is right over the predicted probability, one panel per model; the diagonal is perfect."""
    fig, panels = axes(1, max(1, len(tables)), width=3.4 * max(1, len(tables)), height=3.2)
    for ax, (name, rows) in zip(panels, tables.items(), strict=False):
        ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1)
        x, y = [r["predicted"] for r in rows], {name: [r["right"] for r in rows]}
        lines_with_band(x, y, title=name, xlabel="predicted", ylabel="share right", ax=ax)
        ax.set(xlim=(0, 1), ylim=(0, 1))
    return fig


def best_of_plot(ks: Sequence[int], series: Mapping[str, Sequence[Any]]) -> Figure:
    """Best-of-N over N with intervals: models beside majority and ceiling, and ways to join the scores of steps."""
    joined = {k: v for k, v in series.items() if k.endswith((".min", ".mean"))}
    # six lines can be told apart; the number of steps is in the table
    left_ones = {k: v for k, v in series.items() if not k.endswith(".mean") and k != STEPS}
    parts = {"Choosing one of N solutions": left_ones}
    if joined:
        parts["Process models: minimum or mean"] = joined | {"majority": series["majority"]}
    fig, panels = axes(1, len(parts), width=6.2 * len(parts), height=4.2)
    for ax, (title, part) in zip(panels, parts.items(), strict=True):
        lines_with_band(
            ks, part, title=title, xlabel="N", ylabel="questions solved, %", percent=True, ax=ax
        )
        ax.xaxis.set_major_locator(FixedLocator(list(ks)))
    return fig
