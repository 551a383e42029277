"""Equality: tables of pairs, exact values, symmetry, and bounded time on hostile pairs, from threads too."""

import math
import os
import threading
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader.answers import as_number
from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.spelling import normalise
from dsmath_lib.engines.grader.verdict import grade_answer
from tests.engines.grader.pairs import DIFFERENT, EQUAL


def verdicts(pairs):
    both = [*pairs, *((b, a) for a, b in pairs)]
    return {pair: grade_answer(*pair).correct for pair in both}


def test_equal_both_ways():
    assert [pair for pair, equal in verdicts(EQUAL).items() if not equal] == []


def test_different_both_ways():
    assert [pair for pair, equal in verdicts(DIFFERENT).items() if equal] == []


def test_nothing_equals_only_nothing():
    assert answers_equal("", "")[0] and not answers_equal("5", "")[0]


def test_parsed_values():
    assert as_number("-1\\frac{1}{2}").value == Fraction(-3, 2)
    assert as_number("1,234.5").value == Fraction(2469, 2)
    assert as_number("5 m").unit == "m" and as_number("50%").percent
    assert as_number("1/0") is None and as_number("2\\pi") is None and as_number("3x") is None
    assert as_number("二十一").value == 21 and as_number("two thirds").value == Fraction(2, 3)
    assert as_group("[1,2)").brackets == "[)" and as_group("1,234") is None
    assert as_group("(1,234)").items == ("1", "234")
    assert normalise(r"\left( 3,\, \dfrac12 \right)") == r"( 3, \frac12 )"


numbers = st.integers(-(10**12), 10**12) | st.fractions(max_denominator=10**6)


@given(numbers)
def test_a_number_equals_its_spellings(x):
    x = Fraction(x)
    n, d = x.numerator, x.denominator
    sign = "-" if n < 0 else ""
    spellings = [
        f"{n}/{d}",
        f"{sign}\\frac{{{abs(n)}}}{{{d}}}",
        f"$\\dfrac{{{n}}}{{{d}}}$",
        f" {n} / {d}. ",
    ]
    spellings += [f"{n:,}", f"{n}.0", f"{n} dollars", f"x = {n}"] if d == 1 else []
    for s in spellings:
        assert answers_equal(s, spellings[0])[0], s
        assert not answers_equal(s, f"{n + d}/{d}")[0], s


DIGITS = "零一二三四五六七八九"


@given(st.integers(1, 9999))
def test_chinese_numerals(n):
    text, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // unit % 10
        if digit:
            text += ("零" if zero and text else "") + DIGITS[digit] + name
        zero = not digit
    assert as_number(text).value == n, text
    assert not answers_equal(str(n + 1), text)[0]


ends = st.integers(-9, 9)


@given(ends, ends, st.sampled_from("[("), st.sampled_from("])"))
def test_an_interval_is_its_inequality(a, b, left, right):
    a, b = min(a, b), max(a, b) + 1
    low, high = "<" if left == "(" else r"\le", "<" if right == ")" else r"\leq"
    interval, chain = f"{left}{a}, {b}{right}", f"{a} {low} x {high} {b}"
    assert answers_equal(interval, chain)[0] and answers_equal(chain, interval)[0]
    other = ("(" if left == "[" else "[") + interval[1:]
    assert not answers_equal(other, chain)[0] and not answers_equal(interval, other)[0]


text = st.text(max_size=40) | st.lists(
    st.sampled_from(["1", "2", ",", "(", ")", "[", "\\frac", "{", "}", "x", "=", "%", " ", ".", "^", "-", "\\pm",
                     "\u200f", "cm", "½", "e", "和", "\\text{", "\\\\", "/", "<", "\\cup", "\\{", "|",
                     "_", ":", "三", "!"]),
    max_size=12,
).map("".join)  # fmt: skip


@given(text, text)
def test_fast_path_never_raises_and_is_symmetric(a, b):
    assert answers_equal(a, b)[0] == answers_equal(b, a)[0]
    assert answers_equal(a, a)[0] or not normalise(a)


HOSTILE = [
    "9^{9^{9^{9}}}", "10^{10^{10^{10}}}", "2^{2^{2^{2^{2^{2}}}}}", "(10^6)!", "99999999!", "9" * 390 + "^{999}",
    "(" * 190 + "x" + ")" * 190, "{" * 400, "\\sqrt{" * 60 + "2" + "}" * 60, "(" * 100_000,
    "\\frac{1}{" * 40 + "2" + "}" * 40,
    "\\int_0^{10^{10}} x^{x^x} dx", "\\sum_{n=1}^{10^{12}} n^{n}", "((1,2),(3,4))," * 20, "\u202e1\u200b2" * 80,
    "x" * 999, "1!" + "!" * 300, "5" + "!" * 4,
    "x" + "'" * 300, "9" * 900, "2^" * 190 + "2",
    "-" * 399 + "1", "f(" * 130, "x_" * 400, "|" * 390, "\\pm" * 130, "1:" * 400, "a=" * 300, "x<" * 300,
    "\\{" * 180, "1 " * 480, "零" * 900, "三分之" * 300,
    "(((" * 100 + "1,2", ",".join(["x^2+1"] * 20), "__import__('os').system('x')",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:14])
def test_hostile_pairs_cost_no_more_than_their_budget(processor_seconds, text):
    """Computing time, not wall time: a busy machine changes nothing."""
    for other in ("7+x^{2}", "7", "x<3", "(1,2)", r"\int_0^1 x dx"):
        assert processor_seconds(lambda o=other: answers_equal(o, text)) < 0.5
        assert processor_seconds(lambda o=other: answers_equal(text, o)) < 0.5


def test_no_text_is_evaluated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in (
        '__import__("os").system("touch hit")',
        'open("hit","w")',
        'exec(\'open("hit","w")\')',
        r'\int __import__("os").system("touch hit") dx',
    ):
        answers_equal("x+1", code)
        answers_equal(code, r"\int x dx")
    assert os.listdir(tmp_path) == []


def test_a_list_of_dear_parts_has_one_budget(processor_seconds):
    """Every part alone costs a part of the budget; 18 of them, each against each, cost no more than it."""
    items = "\\{" + ",".join(rf"\sum_{{k=1}}^{{{900 + i}}} \sin(k)" for i in range(18)) + "\\}"
    other = items.replace("sin", "cos")
    assert answers_equal(items, other) == (False, "too much work")
    assert processor_seconds(lambda: answers_equal(items, other)) < 0.9


def test_a_verdict_does_not_depend_on_those_before():
    """The budget is each comparison's own."""
    dear = r"\sum_{k=1}^{1500} \sin(k)"
    for _ in range(3):
        answers_equal(dear, dear + "+1")
        assert answers_equal(r"\sqrt{12}", r"2\sqrt{3}")[0]


def test_threads_agree():
    """Each thread has its own precision and its own budget."""
    found = {}

    def work(i):
        found[i] = [answers_equal(rf"\sqrt{{{4 * k}}}", rf"2\sqrt{{{k}}}")[0] for k in range(2, 60)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(all(found[i]) for i in range(4))


def test_float_noise_is_relative():
    assert answers_equal(str(math.pi * 1e-9), str(math.pi * 1e-9 * (1 + 1e-10)))[0]
    assert not answers_equal(str(math.pi * 1e-9), str(math.pi * 1e-9 * (1 + 1e-6)))[0]
    assert not answers_equal("0.0000012", "0.0000013")[0]
