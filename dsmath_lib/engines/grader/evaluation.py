"""The value of an expression tree at a point."""

import math
import zlib
from collections.abc import Mapping
from fractions import Fraction

import mpmath

from dsmath_lib.engines.grader.tree import Expr
from dsmath_lib.engines.grader.values import (
    CANCELLED,
    MAX_BITS,
    MAX_MAGNITUDE,
    SAME,
    Exhausted,
    Undecided,
    Value,
    checked,
    inexact,
    is_real,
    largest_of,
    local,
    new_budget,
    real,
    spend,
)


def _whole(x: Value, limit: int) -> int:
    if not isinstance(x, Fraction) or x.denominator != 1 or not 0 <= x <= limit:
        raise Undecided("not a small whole number")
    return int(x)


def _exact_root(x: Fraction, n: int) -> Fraction | None:
    """The rational n-th root of x >= 0, if there is one."""
    out = []
    for part in (x.numerator, x.denominator):
        r = math.isqrt(part) if n == 2 else round(part ** (1 / n)) if part < 1 << 900 else -1
        if r < 0 or r**n != part:
            return None
        out.append(r)
    return Fraction(*out)


_TRIG = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan arccot arcsec arccsc exp cis".split()
)
_NAMES = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}


class _Evaluation:
    """One evaluation: the point, the base of a bare ``log``, whether to stay in the reals, the largest term so far."""

    def __init__(self, at: Mapping[str, Value], log10: bool, in_reals: bool):
        self.at, self.log10, self.in_reals, self.largest = dict(at), log10, in_reals, Fraction(0)

    def value(self, tree: Expr) -> Value:
        spend(1)
        op = tree[0]
        if op == "num":
            return tree[1]
        if op == "var":
            return self.at[tree[1]]
        if op in _BINDERS:
            return checked(_BINDERS[op](self, *tree[1:]))
        if op == "/" and tree[1][0] == tree[2][0] == "!":
            return _factorials(self.value(tree[1][1]), self.value(tree[2][1]))
        out = self.apply(op, [self.value(t) for t in tree[1:] if isinstance(t, tuple)], tree)
        return checked(out)

    def keep(self, *terms: Value) -> None:
        """Terms whose rounding the result bears."""
        self.largest = largest_of(self.largest, *terms)

    def apply(self, op: str, args: list[Value], tree: Expr) -> Value:
        x = args[0] if args else Fraction(0)
        if op in ("+", "-", "*", "/"):
            y = args[1]
            if op == "/" and y == 0:
                raise Undecided("division by zero")
            if not (isinstance(x, Fraction) and isinstance(y, Fraction)):
                spend(2)
                x, y = inexact(x), inexact(y)
                if op in "+-":
                    self.keep(x, y)
            return x + y if op == "+" else x - y if op == "-" else x * y if op == "*" else x / y
        if op == "^":
            return self.power(x, args[1])
        if op == "root":
            return self.root(x, args[1])
        if op in ("ln", "log", "lg", "logbase"):
            return self.logarithm(op, args)
        if op in ("max", "min"):
            if not all(map(is_real, args)):
                raise Undecided("order of complex numbers")
            return (max if op == "max" else min)(args, key=lambda v: inexact(real(v)))
        if op in ("gcd", "lcm"):
            return Fraction(
                (math.gcd if op == "gcd" else math.lcm)(*(_whole(a, 10**30) for a in args))
            )
        if op in ("floor", "ceil"):
            return self.step(op, x)
        if op in _TRIG:
            return self.trigonometric(op, x)
        if op == "call":  # f(x): some function of its argument, the same for the same name
            return zlib.crc32(tree[1].encode()) % 997 + 7 * x + 3 * x**2
        if (
            op == "cross"
        ):  # of two vectors: another number than their product, and of the other sign turned round
            return 7 * (x - args[1]) * (x + args[1])
        if op in _SIMPLE:
            return _SIMPLE[op](*args)
        raise Undecided(op)

    def power(self, x: Value, y: Value) -> Value:
        if isinstance(x, Fraction) and isinstance(y, Fraction) and y.denominator == 1:
            n = int(y)
            if x == 0 and n < 0:
                raise Undecided("division by zero")
            bits = max(x.numerator.bit_length(), x.denominator.bit_length())
            if x not in (0, 1, -1) and bits * abs(n) > MAX_BITS:
                return self.large_power(x, y)
            return x**n
        if isinstance(y, Fraction) and 1 < y.denominator <= 15 and abs(y) < 1000:
            return self.power(self.root(x, Fraction(y.denominator)), Fraction(y.numerator))
        if x == 0:
            if is_real(y) and real(y) > 0:
                return Fraction(0)
            raise Undecided("power of zero")
        if (
            self.in_reals
            and is_real(x)
            and real(x) < 0
            and not (isinstance(y, Fraction) and y.denominator == 1)
        ):
            raise Undecided("power of a negative number")
        return self.large_power(x, y)

    def large_power(self, x: Value, y: Value) -> Value:
        mp = local.mp
        x, y = inexact(x), inexact(y)
        if y and mp.mag(y) + max(1, abs(mp.mag(x))).bit_length() > MAX_MAGNITUDE.bit_length():
            raise Undecided("too large")
        spend(20)
        return mp.power(x, y)

    def root(self, x: Value, index: Value) -> Value:
        if not isinstance(index, Fraction) or index.denominator != 1 or not 0 < index <= 1000:
            if index == 0:
                raise Undecided("division by zero")
            return self.power(x, 1 / index)
        n = int(index)
        negative = is_real(x) and real(x) < 0
        if negative and n % 2 == 0 and self.in_reals:
            raise Undecided("even root of a negative number")
        if isinstance(x, Fraction) and not (negative and n % 2 == 0):
            root = _exact_root(abs(x), n) if n <= 64 else None
            if root is not None:
                return -root if negative else root
        spend(10)
        if negative and n % 2:
            return -local.mp.root(-inexact(real(x)), n)
        return local.mp.root(inexact(x), n)

    def logarithm(self, op: str, args: list[Value]) -> Value:
        mp, x = local.mp, args[-1]
        if x == 0 or (self.in_reals and is_real(x) and real(x) < 0):
            raise Undecided("logarithm of a number that is not positive")
        spend(20)
        base = (
            args[0]
            if op == "logbase"
            else Fraction(10)
            if op == "lg" or (op == "log" and self.log10)
            else None
        )
        self.keep(Fraction(1))
        out = mp.log(inexact(x))
        if base is None:
            return out
        if base in (0, 1):
            raise Undecided("base of a logarithm")
        return out / mp.log(inexact(base))

    def step(self, op: str, x: Value) -> Fraction:
        if not is_real(x):
            raise Undecided("step of a complex number")
        if isinstance(x, Fraction):
            return Fraction(math.floor(x) if op == "floor" else math.ceil(x))
        mp = local.mp
        near = mp.nint(real(x))
        if abs(real(x) - near) < SAME * max(1, abs(near)):
            return Fraction(int(near))
        return Fraction(int((mp.floor if op == "floor" else mp.ceil)(real(x))))

    def trigonometric(self, op: str, x: Value) -> Value:
        mp, z = local.mp, inexact(x)
        if z and mp.mag(z) > (17 if op in ("exp", "sinh", "cosh", "tanh") else 200):
            raise Undecided("too large")
        spend(20)
        self.keep(Fraction(1), z)
        if x == 0 and op in ("exp", "cos", "cosh"):
            return Fraction(1)
        if op == "cis":
            return mp.exp(1j * z)
        if op in ("arccot", "arcsec", "arccsc"):
            return (
                mp.pi / 2 - mp.atan(z)
                if op == "arccot"
                else (mp.acos if op == "arcsec" else mp.asin)(1 / z)
            )
        if op in ("cot", "sec", "csc"):
            below = {"cot": mp.tan, "sec": mp.cos, "csc": mp.sin}[op](z)
            if abs(below) < CANCELLED * max(1, abs(z)):
                raise Undecided("division by zero")
            return 1 / below
        return getattr(mp, _NAMES.get(op, op))(z)

    # -- operators that bind a variable ------------------------------------------------------------------------------
    def added(self, name: str, low: Expr, high: Expr, body: Expr, times: bool = False) -> Value:
        first, last = self.value(low), self.value(high)
        _whole(abs(first), 10**6)
        _whole(abs(last), 10**6)
        out, old = Fraction(int(times)), self.at.get(name)
        for k in range(int(first), int(last) + 1):
            self.at[name] = Fraction(k)
            term = self.value(body)
            out = checked(self.apply("*" if times else "+", [out, term], ()))
        self.at[name] = old
        return out

    def integral(self, name: str, low: Expr, high: Expr, body: Expr) -> Value:
        mp = local.mp
        ends = [inexact(self.value(e)) for e in (low, high)]
        spend(200)
        out, error = mp.quad(
            lambda v: inexact(self.at_place(name, v, body)), ends, error=True, maxdegree=6
        )
        if error > 1e-30 * max(1, abs(out)):
            raise Undecided("integral")
        self.keep(mp.mpf(10) ** 22)  # known to fewer digits
        return out

    def derivative(self, name: str, body: Expr) -> Value:
        place = self.at[name]
        self.keep(local.mp.mpf(10) ** 22)
        return local.mp.diff(lambda v: inexact(self.at_place(name, v, body)), inexact(place))

    def at_place(self, name: str, value: Value, body: Expr) -> Value:
        old = self.at.get(name)
        self.at[name] = value
        try:
            return self.value(body)
        finally:
            self.at[name] = old


