"""Expressions: exact arithmetic against Python's, hand-checked values, what is not read, and identities."""

import cmath
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader.evaluation import evaluate
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.functions import same_function
from dsmath_lib.engines.grader.relations import as_region
from dsmath_lib.engines.grader.tree import variables
from dsmath_lib.engines.grader.values import Undecided, new_budget


def combine(parts):
    (a, x), op, (b, y) = parts
    ok = x is not None and y is not None and not (op == "/" and y == 0)
    value = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[op]
    return f"({a}{op}{b})", value(x, y) if ok else None


leaves = st.integers(0, 99).map(lambda n: (str(n), Fraction(n)))
trees = st.recursive(
    leaves, lambda t: st.tuples(t, st.sampled_from("+-*/"), t).map(combine), max_leaves=12
)


@given(trees)
def test_arithmetic_is_exact(tree):
    text, value = tree
    if value is None:
        with pytest.raises(Undecided):
            evaluate(parse(text))
    else:
        assert evaluate(parse(text)) == value


@pytest.mark.parametrize(
    "text, value",
    [("-2^2", -4), ("2^{3^2}", 512), ("2^3^2", 512), ("1/2/2", Fraction(1, 4)), (r"1\frac12", Fraction(3, 2)),
     (r"\frac12", Fraction(1, 2)), (r"\frac1{12}", Fraction(1, 12)), (r"2\cdot3!", 12), (r"\sqrt[3]{-8}", -2),
     (r"\binom52", 10), ("C_5^2", 10), ("A_5^2", 20), (r"|3-5|", 2), (r"\lfloor-2.5\rfloor", -3),
     ("50%", Fraction(1, 2)),
     (r"\max(2, 7, 5)", 7), (r"\gcd(12,18)", 6), ("-(-3)", 3), ("3(4)", 12), (r"2\frac{4}{2}", 4)],
)  # fmt: skip
def test_exact_values(text, value):
    found = evaluate(parse(text))
    assert isinstance(found, Fraction) and found == value


@pytest.mark.parametrize(
    "text, value",
    [(r"\sqrt{2}", 2**0.5), (r"\log_2 8", 3), (r"\ln e^2", 2), (r"\sin\frac{\pi}{6}", 0.5), (r"\cos^2 0", 1),
     (r"\sin^{-1} 1", cmath.pi / 2), (r"e^{i\pi}", -1), (r"\sqrt{-4}", 2j), (r"(1+i)^2", 2j), ("180degrees", cmath.pi)],
)  # fmt: skip
def test_values(text, value):
    assert abs(complex(evaluate(parse(text))) - value) < 1e-12


@pytest.mark.parametrize(
    "text",
    ["", "2 3", "1+", "(1", "1)", "__import__", "1,2", "x=1", r"\sum x", r"\int x dx",
     r"\frac{dy}{dx}", "5!!!!", r"\sum_{k=1}", "f.g", "a;b", "hello world",
     "x" * 401, "(" * 60 + "1" + ")" * 60, "$", r"\frac{1}", "^2", "..", "1..2", r"\unknown"],
)  # fmt: skip
def test_anything_else_is_not_read(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^9}}",
        "10000!",
        "2^{99999999}",
        "1/0",
        r"\sum_{k=1}^{99999}\sin k",
        r"\ln 0",
        "0^{-1}",
    ],
)
def test_too_large_or_undefined(text):
    with pytest.raises(Undecided):
        evaluate(parse(text))


def test_variables_and_subscripts():
    assert variables(parse("x_1 + x_{2} + \\alpha y")) == {"x_1", "x_2", "alpha", "y"}
    assert variables(parse("e^{i \\pi}")) == set()


coefficients = st.lists(st.integers(-9, 9), min_size=1, max_size=4)


def polynomial(c):
    return "+".join(f"({a})x^{k}" for k, a in enumerate(c)) or "0"


@given(coefficients, coefficients)
def test_polynomials_are_equal_as_functions(p, q):
    def trimmed(c):
        return [*c[: max((k + 1 for k, a in enumerate(c) if a), default=0)]]

    new_budget()
    assert same_function(parse(polynomial(p)), parse(polynomial(q))) is (trimmed(p) == trimmed(q))
    assert same_function(parse(polynomial(p)), parse(polynomial(p[::1]) + "+0"))


def test_a_region_knows_its_ends():
    new_budget()
    region = as_region(r"(-\infty, -1] \cup (2, 3)")
    held = [region.holds(Fraction(x)) for x in (-5, -1, 0, 2, 3)]
    assert held == [True, True, False, False, False] and region.holds(Fraction(5, 2))
    assert as_region("x + y < 3") is None and as_region("hello") is None
