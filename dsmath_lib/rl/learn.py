"""Learning from one batch of rollouts: micro-batches by token budget, µ updates of the policy and of a critic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dsmath_lib.engines.layout import Tokens, micro_batches, pad, pad_values, sharing
from dsmath_lib.lm.train import autocast
from dsmath_lib.rl.critic import Critic, value_loss
from dsmath_lib.rl.diagnostics import MEASURED
from dsmath_lib.rl.kl import k1
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.losses import LOSSES, token_weights
from dsmath_lib.rl.rollouts import Rollouts


@dataclass(frozen=True)
class Objective:
    """What is minimised: the choices of the loss and of ``token_weights``. The defaults are GRPO's (Eq. 3).

    beta: weight of the KL term in the loss, or of DPO's margin. value_clip: of the critic's loss.
    """

    loss: str = "clip"
    clip_low: float = 0.2
    clip_high: float = 0.2
    beta: float = 0.04
    kl_estimator: str = "k3"
    kl_ratio: bool = False
    ratio_of: str = "token"
    norm: str = "sequence"
    max_length: int = 0  # for norm "constant"
    temperature: float = 1.0
    value_clip: float = 0.2


@dataclass
class MicroBatch:
    """Some rows of a batch as tensors. ``old`` is None until it is measured."""

    rows: list[int]  # of the rollouts
    tokens: Tokens
    weights: torch.Tensor  # (b,)
    sampled: torch.Tensor  # (b, T) the sampler's log-probs
    advantages: torch.Tensor | None = None  # (b,) or (b, T)
    ref: torch.Tensor | None = None  # (b, T), as all below
    old: torch.Tensor | None = None
    values: torch.Tensor | None = None
    returns: torch.Tensor | None = None


def prepare(
    rollouts: Rollouts,
    advantages: torch.Tensor | None,
    objective: Objective,
    *,
    micro_tokens: int,
    share_prompt: int,
    device: torch.device | str,
    keep: torch.Tensor | None = None,
    counted: torch.Tensor | None = None,
    runs: Sequence[Sequence[int]] | None = None,
    long_row: int | None = None,
) -> list[MicroBatch]:
    """Micro-batches of a batch. The weights are those of the whole batch, also when ``keep`` (B,) drops rows.

    Args:
        advantages: (B,) or (B, T); None: given later to ``assign``.
        share_prompt: completions of a group that follow one copy of their prompt, so that the prompt is read once for
            all of them. 1: every completion has its own. At most so many where ``long_row`` is given, see ``sharing``.
        counted: (B,) bool, the rows that the weights count; None: all.
        runs: rows that must stay together and share a prompt (pairs); None: made from the groups.
    """
    counted = torch.ones(len(rollouts.prompts), dtype=torch.bool) if counted is None else counted
    weights = torch.zeros(len(rollouts.prompts))
    weights[counted] = token_weights(
        rollouts.lengths[counted], objective.norm, objective.max_length
    )
    if runs is None:
        groups: dict[int, list[int]] = {}
        for i, g in enumerate(rollouts.group.tolist()):
            if keep is None or keep[i]:
                groups.setdefault(g, []).append(i)
        runs = []
        for g in groups.values():
            n = share_prompt
            if long_row is not None:
                sizes = [len(rollouts.completions[i]) for i in g]
                n = sharing(len(rollouts.prompts[g[0]]), sizes, share_prompt, long_row)
            runs += [g[i : i + n] for i in range(0, len(g), n)]
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
        sampled = pad_values([rollouts.logprobs[i] for i in rows], device)
        out.append(MicroBatch(rows, tokens, weights[rows].to(device), sampled))
    if advantages is not None:
        assign(out, advantages)
    return out


def assign(
    batches: list[MicroBatch], advantages: torch.Tensor, returns: torch.Tensor | None = None
) -> None:
    """Give each micro-batch its part of the advantages, (B,) or (B, T), and of the critic's returns (B, T)."""
    for b in batches:
        b.advantages = _part(advantages, b)
        b.returns = None if returns is None else _part(returns, b)


def _part(x: torch.Tensor, b: MicroBatch) -> torch.Tensor:
    rows = x[b.rows].to(b.tokens.ids.device)
    return rows if rows.ndim == 1 else rows[:, : int(b.tokens.lengths.max())]


