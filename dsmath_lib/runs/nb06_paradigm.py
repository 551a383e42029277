"""Table 10 checked: the gradient of each method's loss is Σ w GC ∇log π with the paper's coefficient GC (Eq. 5).

The coefficients are written here a second time, from the paper's equations and apart from the losses, because a check
needs two sides.
"""

from dataclasses import dataclass, replace

import torch

from dsmath_lib.rl.coefficients import Scored, coefficients, preference_pairs
from dsmath_lib.rl.learn import Cut, MicroBatch, assign, cut_rows
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.losses import LOSSES, LogProbs, Objective
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS, TITLES

EQUATIONS = {
    "sft": ("1", "Table 10"),
    "rft": ("1 if right, else 0", "Eq. 10"),
    "online-rft": ("1 if right, else 0", "Eq. 10"),
    "dpo": ("± β σ(−margin), margin averaged over tokens", "Eq. 14, mended"),
    "ppo": ("A_t (GAE)", "Eq. 18"),
    "grpo-os": ("Â_i + β (π_ref/π − 1)", "Eq. 21"),
    "grpo-ps": ("Â_{i,t} + β (π_ref/π − 1)", "Eq. 21"),
}


@dataclass(frozen=True)
class Table10:
    """A few rollouts with everything that a coefficient may need, made once for all methods."""

    rollouts: Rollouts
    reward: torch.Tensor
    values: torch.Tensor
    beta: float = 0.04


def example(prompts: list[list[int]], completions: list[list[int]], seed: int = 0) -> Table10:
    """Rewards of 0 and 1, steps of two tokens and values for given completions; groups are runs of equal prompts."""
    g = torch.Generator().manual_seed(seed)
    group, names = [], {}
    for p in prompts:
        group.append(names.setdefault(tuple(p), len(names)))
    ends = [sorted({*range(1, len(c), 2), len(c) - 1}) for c in completions]
    steps = [torch.rand(len(e), generator=g).tolist() for e in ends]
    reward = torch.tensor([float(i % 2) for i in range(len(prompts))])
    rollouts = Rollouts(
        prompts=prompts,
        completions=completions,
        logprobs=[[0.0] * len(c) for c in completions],
        finish=["eos"] * len(prompts),
        group=torch.tensor(group),
        texts=[""] * len(prompts),
        rewards={"accuracy": reward},
        step_ends=ends,
        step_rewards={"steps": steps},
    )
    width = max(map(len, completions))
    return Table10(rollouts, reward, torch.rand(len(prompts), width, generator=g))


def coefficient(
    name: str, x: Table10, logp: torch.Tensor, ref: torch.Tensor, advantages: torch.Tensor
) -> torch.Tensor:
    """GC of every token, (B, T), from the paper's equations; logp and ref (B, T) without gradient.

    For DPO, rows 2k and 2k + 1 are a pair.

    Raises:
        ValueError: ``name`` is not in Table 10.
    """
    lengths = x.rollouts.lengths
    mask = torch.arange(logp.shape[1]) < lengths[:, None]
    if name in ("sft", "rft", "online-rft"):
        right = torch.ones_like(x.reward) if name == "sft" else x.reward
        return right[:, None].expand_as(logp) * mask
    if name == "dpo":
        log_ratio = ((logp - ref) * mask).sum(1) / lengths
        out = torch.zeros_like(logp)
        for k in range(0, len(out), 2):
            good, bad = (k, k + 1) if x.reward[k] > x.reward[k + 1] else (k + 1, k)
            slope = x.beta * torch.sigmoid(-x.beta * (log_ratio[good] - log_ratio[bad]))
            out[good], out[bad] = slope, -slope
        return out * mask
    if name == "ppo":
        return advantages * mask
    if name in ("grpo-os", "grpo-ps"):
        a = advantages if advantages.ndim == 2 else advantages[:, None]
        return (a + x.beta * (torch.exp(ref - logp) - 1)) * mask
    raise ValueError(f"'{name}' is not in Table 10 (known: {', '.join(EQUATIONS)})")


def check_method(
    name: str, x: Table10, policy: torch.nn.Module, reference: torch.nn.Module
) -> dict[str, float | str]:
    """Gradient of the method's loss by autograd, beside Σ w GC ∇log π; both of all parameters.

    Returns:
        a row for a table: method, coefficient, equation, norm of the gradient, largest difference of one parameter.
    """
    m = METHODS[name]
    beta = x.beta if m.kl == "loss" or m.loss == "pair" else 0.0
    objective = Objective(loss=m.loss, beta=beta, norm=m.norm)
    lengths = x.rollouts.lengths
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    steps, no_kl = x.rollouts.step_rewards["steps"], torch.zeros(mask.shape)
    scored = Scored(x.rollouts, x.reward, steps, mask, no_kl, x.values * mask)
    advantages = coefficients(scored, m)  # (B,) or (B, T)
    better, worse = preference_pairs(x.reward, x.rollouts.group, lengths > 0)
    runs = list(zip(better, worse, strict=True)) if m.loss == "pair" else None
    whole = Cut(micro_tokens=10**6, device=next(policy.parameters()).device)
    (batch,) = cut_rows(x.rollouts, objective, whole, runs=runs)
    assign([batch], advantages)
    got, logp, ref = _by_autograd(policy, reference, batch, objective)
    part = _rows(x, batch.rows)
    gc = coefficient(name, part, logp, ref, batch.advantages)
    # Eq. 5: mean over completions of 1/|o| Σ_t; for DPO mean over pairs, both sides added
    n = len(better) if m.loss == "pair" else len(x.reward)
    weights = 1.0 / (n * part.rollouts.lengths)
    want = _by_equation(policy, batch, gc * weights[:, None])
    return {
        "method": TITLES[name],
        "coefficient": EQUATIONS[name][0],
        "equation": EQUATIONS[name][1],
        "norm of the gradient": float(want.norm()),
        "largest difference": float((got - want).abs().max()),
    }


def _rows(x: Table10, rows: list[int]) -> Table10:
    """The same example with rows in the order of a micro-batch."""
    r = x.rollouts
    picked = replace(
        r,
        prompts=[r.prompts[i] for i in rows],
        completions=[r.completions[i] for i in rows],
        group=r.group[rows],
    )
    return replace(x, rollouts=picked, reward=x.reward[rows], values=x.values[rows])


def _by_autograd(
    policy, reference, batch: MicroBatch, o: Objective
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Minus the gradient of the loss (the paper maximises), and the log-probs of both policies."""
    logp, _ = completion_logprobs(policy, batch.tokens)
    with torch.no_grad():
        ref, _ = completion_logprobs(reference, batch.tokens)
    three = LogProbs(logp, logp.detach(), ref)
    loss, _ = LOSSES[o.loss](three, batch.advantages, batch.mask, batch.weights, o)
    return -_flat_gradient(policy, loss), logp.detach(), ref


def _by_equation(policy, batch: MicroBatch, weighted: torch.Tensor) -> torch.Tensor:
    """∇ Σ w GC log π, with the coefficients held fixed."""
    logp, _ = completion_logprobs(policy, batch.tokens)
    return _flat_gradient(policy, (weighted.detach() * logp).sum())


def _flat_gradient(policy: torch.nn.Module, value: torch.Tensor) -> torch.Tensor:
    grads = torch.autograd.grad(value, list(policy.parameters()), allow_unused=True)
    pairs_ = zip(grads, policy.parameters(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs_])
