"""Metrics against counting, against published values, and against hand-computed intervals."""

import itertools
import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.verdict import grade
from dsmath_lib.evaluation import metrics as m
from dsmath_lib.stage.data import read_rows

pytestmark = pytest.mark.numeric
rights = st.lists(st.booleans(), min_size=1, max_size=7)


@given(rights, st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(right, data):
    k = data.draw(st.integers(1, len(right)))
    sets = list(itertools.combinations(right, k))
    want = sum(any(s) for s in sets) / len(sets)
    assert m.pass_at_k(len(right), sum(right), k) == pytest.approx(want)


def test_pass_at_k_at_the_ends():
    assert m.pass_at_k(8, 0, 8) == 0.0 and m.pass_at_k(8, 1, 8) == 1.0
    assert m.pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)
    for bad in ((8, 3, 9), (8, 3, 0), (8, 9, 1)):
        with pytest.raises(ValueError):
            m.pass_at_k(*bad)


@given(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=1, max_size=6), st.data())
def test_maj_at_k_is_the_mean_over_subsets(classes, data):
    k = data.draw(st.integers(1, len(classes)))
    right = [c == 0 for c in classes]
    want = []
    for s in itertools.combinations(classes, k):
        votes = {c: s.count(c) for c in s if c is not None}
        winners = [c for c in votes if votes[c] == max(votes.values())]
        want.append(winners.count(0) / len(winners) if winners else 0.0)
    assert m.maj_at_k(classes, right, k) == pytest.approx(statistics.mean(want))
    if k == 1:
        assert m.maj_at_k(classes, right, 1) == pytest.approx(sum(right) / len(right))


@given(st.permutations([None, 0, 0, 1, 1, 2]))
def test_the_vote_does_not_depend_on_order(classes):
    assert m.majority(classes, [c == 0 for c in classes]) == 0.5


def test_no_answer_casts_no_vote():
    assert m.majority([None, None, None, 0], [False, False, False, True]) == 1.0
    assert m.majority([None], [False]) == 0.0
    with pytest.raises(ValueError, match="unknown ties"):
        m.majority([0], [True], "last")


def test_maj_at_k_samples_subsets_when_there_are_many():
    classes = [0] * 20 + [1] * 12
    got = m.maj_at_k(classes, [c == 0 for c in classes], 9)
    wins = sum(math.comb(20, i) * math.comb(12, 9 - i) for i in range(5, 10)) / math.comb(32, 9)
    assert got == pytest.approx(wins, abs=0.05)
    assert got == m.maj_at_k(classes, [c == 0 for c in classes], 9)  # seeded


@given(rights, st.data())
def test_best_of_k_is_the_mean_over_subsets(right, data):
    k = data.draw(st.integers(1, len(right)))
    rewards = data.draw(st.permutations(range(len(right))))
    pairs = list(zip(rewards, right, strict=True))
    want = statistics.mean(max(s)[1] for s in itertools.combinations(pairs, k))
    assert m.best_of_k(right, rewards, k) == pytest.approx(want)


def test_classes_join_equal_answers():
    same = lambda a, b: answers_equal(a, b)[0]  # noqa: E731
    assert m.answer_classes(["1/2", "0.5", None, "2", "\\frac12"], same) == [0, 0, None, 1, 0]


def test_wilson_and_normal():
    low, high = m.wilson(1, 10)  # Newcombe 1998 gives 0.0179 to 0.4042 for 1 of 10
    assert (low, high) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    assert m.wilson(0, 500)[0] == 0 and m.wilson(500, 500)[1] == 1
    assert m.wilson(0, 30)[0] == pytest.approx(0) and m.wilson(0, 30)[1] == pytest.approx(
        0.1135, abs=1e-4
    )
    e = m.accuracy([i < 250 for i in range(500)])
    assert e.high - e.value == pytest.approx(1.959964 * math.sqrt(0.25 / 500))
    small = m.accuracy([i < 12 for i in range(30)])
    assert (small.low, small.high) == pytest.approx(m.wilson(12, 30))
    with pytest.raises(ValueError, match="no items"):
        m.accuracy([])


