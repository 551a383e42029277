"""Figures of 05_grpo. Each draws what the library's own functions return, so picture and code cannot differ."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from dsmath_lib.report.plots import axes, bars, curves
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.kl import ESTIMATORS
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss

PANELS = {
    "reward": "mean reward",
    "reward_std": "std of the rewards",
    "zero_variance": "share of groups without signal",
    "length": "completion length, tokens",
    "truncated": "share truncated",
    "entropy": "entropy, nats",
    "kl": "KL to the reference, nats",
    "clip_fraction": "share of tokens clipped",
    "grad_norm": "gradient norm",
    "mismatch": "max |Δ log-prob| sampler − trainer",
    "loss": "loss (tells nothing)",
}


def advantage_plot(group_size: int, ddof: int, eps: float) -> Figure:
    """Advantage of right and wrong answers, and the share of groups without signal, by how hard the question is."""
    rows = []
    for right in range(1, group_size):
        r = torch.zeros(group_size)
        r[:right] = 1.0
        a = group_advantages(r, torch.zeros(group_size, dtype=torch.long), ddof=ddof, eps=eps)
        rows.append({"right": right, "of a right one": a[0].item(), "of a wrong one": a[-1].item()})
    fig, (left, right_ax) = axes(1, 2, width=9.6)
    curves(
        rows,
        "right",
        ["of a right one", "of a wrong one"],
        title="Advantage in one group",
        xlabel=f"right answers among {group_size}",
        ylabel="advantage",
        ax=left,
    )
    share = [i / 50 for i in range(51)]
    sizes = sorted({4, group_size, 64})
    points = [{"p": p} | {str(g): without_signal_share(p, g) for g in sizes} for p in share]
    curves(
        points,
        "p",
        {str(g): f"G = {g}" for g in sizes},
        title="Groups without signal",
        xlabel="chance that an answer is right",
        ylabel="share of groups",
        ax=right_ax,
    )
    return fig


def without_signal_share(p: float, group_size: int) -> float:
    """Chance that ``group_size`` answers, each right with chance ``p``, are all right or all wrong."""
    return p**group_size + (1 - p) ** group_size


def clip_objective(
    ratio: torch.Tensor, advantage: float, clip_low: float, clip_high: float
) -> torch.Tensor:
    """The clipped objective of single tokens with these ratios (n,): minus ``policy_loss`` with weight 1 each."""
    objective = Objective(clip_low=clip_low, clip_high=clip_high, beta=0.0)
    one, mask = torch.ones(1), torch.ones(1, 1, dtype=torch.bool)
    values = []
    for r in ratio:
        logp = LogProbs(r.log()[None, None], torch.zeros(1, 1))
        loss, _ = policy_loss(logp, advantage * one, mask, one, objective)
        values.append(-loss)
    return torch.stack(values)


def clip_plot(clip_low: float, clip_high: float) -> Figure:
    """The objective of one token over its importance ratio, for advantages +1 and −1."""
    ratio = torch.linspace(0.4, 1.8, 57)
    fig, panels = axes(1, 2, width=9.6)
    for ax, a, name in zip(panels, (1.0, -1.0), ("good", "bad"), strict=True):
        values = {
            "clipped": clip_objective(ratio, a, clip_low, clip_high).tolist(),
            "not clipped": (ratio * a).tolist(),
        }
        points = [
            {"r": r} | {k: v[i] for k, v in values.items()} for i, r in enumerate(ratio.tolist())
        ]
        curves(
            points,
            "r",
            list(values),
            title=f"A {name} token (advantage {a:+.0f})",
            xlabel="importance ratio",
            ylabel="objective",
            ax=ax,
        )
        for edge in (1 - clip_low, 1 + clip_high):
            ax.axvline(edge, color="black", linewidth=0.8, linestyle=":")
    return fig


def kl_gradients() -> dict[str, list[float]]:
    """Expected gradient of each estimator on a 5-way categorical, exactly, with the two KL gradients beside."""
    theta = torch.tensor([0.3, -0.2, 0.5, 0.1, -0.7], dtype=torch.float64)
    ref = torch.tensor([0.1, 0.4, -0.3, 0.2, -0.1], dtype=torch.float64).log_softmax(0)

    def gradient(value) -> list[float]:
        leaf = theta.clone().requires_grad_()
        return torch.autograd.grad(value(leaf.log_softmax(0)), leaf)[0].tolist()

    out = {
        name: gradient(lambda lp, f=f: (lp.detach().exp() * f(lp, ref)).sum())
        for name, f in ESTIMATORS.items()
    }
    out["KL(π‖ref)"] = gradient(lambda lp: (lp.exp() * (lp - ref)).sum())
    out["KL(ref‖π)"] = gradient(lambda lp: (ref.exp() * (ref - lp)).sum())
    return out


def kl_plot() -> Figure:
    """Left: value of the estimators. Right: their expected gradients on five tokens."""
    r = torch.linspace(-1.5, 1.5, 61)
    values = {name: f(torch.zeros_like(r), r).tolist() for name, f in ESTIMATORS.items()}
    points = [{"r": x} | {k: v[i] for k, v in values.items()} for i, x in enumerate(r.tolist())]
    fig, (left, right) = axes(1, 2, width=11.0)
    curves(
        points,
        "r",
        list(values),
        title="Value for one token",
        xlabel="log π_ref − log π",
        ylabel="nats",
        ax=left,
    )
    gradients = kl_gradients()
    bars(
        [f"θ{i + 1}" for i in range(5)],
        {name: gradients[name] for name in ("k2", "KL(π‖ref)", "k3", "KL(ref‖π)")},
        title="Expected gradient, five tokens",
        ax=right,
    )
    for text in list(right.texts):
        text.remove()  # twenty numbers are no picture
    right.legend(ncols=2, fontsize=9)
    return fig


def token_plot(
    pieces: Sequence[str],
    series: Mapping[str, Sequence[float]],
    title: str = "Log-prob of each token",
) -> Figure:
    """Numbers of a completion's tokens, in nats, one line a series; ``pieces`` are the tokens' texts."""
    fig, (ax,) = axes(width=max(6.4, 0.34 * len(pieces) + 1.5), height=3.0)
    points = [{"t": t} | {k: v[t] for k, v in series.items()} for t in range(len(pieces))]
    curves(
        points,
        "t",
        list(series),
        title=title,
        ylabel="nats",
        xlabel="token",
        ax=ax,
    )
    drawn = [
        "".join(c if ord(c) < 0x2E80 else "□" for c in p) for p in pieces
    ]  # the font has no Chinese
    labels = [p.replace("\n", "⏎").replace("$", r"\$").strip(" ") or "␣" for p in drawn]
    ax.set_xticks(range(len(pieces)), labels, rotation=90, fontsize=8)
    return fig


def forms_plot(logs: Mapping[str, Sequence[Mapping]]) -> Figure:
    """Mean accuracy of the rollouts and KL to the reference over the steps, for several forms of GRPO."""
    rows: dict[int, dict[str, float]] = {}
    for name, log in logs.items():
        for r in log:
            row = rows.setdefault(r["step"], {"step": r["step"]})
            row[name] = r.get("accuracy")
            row[f"kl {name}"] = r.get("kl")
    points = [rows[k] for k in sorted(rows)]
    fig, (left, right) = axes(1, 2, width=9.6)
    curves(points, "step", list(logs), title="Right answers among the rollouts", ax=left)
    kl = {f"kl {n}": n for n in logs}
    curves(points, "step", kl, title="KL to the reference, nats", ax=right)
    return fig


def paid_plot(rows: Mapping[str, Sequence[Mapping]]) -> Figure:
    """What the reward pays (left) and what is right (right) over the steps, for forms of GRPO."""
    fig, (left, right) = axes(1, 2, width=9.6)
    for ax, key, title in ((left, "paid", "What is paid"), (right, "right", "What is right")):
        steps: dict[int, dict[str, float]] = {}
        for name, found in rows.items():
            for r in found:
                steps.setdefault(r["step"], {"step": r["step"]})[name] = r[key]
        points = [steps[k] for k in sorted(steps)]
        curves(points, "step", list(rows), title=title, ax=ax)
    return fig


def training_plot(log: Sequence[Mapping], evals: Sequence[Mapping], smooth: int = 5) -> Figure:
    """The panel of a run: accuracy first, then every diagnostic the log has."""
    names = {k: v for k, v in PANELS.items() if any(r.get(k) is not None for r in log)}
    n_rows = -(-(len(names) + 1) // 4)
    fig, panels = axes(n_rows, 4, width=13, height=2.4 * n_rows)
    curves(
        evals,
        "step",
        ["accuracy"],
        title="validation accuracy, greedy",
        xlabel="step",
        ax=panels[0],
    )
    for ax, (key, name) in zip(panels[1:], names.items(), strict=False):
        curves(log, "step", [key], title=name, xlabel="step", smooth=smooth, ax=ax)
    for ax in panels[len(names) + 1 :]:
        ax.remove()
    return fig
