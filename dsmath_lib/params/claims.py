"""Parameters of 09_paper_vs_ours."""

from typing import ClassVar

from dsmath_lib.params.base import Params, Scale, par


class ClaimsParams(Params):
    stage: ClassVar[str] = "09_paper_vs_ours"

    other_seeds: list[Scale] = par([], "scales that hold runs with other seeds; pooled")
    margin: float = par(0.03, "a gain below this share counts as none", gt=0, lt=1)
    k: int = par(8, "samples per question of Maj@K and Pass@K", paper=64, ge=2)
