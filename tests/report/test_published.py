"""The source's own evidence: published scores, their intervals by hand, the verdicts by the common rules."""

import math

import pytest

from dsmath_lib.report import ledger as L
from dsmath_lib.report.claims import all_claims
from dsmath_lib.report.published import items_of, mean_gain, published_parts
from dsmath_lib.report.verdict_rules import AGREES, DISAGREES, NOISY, NOT_TESTED
from dsmath_lib.rows.benchmarks import BENCHMARKS

BY_ID = {c.id: c for c in all_claims(0.03, 8)}


def verdict(name):
    return L.verdict_of(BY_ID[name], []).published.verdict


def test_a_gain_by_hand():
    # Table 5, GSM8K 82.9 -> 88.2 of 1,319: the variances 0.829*0.171/1319 and 0.882*0.118/1319 add
    e = mean_gain(["gsm8k"], [88.2], [82.9])
    half = 1.959964 * math.sqrt((0.829 * 0.171 + 0.882 * 0.118) / 1319)
    assert (e.value, e.low, e.high) == pytest.approx((0.053, 0.053 - half, 0.053 + half))


def test_the_mean_of_two_benchmarks_has_half_the_root_of_the_summed_squares():
    one, two = mean_gain(["gsm8k"], [60], [50]), mean_gain(["math"], [30], [40])
    both = mean_gain(["gsm8k", "math"], [60, 30], [50, 40])
    half = math.hypot(one.high - one.value, two.high - two.value) / 2
    assert (both.value, both.high) == pytest.approx((0.0, half))
    assert both.n == 1319 + 5000 and items_of("aime24+amc23") == 70


def test_no_gain_on_few_questions_is_not_sure():
    # AIME: 5 and 10 of 30 right; Wilson's intervals are (7.3, 33.6) and (19.2, 51.2) percent
    e = mean_gain(["aime24"], [33.3333], [16.6667])
    assert (e.low, e.high) == pytest.approx((-0.054, 0.369), abs=2e-3)


@pytest.mark.parametrize(
    ("claim", "want"),
    [
        ("C01", NOT_TESTED),  # no numbers
        ("C10", DISAGREES),  # MMLU-STEM is 7.4 points below Minerva's
        ("C11", NOISY),  # 10.9 [9.1, 12.7]: ahead, but "over 10" is not sure
        ("C13", NOISY),
        ("C14", AGREES),
        ("C18", AGREES),
        ("C24", AGREES),
        ("C31", NOISY),
        ("C34", NOISY),  # Maj@64 +1.5 [-0.8, 3.8]
        ("S02", AGREES),
        ("S03", NOISY),  # AIME has 30 problems
        ("Z01", AGREES),
    ],
)
def test_verdicts(claim, want):
    assert verdict(claim) == want


def test_the_scores_of_a_tuned_model_are_those_of_the_benchmarks_table():
    """One number, one place: what also stands with the benchmarks is the same there."""
    table_5 = {"C24": ("sft", "policy"), "C25": ("sft", "policy")}
    checked = 0
    for claim, (before, after) in table_5.items():
        for part in published_parts()[claim]:
            kind = "tir" if "with tools" in part["what"] else "cot"
            name = part["what"].removesuffix(" with tools").lower()
            scores = BENCHMARKS[name].paper
            points = scores[after, kind] - scores[before, kind]
            assert 100 * part["estimate"].value == pytest.approx(points), part["what"]
            checked += 1
    assert checked == 8


def test_every_claim_with_evidence_is_a_claim():
    assert set(published_parts()) <= set(BY_ID)
    assert all(p["what"] for parts in published_parts().values() for p in parts)
