"""Parameters of 05_grpo."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import par
from dsmath_lib.params.rl import RLParams


class GRPOParams(RLParams):
    stage: ClassVar[str] = "05_grpo"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {"compare_steps"}

    # the forms of GRPO
    supervision: Literal["outcome", "process"] = par(
        "one reward per completion, or one per step", "both tried"
    )
    scale_by_std: bool = par("divide by the group's std", True)
    leave_one_out: bool = par("baseline of a row: mean of the others", False)
    loss_norm: Literal["sequence", "token", "constant"] = par(
        "token weights: sequence (Eq. 3), token, constant", "sequence"
    )
    # iterations (Algorithm 1, outside)
    iterations: int = par("rounds: new reference and reward model in each", 3, ge=1)
    replay_share: float = par("old data when the reward model is renewed", 0.1, ge=0, lt=1)
    renew_questions: int = par("questions whose answers renew the reward model", "not stated", ge=1)
    renew_completions: int = par("completions that label a step of it", "not stated", ge=1)
    renew_steps: int = par("training steps of the renewal", "not stated", ge=1)
    renew_lr: float = par("its learning rate", 2e-5, gt=0, le=1)
    # even: two rounds must take as many steps as one
    compare_steps: int = par(
        "steps of the comparison of supervisions; 0: left out", ge=0, multiple_of=2
    )
