"""What the runs of 07 say about claims: by hand, and left out where they cannot tell."""

import pytest

from dsmath_lib.evaluation.metrics import accuracy, independent_difference
from dsmath_lib.runs.nb07_claims import (
    at_equal_steps,
    claim_metrics,
    length_difference,
    pass_gain,
    reflecting_minus_plain,
    turn,
)
from dsmath_lib.runs.nb07_simplerl import Look

pytestmark = pytest.mark.numeric


def look(sampled, reflecting, **behaviour) -> Look:
    how = {"length_right": 10.0, "length_wrong": 14.0} | behaviour
    return Look([any(r) for r in sampled], sampled, [""] * len(sampled), how, reflecting)


NONE = [[False] * 4] * 3
BEFORE = look([[True, False, False, False], [False] * 4, [False] * 4], NONE)
AFTER = look(
    [[True] * 4, [True, False, False, True], [False] * 4],
    [[True, True, False, False], [True, True, False, False], [False] * 4],
)


def row(step, accuracy, length):
    return {"step": step, "accuracy": accuracy, "length": length}


LOG = [row(0, 0.1, 40.0), row(5, 0.2, 20.0), row(10, 0.5, 30.0)]


def test_main_run_by_hand():
    got = claim_metrics("zero-grpo", {"zero-grpo": (BEFORE, AFTER)}, {"zero-grpo": LOG})
    assert got["main_gain"].value == pytest.approx((0.75 + 0.5 + 0) / 3)
    assert got["main_pass_gain"].value == pytest.approx(1 / 3)  # one of four: 1, 0, 0 → 1, 1, 0
    assert got["main_reflecting_gain"].value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert got["main_length_fall"] == 0.5 and got["main_length_rise"] == 0.25
    assert (got["main_length_right"], got["main_length_wrong"]) == (10.0, 14.0)
    assert not [k for k in got if "_minus_zero" in k or "format" in k]  # no such runs


def test_reflection_words_and_right_answers():
    """Question 1: 1 − 1; question 2: ½ − ½; question 3 has no sample with a word."""
    got = reflecting_minus_plain(AFTER)
    assert (got.value, got.n) == (0.0, 2)
    assert reflecting_minus_plain(BEFORE) is None
    assert pass_gain(AFTER, AFTER).value == 0


def test_runs_are_compared_at_the_last_common_step():
    other = [row(0, 0.1, 40.0), row(5, 0.4, 33.0)]
    got = at_equal_steps(other, LOG, 50)
    want = independent_difference(
        accuracy([True] * 20 + [False] * 30), accuracy([True] * 10 + [False] * 40)
    )
    assert got == want and got.n == 50
    assert got.value == pytest.approx(0.2)
    assert at_equal_steps(LOG[:1], LOG, 50) is None  # only the start in common: nothing was trained
    third, two = [row(5, 1 / 3, 20.0)], [row(5, 2 / 3, 33.0)]  # of three questions
    third += [row(10, 1.0, 50.0), row(15, 1.0, 20.0)]
    runs = {"zero-grpo": third, "warm-grpo": two, "format": two, "r1-worked": two}
    got = claim_metrics("zero-grpo", {"zero-grpo": (BEFORE, AFTER)}, runs)
    assert got["warm-grpo_minus_zero-grpo"].value == pytest.approx(1 / 3)
    assert got["zero-grpo_minus_format"].value == pytest.approx(-1 / 3)
    assert got["r1-worked_length_minus_zero-grpo"] == 13.0


def test_two_looks_are_no_turn():
    assert turn(LOG[:2]) == {}
    assert turn([row(0, 0, 10.0), row(1, 0, 12.0), row(2, 0, 15.0)]) == {
        "length_fall": 0.0,
        "length_rise": 0.5,
    }


def test_rows_with_each_answer_are_compared_question_by_question():
    def with_each(step, right, lengths):
        n = len(right)
        each = {"right": right, "lengths": lengths}
        return row(step, sum(right) / n, sum(lengths) / n) | each

    a = [with_each(5, [True] * 30 + [False] * 20, [12] * 50)]
    b = [with_each(5, [True] * 20 + [False] * 30, [10] * 25 + [12] * 25)]
    got = at_equal_steps(a, b, 50)
    assert got.value == pytest.approx(0.2) and got.low > 0  # ten won, none lost
    assert at_equal_steps([row(5, 0.6, 12.0)], [row(5, 0.4, 11.0)], 50).low < got.low  # not paired
    longer = length_difference(a[0], b[0])
    assert longer.value == pytest.approx(1.0)
    assert longer.high - 1 == pytest.approx(1.96 * (50 / 49) ** 0.5 / 50**0.5, abs=1e-3)
    assert length_difference(row(5, 0.6, 12.0), b[0]) == 1.0
    runs = {"zero-grpo": a, "format": b}
    got = claim_metrics("zero-grpo", {"zero-grpo": (BEFORE, AFTER)}, runs | {"zero-grpo": a * 3})
    assert got["zero-grpo_minus_format_steps"] == 5
