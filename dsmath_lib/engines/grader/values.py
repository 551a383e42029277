"""The value of an expression tree at a point, and whether two expressions are the same function.

Rationals stay exact; roots, logarithms and trigonometry go to complex floating point. Every operation is bounded in
size, so an evaluation takes at most some milliseconds. Two expressions are the same if they agree at several points:
for polynomials and rational functions in exact arithmetic, where a false agreement has a probability near 0
(Schwartz 1980, Zippel 1979).
"""

import cmath
import math
from collections.abc import Mapping
from fractions import Fraction

from dsmath_lib.engines.grader.expression import Expr, variables

MAX_BITS = 40_000  # of numerator and denominator
FLOAT_TOL = 1e-9
MAX_STEPS = 600
Value = Fraction | complex


class Undecided(ValueError):
    """Too large, or not defined at this point."""


def _small(x: Fraction) -> Fraction:
    if x.numerator.bit_length() > MAX_BITS or x.denominator.bit_length() > MAX_BITS:
        raise Undecided("too large")
    return x


def _float(x: Value) -> complex:
    try:
        return complex(x)
    except OverflowError as err:
        raise Undecided("too large") from err


def _exact_root(x: Fraction, n: int) -> Fraction | None:
    """The rational n-th root of x >= 0, if there is one."""
    out = []
    for part in (x.numerator, x.denominator):
        r = math.isqrt(part) if n == 2 else round(part ** (1 / n)) if part < 1 << 900 else -1
        if r < 0 or r**n != part:
            return None
        out.append(r)
    return Fraction(*out)


def _root(x: Value, index: Value, real: bool) -> Value:
    if not isinstance(index, Fraction) or index.denominator != 1 or not 0 < index <= 1000:
        return _power(x, 1 / index, real)
    n = int(index)
    negative = _is_real(x) and _real(x) < 0
    if isinstance(x, Fraction):
        root = _exact_root(abs(x), n) if n <= 64 else None
        if root is not None and not (negative and n % 2 == 0):
            return -root if negative else root
    if negative and n % 2:
        return -(abs(_float(x)) ** (1 / n)) + 0j
    if negative and real:
        raise Undecided("even root of a negative number")
    return _float(x) ** (1 / n)


def _power(x: Value, y: Value, real: bool) -> Value:
    if isinstance(x, Fraction) and isinstance(y, Fraction) and y.denominator == 1:
        n = int(y)
        if x == 0 and n < 0:
            raise Undecided("division by zero")
        bits = max(x.numerator.bit_length(), x.denominator.bit_length())
        if x not in (0, 1, -1) and bits * abs(n) > MAX_BITS:
            raise Undecided("too large")
        return x**n
    if isinstance(y, Fraction) and 1 < y.denominator <= 64 and abs(y) < 1000:
        return _power(_root(x, Fraction(y.denominator), real), Fraction(y.numerator), real)
    a, b = _float(x), _float(y)
    if a == 0:
        if _is_real(b) and b.real > 0:
            return Fraction(0)
        raise Undecided("power of zero")
    if real and _is_real(a) and a.real < 0 and not (_is_real(b) and b.real == round(b.real)):
        raise Undecided("power of a negative number")
    return a**b


def _is_real(x: Value) -> bool:
    return isinstance(x, Fraction) or abs(x.imag) <= 1e-12 * max(1.0, abs(x))


def _real(x: Value) -> float:
    return _float(x).real


def _integer(x: Value, limit: int) -> int:
    if not isinstance(x, Fraction) or x.denominator != 1 or not 0 <= x <= limit:
        raise Undecided("not a small whole number")
    return int(x)


def _log(x: Value, real: bool) -> complex:
    if isinstance(x, Fraction) and x > 0:  # also where a float would overflow
        return complex(math.log(x.numerator) - math.log(x.denominator))
    if x == 0 or (real and _is_real(x) and _real(x) < 0):
        raise Undecided("logarithm of a number that is not positive")
    return cmath.log(x)


