"""No text of a model may cost more than its length: work grows about linearly, also on runs of one kind of sign.

A quadratic pattern takes 16 times as long on a text 4 times as long; what is measured is that factor, not the time.
"""

import itertools
import time

import pytest

from dsmath_lib.engines.grader.choice import gold_letters, letters_in
from dsmath_lib.engines.grader.equality import MAX_ANSWER, answers_equal
from dsmath_lib.engines.grader.find import MAX_CHARS
from dsmath_lib.engines.grader.rules import RULES
from dsmath_lib.engines.grader.verdict import grade, grade_answer

UNITS = (
    "a", "1", " ", "\n", "{", "}", "(", "$", "\\", "\\text{", "**", "<", "|", ",", "1, ", "A, ", "选", "故选", "答案",
    "又", "∞", "ﬃ", "1:", "5 h ", "x = 1, ", "\\boxed{1} or ", "The answer is 1. ", "Final answer is ", "```output\n",
    "<answer>", "</think>", '"answer": "', "\\frac{1}{2}", "\\dot{1}", "{1 \\over ", "\\cup ", "[1,2]", "first ",
)  # fmt: skip
FLOOR = 0.02  # processor seconds; below it nothing is slow


def seconds(run, text: str) -> float:
    best = float("inf")
    for _ in range(2):
        start = time.thread_time()
        run(text)
        best = min(best, time.thread_time() - start)
    return best


def grows_too_fast(run, make) -> bool:
    """Four times the text, more than ten times the work (and more than the floor)?"""
    long = seconds(run, make(4))
    return long > FLOOR and long > 10 * max(seconds(run, make(1)), FLOOR / 16)


def compared(text: str) -> None:
    for gold in ("7", "x<3", "(1,2)", "y=x^2"):
        answers_equal(gold, text)


def graded(text: str) -> None:
    for gold in ("7", "B", "1, 2"):
        grade(gold, text)


@pytest.mark.parametrize("end", ["", "x", "7", "}"], ids=lambda e: f"ends in {e!r}")
def test_comparison(end):
    size = MAX_ANSWER // 4 - 1
    slow = [
        u for u in UNITS if grows_too_fast(compared, lambda k, u=u: (u * size)[: k * size] + end)
    ]
    assert slow == []


@pytest.mark.parametrize("end", ["", "7"], ids=lambda e: f"ends in {e!r}")
def test_completions(end):
    size = MAX_CHARS // 40
    slow = [u for u in UNITS if grows_too_fast(graded, lambda k, u=u: (u * size)[: k * size] + end)]
    assert slow == []


SHAPES = {  # (head, unit that is repeated, tail): runs that two loops of one pattern could share
    "line ends behind the answer": ("so the answer", "\n", ""),
    "line ends and blanks": ("so the answer", "\n ", "#"),
    "spaces behind to": ("the answer to ", " ", "#"),
    "spaces behind for": ("the answer for", " ", ""),
    "spaces behind is": ("the answer is", " ", "correct"),
    "spaces before a reason": ("The answer is 5", " ", "#"),
    "many answers": ("", "the answer to ", ""),
    "letters in a box": ("\\boxed{", "A ", "x}"),
    "letters on lines": ("", "A\n", "x"),
    "letters that are stated": ("The answer is ", "A B ", "An"),
    "letters in Chinese": ("故选", "A、 ", "An"),
    "one letter behind spaces": ("", " ", "B!"),
    "spaces behind a formula": ("so $x$", " ", "#"),
    "a formula before spaces": ("the answer is $x$", " ", "$"),
    "no hope": ("Final answer is", " ", "#"),
    "many finals": ("", "Final answer is: 5 ", "I hope"),
    "hopes apart": ("Final answer is 5", " .", " I hope it is correct"),
    "a fraction of nothing": ("The answer is \\frac", " ", "1"),
    "a unit of hats": ("The answer is 5 kg", "^", "!"),
    "a tower": ("The answer is 2^", " ", "{"),
    "open tags": ("", "<answer>5", ""),
    "open fences": ("", "```output\n5\n", ""),
    "amounts": ("The answer is $1", ",1", " of x"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_rule_reads_hostile_completions(processor_seconds, shape):
    """As long as a completion may be, by each rule, for golds of each kind: quick, and work grows with the text."""
    head, unit, tail = shape

    def made(quarters: int) -> str:
        room = MAX_CHARS * quarters // 4 - len(head) - len(tail)
        return head + (unit * (room // len(unit) + 1))[:room] + tail

    runs = [lambda t, r=r, g=g: grade(g, t, r) for r in RULES for g in ("7", "B")]
    runs += [lambda t, g=g: grade_answer(g, t) for g in ("7", "B", "1, 2")]
    runs += [lambda t: grade(t, "7"), lambda t: letters_in(t[-1000:]), gold_letters]
    for run in runs:
        long = processor_seconds(lambda run=run: run(made(4)))
        assert long < 1
        assert long < FLOOR or long < 10 * processor_seconds(lambda run=run: run(made(1)))


@pytest.mark.parametrize("sign", ["。", " ", "a ", "a"])
def test_what_follows_the_last_formula_is_read_once(processor_seconds, sign):
    text = "so $x$" + (sign * 590)[:590] + "#"
    assert processor_seconds(lambda: grade("7", text)) < 0.1


@pytest.mark.parametrize("unit", ["final answer is ", " ", "答案是"])
def test_a_megabyte_is_read_from_its_end(unit):
    """Only the last characters are looked at, by every rule: 20 times the text is no more than a few times the work."""
    runs = [lambda t, r=r: grade("B", t, r) for r in RULES]
    runs += [lambda t: grade_answer("B", t), lambda t: grade_answer("7", t)]
    text = unit * (1_000_000 // len(unit))
    start = time.thread_time()
    for run in runs:
        run(text[-MAX_CHARS:])
    short, start = time.thread_time() - start, time.thread_time()
    for run in runs:
        run(text)
    assert time.thread_time() - start < 20 * max(short, FLOOR)


def test_what_is_too_long_is_not_compared():
    for a, b in itertools.permutations(("7", "7" * (MAX_ANSWER + 1), "ﬃ" * MAX_ANSWER), 2):
        assert answers_equal(a, b) == (False, "too long to compare")
