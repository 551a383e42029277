"""numba's compiler, with its result kept on disk where there is a place for it."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """``numba.njit``, kept on disk where there is a place for it."""
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # numba's "no locator available": no folder can be written
        return njit(function)
