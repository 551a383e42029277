"""What a baseline is for, measured in 06: the variance of the policy gradient over questions, with and without one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import Estimate, Z, standard_error
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rl.explore import explore, live, sampling_of
from dsmath_lib.rl.learn import Cut, cut_rows
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.losses import Objective

BASELINES = {
    "none": "r",
    "mean": "(r − mean) · G/(G − 1), the mean of the others",
    "normalised": "(r − mean) / std, GRPO's",
}


def advantages_by(
    rewards: torch.Tensor, group: torch.Tensor, ddof: int, eps: float
) -> dict[str, torch.Tensor]:
    """The coefficient of each answer, (B,), by baseline; all but ``normalised`` have the same expected gradient."""
    how = {"ddof": ddof, "eps": eps}
    return {
        "none": rewards,
        "mean": group_advantages(rewards, group, **how, scale=False, leave_one_out=True),
        "normalised": group_advantages(rewards, group, **how),
    }


def squared_sizes(
    e: Experiment, policy: PreTrainedModel, n_questions: int
) -> dict[str, list[float]]:
    """Baseline -> ‖g_q‖² of each question's gradient, g_q = mean over its group of A_i · mean_t ∇log π.

    The answers are drawn once; only the coefficients differ. With one expected gradient, the means of these squares
    differ by the variances alone, and no gradient has to be kept.
    """
    asked = e.questions[:n_questions]
    sampler, seed = live(e.sampler(policy)), seed_for(e.cfg.seed, "variance")
    seen = explore(sampler, asked, sampling_of(e.cfg), replace(e.rewards, steps=None), seed)
    reward = seen.total_reward(e.rewards.weights)  # (B,)
    a = advantages_by(reward, seen.group, e.cfg.std_ddof, e.cfg.std_eps)
    weights = [p for p in policy.parameters() if p.requires_grad]
    out: dict[str, list[float]] = {name: [] for name in a}
    for g in range(len(asked)):
        cut = Cut(micro_tokens=10**6, share_prompt=e.cfg.share_prompt, device=e.device)
        keep = seen.group == g
        (batch,) = cut_rows(seen, Objective(norm="sequence"), cut, keep)
        for (
            name,
            x,
        ) in a.items():  # each with a forward pass of its own: the way back uses up what it kept
            logp, _ = completion_logprobs(policy, batch.tokens, e.cfg.temperature, entropy=False)
            means = (logp * batch.mask).sum(1) / batch.mask.sum(1).clamp(min=1)  # (G,)
            value = (x[batch.rows].to(means) * means).mean()
            grads = torch.autograd.grad(value, weights)
            out[name].append(sum(float(d.double().square().sum()) for d in grads))
    return out


def variance_saved(with_it: Sequence[float], without: Sequence[float]) -> Estimate:
    """1 − mean square with a baseline / mean square without, paired by question, with the interval of a ratio.

    Raises:
        ValueError: there is no variance without it.
    """
    total = sum(without)
    if not total > 0:
        raise ValueError("no gradient without a baseline: nothing to compare with")
    ratio, n = sum(with_it) / total, len(without)
    rest = [(a - ratio * b) * n / total for a, b in zip(with_it, without, strict=True)]
    half = Z * standard_error(rest)
    return Estimate(1 - ratio, 1 - ratio - half, 1 - ratio + half, n)


def variance_rows(sizes: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """A row for each baseline: its coefficient, mean ‖g‖², and what it saves of that without a baseline.

    ``saved`` only where the expected gradient is the same; None, too, where no answer was paid.
    """
    out = []
    for name, each in sizes.items():
        row = {"baseline": name, "coefficient": BASELINES[name], "mean ‖g‖²": sum(each) / len(each)}
        same = name == "mean" and sum(sizes["none"]) > 0
        out.append(row | {"saved": variance_saved(each, sizes["none"]) if same else None})
    return out
