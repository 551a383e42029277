"""Plain equations in a text, ``12 + 3 = 15``: found, and judged true or false exactly."""

import re
from fractions import Fraction
from typing import NamedTuple

from dsmath_lib.engines.grader import Undecided, evaluate, parse, variables

_EQUATION = re.compile(r"(?<![\d.+\-*/() ])([\d.+\-*/() ]++)=([\d.+\-*/() ]+)")


class Equation(NamedTuple):
    """Two sides as written, without spaces around them, and whether they are equal."""

    left: str
    right: str
    holds: bool


def plain_equations(text: str) -> list[Equation]:
    """The equations of a text, in order.

    What cannot be judged is left out: in ``x + 3 = 15`` the left side is no plain arithmetic.
    """
    out = []
    for m in _EQUATION.finditer(text):
        left, right = m[1].strip(" ."), m[2].strip(" .")
        glued = m.start() > 0 and text[m.start() - 1].isalnum() and m[1][0] != " "
        if glued or m[1].strip()[:1] in ("", "+", "-", "*", "/"):
            continue
        a, b = _value(left), _value(right)
        if a is not None and b is not None:
            out.append(Equation(left, right, a == b))
    return out


def equations_hold(text: str) -> bool:
    """No plain equation of the text is false; a text without equations holds."""
    return all(e.holds for e in plain_equations(text))


def _value(text: str) -> Fraction | None:
    """Exact value of plain arithmetic; None for anything else."""
    tree = parse(text)
    if tree is None or variables(tree):
        return None
    try:
        value = evaluate(tree)
    except Undecided:
        return None
    return value if isinstance(value, Fraction) else None
