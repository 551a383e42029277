"""The RL family as rows of one table: data source × reward × gradient coefficient (paper §5.2.1, Table 10).

    ∇J = E_{(q, o) ~ data} 1/|o| Σ_t GC(q, o, t, reward) ∇log π(o_t | q, o_<t)                        (Eq. 5)

There is one loop for all of them. To see how two methods differ, compare their rows: ``difference("rft", "dpo")``.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

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
from dsmath_lib.rl.records import Rollouts

DAPO_CLIP_HIGH = 0.28  # the paper of DAPO; the lower side stays as it is
OVERLONG_SHARE = 0.2  # last part of the length budget in which DAPO's penalty grows to -1


@dataclass(frozen=True)
class Method:
    """One row.

    data: ``set`` the SFT set, ``start`` samples of the SFT model (offline), ``policy`` those of the live policy.
    reward: ``none``, ``rule``, ``model``, or ``steps`` (one per step, process supervision).
    coefficient: what becomes the advantage; a name in ``COEFFICIENTS``.
    loss: a name in ``LOSSES``. norm: token weights, see ``token_weights``.
    kl: where the KL to the reference goes: nowhere, into the ``loss`` (GRPO) or the ``reward`` (PPO, Eq. 2).
    scale_by_std, leave_one_out: see ``group_advantages``.
    drop_flat: groups without signal leave the batch, its token count too (DAPO, which draws others instead).
    overlong: DAPO's soft penalty on completions near the length limit.
    clip_high: if set, the upper clip instead of the parameter.
    ratio_of: what has an importance ratio, see ``policy_loss``.
    """

    data: Literal["set", "start", "policy"]
    reward: Literal["none", "rule", "model", "steps"]
    coefficient: str
    loss: Literal["likelihood", "clip", "pair"] = "clip"
    norm: str = "sequence"
    kl: Literal["none", "loss", "reward"] = "none"
    scale_by_std: bool = True
    leave_one_out: bool = False
    drop_flat: bool = False
    overlong: bool = False
    clip_high: float | None = None
    ratio_of: Literal["token", "sequence"] = "token"

    @property
    def needs_critic(self) -> bool:
        return self.coefficient == "gae"

    @property
    def needs_reference(self) -> bool:
        return self.kl != "none" or self.loss == "pair"


_GRPO = Method(data="policy", reward="model", coefficient="group", kl="loss")

METHODS: dict[str, Method] = {
    # Table 10
    "sft": Method(data="set", reward="none", coefficient="one", loss="likelihood"),
    "rft": Method(data="start", reward="rule", coefficient="right", loss="likelihood"),
    "online-rft": Method(data="policy", reward="rule", coefficient="right", loss="likelihood"),
    "dpo": Method(data="start", reward="rule", coefficient="pair", loss="pair", norm="average"),
    "ppo": Method(data="policy", reward="model", coefficient="gae", kl="reward"),
    "grpo-os": _GRPO,
    "grpo-ps": replace(_GRPO, reward="steps", coefficient="steps"),
    # relatives
    "dpo-sum": Method(data="start", reward="rule", coefficient="pair", loss="pair", norm="sum"),
    "rloo": Method(
        data="policy",
        reward="model",
        coefficient="group",
        kl="reward",
        scale_by_std=False,
        leave_one_out=True,
    ),
    "dr-grpo": replace(_GRPO, norm="constant", kl="none", scale_by_std=False),
    "dapo": replace(
        _GRPO, norm="token", kl="none", drop_flat=True, overlong=True, clip_high=DAPO_CLIP_HIGH
    ),
    "gspo": replace(
        _GRPO, kl="none", ratio_of="sequence"
    ),  # is GRPO's gradient where all ratios are 1
    # SimpleRL: PPO in its first release, GRPO with a token mean in SimpleRL-Zoo; rule rewards in both (facts §8)
    "simplerl": Method(data="policy", reward="rule", coefficient="gae", kl="reward"),
    "simplerl-zoo": replace(_GRPO, reward="rule", norm="token"),
}

TITLES = {
    "sft": "SFT",
    "rft": "RFT",
    "online-rft": "Online RFT",
    "dpo": "DPO (Eq. 12)",
    "dpo-sum": "DPO (usual)",
    "ppo": "PPO",
    "grpo-os": "GRPO+OS",
    "grpo-ps": "GRPO+PS",
    "rloo": "REINFORCE, leave one out",
    "dr-grpo": "Dr. GRPO",
    "dapo": "DAPO",
    "gspo": "GSPO",
    "simplerl": "SimpleRL, PPO",
    "simplerl-zoo": "SimpleRL-Zoo, GRPO",
}


def difference(a: str, b: str) -> list[dict[str, Any]]:
    """The columns in which two methods differ, as rows for a table.

    Raises:
        ValueError: an unknown method; names the known ones.
    """
    left, right = asdict(method(a)), asdict(method(b))
    return [{"column": k, a: left[k], b: right[k]} for k in left if left[k] != right[k]]


def method(name: str) -> Method:
    """The row of a name.

    Raises:
        ValueError: it is unknown; names the known ones.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method '{name}' (known: {', '.join(METHODS)})")
    return METHODS[name]


# -- gradient coefficients ------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """What a coefficient may look at: B completions with their rewards, and per-token numbers where measured.

    reward: (B,) sum of the named rewards. kl: (B, T) k1 to the reference under the sampling policy, and values:
    (B, T) the critic's, both zero where the method has none. mask: (B, T) bool.
    """

    rollouts: Rollouts
    reward: torch.Tensor
    step_rewards: list[list[float]]
    kl: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor
    ddof: int = 1
    eps: float = 1e-4
    beta: float = 0.0
    numbers: MethodNumbers = field(default_factory=MethodNumbers)


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
    group = x.rollouts.group
    return group_advantages(
        reward,
        group,
        ddof=x.ddof,
        eps=x.eps,
        scale=m.scale_by_std,
        leave_one_out=m.leave_one_out,
    )


def _steps(x: Scored, m: Method) -> torch.Tensor:
    """GRPO with process supervision (§4.1.3)."""
    return process_advantages(
        x.step_rewards,
        x.rollouts.step_ends,
        x.rollouts.lengths,
        x.rollouts.group,
        ddof=x.ddof,
        eps=x.eps,
        scale=m.scale_by_std,
    )


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
    better, worse = pairs(x.reward, x.rollouts.group, x.rollouts.lengths > 0)
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


def pairs(
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


def without_signal(m: Method, x: Scored) -> torch.Tensor:
    """(B,) bool: all rewards of the row's group are equal, all step rewards with process supervision."""
    if m.coefficient != "steps":
        return zero_variance(x.reward, x.rollouts.group)
    seen: dict[int, set[float]] = {}
    for g, rewards in zip(x.rollouts.group.tolist(), x.step_rewards, strict=True):
        seen.setdefault(g, set()).update(rewards)
    return torch.tensor([len(seen[g]) < 2 for g in x.rollouts.group.tolist()])


def overlong_penalty(lengths: torch.Tensor, max_length: int) -> torch.Tensor:
    """DAPO's soft punishment (B,): 0 up to the last fifth of the budget, then falling to −1 at its end."""
    margin = max(1.0, OVERLONG_SHARE * max_length)
    return -((lengths - (max_length - margin)) / margin).clamp(0, 1)
