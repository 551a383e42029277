"""Between rewards and losses: what rewards weigh, which rows make a micro-batch, whose log-probs a loss sees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from dsmath_lib.engines.layout import Tokens, micro_batches, pad, pad_values
from dsmath_lib.engines.mismatch import sampler_weights
from dsmath_lib.engines.parallel import most, share, total
from dsmath_lib.lm.train import autocast
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rl.coefficients import Scored, overlong_penalty, preference_pairs, returns_of
from dsmath_lib.rl.critic import value_loss
from dsmath_lib.rl.experiment import Experiment, Players
from dsmath_lib.rl.kl import k1
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.losses import LogProbs, Objective, token_weights
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import Method


@dataclass
class MicroBatch:
    """Some rows of a batch as tensors. ``old`` is None until it is measured. Without rows: see ``_empty``."""

    rows: list[int]  # of the rollouts
    tokens: Tokens
    mask: torch.Tensor  # (b, T)
    weights: torch.Tensor  # (b,)
    sampled: torch.Tensor  # (b, T) the sampler's log-probs
    advantages: torch.Tensor | None = None  # (b,) or (b, T)
    ref: torch.Tensor | None = None  # (b, T), as all below
    old: torch.Tensor | None = None
    values: torch.Tensor | None = None
    returns: torch.Tensor | None = None


@dataclass(frozen=True)
class Cut:
    """How a batch is cut; it changes memory and speed, not the result.

    micro_tokens: tokens at once, padding too. share_prompt: completions of a group that follow one copy of their
    prompt, at most, so that it is read once for all of them.
    """

    micro_tokens: int
    share_prompt: int = 1
    device: torch.device | str = "cpu"


def objective_of(cfg: RLParams, method: Method) -> Objective:
    """The objective that the parameters and the method's row ask for."""
    beta = cfg.beta if method.kl == "loss" else 0.0
    return Objective(
        loss=method.loss,
        clip_low=cfg.clip_low,
        clip_high=cfg.clip_high if method.clip_high is None else method.clip_high,
        beta=cfg.numbers.dpo_beta if method.loss == "pair" else beta,
        kl_estimator=cfg.kl_estimator,
        kl_ratio=cfg.kl_ratio,
        ratio_of=method.ratio_of,
        norm=method.norm,
        max_length=cfg.max_new_tokens,
    )


# -- rewards --------------------------------------------------------------------------------------


def weigh(e: Experiment, method: Method, players: Players, rollouts: Rollouts) -> Scored:
    """The rewards in their weighted sums, (B,), and what else the method's coefficient looks at."""
    cfg, lengths = e.cfg, rollouts.lengths
    reward = torch.ones(len(lengths))
    if rollouts.rewards:
        reward = rollouts.total_reward(e.rewards.weights)
    if method.overlong:
        reward = reward + overlong_penalty(lengths, cfg.max_new_tokens)
    steps = rollouts.total_step_rewards(e.rewards.step_weights) if method.by_steps else []
    mask = torch.arange(max(int(lengths.max()), 1)) < lengths[:, None]  # (B, T)
    nothing = torch.zeros(mask.shape)
    in_reward = cfg.beta if method.kl == "reward" else 0.0
    x = Scored(
        rollouts, reward, steps, mask, nothing, nothing,
        cfg.std_ddof, cfg.std_eps, in_reward, cfg.numbers,
    )  # fmt: skip
    if method.kl != "reward" and not method.needs_critic:
        return x
    batches = cut_rows(rollouts, objective_of(cfg, method), cut_of(cfg, players), lengths > 0)
    kl, values = measure_before(players, batches, cfg, tuple(mask.shape), bool(in_reward))
    return replace(x, kl=kl, values=values, measured=batches)


