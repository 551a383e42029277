"""Rational functions of one variable: quotients of polynomials, and their real roots."""

from fractions import Fraction
from itertools import zip_longest

from dsmath_lib.engines.grader.evaluation import value_at
from dsmath_lib.engines.grader.tree import Expr, variables
from dsmath_lib.engines.grader.values import Undecided, Value, is_real, nearly, polynomial_roots

MAX_DEGREE = 12
Polynomial = tuple[Value, ...]  # coefficients, the constant first
ONE: Expr = ("num", Fraction(1))


# -- trees -------------------------------------------------------------------------------------------------------------
def quotient(tree: Expr) -> tuple[Expr, Expr]:
    """Numerator and denominator of a tree: ``y - 2/x`` is ``(yx - 2)/x``. What is not a quotient is over 1."""
    op = tree[0]
    if op in ("+", "-"):
        (a, b), (c, d) = quotient(tree[1]), quotient(tree[2])
        if b == d:
            return (op, a, c), b
        return (op, _times(a, d), _times(c, b)), _times(b, d)
    if op in ("*", "/"):
        (a, b), (c, d) = quotient(tree[1]), quotient(tree[2])
        c, d = (c, d) if op == "*" else (d, c)
        return _times(a, c), _times(b, d)
    if op == "neg":
        a, b = quotient(tree[1])
        return ("neg", a), b
    if op == "^" and (k := _exponent(tree[2])) is not None:
        a, b = quotient(tree[1])
        a, b = (a, b) if k >= 0 else (b, a)
        power = ("num", Fraction(abs(k)))
        return ("^", a, power), b if b == ONE else ("^", b, power)
    return tree, ONE


def _times(a: Expr, b: Expr) -> Expr:
    return a if b == ONE else b if a == ONE else ("*", a, b)


def _exponent(tree: Expr) -> int | None:
    sign = -1 if tree[0] == "neg" else 1
    inner = tree[1] if tree[0] == "neg" else tree
    if inner[0] == "num" and inner[1].denominator == 1 and inner[1] <= MAX_DEGREE:
        return sign * int(inner[1])
    return None


# -- polynomials -------------------------------------------------------------------------------------------------------
def polynomial(tree: Expr, name: str) -> Polynomial | None:
    """The coefficients of a tree that is a polynomial in one variable; None if it is none, or of a high degree."""
    if name not in variables(tree):
        return None if variables(tree) else (value_at(tree, real=True),)
    op = tree[0]
    if op == "var":
        return (Fraction(0), Fraction(1))
    if op == "neg":
        p = polynomial(tree[1], name)
        return p and tuple(-c for c in p)
    if op == "^" and (k := _exponent(tree[2])) is not None and k >= 0:
        p, out = polynomial(tree[1], name), (Fraction(1),)
        for _ in range(k):
            out = out and p and _product(out, p)
        return out
    if op not in ("+", "-", "*", "/"):
        return None
    p, q = polynomial(tree[1], name), polynomial(tree[2], name)
    if p is None or q is None:
        return None
    if op == "*":
        return _product(p, q)
    if op == "/":
        return tuple(c / q[0] for c in p) if len(q) == 1 and q[0] != 0 else None
    sign = 1 if op == "+" else -1
    return tuple(a + sign * b for a, b in zip_longest(p, q, fillvalue=Fraction(0)))


def _product(p: Polynomial, q: Polynomial) -> Polynomial | None:
    if len(p) + len(q) > MAX_DEGREE + 2:
        return None
    out: list[Value] = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            out[i + j] += a * b
    return tuple(out)


def _trimmed(p: Polynomial) -> Polynomial:
    end = max((i + 1 for i, c in enumerate(p) if not nearly(c, Fraction(0), 1)), default=0)
    return p[:end]


def _remainder(p: Polynomial, q: Polynomial) -> Polynomial:
    while len(p) >= len(q):
        f, shift = p[-1] / q[-1], len(p) - len(q)
        p = _trimmed(tuple(c - f * q[i - shift] if i >= shift else c for i, c in enumerate(p))[:-1])
    return p


def _divided(p: Polynomial, q: Polynomial) -> Polynomial:
    out = []
    while len(p) >= len(q):
        f, shift = p[-1] / q[-1], len(p) - len(q)
        out.insert(0, f)
        p = tuple(c - f * q[i - shift] if i >= shift else c for i, c in enumerate(p))[:-1]
    return tuple(out)


def real_roots(p: Polynomial) -> tuple[Value, ...]:
    """The real roots of a polynomial, each once.

    Raises:
        Undecided: the roots cannot be computed.
    """
    p = _trimmed(p)
    if len(p) < 2:
        return ()
    if len(p) == 2:
        return (-p[0] / p[1],)
    if all(
        isinstance(c, Fraction) for c in p
    ):  # each root once: divide by what p shares with its derivative
        a, b = p, tuple(i * c for i, c in enumerate(p))[1:]
        while b:
            a, b = b, _remainder(a, b)
        p = _divided(p, a)
        if len(p) == 2:
            return (-p[0] / p[1],)
    elif len(p) > 3:
        raise Undecided("roots")
    return tuple(r.real for r in polynomial_roots(p) if is_real(r))
