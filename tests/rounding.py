"""Equal but for rounding, for results that went through many sums (a training run, a resumed one)."""

import math
from typing import Any

import torch


def assert_same(got: Any, want: Any, where: str = "", near: float = 1e-9) -> None:
    """Floats within ``near`` of each other, relative or absolute; integers, texts and shapes exactly; any nesting.

    For tests marked ``numeric``: in float64 some steps of training leave rounding of about 1e-12.
    """
    if isinstance(want, torch.Tensor):
        torch.testing.assert_close(got, want, rtol=near, atol=near, msg=lambda m: f"{where}: {m}")
    elif isinstance(want, dict):
        assert got.keys() == want.keys(), where
        for k in want:
            assert_same(got[k], want[k], f"{where}.{k}", near)
    elif isinstance(want, list | tuple):
        assert len(got) == len(want), where
        for i, pair in enumerate(zip(got, want, strict=True)):
            assert_same(*pair, f"{where}[{i}]", near)
    elif isinstance(want, float) and isinstance(got, float):
        close = math.isclose(got, want, rel_tol=near, abs_tol=near)
        assert close or (math.isnan(got) and math.isnan(want)), f"{where}: {got} is not {want}"
    else:
        assert type(got) is type(want) and got == want, f"{where}: {got!r} is not {want!r}"