@pytest.mark.parametrize(
    "n, p, points",  # typical standard errors of one sample per question, in points
    [
        (30, 0.30, 8.4),
        (40, 0.50, 7.9),
        (250, 0.80, 2.5),
        (500, 0.50, 2.2),
        (1319, 0.88, 0.9),
        (5000, 0.50, 0.7),
    ],
)
def test_standard_errors_of_known_benchmarks(n, p, points):
    values = [float(i < round(p * n)) for i in range(n)]
    assert 100 * m.standard_error(values) == pytest.approx(points, abs=0.15)


def test_clustered_error_counts_questions_not_samples():
    same = [[True] * 8] * 50 + [
        [False] * 8
    ] * 50  # all samples of a question agree: 100 independent draws
    e = m.sample_mean(same)
    assert e.high - e.value == pytest.approx(1.959964 * math.sqrt(0.25 / 99))
    assert e.n == 100 and e.samples == 8
    mixed = m.sample_mean([[True, False]] * 100)
    assert (mixed.low, mixed.high) == pytest.approx(m.wilson(100, 200))  # equal shares: 200 draws
    assert m.sample_mean([[False] * 8] * 20).high > 0.1  # nothing right is not certainty


def test_unequal_numbers_of_samples_are_refused():
    with pytest.raises(ValueError, match="different numbers of samples"):
        m.sample_mean([[True], [True, False]])


def test_paired_difference():
    a, b = [i < 50 for i in range(100)], [i < 55 for i in range(100)]
    d = m.paired_difference(b, a)
    assert d.value == pytest.approx(0.05) and 0 < d.low < 0.05 < d.high < 0.1
    half = 1.959964 * math.sqrt((6 / 102 - (5 / 102) ** 2) / 102)  # Agresti and Min, by hand
    assert (d.low, d.high) == pytest.approx((5 / 102 - half, 5 / 102 + half))
    none = m.paired_difference([0.0] * 8, [0.0] * 8)
    assert none.value == 0 and none.low < -0.1 and none.high > 0.1
    with pytest.raises(ValueError, match="same: 2 and 1"):
        m.paired_difference([1, 0], [1])


def test_qwens_eight_samples(data_dir):
    """69 problems x 8 samples with published verdicts and reward-model scores."""
    rows = read_rows("math/model_outputs/qwen_math_cot_8x_rm.jsonl", data_dir=str(data_dir))
    right = [r["score"] for r in rows]
    same = lambda a, b: answers_equal(a, b)[0]  # noqa: E731
    classes = [m.answer_classes([p or None for p in r["pred"]], same) for r in rows]
    best = statistics.mean(
        m.best_of_k(c, [s[0] for s in r["pred_score"]], 8) for c, r in zip(right, rows, strict=True)
    )
    assert m.sample_mean(right).value == pytest.approx(0.9348, abs=5e-5)
    assert best == pytest.approx(0.9565, abs=5e-5)
    for k, want in ((1, 0.9348), (2, 0.9493), (4, 0.9561), (8, 0.9565)):
        assert m.mean_pass_at_k(right, k).value == pytest.approx(want, abs=5e-5)
    assert m.mean_maj_at_k(classes, right, 8, "first").value == pytest.approx(0.9565, abs=5e-5)
    # two questions are tied 4 to 4; Qwen's script gives both to the answer that comes first
    assert m.mean_maj_at_k(classes, right, 8).value == pytest.approx(65 / 69)


def test_our_verdicts_on_qwens_samples(data_dir):
    """One label of 552 differs: the file calls 10000 wrong where the answer is 10{,}000."""
    rows = read_rows("math/model_outputs/qwen_math_cot_8x_rm.jsonl", data_dir=str(data_dir))
    differ = [
        (r["gt"], v.extracted, v.correct)
        for r in rows
        for text, label in zip(r["code"], r["score"], strict=True)
        if (v := grade(r["gt"], text)).correct != label
    ]
    assert differ == [("10{,}000", "10000", True)]


def test_independent_difference_adds_half_widths_in_squares():
    a, b = m.accuracy([i < 10 for i in range(30)]), m.accuracy([i < 5 for i in range(30)])
    d = m.independent_difference(a, b)  # SimpleRL's 33.3 against 16.7 on AIME: not told apart
    assert d.value == pytest.approx(5 / 30) and d.low < 0 < d.high
    none = m.independent_difference(a, m.Estimate(b.value, b.value, b.value))
    assert none.low == pytest.approx(a.low - b.value)


