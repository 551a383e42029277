"""Equations and inequalities in several variables: two that say the same are the same answer."""

from dsmath_lib.engines.grader.evaluation import value_at
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.functions import test_points
from dsmath_lib.engines.grader.polynomials import ONE, quotient
from dsmath_lib.engines.grader.relations import FLIP, relation
from dsmath_lib.engines.grader.tree import Expr, variables
from dsmath_lib.engines.grader.values import Undecided, is_real, nearly, real


def same_relation(g: str, p: str) -> bool | None:
    """Whether two equations, or two inequalities in several variables, say the same; None if they cannot be read.

    Each is brought to one side and rid of its denominators; then the two sides may differ by a constant factor only. So
    ``y = 2/x`` is ``xy = 2``, and ``x^2 y = x^3`` is not ``y = x``: it holds at x = 0, too.
    """
    left, right = (_difference(t) for t in (g, p))
    if left is None or right is None:
        return None
    (a, op_a), (b, op_b) = left, right
    if op_a not in (op_b, FLIP[op_b]):
        return False
    names = variables(a) | variables(b)
    if variables(a) != variables(b):
        return False
    ratios = []
    for at in test_points(names, a, b) if names else [{}]:
        try:
            x, y = value_at(a, at), value_at(b, at)
        except Undecided:
            continue
        if nearly(x, 0 * y, 1) or nearly(y, 0 * x, 1):
            if nearly(x, y, 1):
                continue
            return False
        ratios.append(x / y)
    if len(ratios) < 2:
        return None
    if not all(nearly(r, ratios[0]) for r in ratios) or not is_real(ratios[0]):
        return False
    if op_a in ("=", "!="):
        return True
    return op_a == op_b if real(ratios[0]) > 0 else op_a == FLIP[op_b]


def _difference(text: str) -> tuple[Expr, str] | None:
    found = relation(text)
    if found is None or len(found[0]) != 2:
        return None
    a, b = (parse(s) for s in found[0])
    if a is None or b is None:
        return None
    above, below = quotient(("-", a, b))
    if found[1][0] not in ("=", "!=") and below != ONE and variables(below):
        return ("-", a, b), found[1][0]  # the sign of what is below counts
    return above, found[1][0]