@torch.no_grad()
def measure_before(
    players: Players,
    batches: list[MicroBatch],
    cfg: RLParams,
    shape: tuple[int, int],
    reference: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probs before the first update, of the policy and of the ``reference``, and the critic's values.

    Returns:
        k1 to the reference and values of the whole batch, both (B, T), 0 where there is none.
    """
    kl, values = torch.zeros(shape), torch.zeros(shape)
    for b in batches:
        width = b.mask.shape[1]
        with autocast(players.device, cfg.dtype):
            b.old, _ = completion_logprobs(players.policy, b.tokens, cfg.temperature, entropy=False)
            if reference:
                b.ref, _ = completion_logprobs(
                    players.reference, b.tokens, cfg.temperature, entropy=False
                )
                of_rows = k1(b.old, b.ref).masked_fill(~b.mask, 0.0)[: len(b.rows)]
                kl[b.rows, :width] = of_rows.cpu()
            if players.critic is not None:
                b.values = players.critic(b.tokens)
                values[b.rows, :width] = b.values[: len(b.rows)].cpu()
    return total(kl), total(values)


# -- micro-batches --------------------------------------------------------------------------------


def cut_of(cfg: RLParams, players: Players) -> Cut:
    """How the parameters say that a batch is cut."""
    return Cut(cfg.micro_tokens, cfg.share_prompt, players.device)


def batches_of(
    e: Experiment,
    method: Method,
    players: Players,
    x: Scored,
    advantages: torch.Tensor,
) -> list[MicroBatch]:
    """Micro-batches with their advantages.

    Empty completions are in their group's baseline and have no tokens to learn from. Rows whose coefficient is 0 are
    left out where that changes nothing: no KL term in the loss, no critic.
    """
    objective, keep, batches = objective_of(e.cfg, method), x.rollouts.lengths > 0, x.measured
    if not batches:
        runs = None
        if method.loss == "pair":
            runs = list(zip(*preference_pairs(x.reward, x.rollouts.group, keep), strict=True))
        if e.cfg.skip_zero_variance or not objective.beta or method.loss == "pair":
            keep = keep & (advantages if advantages.ndim == 1 else advantages.abs().sum(1)).bool()
        counted = ~x.flat if method.drop_flat else None
        batches = cut_rows(x.rollouts, objective, cut_of(e.cfg, players), keep, counted, runs)
    assign(batches, advantages, returns_of(x) if method.needs_critic else None)
    return batches


def cut_rows(
    rollouts: Rollouts,
    objective: Objective,
    cut: Cut,
    keep: torch.Tensor | None = None,
    counted: torch.Tensor | None = None,
    runs: Sequence[Sequence[int]] | None = None,
) -> list[MicroBatch]:
    """Micro-batches of a batch, not yet with advantages. The weights are those of the whole batch.

    Of many processes each cuts the rows of its own groups, and all have the same number of micro-batches.

    Args:
        keep: (B,) bool, the rows that are cut; None: all. It changes no weight.
        counted: (B,) bool, the rows that the weights count; None: all.
        runs: rows that must stay together and share a prompt (pairs); None: made from the groups.
    """
    counted = torch.ones(len(rollouts.prompts), dtype=torch.bool) if counted is None else counted
    weights = torch.zeros(len(rollouts.prompts))
    weights[counted] = token_weights(
        rollouts.lengths[counted], objective.norm, objective.max_length
    )
    runs = _runs(rollouts, cut, keep) if runs is None else runs
    group = rollouts.group.tolist()
    own = range(max(group) + 1)[share(max(group) + 1)]
    runs = [r for r in runs if group[r[0]] in own]
    lengths = [
        len(rollouts.prompts[r[0]]) + sum(len(rollouts.completions[i]) for i in r) for r in runs
    ]
    out = []
    for part in micro_batches(lengths, cut.micro_tokens):
        rows = [i for r in part for i in runs[r]]
        tokens = pad(
            [rollouts.prompts[i] for i in rows],
            [rollouts.completions[i] for i in rows],
            cut.device,
            share=[len(runs[r]) for r in part],
        )
        sampled = pad_values([rollouts.logprobs[i] for i in rows], cut.device)
        out.append(MicroBatch(rows, tokens, tokens.mask, weights[rows].to(cut.device), sampled))
    return out + [_empty(rollouts, cut) for _ in range(most(len(out)) - len(out))]


def _empty(rollouts: Rollouts, cut: Cut) -> MicroBatch:
    """A pair of rows that weigh nothing: the networks of many processes run equally often."""
    ids = [rollouts.prompts[0][:1]] * 2
    tokens, none = pad(ids, ids, cut.device), torch.zeros(2, 1, device=cut.device)
    opposite = torch.tensor([1.0, -1.0], device=cut.device)
    return MicroBatch([], tokens, none.bool(), none[:, 0], none, opposite, returns=none)


def _runs(rollouts: Rollouts, cut: Cut, keep: torch.Tensor | None) -> list[list[int]]:
    """Rows of a group that share their prompt."""
    groups: dict[int, list[int]] = {}
    for i, g in enumerate(rollouts.group.tolist()):
        if keep is None or keep[i]:
            groups.setdefault(g, []).append(i)
    n = cut.share_prompt
    return [g[i : i + n] for g in groups.values() for i in range(0, len(g), n)]


def assign(
    batches: list[MicroBatch], advantages: torch.Tensor, returns: torch.Tensor | None = None
) -> None:
    """Give each micro-batch its part of the advantages, (B,) or (B, T), and of the critic's returns (B, T)."""
    for b in batches:
        if not b.rows:
            continue
        b.advantages = _part(advantages, b)
        b.returns = None if returns is None else _part(returns, b)


def _part(x: torch.Tensor, b: MicroBatch) -> torch.Tensor:
    rows = x[b.rows].to(b.mask.device)
    return rows if rows.ndim == 1 else rows[:, : b.mask.shape[1]]


# -- networks -------------------------------------------------------------------------------------


def clear_gradients(players: Players) -> None:
    """Zeros, not None: with no rows at all, AdamW still decays its averages."""
    for network in players.trained:
        for p in (p for p in network.parameters() if p.requires_grad):
            p.grad = torch.zeros_like(p)


def log_probs(
    players: Players, b: MicroBatch, cfg: RLParams, objective: Objective
) -> tuple[LogProbs, torch.Tensor]:
    """Log-probs (b, T) under the policy, with gradient, the old policy and the reference; and entropies (b, T).

    Unless they were measured, on the first update after exploration the old ones are the policy's own, so they cost no
    forward pass; they and the reference's are kept for further updates.
    """
    with autocast(players.device, cfg.dtype):
        logp, entropy = completion_logprobs(players.policy, b.tokens, cfg.temperature)
        if objective.beta and b.ref is None:
            with torch.no_grad():
                b.ref, _ = completion_logprobs(
                    players.reference, b.tokens, cfg.temperature, entropy=False
                )
    b.old = logp.detach() if b.old is None else b.old
    return LogProbs(logp, b.old, b.ref), entropy


def weighed(b: MicroBatch, method: Method, cfg: RLParams) -> torch.Tensor:
    """The advantages, (b,) or (b, T), times ``sampler_weights`` where the parameters ask for them.

    Only completions that the policy drew have a sampler's log-probs, and pairs are compared whole. The KL term stays.
    """
    if cfg.mismatch_fix == "none" or method.data != "policy" or method.loss == "pair":
        return b.advantages
    tokens = sampler_weights(b.old, b.sampled, cfg.mismatch_fix, cfg.mismatch_cap)
    return tokens * (b.advantages if b.advantages.ndim == 2 else b.advantages[:, None])


def learn_values(players: Players, batches: list[MicroBatch], cfg: RLParams) -> float | None:
    """Loss of the critic, its gradient added to its parameters; None where there is no critic."""
    if players.critic is None or not batches:
        return None
    found = 0.0
    for b in batches:
        with autocast(players.device, cfg.dtype):
            values = players.critic(b.tokens)  # (b, T)
        clip = cfg.numbers.value_clip
        loss = value_loss(values, b.values, b.returns, b.mask, b.weights, clip=clip)
        loss.backward()
        found += float(loss.detach())
    return total(found)
