"""Equations and inequalities in several variables: two that say the same are the same answer."""

from fractions import Fraction

from dsmath_lib.engines.grader.expression import Expr, parse, variables
from dsmath_lib.engines.grader.relations import FLIP, order, relation
from dsmath_lib.engines.grader.values import Undecided, evaluate, nearly, points


def same_relation(g: str, p: str) -> bool | None:
    """Whether two equations, or two inequalities in several variables, say the same; None if they cannot be read."""
    left, right = (_difference(t) for t in (g, p))
    if left is None or right is None:
        return None
    (a, op_a), (b, op_b) = left, right
    if op_a not in (op_b, FLIP[op_b]):
        return False
    names = variables(a) | variables(b)
    if not names:
        return None
    ratios = []
    for at in points(names):
        try:
            x, y = evaluate(a, at), evaluate(b, at)
        except Undecided:
            continue
        if x == 0 and y == 0:
            continue
        if x == 0 or y == 0:
            return False
        ratios.append(
            x / y
            if isinstance(x, Fraction) and isinstance(y, Fraction)
            else complex(x) / complex(y)
        )
    if len(ratios) < 2:
        return None
    if not all(nearly(r, ratios[0]) for r in ratios):
        return op_a == "=" and _same_roots(a, b, names)
    sign = order(ratios[0]) > 0
    return op_a in ("=", "!=") or (op_a == op_b if sign else op_a == FLIP[op_b])


def _same_roots(a: Expr, b: Expr, names: frozenset[str]) -> bool:
    """Whether two equations f = 0 have the same solution for every variable in which one of them is linear.

    So ``y = 2/x`` is ``xy = 2``, and ``xy = 2y`` is not ``x = 2``.
    """
    solved = 0
    for f, other in ((a, b), (b, a)):
        here = 0
        for name in sorted(names):
            for at in points(names)[1::2]:  # of mixed sign: |x| is not x
                try:
                    y = [evaluate(f, at | {name: Fraction(k)}) for k in (-2, -1, 1, 3)]
                    slope = y[1] - y[0]
                    if slope == 0 or not (
                        nearly(y[2], y[1] + 2 * slope) and nearly(y[3], y[1] + 4 * slope)
                    ):
                        break
                    root = at | {name: -1 - y[1] / slope}
                    size = abs(complex(evaluate(other, at))) or 1.0
                    if abs(complex(evaluate(other, root))) > 1e-9 * max(1.0, size):
                        return False
                except (Undecided, OverflowError):
                    break
                here += 1
        solved += here > 0
    return solved == 2


def _difference(text: str) -> tuple[Expr, str] | None:
    found = relation(text)
    if found is None or len(found[0]) != 2:
        return None
    a, b = (parse(s) for s in found[0])
    return None if a is None or b is None else (("-", a, b), found[1][0])