_BINDERS = {
    "sum": _Evaluation.added,
    "prod": lambda self, *args: self.added(*args, times=True),
    "integral": _Evaluation.integral,
    "derivative": _Evaluation.derivative,
}


def _factorials(a: Value, b: Value) -> Fraction:
    """``a! / b!`` as the product of what is between, so that 10000!/9998! is small."""
    a, b = (_whole(v, 10**9) for v in (a, b))
    low, high = min(a, b), max(a, b)
    if high - low > 1_000:
        return Fraction(_factorial(Fraction(a)), _factorial(Fraction(b)))
    product = math.prod(range(low + 1, high + 1))
    return checked(Fraction(product) if a >= b else Fraction(1, product))


def _factorial(x: Value) -> Fraction:
    n = _whole(x, 3000)
    spend(1 + n // 10)
    return Fraction(math.factorial(n))


def _binomial(n: Value, k: Value) -> Fraction:
    if isinstance(n, Fraction) and (n.denominator > 1 or n < 0):  # n (n-1) … (n-k+1) / k!
        k = _whole(k, 50)
        return math.prod((n - i for i in range(k)), start=Fraction(1)) / math.factorial(k)
    return Fraction(math.comb(_whole(n, 3000), _whole(k, 3000)))


_SIMPLE = {
    "pi": lambda: +local.mp.pi,
    "e": lambda: +local.mp.e,
    "i": lambda: local.mp.mpc(0, 1),
    "neg": lambda x: -x,
    "abs": lambda x: abs(x),
    "!": _factorial,
    "%": lambda x: x / 100,
    "degrees": lambda x: inexact(x) * local.mp.pi / 180,
    "binom": _binomial,
}


def evaluated(
    tree: Expr, at: Mapping[str, Value], log10: bool, in_reals: bool
) -> tuple[Value, Value]:
    run = _Evaluation(at, log10, in_reals)
    try:
        return run.value(tree), run.largest
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        mpmath.libmp.NoConvergence,
    ) as err:
        raise err if isinstance(err, Undecided) else Undecided(str(err)) from err


def value_at(
    tree: Expr, at: Mapping[str, Value] | None = None, *, log10: bool = False, real: bool = False
) -> Value:
    """``evaluate`` inside a comparison, whose budget it uses.

    Args:
        log10: a bare ``log`` is to base 10, else natural.
        real: even roots and logarithms of negative numbers are not defined.
    """
    return evaluated(tree, at or {}, log10, real)[0]


def evaluate(tree: Expr, at: Mapping[str, Value] | None = None) -> Value:
    """The value at a point: a ``Fraction`` where it is rational, else a number of mpmath.

    Args:
        at: value of each variable.

    Raises:
        Undecided: not defined there, or too large to compute.
    """
    new_budget()
    try:
        return value_at(tree, at)
    except Exhausted as err:
        raise Undecided("too much work") from err
