"""Parameters of 05_grpo."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.rl import RLParams


class GRPOParams(RLParams):
    stage: ClassVar[str] = "05_grpo"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {
        "compare_steps",
        "compare_models",
        "compare_wrong",
    }

    # the forms of GRPO
    supervision: Literal["outcome", "process"] = par(
        "outcome", "one reward per completion, or one per step", paper="both tried"
    )
    scale_by_std: bool = par(True, "divide by the group's std", paper=True)
    leave_one_out: bool = par(False, "baseline of a row: mean of the others", paper=False)
    loss_norm: Literal["sequence", "token", "constant"] = par(
        "sequence", "token weights: sequence (Eq. 3), token, constant", paper="sequence"
    )
    # iterations (Algorithm 1, outside)
    iterations: int = par(1, "rounds: new reference and reward model in each", paper=3, ge=1)
    replay_share: float = par(
        0.1, "old data when the reward model is renewed", paper=0.1, ge=0, lt=1
    )
    renew_questions: int = par(
        64, "questions whose answers renew the reward model", paper=OPEN, ge=1
    )
    renew_completions: int = par(4, "completions that label a step of it", paper=OPEN, ge=1)
    renew_steps: int = par(40, "training steps of the renewal", paper=OPEN, ge=1)
    renew_lr: float = par(0.0002, "its learning rate", paper=2e-5, gt=0, le=1)
    # even: two rounds must take as many steps as one
    compare_steps: int = par(
        4, "steps of the comparison of supervisions; 0: left out", ge=0, multiple_of=2
    )
    compare_models: list[str] = par(
        [], "outcome and process model of 04, compared too; empty: rules only", paper="both used"
    )
    compare_wrong: list[float] = par(
        [], "shares of wrong labels where the truth pays steps, compared too", paper="about 0.2"
    )
