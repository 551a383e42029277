"""Learning from one batch of rollouts: micro-batches by token budget, µ updates."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from dsmath_lib.lm.train import autocast
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.losses import policy_loss, token_weights
from dsmath_lib.rl.records import Rollouts, Tokens, pad, pad_values


@dataclass(frozen=True)
class Objective:
    """What is minimised: the choices of ``policy_loss`` and ``token_weights``. The defaults are the paper's."""

    clip_low: float = 0.2
    clip_high: float = 0.2
    beta: float = 0.04
    kl_estimator: str = "k3"
    kl_ratio: bool = False
    norm: str = "sequence"
    max_length: int = 0  # for norm "constant"
    temperature: float = 1.0


@dataclass
class MicroBatch:
    """Some rows of a batch as tensors. ``old`` is None until the first update has measured it."""

    tokens: Tokens
    advantages: torch.Tensor  # (b,) or (b, T)
    weights: torch.Tensor  # (b,)
    sampled: torch.Tensor  # (b, T) the sampler's log-probs
    ref: torch.Tensor | None = None
    old: torch.Tensor | None = None


def micro_batches(lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Row indices, longest first, cut so that rows × longest row <= ``budget`` tokens (at least one row).

    Rows of like length share a micro-batch, so little of it is padding.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        n = max(1, budget // lengths[order[0]])
        yield order[:n]
        order = order[n:]


def prepare(
    rollouts: Rollouts,
    advantages: torch.Tensor,
    objective: Objective,
    *,
    micro_tokens: int,
    share_prompt: int,
    device: torch.device | str,
    keep: torch.Tensor | None = None,
) -> list[MicroBatch]:
    """Micro-batches of a batch. The weights are those of the whole batch, also when ``keep`` (B,) drops rows.

    Args:
        share_prompt: completions of a group that follow one copy of their prompt, so that the prompt is read once for
            all of them. 1: every completion has its own.
    """
    weights = token_weights(rollouts.lengths, objective.norm, objective.max_length)
    groups: dict[int, list[int]] = {}
    for i, g in enumerate(rollouts.group.tolist()):
        if keep is None or keep[i]:
            groups.setdefault(g, []).append(i)
    runs = [
        g[i : i + share_prompt] for g in groups.values() for i in range(0, len(g), share_prompt)
    ]
    lengths = [
        len(rollouts.prompts[r[0]]) + sum(len(rollouts.completions[i]) for i in r) for r in runs
    ]
    out = []
    for part in micro_batches(lengths, micro_tokens):
        rows = [i for r in part for i in runs[r]]
        tokens = pad(
            [rollouts.prompts[i] for i in rows],
            [rollouts.completions[i] for i in rows],
            device,
            share=[len(runs[r]) for r in part],
        )
        out.append(
            MicroBatch(
                tokens=tokens,
                advantages=advantages[rows].to(device),
                weights=weights[rows].to(device),
                sampled=pad_values([rollouts.logprobs[i] for i in rows], device),
            )
        )
    return out


def update(
    policy: torch.nn.Module,
    reference: torch.nn.Module | None,
    batches: list[MicroBatch],
    objective: Objective,
    dtype: str = "float32",
) -> dict[str, float]:
    """Loss and gradient of one update; the gradient is left in ``policy``'s parameters, the optimizer is not stepped.

    On the first update after exploration the old log-probs are the policy's own, so they cost no forward pass; they and
    the reference's are kept in ``batches`` for further updates.

    Returns:
        loss; per-token means kl, entropy, clip_fraction; ratio_min and ratio_max; mismatch = max |Δ log-prob| between
        sampler and trainer (first update only).
    """
    o = objective
    for p in policy.parameters():
        p.grad = torch.zeros_like(
            p
        )  # not None: with no rows at all, AdamW still decays its averages
    sums: dict[str, float] = {}
    low, high, loss_sum, mismatch = math.inf, -math.inf, 0.0, 0.0
    for b in batches:
        device = b.tokens.ids.device
        with autocast(device, dtype):
            logp, entropy = completion_logprobs(policy, b.tokens, o.temperature)
            if o.beta and b.ref is None:
                with torch.no_grad():
                    b.ref, _ = completion_logprobs(reference, b.tokens, o.temperature)
        mask = b.tokens.mask
        if b.old is None:
            b.old = logp.detach()
            difference = (b.old - b.sampled).masked_fill(~mask, 0.0)
            mismatch = max(mismatch, float(difference.abs().max()))
        loss, stats = policy_loss(
            logp,
            b.old,
            b.advantages,
            mask,
            b.weights,
            clip_low=o.clip_low,
            clip_high=o.clip_high,
            beta=o.beta,
            ref_logp=b.ref,
            kl_estimator=o.kl_estimator,
            kl_ratio=o.kl_ratio,
        )
        loss.backward()
        loss_sum += float(loss.detach())
        low, high = (
            min(low, float(stats.pop("ratio_min"))),
            max(high, float(stats.pop("ratio_max"))),
        )
        for name, value in (stats | {"entropy": entropy.sum()}).items():
            sums[name] = sums.get(name, 0.0) + float(value)
    n = max(sums.get("tokens", 0.0), 1.0)
    means = {"clip_fraction": "clipped", "kl": "kl", "entropy": "entropy"}
    return {
        "loss": loss_sum,
        **{name: sums[key] / n for name, key in means.items() if key in sums},
        "ratio_min": low,
        "ratio_max": high,
        "mismatch": mismatch,
    }
