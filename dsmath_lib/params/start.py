"""Parameters of 00_start_here."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import OPEN, Params, par


class StartParams(Params):
    stage: ClassVar[str] = "00_start_here"

    group_size: int = par(16, "answers drawn per step of the small run (G)", paper=64, ge=2)
    steps: int = par(60, "steps of the small run", ge=1)
    lr: float = par(0.5, "learning rate of the small run, plain gradient steps", paper="1e-6", gt=0)
    beta: float = par(0.04, "weight of the KL term (β)", paper=0.04, ge=0)
    clip: float = par(
        0.2, "clip width (ε); never acts with one update per sampling", paper=OPEN, gt=0, lt=1
    )
    std_ddof: Literal[0, 1] = par(1, "0: population standard deviation; 1: sample", paper=OPEN)
    std_eps: float = par(0.0001, "added to the standard deviation", paper=OPEN, ge=0)
