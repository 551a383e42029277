"""Figures and tables of 07_simplerl_zero."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure

from dsmath_lib.report.plots import axes, curves
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rows.zero_runs import RUNS

BEHAVIOUR = {
    "accuracy": "right answers, sampled",
    "length": "length, tokens",
    "boxed": "share with a box",
    "code": "share with program code",
    "reflecting": "share with a reflection word",
    "truncated": "share cut off at the limit",
}


def behaviour_plot(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel per number of behaviour, one line per run; at most six runs, the first ones."""
    names = list(logs)[:6]
    fig, axs = axes(2, 3, width=13, height=6.0)
    for ax, (key, title) in zip(axs, BEHAVIOUR.items(), strict=True):
        table: dict[int, dict[str, Any]] = {}
        for name in names:
            for row in logs[name]:
                table.setdefault(row["step"], {"step": row["step"]})[name] = row.get(key)
        rows = [table[k] for k in sorted(table)]
        curves(rows, "step", {n: RUNS[n].title for n in names}, title=title, xlabel="step", ax=ax)
        if ax is not axs[0] and ax.get_legend() is not None:
            ax.get_legend().remove()
    return fig


def group_table(*groups: tuple[str, Sequence[float]]) -> list[dict[str, Any]]:
    """GRPO's advantages (std divided by G) of named groups of rewards, rounded to three digits."""
    out = []
    for name, rewards in groups:
        r = torch.tensor(rewards, dtype=torch.float64)
        a = group_advantages(r, torch.zeros(len(r), dtype=torch.long), ddof=0, eps=0.0)
        values = [round(x, 3) for x in a.tolist()]
        out.append({"reward": name, "rewards": list(rewards), "advantages": values})
    return out
