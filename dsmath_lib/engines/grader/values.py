"""Numbers of the grader: exact rationals, else numbers of mpmath to 60 digits; when two are equal; the budget of work.

Two values are equal when they are equal rationals, or agree to 40 digits; a sum that cancels is known to its largest
term only. Work is counted, not timed: every operation is bounded in size, and all operations of one comparison have one
budget. So a verdict is the same on a busy machine.
"""

import threading
from fractions import Fraction
from typing import Any

import mpmath

MAX_BITS = 40_000  # of numerator and denominator
MAX_MAGNITUDE = 1 << 17  # bits before the point of a number that is not rational
PRECISION = 60
SAME = 1e-40  # relative
CANCELLED = 1e-50  # of the largest term of a sum
BUDGET = 20_000  # operations in one comparison; a quarter of a second on a slow core
Value = Any  # Fraction, or a real or complex number of mpmath


class Undecided(ValueError):
    """Too large, or not defined at this point."""


class Exhausted(RuntimeError):
    """The comparison has used up its work."""


class _Local(threading.local):
    """A thread's own precision and its budget: mpmath's contexts are not safe to share."""

    def __init__(self):
        self.mp = mpmath.MPContext()
        self.mp.dps = PRECISION
        self.left = BUDGET


local = _Local()


def new_budget() -> None:
    local.left = BUDGET


def spend(steps: int) -> None:
    """Count work done.

    Raises:
        Exhausted: the budget of this comparison is used up.
    """
    local.left -= steps
    if local.left < 0:
        raise Exhausted("too much work")


def inexact(x: Value) -> Value:
    """A number of mpmath."""
    return local.mp.mpf(x.numerator) / x.denominator if isinstance(x, Fraction | int) else x


def as_fraction(x: Value) -> Fraction:
    """A real number to all of its digits."""
    return x if isinstance(x, Fraction) else Fraction(int(real(x) * 10**PRECISION), 10**PRECISION)


def is_real(x: Value) -> bool:
    return isinstance(x, Fraction) or not x.imag or abs(x.imag) <= SAME * abs(x)


def real(x: Value) -> Value:
    """The real part, to compare by size."""
    return x if isinstance(x, Fraction) else x.real


def largest_of(*values: Value) -> Value:
    """The largest absolute value."""
    return max(abs(inexact(v)) for v in values)


def checked(x: Value) -> Value:
    if isinstance(x, Fraction):
        bits = max(x.numerator.bit_length(), x.denominator.bit_length())
        if bits > MAX_BITS:
            raise Undecided("too large")
        spend(1 + bits // 256)
        return x
    mp = local.mp
    if not mp.isfinite(x) or (x and abs(mp.mag(x)) > MAX_MAGNITUDE):
        raise Undecided("overflow")
    return x


def nearly(x: Value, y: Value, largest: Value = 0) -> bool:
    """Equal: exactly for rationals, else to 40 digits, or to 50 of the largest term that went into them."""
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    a, b = inexact(x), inexact(y)
    return abs(a - b) <= max(SAME * largest_of(a, b), CANCELLED * inexact(largest))


def polynomial_roots(coefficients: tuple[Value, ...]) -> list[Value]:
    """All complex roots of a polynomial without double roots; the constant stands first."""
    spend(50 * len(coefficients) ** 2)
    try:
        return local.mp.polyroots(
            [inexact(c) for c in reversed(coefficients)], maxsteps=200, extraprec=200
        )
    except (mpmath.libmp.NoConvergence, ArithmeticError, ValueError) as err:
        raise Undecided("roots") from err
