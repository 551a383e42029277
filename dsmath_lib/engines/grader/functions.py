"""Whether two expressions are the same function of their variables."""

import random
import zlib
from contextlib import suppress
from fractions import Fraction

from dsmath_lib.engines.grader.evaluation import evaluated, value_at
from dsmath_lib.engines.grader.tree import Expr, operators, variables, walk
from dsmath_lib.engines.grader.values import Undecided, largest_of, nearly

_PIECES = frozenset(("abs", "max", "min", "floor", "ceil"))
_COUNTED = frozenset(("!", "binom", "sum", "prod", "gcd", "lcm"))


def test_points(names: frozenset[str], *trees: Expr) -> list[dict[str, Fraction]]:
    """Where two expressions are compared: random places, and where pieces of functions could meet.

    The places depend on the expressions alone, so a verdict can be repeated, and on all of them, so nobody can write an
    expression that agrees at the places and nowhere else.
    """
    order, used = sorted(names), frozenset().union(*map(operators, trees))
    rng = random.Random(zlib.crc32(repr(trees).encode()))
    if used & _COUNTED:
        return [{n: Fraction(rng.randint(2, 9)) for n in order} for _ in range(6)]
    at = [
        {
            n: Fraction(rng.randint(50, 300) * (-1) ** rng.randint(0, k % 2), rng.randint(41, 99))
            for n in order
        }
        for k in range(6)
    ]
    if used & _PIECES:
        numbers = sorted(_constants(trees))
        far = [3 * max(numbers, default=Fraction(1)) + 7]
        for x in [*numbers[:8], *far]:
            for sign in (1, -1):
                for step in (Fraction(2, 7), Fraction(-2, 7)):
                    at.append({n: sign * x + step * (i + 1) for i, n in enumerate(order)})
    return at


def _constants(trees: tuple[Expr, ...]) -> set[Fraction]:
    """The sizes of all parts without variables."""
    out = set()
    for part in (t for tree in trees for t in walk(tree) if not variables(t)):
        with suppress(Undecided):
            value = abs(value_at(part))
            out.add(value if isinstance(value, Fraction) else Fraction(int(value * 1000), 1000))
    return out


def same_function(a: Expr, b: Expr) -> bool | None:
    """Whether two expressions agree as functions of their variables; None if that cannot be computed."""
    names = variables(a) | variables(b)
    bases = (False, True) if "log" in operators(a) | operators(b) else (False,)
    verdicts = [_agree(a, b, names, log10) for log10 in bases]
    return True if True in verdicts else None if None in verdicts else False


def _agree(a: Expr, b: Expr, names: frozenset[str], log10: bool) -> bool | None:
    for in_reals in (True, False) if names else (False,):
        seen = 0
        for at in test_points(names, a, b) if names else [{}]:
            try:
                (x, u), (y, v) = (evaluated(t, at, log10, in_reals) for t in (a, b))
            except Undecided:
                continue
            if not nearly(x, y, largest_of(u, v)):
                return False
            seen += 1
        if seen >= (2 if names else 1):
            return True
    return None