_TRIG = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "sinh": cmath.sinh, "cosh": cmath.cosh,
    "tanh": cmath.tanh, "exp": cmath.exp, "arcsin": cmath.asin, "arccos": cmath.acos, "arctan": cmath.atan,
    "cot": lambda z: 1 / cmath.tan(z), "sec": lambda z: 1 / cmath.cos(z), "csc": lambda z: 1 / cmath.sin(z),
    "arccot": lambda z: cmath.pi / 2 - cmath.atan(z), "arcsec": lambda z: cmath.acos(1 / z),
    "arccsc": lambda z: cmath.asin(1 / z),
    "cis": lambda z: cmath.exp(1j * z),
}  # fmt: skip


class _Evaluation:
    """One evaluation: the point, the base of a bare ``log``, whether to stay in the reals, and a step budget."""

    def __init__(self, at: Mapping[str, Value], log10: bool, real: bool):
        self.at, self.log10, self.real, self.steps = at, log10, real, 0

    def value(self, tree: Expr) -> Value:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Undecided("too long")
        op = tree[0]
        if op == "num":
            return tree[1]
        if op == "var":
            return self.at[tree[1]]
        if op == "call":  # f(x): some function of its argument, the same for the same name
            x, code = self.value(tree[2]), sum(map(ord, tree[1]))
            return (
                _small(code + 7 * x + 3 * x**2)
                if isinstance(x, Fraction)
                else code + 7 * x + 3 * x**2
            )
        args = [self.value(t) for t in tree[1:]]
        out = self.apply(op, args)
        if isinstance(out, Fraction):  # large numbers cost more
            self.steps += (out.numerator.bit_length() + out.denominator.bit_length()) // 256
            return _small(out)
        if cmath.isnan(out) or abs(out) > 1e300:
            raise Undecided("overflow")
        return out

    def apply(self, op: str, args: list[Value]) -> Value:
        x = args[0] if args else Fraction(0)
        if op in ("+", "-", "*", "/"):
            y = args[1]
            if op == "/" and y == 0:
                raise Undecided("division by zero")
            if not (isinstance(x, Fraction) and isinstance(y, Fraction)):
                x, y = _float(x), _float(y)
            return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y
        if op == "^":
            return _power(x, args[1], self.real)
        if op == "root":
            return _root(x, args[1], self.real)
        if op in _SIMPLE:
            return _SIMPLE[op](*args)
        if op in ("log", "lg", "ln", "logbase"):
            z = _log(args[-1], self.real)
            base = 10 if op == "lg" or (op == "log" and self.log10) else None
            if op == "logbase":
                b = _log(x, self.real)
                if b == 0:
                    raise Undecided("logarithm to base 1")
                return z / b
            return z / math.log(base) if base else z
        if op in ("floor", "ceil"):
            if isinstance(x, Fraction):
                return Fraction(math.floor(x) if op == "floor" else math.ceil(x))
            near = round(_real(x))
            if abs(_real(x) - near) < 1e-9:
                return Fraction(near)
            return Fraction(math.floor(_real(x)) if op == "floor" else math.ceil(_real(x)))
        if op in ("max", "min"):
            return (max if op == "max" else min)(args, key=_real)
        if op in ("gcd", "lcm"):
            whole = [_integer(a, 10**30) for a in args]
            return Fraction(math.gcd(*whole) if op == "gcd" else math.lcm(*whole))
        if op in _TRIG:
            return _TRIG[op](_float(x))
        raise Undecided(op)


def _factorial(x: Value) -> Fraction:
    return Fraction(math.factorial(_integer(x, 3000)))


