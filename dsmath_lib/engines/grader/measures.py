"""Two expressions, with a unit behind them or without: are they the same value, or the same function?"""

import re
from fractions import Fraction

from dsmath_lib.engines.grader.answers import Number, close_numbers, comparable
from dsmath_lib.engines.grader.evaluation import value_at
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.functions import same_function
from dsmath_lib.engines.grader.spelling import strip_braces
from dsmath_lib.engines.grader.tree import Expr, variables
from dsmath_lib.engines.grader.units import DEGREE, RADIAN, unit_of
from dsmath_lib.engines.grader.values import Undecided, as_fraction, is_real

Same = tuple[bool, str]  # whether two answers mean the same, and by which reason
_UNIT_BEHIND = re.compile(
    r"(?: ?(?:square |cubic |sq\.? )?(?<![A-Za-z一-鿿])[A-Za-z一-鿿]{2,}+(?: ?(?:\^ ?\{?[23]\}?|/ ?[a-z]+))?\.?"
    r"| [mgsL](?: ?\^ ?\{?[23]\}?)?)$"
)
_TRIG = re.compile(r"cis|sin|cos|tan|cot|sec|csc")
_TURN = re.compile(r"\\pi|\\?arc[a-z]")
_NO_UNIT = frozenset(("units", "unit", "square units", "cubic units"))


def _body(text: str, number: Number | None) -> tuple[str, str]:
    """An expression and the unit behind it: ``6\\pi`` and ``cm^2``."""
    if number and not number.percent:  # 1e-3 is no product
        return text, number.unit if unit_of(number.unit) else ""
    text = strip_braces(text)
    m = _UNIT_BEHIND.search(text, max(0, len(text) - 80))
    if m and m.start():
        unit = m[0].strip()
        if unit == "degrees" and _TRIG.search(text):
            return text, ""
        if unit.rstrip(".") in _NO_UNIT:
            return text[: m.start()].strip(), ""
        if unit_of(unit):
            return text[: m.start()].strip(), unit
    return text, ""


def measured(g: str, p: str, a: Number | None, b: Number | None) -> Same | None:
    """Two expressions; None where one cannot be read. Degrees beside a multiple of π are turned into radians."""
    (g, u), (p, v) = _body(g, a), _body(p, b)
    x, y = _tree(g, a), _tree(p, b)
    if x is None or y is None:
        return None
    kinds = [unit_of(t)[0] if t else () for t in (u, v)]
    turned = DEGREE in kinds and (
        RADIAN in kinds or (() in kinds and _TURN.search(g if kinds[0] != DEGREE else p))
    )
    if turned:
        x, y = (("degrees", t) if k == DEGREE else t for t, k in zip((x, y), kinds, strict=True))
        u = v = ""
    factors = comparable(u, v)
    if factors is None:
        return False, "units"
    if factors[0] != factors[1]:
        x, y = (("*", ("num", f), t) for f, t in zip(factors, (x, y), strict=True))
    return _expressions(x, y, a, b)


def _tree(text: str, number: Number | None) -> Expr | None:
    return ("num", number.value) if number and not number.percent else parse(text)


_CONSTANT = re.compile(r"(?:[xt]|\(?[xt]\)).{0,60}\+ ?[Cc]$")  # of an integral


def alike(g: str, p: str) -> tuple[str, str]:
    """Names that differ by custom only: the imaginary j or I for i, a constant c for C."""
    if _CONSTANT.search(g) and _CONSTANT.search(p):
        p = p[:-1] + g[-1]
    letters = [set(re.findall(r"(?<![A-Za-z\\])[ijI](?![A-Za-z])", t)) for t in (g, p)]
    if {"i"} in letters and ({"j"} in letters or {"I"} in letters):
        g, p = (re.sub(r"(?<![A-Za-z\\])[jI](?![A-Za-z])", "i", t) for t in (g, p))
    return g, p


def _expressions(x: Expr, y: Expr, a: Number | None, b: Number | None) -> Same:
    same = same_function(x, y)
    if same is None:
        return False, "cannot be computed"
    if same or variables(x) or variables(y) or not any(n and n.digits for n in (a, b)):
        return same, "expressions"
    try:
        u, v = value_at(x), value_at(y)
    except Undecided:
        return False, "expressions"
    if not (is_real(u) and is_real(v)):
        return False, "expressions"
    pair = (n or Number(Fraction(0)) for n in (a, b))
    numbers = (n._replace(value=as_fraction(w)) for n, w in zip(pair, (u, v), strict=True))
    return close_numbers(*numbers), "expressions, rounded"
