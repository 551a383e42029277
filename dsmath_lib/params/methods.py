"""Parameters of 06_one_gradient."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from dsmath_lib.params.base import par
from dsmath_lib.params.rl import MethodNumbers, RLParams
from dsmath_lib.rows.methods import METHODS


class MethodsParams(MethodNumbers, RLParams):
    stage: ClassVar[str] = "06_one_gradient"
    defaults: ClassVar[dict[str, Any]] = {
        "questions_per_step": 12,
        "group_size": 8,
        "steps": 6,
        "eval_every": 6,
        "eval_questions": 100,
        "eval_samples": 4,
        "checkpoint_every": 3,
    }
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {
        "methods", "seeds", "memory_hidden", "memory_layers", "failures",
    }  # fmt: skip

    # the comparison
    methods: list[str] = par(
        ["rft", "online-rft", "grpo-os", "grpo-ps", "ppo", "dpo"],
        "to run",
        paper="four",
        min_length=1,
    )
    seeds: list[int] = par(
        [0], "each method runs once per seed", paper="one run each", min_length=1
    )
    # memory of PPO and GRPO
    memory_hidden: int = par(384, "hidden size of the model whose memory is measured", ge=16)
    memory_layers: int = par(8, "its layers", ge=1)
    # failure gallery
    failures: list[str] = par(["all"], "failures to switch on, or all")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if bad := [n for n in self.methods if n not in METHODS]:
            raise ValueError(f"unknown method '{bad[0]}' (known: {', '.join(METHODS)})")
        for what, names in (("method", self.methods), ("failure", self.failures)):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is named twice")
        return self