def _binom(n: Value, k: Value) -> Fraction:
    if isinstance(n, Fraction) and isinstance(k, Fraction) and n.denominator == 1 and k > n >= 0:
        return Fraction(0)
    if isinstance(n, Fraction) and (n.denominator > 1 or n < 0):  # n (n-1) … (n-k+1) / k!
        k = _integer(k, 50)
        return math.prod((n - i for i in range(k)), start=Fraction(1)) / math.factorial(k)
    return Fraction(math.comb(_integer(n, 3000), _integer(k, 3000)))


_SIMPLE = {
    "pi": lambda: complex(math.pi),
    "e": lambda: complex(math.e),
    "i": lambda: 1j,
    "neg": lambda x: -x,
    "abs": lambda x: abs(x) if isinstance(x, Fraction) else complex(abs(x)),
    "!": _factorial,
    "%": lambda x: x / 100,
    "degrees": lambda x: _float(x) * math.pi / 180,
    "binom": _binom,
}


def evaluate(
    tree: Expr, at: Mapping[str, Value] | None = None, *, log10: bool = False, real: bool = False
) -> Value:
    """The value at a point.

    Args:
        at: value of each variable.
        log10: a bare ``log`` is to base 10, else natural.
        real: even roots and logarithms of negative numbers are not defined.

    Raises:
        Undecided: not defined there, or too large to compute.
    """
    try:
        return _Evaluation(at or {}, log10, real).value(tree)
    except (OverflowError, ZeroDivisionError, KeyError, ValueError) as err:
        raise err if isinstance(err, Undecided) else Undecided(str(err)) from err


def nearly(x: Value, y: Value) -> bool:
    """Equal: exactly for rationals, else up to the rounding of floating point."""
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    try:
        a, b = _float(x), _float(y)
    except Undecided:
        return False
    return abs(a - b) <= FLOAT_TOL * max(abs(a), abs(b)) or max(abs(a), abs(b)) < 1e-13


_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)


def points(names: frozenset[str]) -> list[dict[str, Fraction]]:
    """Fixed points in general position, positive and of mixed sign, near 2 and larger (steps differ only there)."""
    order = sorted(names)
    out = []
    for k in range(7):
        at = {}
        for j, name in enumerate(order):
            p = _PRIMES[(3 * j + 2 * k) % len(_PRIMES)]
            size = Fraction(p * 4 + j + k + 1, 2 * p + 3 * k + 5 * j + 1)
            size = size if k < 5 else size * (13 if k == 5 else 37)
            at[name] = -size if k in (3, 4) and (j + k) % 2 else size
        out.append(at)
    return out


# factorials are defined at whole numbers only
_WHOLE = ((7, 3, 2), (5, 4, 1), (9, 2, 4), (6, 5, 3))


def _places(names: frozenset[str], *trees: Expr) -> list[dict[str, Value]]:
    if not names:
        return [{}]
    if not _has(("!", "binom"), *trees):
        return points(names)
    order = sorted(names)
    return [{n: Fraction(row[i % 3] + i // 3) for i, n in enumerate(order)} for row in _WHOLE]


def same_function(a: Expr, b: Expr) -> bool | None:
    """Whether two expressions agree as functions of their variables; None if that cannot be computed."""
    names = variables(a) | variables(b)
    verdicts = [
        _agree(a, b, names, log10)
        for log10 in ((False, True) if _has(("log",), a, b) else (False,))
    ]
    return True if True in verdicts else None if None in verdicts else False


def _agree(a: Expr, b: Expr, names: frozenset[str], log10: bool) -> bool | None:
    for real in (True, False) if names else (False,):
        seen = 0
        for at in _places(names, a, b):
            try:
                x = evaluate(a, at, log10=log10, real=real)
                y = evaluate(b, at, log10=log10, real=real)
            except Undecided:
                continue
            if not nearly(x, y):
                return False
            seen += 1
        if seen >= min(2, 5 if names else 1):
            return True
    return True if not names and seen else None


def _has(operators: tuple[str, ...], *trees: Expr) -> bool:
    return any(
        t[0] in operators or _has(operators, *(c for c in t[1:] if isinstance(c, tuple)))
        for t in trees
    )