@torch.no_grad()
def measure(
    policy: torch.nn.Module,
    reference: torch.nn.Module | None,
    critic: Critic | None,
    batches: list[MicroBatch],
    temperature: float,
    dtype: str = "float32",
) -> None:
    """Old log-probs, reference log-probs and values of all rows, before the first update (PPO, KL in the reward)."""
    for b in batches:
        with autocast(b.tokens.ids.device, dtype):
            b.old, _ = completion_logprobs(policy, b.tokens, temperature, entropy=False)
            if reference is not None:
                b.ref, _ = completion_logprobs(reference, b.tokens, temperature, entropy=False)
            if critic is not None:
                b.values = critic(b.tokens)


def gathered(batches: list[MicroBatch], shape: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    """What ``measure`` found as tensors of the whole batch: k1 to the reference and values, (B, T), 0 if absent."""
    kl, values = torch.zeros(shape), torch.zeros(shape)
    for b in batches:
        width = b.tokens.mask.shape[1]
        if b.ref is not None:
            kl[b.rows, :width] = k1(b.old, b.ref).masked_fill(~b.tokens.mask, 0.0).cpu()
        if b.values is not None:
            values[b.rows, :width] = b.values.cpu()
    return kl, values


def update(
    policy: torch.nn.Module,
    reference: torch.nn.Module | None,
    batches: list[MicroBatch],
    objective: Objective,
    dtype: str = "float32",
    critic: Critic | None = None,
) -> dict[str, float | None]:
    """Loss and gradient of one update; the gradients are left in the parameters, the optimizer is not stepped.

    Unless ``measure`` has run, on the first update after exploration the old log-probs are the policy's own, so they
    cost no forward pass; they and the reference's are kept in ``batches`` for further updates.

    Returns:
        ``MEASURED``, always all of it, None where there was nothing to measure: loss (0 without rows); means over the
        tokens learned from kl (with a reference), entropy in nats, clip_fraction; ratio_min and ratio_max; mismatch =
        max |Δ log-prob| between sampler and trainer before the first update; value_loss with a critic; numbers of
        pairs and of preferred ones with DPO.
    """
    o = objective
    for p in [*policy.parameters(), *(critic.parameters() if critic else ())]:
        p.grad = torch.zeros_like(
            p
        )  # not None: with no rows at all, AdamW still decays its averages
    sums: dict[str, float] = {}
    low, high, loss_sum, mismatch = math.inf, -math.inf, 0.0, 0.0
    for b in batches:
        device, mask = b.tokens.ids.device, b.tokens.mask
        with autocast(device, dtype):
            logp, entropy = completion_logprobs(policy, b.tokens, o.temperature)
            if o.beta and b.ref is None:
                with torch.no_grad():
                    b.ref, _ = completion_logprobs(
                        reference, b.tokens, o.temperature, entropy=False
                    )
        b.old = logp.detach() if b.old is None else b.old
        difference = (b.old - b.sampled).masked_fill(~mask, 0.0)
        mismatch = max(mismatch, float(difference.abs().max()))
        loss, stats = LOSSES[o.loss](
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
            ratio_of=o.ratio_of,
        )
        loss.backward()
        loss_sum += float(loss.detach())
        if critic is not None:
            stats["value_loss"] = _critic_backward(critic, b, o, dtype)
        low, high = (
            min(low, float(stats.pop("ratio_min"))),
            max(high, float(stats.pop("ratio_max"))),
        )
        for name, value in (stats | {"entropy": entropy.sum()}).items():
            sums[name] = sums.get(name, 0.0) + float(value)
    row: dict[str, float | None] = dict.fromkeys(MEASURED) | {"loss": loss_sum}
    if o.loss == "pair":
        row |= {"pairs": 0.0, "preferred": 0.0}
    if batches:
        means = {"clip_fraction": "clipped", "kl": "kl", "entropy": "entropy"}
        row |= {name: sums[key] / sums["tokens"] for name, key in means.items() if key in sums}
        row |= {name: sums[name] for name in MEASURED if name in sums and name not in means}
        row |= {"ratio_min": low, "ratio_max": high, "mismatch": mismatch}
    return row


def _critic_backward(critic: Critic, b: MicroBatch, o: Objective, dtype: str) -> torch.Tensor:
    with autocast(b.tokens.ids.device, dtype):
        values = critic(b.tokens)
    loss = value_loss(values, b.values, b.returns, b.tokens.mask, b.weights, clip=o.value_clip)
    loss.backward()
    return loss.detach()
