"""The RL family as rows of one table: data source × reward × gradient coefficient (paper §5.2.1, Table 10).

    ∇J = E_{(q, o) ~ data} 1/|o| Σ_t GC(q, o, t, reward) ∇log π(o_t | q, o_<t)                        (Eq. 5)

There is one loop for all of them. To see how two methods differ, compare their rows: ``difference("rft", "dpo")``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from dsmath_lib.params.rl import MethodNumbers
from dsmath_lib.rl.advantages import (
    gae,
    group_advantages,
    process_advantages,
    token_rewards,
    whiten,
    zero_variance,
)
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import OVERLONG_SHARE, Method

# -- gradient coefficients ------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """What a coefficient may look at: B completions with their rewards, and per-token numbers where measured.

    reward: (B,) sum of the named rewards. mask: (B, T) bool. kl: (B, T) k1 to the reference under the sampling policy,
    and values: (B, T) the critic's, both zero where the method has none. ddof, eps: see ``group_advantages``. beta:
    weight of a KL in the reward. measured: the micro-batches on which kl and values were measured, if they were.
    """

    rollouts: Rollouts
    reward: torch.Tensor
    step_rewards: list[list[float]]
    mask: torch.Tensor
    kl: torch.Tensor
    values: torch.Tensor
    ddof: int = 1
    eps: float = 1e-4
    beta: float = 0.0
    numbers: MethodNumbers = field(default_factory=MethodNumbers)
    measured: list = field(default_factory=list)

    @property
    def flat(self) -> torch.Tensor:
        """(B,) bool, without signal: all rewards of the row's group are equal (step rewards, where there are some)."""
        if not self.step_rewards:
            return zero_variance(self.reward, self.rollouts.group)
        seen: dict[int, set[float]] = {}
        groups = self.rollouts.group.tolist()
        for g, rewards in zip(groups, self.step_rewards, strict=True):
            seen.setdefault(g, set()).update(rewards)
        return torch.tensor([len(seen[g]) < 2 for g in groups])


def _one(x: Scored, m: Method) -> torch.Tensor:
    """SFT: the data is good, people chose it."""
    return torch.ones_like(x.reward)


def _right(x: Scored, m: Method) -> torch.Tensor:
    """RFT, Eq. 10: 1 if the answer is right, else 0."""
    return (x.reward > 0).to(x.reward)


def _group(x: Scored, m: Method) -> torch.Tensor:
    """GRPO with outcome supervision (§4.1.2) and leave-one-out; a KL in the reward counts as part of it."""
    reward = x.reward
    if m.kl == "reward":
        reward = reward - x.beta * x.kl.masked_fill(~x.mask, 0.0).sum(1).to(reward)
    how = {"scale": m.scale_by_std, "leave_one_out": m.leave_one_out}
    return group_advantages(reward, x.rollouts.group, ddof=x.ddof, eps=x.eps, **how)


def _steps(x: Scored, m: Method) -> torch.Tensor:
    """GRPO with process supervision (§4.1.3)."""
    r, eps = x.rollouts, (x.eps if m.scale_by_std else None)
    return process_advantages(x.step_rewards, r.step_ends, r.lengths, r.group, ddof=x.ddof, eps=eps)


def _gae(x: Scored, m: Method) -> torch.Tensor:
    """PPO, Eq. 18: the advantage of generalised advantage estimation."""
    a, _ = _gae_of(x)
    return whiten(a, x.mask) if x.numbers.whiten else a


def _gae_of(x: Scored) -> tuple[torch.Tensor, torch.Tensor]:
    rewards = token_rewards(x.reward, x.kl, x.mask, x.beta)
    return gae(rewards, x.values, x.mask, gamma=x.numbers.gamma, lam=x.numbers.gae_lambda)


def returns_of(x: Scored) -> torch.Tensor:
    """What the critic learns: advantage plus value, (B, T), never whitened."""
    return _gae_of(x)[1]


def _pair(x: Scored, m: Method) -> torch.Tensor:
    """DPO: +1/P on the better and −1/P on the worse completion of each of P pairs, 0 on the others."""
    better, worse = preference_pairs(x.reward, x.rollouts.group, x.rollouts.lengths > 0)
    out = torch.zeros_like(x.reward)
    out[better], out[worse] = 1.0 / max(len(better), 1), -1.0 / max(len(worse), 1)
    return out


COEFFICIENTS: dict[str, Callable[[Scored, Method], torch.Tensor]] = {
    "one": _one,
    "right": _right,
    "group": _group,
    "steps": _steps,
    "gae": _gae,
    "pair": _pair,
}


def coefficients(x: Scored, method: Method) -> torch.Tensor:
    """Rewards into the coefficient of every completion (B,), or of every token (B, T): the method's column."""
    return COEFFICIENTS[method.coefficient](x, method)


def preference_pairs(
    reward: torch.Tensor, group: torch.Tensor, usable: torch.Tensor
) -> tuple[list[int], list[int]]:
    """Rows of the better and of the worse completion of each pair; no row is in two pairs.

    Within a group the k-th best is paired with the k-th worst, as long as their rewards differ. ``usable`` (B,) bool:
    rows that may be in a pair (an empty completion may not).
    """
    better, worse = [], []
    for g in group.unique().tolist():
        rows = ((group == g) & usable).nonzero().flatten().tolist()
        rows.sort(key=lambda i: -float(reward[i]))
        for high, low in zip(rows[: len(rows) // 2], reversed(rows), strict=False):
            if reward[high] > reward[low]:
                better.append(high)
                worse.append(low)
    return better, worse


def overlong_penalty(lengths: torch.Tensor, max_length: int) -> torch.Tensor:
    """DAPO's soft punishment (B,): 0 up to the last fifth of the budget, then falling to −1 at its end."""
    margin = max(1.0, OVERLONG_SHARE * max_length)
    return -((lengths - (max_length - margin)) / margin).clamp(0, 1)
