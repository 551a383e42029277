"""Ranking, calibration and best-of-N against numbers worked out by hand, and one real set of scored solutions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.evaluation.metrics import Z, answer_classes
from dsmath_lib.evaluation.reward_models import (
    auc,
    auc_estimate,
    best_of_curve,
    calibration_error,
    majority_curve,
    pair_accuracy,
    reliability,
    threshold_accuracy,
)
from dsmath_lib.stage.data import read_rows

pytestmark = pytest.mark.numeric
LABELS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30)


def test_auc_by_hand():
    # right: 0.9, 0.4; wrong: 0.6, 0.4. Pairs won: 1, 1, 0, tie 1/2
    assert auc([0.9, 0.4, 0.6, 0.4], [True, True, False, False]) == pytest.approx(2.5 / 4)
    assert auc([1, 2], [True, True]) is None and auc([], []) is None


@given(LABELS)
def test_auc_is_the_share_of_pairs_won(rows):
    s, y = zip(*rows, strict=True)
    pairs = [(a, b) for a, ya in rows for b, yb in rows if ya and not yb]
    expected = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs) if pairs else None
    assert auc(s, y) == (None if expected is None else pytest.approx(expected))
    flipped = auc([-v for v in s], y)
    assert expected is None or flipped == pytest.approx(1 - expected)
    assert auc([math.exp(v) for v in s], y) == auc(s, y), "only the order counts"


def test_auc_interval_is_by_question_and_repeats():
    scores, labels = [0.9, 0.2, 0.8, 0.3, 0.4, 0.7], [True, False, True, False, True, False]
    found = auc_estimate(scores, labels, [0, 0, 1, 1, 2, 2])
    assert found.low <= found.value <= found.high and found.n == 3
    assert found == auc_estimate(scores, labels, [0, 0, 1, 1, 2, 2])
    assert auc_estimate([1.0], [True], [0]) is None


def test_questions_that_are_alike_are_no_certainty():
    for groups in ([0, 0, 1, 1], [0, 0, 0, 0]):  # all ranked well; one question
        found = auc_estimate([0.9, 0.1, 0.8, 0.2], [True, False, True, False], groups)
        assert found.value == 1.0 and found.low < 0.7
        for p in ([0.9, 0.9, 0.9, 0.9], [0.9, 0.1, 0.8, 0.2]):
            e = threshold_accuracy(p, [True, False, True, False], groups)
            assert e.low < e.value - 0.05 or e.high > e.value + 0.05


def test_pair_accuracy_leaves_the_question_out():
    """Each question is ranked perfectly, though the hard question's right answer scores lowest of all right ones."""
    scores, labels = [0.9, 0.8, 0.2, 0.1], [True, False, True, False]
    assert auc(scores, labels) == 0.75
    assert pair_accuracy(scores, labels, [0, 0, 1, 1]).value == 1.0
    assert pair_accuracy(scores, labels, [0, 1, 2, 3]) is None, "groups of one have no pairs"
    assert pair_accuracy([1, 2], [True, True], [0, 0]) is None, "all labels equal"


def test_threshold_accuracy():
    found = threshold_accuracy([0.9, 0.4, 0.6, 0.1], [True, True, False, False], [0, 0, 1, 1])
    assert found.value == 0.5 and found.n == 4
    # 3 of 4 right, one each: residuals 1/4, 1/4, 1/4, -3/4; 4/3 · 3/4 = 1, so the standard error is 1/4
    alone = threshold_accuracy([0.9] * 4, [True, True, True, False], range(4))
    assert alone.low == pytest.approx(0.75 - Z / 4, rel=1e-12)
    sure = threshold_accuracy([0.9] * 5, [True] * 5, range(5))
    assert sure.value == 1 and sure.high == 1 and sure.low < 0.9


def test_reliability_and_calibration_error_by_hand():
    rows = reliability([0.1, 0.15, 0.9, 1.0], [0, 1, 1, 1], bins=2)
    assert [(r["from"], r["to"], r["n"]) for r in rows] == [(0.0, 0.5, 2), (0.5, 1.0, 2)]
    assert [r["predicted"] for r in rows] == pytest.approx([0.125, 0.95])
    assert [r["right"].value for r in rows] == [0.5, 1.0]
    assert calibration_error(rows) == pytest.approx((2 * 0.375 + 2 * 0.05) / 4)
    assert calibration_error([]) is None and reliability([], [], 3) == []
    for bad in ([1.1], [-0.1]):
        with pytest.raises(ValueError, match="probabilities"):
            reliability(bad, [1])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_every_row_is_in_one_bin(rows):
    p, y = zip(*rows, strict=True)
    table = reliability(p, y, 7)
    assert sum(r["n"] for r in table) == len(rows)
    assert all(r["from"] - 1e-9 <= r["predicted"] <= r["to"] + 1e-9 for r in table)
    assert 0 <= calibration_error(table) <= 1


def test_a_perfect_score_reaches_the_ceiling_and_a_constant_one_the_mean():
    correct = [[True, False, False, False], [False, False, True, True]]
    perfect = best_of_curve(correct, [[float(c) for c in r] for r in correct], [1, 2, 4])
    # one of two: 1 - C(3,2)/C(4,2) = 1/2; 1 - C(2,2)/C(4,2) = 5/6
    assert [e.value for e in perfect] == pytest.approx([3 / 8, (1 / 2 + 5 / 6) / 2, 1.0])
    flat = best_of_curve(correct, [[0.5] * 4] * 2, [1, 2, 4])
    assert [e.value for e in flat] == pytest.approx([3 / 8] * 3)
    worst = best_of_curve(correct, [[-float(c) for c in r] for r in correct], [4])
    assert worst[0].value == 0.0


def test_majority_of_questions_with_different_numbers_of_solutions():
    correct = [[True, True, False], [False, True]]
    found = majority_curve(correct, [[0, 0, 1], [0, 1]], [1, 2])
    assert found[0].value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert all(e.low <= e.value <= e.high for e in found)


def test_real_scores_of_a_large_reward_model(data_dir):
    """Eight solutions of each problem with the scores of a published 72B reward model: choosing by score helps."""
    folder = data_dir / "math/model_outputs"
    if not folder.is_dir():
        pytest.skip("no scored model outputs here")
    rows = read_rows("qwen_math_cot_8x_rm.jsonl", data_dir=str(folder))
    correct = [[bool(s) for s in r["score"]] for r in rows]
    scores = [[float(v[-1]) for v in r["pred_score"]] for r in rows]
    classes = [answer_classes(list(map(str, r["pred"])), lambda a, b: a == b) for r in rows]
    ks = [1, 2, 4, 8]
    best = [e.value for e in best_of_curve(correct, scores, ks)]
    vote = [e.value for e in majority_curve(correct, classes, ks)]
    mean = sum(map(sum, correct)) / sum(map(len, correct))
    assert best[0] == vote[0] == pytest.approx(mean)
    first = [c[max(range(8), key=s.__getitem__)] for c, s in zip(correct, scores, strict=True)]
    assert best[-1] == pytest.approx(sum(first) / len(first))
    assert best[-1] > best[0] and vote[-1] > vote[0]
