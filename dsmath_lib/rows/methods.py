"""The methods as rows: data source, coefficient, loss, normalisation and KL term (Table 10 and its successors)."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

DAPO_CLIP_HIGH = 0.28  # the paper of DAPO; the lower side stays as it is
OVERLONG_SHARE = 0.2  # last part of the length budget in which DAPO's penalty grows to -1


@dataclass(frozen=True)
class Method:
    """One row.

    data: ``set`` the SFT set, ``start`` samples of the SFT model (offline), ``policy`` those of the live policy.
    coefficient: how rewards become the advantage; a name in ``COEFFICIENTS``. ``steps`` wants one reward per step.
    loss: a name in ``LOSSES``. norm: token weights, see ``token_weights``.
    kl: where the KL to the reference goes: nowhere, into the ``loss`` (GRPO) or the ``reward`` (PPO, Eq. 2).
    scale_by_std, leave_one_out: see ``group_advantages``.
    drop_flat: groups without signal leave the batch, its token count too (DAPO, which draws others instead).
    overlong: DAPO's soft penalty on completions near the length limit.
    clip_high: if set, the upper clip instead of the parameter.
    ratio_of: what has an importance ratio, see ``policy_loss``.
    """

    data: Literal["set", "start", "policy"]
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
    def by_steps(self) -> bool:
        return self.coefficient == "steps"

    def needs_reference(self, beta: float) -> bool:
        """For its KL term, for DPO's margin, or to draw the data; ``beta``: weight of the KL term."""
        return bool(self.kl != "none" and beta) or self.loss == "pair" or self.data == "start"


_GRPO = Method(data="policy", coefficient="group", kl="loss")


METHODS: dict[str, Method] = {
    # Table 10
    "sft": Method(data="set", coefficient="one", loss="likelihood"),
    "rft": Method(data="start", coefficient="right", loss="likelihood"),
    "online-rft": Method(data="policy", coefficient="right", loss="likelihood"),
    "dpo": Method(data="start", coefficient="pair", loss="pair", norm="average"),
    "ppo": Method(data="policy", coefficient="gae", kl="reward"),
    "grpo-os": _GRPO,
    "grpo-ps": replace(_GRPO, coefficient="steps"),
    # relatives
    "dpo-sum": Method(data="start", coefficient="pair", loss="pair", norm="sum"),
    "rloo": replace(_GRPO, kl="reward", scale_by_std=False, leave_one_out=True),
    "dr-grpo": replace(_GRPO, norm="constant", kl="none", scale_by_std=False),
    "dapo": replace(
        _GRPO, norm="token", kl="none", drop_flat=True, overlong=True, clip_high=DAPO_CLIP_HIGH
    ),
    # is GRPO's gradient where all ratios are 1
    "gspo": replace(_GRPO, kl="none", ratio_of="sequence"),
    # SimpleRL: PPO in its first release, GRPO with a token mean in SimpleRL-Zoo; rule rewards in both (facts §8)
    "simplerl": Method(data="policy", coefficient="gae", kl="reward"),
    "simplerl-zoo": replace(_GRPO, norm="token"),
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
