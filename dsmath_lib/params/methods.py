"""Parameters of 06_one_gradient."""

from typing import ClassVar, Self

from pydantic import model_validator

from dsmath_lib.params.base import par
from dsmath_lib.params.rl import MethodNumbers, RLParams
from dsmath_lib.rows.methods import METHODS


class MethodsParams(RLParams):
    stage: ClassVar[str] = "06_one_gradient"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {
        "methods", "seeds", "memory_hidden", "memory_layers", "failures",
    }  # fmt: skip

    # the comparison
    methods: list[str] = par("to run", "four", min_length=1)
    seeds: list[int] = par("each method runs once per seed", "one run each", min_length=1)
    # numbers of single methods
    dpo_beta: float = par("DPO: scale of the margin", "not stated", gt=0)
    gamma: float = par("PPO: discount of GAE", "not stated", ge=0, le=1)
    gae_lambda: float = par("PPO: lambda of GAE", "not stated", ge=0, le=1)
    critic_lr: float = par("PPO: learning rate of the critic", "not stated", gt=0, le=1)
    value_clip: float = par("PPO: clip of the value; 0: none", "not stated", ge=0)
    whiten: bool = par("PPO: advantages with mean 0, std 1 over the batch", "not stated")
    # memory of PPO and GRPO
    memory_hidden: int = par("hidden size of the model whose memory is measured", ge=16)
    memory_layers: int = par("its layers", ge=1)
    # failure gallery
    failures: list[str] = par("failures to switch on, or all")

    @property
    def numbers(self) -> MethodNumbers:
        names = ("gamma", "gae_lambda", "critic_lr", "value_clip", "whiten", "dpo_beta")
        return MethodNumbers(**{n: getattr(self, n) for n in names})

    @model_validator(mode="after")
    def _known(self) -> Self:
        if bad := [n for n in self.methods if n not in METHODS]:
            raise ValueError(f"unknown method '{bad[0]}' (known: {', '.join(METHODS)})")
        for what, names in (("method", self.methods), ("failure", self.failures)):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is named twice")
        return self
