"""Figures of 06_one_gradient: coefficients, the estimator clinic, failures, the miniature of Figure 5."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure

from dsmath_lib.report.plots import axes, bars, curves
from dsmath_lib.rl.gallery import FAILURES, trained
from dsmath_lib.rl.kl import ESTIMATORS
from dsmath_lib.rows.methods import TITLES

CLINIC_REF = torch.tensor([0.1, 0.4, -0.3, 0.2, -0.1], dtype=torch.float64)
CLINIC_STEP = torch.tensor([0.2, -0.6, 0.8, -0.1, -0.6], dtype=torch.float64)


def clinic(distance: float) -> dict[str, dict[str, float]]:
    """k1, k2, k3 and k3 times the ratio on five tokens, exactly: every expectation is a sum over the tokens.

    Args:
        distance: the policy's logits are the reference's plus this many times a fixed direction.

    Returns:
        per estimator: ``mean`` (its expected value), ``kl`` (the true KL(π‖π_ref)), ``std`` of one sample, and the
        cosine of its expected gradient with that of KL(π‖π_ref) (``cos named``) and of KL(π_ref‖π) (``cos other``);
        a gradient of 0 has cosine 0.
    """
    ref = CLINIC_REF.log_softmax(0)
    theta = CLINIC_REF + distance * CLINIC_STEP

    def gradient(value) -> torch.Tensor:
        leaf = theta.clone().requires_grad_()
        return torch.autograd.grad(value(leaf.log_softmax(0)), leaf)[0]

    logp = theta.log_softmax(0)
    p = logp.exp()
    named = gradient(lambda lp: (lp.exp() * (lp - ref)).sum())
    other = gradient(lambda lp: (ref.exp() * (ref - lp)).sum())
    out = {}
    for name, f in (ESTIMATORS | {"ratio · k3": None}).items():
        values = (f or ESTIMATORS["k3"])(logp, ref)
        mean = float((p * values).sum())

        def expected(lp: torch.Tensor, f=f) -> torch.Tensor:
            ratio = 1.0 if f else torch.exp(lp - lp.detach())
            return (lp.detach().exp() * ratio * (f or ESTIMATORS["k3"])(lp, ref)).sum()

        g = gradient(expected)
        out[name] = {
            "mean": mean,
            "kl": float((p * (logp - ref)).sum()),
            "std": float((p * (values - mean).square()).sum().sqrt()),
            "cos named": _cosine(g, named),
            "cos other": _cosine(g, other),
        }
    return out


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    smaller = min(a.norm(), b.norm())
    return 0.0 if smaller < 1e-12 else float(a @ b / (a.norm() * b.norm()))


def clinic_plot() -> Figure:
    """Value and direction of the estimators as the policy moves away from the reference."""
    distances = [i / 10 for i in range(1, 41)]
    table = [(d, clinic(d)) for d in distances]
    names = list(table[0][1])
    fig, (left, right) = axes(1, 2, width=11.0)
    rows = [
        {"d": d, "KL(π‖ref)": t["k1"]["kl"]} | {n: t[n]["mean"] for n in ("k2", "k3")}
        for d, t in table
    ]
    curves(
        rows,
        "d",
        {"KL(π‖ref)": "KL(π‖ref) = E k1", "k3": "E k3 (the same)", "k2": "E k2"},
        title="Expected value",
        xlabel="distance from the reference",
        ylabel="nats",
        ax=left,
    )
    rows = [{"d": d} | {n: t[n]["cos named"] for n in names} for d, t in table]
    curves(
        rows,
        "d",
        names,
        title="Direction of the expected gradient",
        xlabel="distance from the reference",
        ylabel="cosine with ∇ KL(π‖ref)",
        ax=right,
    )
    return fig


def failure_plot(names: Sequence[str]) -> Figure:
    """One panel per failure: the number that gives it away, in the healthy and in the broken run."""
    fig, panels = axes(-(-len(names) // 4), 4, width=13, height=2.6 * -(-len(names) // 4))
    for ax, name in zip(panels, names, strict=False):
        f = FAILURES[name]
        pair = {"healthy": trained(f.healthy), "broken": trained(f.broken)}
        rows = [
            {"step": a["step"], "healthy": a[f.shows], "broken": b[f.shows]}
            for a, b in zip(pair["healthy"], pair["broken"], strict=False)
        ]
        curves(
            rows,
            "step",
            ["healthy", "broken"],
            title=f"{name}: {f.shows}",
            xlabel="step",
            smooth=5,
            ax=ax,
        )
    for ax in panels[len(names) :]:
        ax.remove()
    return fig


def methods_plot(
    rows: Sequence[Mapping[str, Any]], table: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Figure:
    """The miniature of Figure 5: accuracy over steps for at most six methods, and every method's gain."""
    fig, (left, right) = axes(1, 2, width=12.5, height=4.2)
    curves(
        rows,
        "step",
        [TITLES[n] for n in names[:6]],
        title="Validation accuracy, sampled",
        xlabel="step",
        ax=left,
    )
    gains = [r for r in table if "gain over the start" in r]
    bars(
        [r["method"] for r in gains],
        [r["gain over the start"] for r in gains],
        title="Gain over the start, 95 % interval",
        ylabel="share of answers",
        reference=0.0,
        ax=right,
    )
    right.tick_params(axis="x", rotation=35)
    return fig


def memory_plot(measured: Mapping[str, Mapping[str, float]]) -> Figure:
    """Peak memory of PPO beside GRPO, measured and planned."""
    fig, (ax,) = axes(width=5.5)
    bars(
        [TITLES[n] for n in measured],
        {
            "measured": [m["peak_mb"] for m in measured.values()],
            "weights and optimiser": [m["planned_mb"] for m in measured.values()],
        },
        title="Peak memory of a step, MB",
        ax=ax,
    )
    return fig
