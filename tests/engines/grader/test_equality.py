"""Equality: tables of pairs, exact values, symmetry, and bounded time on hostile pairs, from threads too."""

import math
import os
import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader import equality, symbolic
from dsmath_lib.engines.grader.answers import as_number, normalise
from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.verdict import grade_answer
from tests.engines.grader.pairs import DIFFERENT, EQUAL

PATIENT = 60.0  # seconds: verdicts of these tests must not hang on the load of the machine


def verdicts(pairs):
    both = [*pairs, *((b, a) for a, b in pairs)]
    return {pair: grade_answer(*pair, timeout=PATIENT).correct for pair in both}


def test_equal_both_ways():
    assert [pair for pair, equal in verdicts(EQUAL).items() if not equal] == []


def test_different_both_ways():
    assert [pair for pair, equal in verdicts(DIFFERENT).items() if equal] == []


def test_nothing_equals_only_nothing():
    assert answers_equal("", "")[0] and not answers_equal("5", "")[0]


def test_most_pairs_need_no_other_process(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "dsmath_lib.engines.grader.equality.symbolic_equal",
        lambda *a: asked.append(a) or (False, "off"),
    )
    right = sum(grade_answer(a, b).correct for a, b in EQUAL)
    assert right >= 0.98 * len(EQUAL) and len(asked) <= 0.02 * len(EQUAL)


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
    with pytest.MonkeyPatch.context() as patch:  # the symbolic part has its own tests
        patch.setattr(
            "dsmath_lib.engines.grader.equality.symbolic_equal", lambda g, p, t: (False, "off")
        )
        assert answers_equal(a, b)[0] == answers_equal(b, a)[0]
        assert answers_equal(a, a)[0] or not normalise(a)


HOSTILE = [
    "9^{9^{9^{9}}}", "10^{10^{10^{10}}}", "2^{2^{2^{2^{2^{2}}}}}", "(10^6)!", "99999999!", "9" * 390 + "^{999}",
    "(" * 190 + "x" + ")" * 190, "{" * 400, "\\sqrt{" * 60 + "2" + "}" * 60, "(" * 100_000,
    "\\frac{1}{" * 40 + "2" + "}" * 40,
    "\\int_0^{10^{10}} x^{x^x} dx", "\\sum_{n=1}^{10^{12}} n^{n}", "((1,2),(3,4))," * 20, "\u202e1\u200b2" * 80,
    "x" * 999, "1!" + "!" * 300, "x_" * 400, "|" * 390, "\\pm" * 130, "1:" * 400, "a=" * 300, "x<" * 300,
    "\\{" * 180, "1 " * 480, "零" * 900, "三分之" * 300,
    "(((" * 100 + "1,2", ",".join(["x^2+1"] * 20), "__import__('os').system('x')",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:14])
def test_hostile_pairs_cost_no_more_than_their_budget(text):
    answers_equal(r"\int x dx", r"\int y dy", PATIENT)  # the worker is up
    start = time.monotonic()
    for other in ("7+x^{2}", "7", "x<3", "(1,2)", r"\int_0^1 x dx"):
        answers_equal(other, text, 0.5)
        answers_equal(text, other, 0.5)
    assert time.monotonic() - start < 120  # a hang would last; the slack is for a busy machine


HANG = r"\sum_{{n=1}}^{{10^{{9}}}} \sin(n)^{{{}}}"


def test_a_hang_in_one_thread_does_not_spoil_the_verdicts_of_others():
    found = {}

    def work(i):
        hostile = i % 4 == 0
        pair = (
            ("2\\sqrt{3}", f"9^{{9^{{{i + 13}}}}}")
            if hostile
            else (f"2\\sqrt{{3}}+{i}", f"\\sqrt{{12}}+{i}")
        )
        found[i] = symbolic.symbolic_equal(*pair, 0.3 if hostile else PATIENT)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(PATIENT)
    assert {i: v[0] for i, v in found.items()} == {i: i % 4 != 0 for i in range(8)}


def test_a_worker_that_died_is_replaced():
    assert symbolic.symbolic_equal("x+x", "2x", PATIENT) == (True, "symbolic")
    worker = symbolic._pool.get().idle[-1].proc
    worker.kill()
    worker.wait()
    worker.stdin.write(b"not yet sent")  # cannot be flushed any more
    assert symbolic.symbolic_equal("x+x+x+x", "4x", PATIENT) == (True, "symbolic")


def test_time_out_is_not_remembered():
    pair = ("x+y+x", "2x+y")
    assert symbolic.symbolic_equal(*pair, 0.0) == (False, symbolic.TIMEOUT)
    assert symbolic.symbolic_equal(*pair, PATIENT)[0]


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


@pytest.mark.parametrize(("form", "parts"), [("{}", 18), ("\\{{{}\\}}", 18 * 18)])
def test_total_time_of_many_symbolic_parts_is_bounded(monkeypatch, form, parts):
    """On a clock of its own: every comparison takes all the time that it is given."""
    now, given = [0.0], []

    def hangs(gold, pred, timeout):
        given.append(timeout)
        now[0] += timeout
        return False, symbolic.TIMEOUT

    monkeypatch.setattr(equality, "symbolic_equal", hangs)
    monkeypatch.setattr(equality, "time", SimpleNamespace(monotonic=lambda: now[0]))
    items = form.format(",".join(HANG.format(i) for i in range(11, 29)))
    assert not answers_equal(items, items.replace("sin", "cos"), 0.5)[0]
    assert len(given) == parts and sum(given) == pytest.approx(0.5)


def test_float_noise_is_relative():
    assert answers_equal(str(math.pi * 1e-9), str(math.pi * 1e-9 * (1 + 1e-6)))[0]
    assert not answers_equal("0.0000012", "0.0000013")[0]
