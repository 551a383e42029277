"""When two numbers are the same answer: exact for rationals, relative tolerance, percent signs, units."""

from fractions import Fraction

from dsmath_lib.engines.grader.answers import Number
from dsmath_lib.engines.grader.units import unit_of

REL_TOL = Fraction(
    1, 10_000
)  # when one of two broken numbers is written as a decimal: 1/3 and 0.3333
NOISE = Fraction(1, 10**8)  # floating-point noise next to a whole number: 17.9999999999 is 18


def numbers_equal(gold: Number, pred: Number) -> bool:
    """Values within tolerance, in units that can be converted; 50% is 50 and 0.5, but 100 is never 1."""
    u, v = (unit_of(n.unit) if n.unit else None for n in (gold, pred))
    if u and v:
        if u[0] != v[0]:
            return False
        gold, pred = (n._replace(value=n.value * w[1]) for n, w in ((gold, u), (pred, v)))
    if (gold.percent and v) or (pred.percent and u):
        return False  # 5% of something, and 5 dollars
    if gold.unit.startswith("dozen") != pred.unit.startswith("dozen"):
        first, second = (gold, pred) if gold.unit.startswith("dozen") else (pred, gold)
        return close_numbers(first, second) or close_numbers(
            first._replace(value=12 * first.value), second
        )
    if gold.percent and not pred.percent:
        hundredth = gold._replace(value=gold.value / 100, decimal=True)
        return close_numbers(gold, pred) or close_numbers(hundredth, pred)
    if pred.percent and not gold.percent:
        return numbers_equal(pred, gold)
    return close_numbers(gold, pred)


def close_numbers(a: Number, b: Number) -> bool:
    """Exact for rationals; a tolerance only where a decimal point says that something may be rounded."""
    x, y = a.value, b.value
    if x == y or not (a.decimal or b.decimal):
        return x == y
    if x.denominator == 1 or y.denominator == 1:
        return abs(x - y) <= NOISE * min(1, max(abs(x), abs(y)))
    return abs(x - y) <= REL_TOL * max(abs(x), abs(y))
