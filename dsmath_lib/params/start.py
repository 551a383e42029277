"""Parameters of 00_start_here."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import Params, par


class StartParams(Params):
    stage: ClassVar[str] = "00_start_here"

    group_size: int = par("answers drawn per step of the small run (G)", 64, ge=2)
    steps: int = par("steps of the small run", ge=1)
    lr: float = par("learning rate of the small run, plain gradient steps", "1e-6", gt=0)
    beta: float = par("weight of the KL term (β)", 0.04, ge=0)
    clip: float = par("clip width (ε); never acts with one update per sampling", gt=0, lt=1)
    std_ddof: Literal[0, 1] = par("0: population standard deviation; 1: sample")
    std_eps: float = par("added to the standard deviation", ge=0)