def test_mean_best_of_k_on_qwens_rewards(data_dir):
    rows = read_rows("math/model_outputs/qwen_math_cot_8x_rm.jsonl", data_dir=str(data_dir))
    rewards = [[s[0] for s in r["pred_score"]] for r in rows]
    got = m.mean_best_of_k([r["score"] for r in rows], rewards, 8)
    assert got.value == pytest.approx(0.9565, abs=5e-5) and got.n == 69


@pytest.mark.parametrize(
    ("df", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (10, 2.228),
     (11, 2.201), (15, 2.131), (20, 2.086), (29, 2.045), (30, 2.042), (40, 2.021), (60, 2.000),
     (120, 1.980), (20_000, 1.960)],
)  # fmt: skip
def test_quantiles_of_students_t_are_those_of_the_tables(df, quantile):
    assert m.students_t(df) == pytest.approx(quantile, abs=5e-4)


def test_students_t_falls_to_the_normal_quantile():
    values = [m.students_t(df) for df in range(1, 400)]
    assert values == sorted(values, reverse=True) and values[-1] > m.Z
    assert m.students_t(1) == pytest.approx(math.tan(0.475 * math.pi), rel=1e-12)  # Cauchy
    assert m.students_t(2) == pytest.approx(0.95 / math.sqrt(2 * 0.975 * 0.025), rel=1e-12)
    with pytest.raises(ValueError, match="degree of freedom"):
        m.students_t(0)


@pytest.mark.parametrize("e", [m.Estimate(0.5, 0.4, 0.6, 9, 3, 8), m.Estimate(1.0, 0.0, 2.0)])
def test_an_estimate_comes_back_from_json(e):
    assert m.read_estimate(json.loads(json.dumps(e.as_json()))) == e
    assert m.read_estimate(7) == m.Estimate(7, 7, 7)


def test_json_leaves_out_what_does_not_apply():
    assert m.Estimate(0.5, 0.4, 0.6).as_json() == {"value": 0.5, "low": 0.4, "high": 0.6}
    assert m.sample_mean([[True], [False]]).as_json().keys() == {
        "value",
        "low",
        "high",
        "n",
        "samples",
    }


def test_few_right_or_wrong_answers_have_wilsons_interval():
    few = m.accuracy([i < 2 for i in range(199)])
    assert (few.low, few.high) == pytest.approx((0.0028, 0.0359), abs=1e-4)  # 2 of 199, by hand
    many = m.accuracy([i >= 2 for i in range(199)])
    assert (many.low, many.high) == pytest.approx((1 - few.high, 1 - few.low))
    ten = m.accuracy([i < 10 for i in range(1000)])
    assert ten.high - ten.value == pytest.approx(ten.value - ten.low)  # normal again
    half = m.clustered([0.5] * 4 + [0.0] * 396, samples=4)  # 2 of 400 questions, shared by four
    assert 0 < half.low < half.value < half.high < 0.03
    agree = m.sample_mean([[True] * 4] * 2 + [[False] * 4] * 198)  # samples agree: 200 draws
    assert (agree.low, agree.high) == pytest.approx(m.wilson(2 * 199 / 200, 199), rel=0.01)


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60),
    st.booleans(),
)
def test_no_interval_is_empty_and_each_holds_its_value(right, one_sample):
    values = [float(r > 2) if one_sample else r / 4 for r in right]
    e = m.clustered(values, samples=1 if one_sample else 4)
    assert 0 <= e.low <= e.value + 1e-12 and e.value - 1e-12 <= e.high <= 1
    assert e.high - e.low > 0.01  # at most 240 draws
    mirrored = m.clustered([1 - v for v in values], samples=e.samples)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - e.high, 1 - e.low), abs=1e-9)
    if one_sample:
        plain = m.accuracy([v > 0 for v in values])
        assert plain.high - plain.low > 0.01


def test_equal_shares_are_no_certainty():
    for share in (0.25, 0.5, 1 / 3):
        e = m.clustered([share] * 8, samples=12)
        assert (e.low, e.high) == pytest.approx(m.wilson(share * 96, 96))
    one = m.clustered([0.25], samples=4)
    assert (one.low, one.high) == (0, 1)
