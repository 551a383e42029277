"""The ledger: a verdict follows from the numbers by rule, and nothing missing can break it."""

import json
from statistics import NormalDist

import pytest

from dsmath_lib.report import ledger as L
from dsmath_lib.report import verdict_rules as V
from dsmath_lib.report.claims import all_claims, measure_of, rule_of

CLAIMS = all_claims(margin=0.03, k=8)
TRANSFER = ("toy-cmath.cot", "toy-math.tir", "toy-heldout.cot")
BY_ID = {c.id: c for c in CLAIMS}


def estimate(value, low, high, n=500):
    return {"value": value, "low": low, "high": high, "n": n}


def results(**metrics):
    """One run in which every stage reports the same metrics (names are unique per stage anyway)."""
    stages = ("00_start_here", "01_corpus_mining", "02_pretraining", "05_grpo", "08_evaluation")
    return {s: {"metrics": metrics} for s in stages}


def exact(x):
    return L.Estimate(x, x, x)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.2, V.AGREES), (-0.1, 0.2, V.NOISY), (-0.2, -0.01, V.DISAGREES), (0, 0, V.DISAGREES)],
)
def test_a_gain_is_judged_by_the_side_of_zero(low, high, verdict):
    assert V.positive(L.Estimate((low + high) / 2, low, high)) == verdict


def test_levels_compare_the_whole_interval_with_the_threshold():
    assert V.at_least(0.9)(exact(0.9)) == V.AGREES
    assert V.at_least(0.9)(L.Estimate(0.91, 0.88, 0.94)) == V.NOISY
    assert V.at_least(0.9)(exact(0.89)) == V.DISAGREES
    assert V.at_most(0.0)(exact(0.0)) == V.AGREES
    assert V.at_most(0.0)(exact(1.0)) == V.DISAGREES


def test_no_gain_needs_an_interval_that_ends_below_the_margin():
    rule = V.not_raised(0.03)
    assert rule(L.Estimate(-0.01, -0.04, 0.02)) == V.AGREES
    assert rule(L.Estimate(0.01, -0.03, 0.05)) == V.NOISY
    assert rule(L.Estimate(0.05, 0.02, 0.08)) == V.DISAGREES
    assert rule(L.Estimate(-0.05, -0.08, -0.02)) == V.AGREES


def test_difference_adds_half_widths_in_squares():
    # 0.5 ± 0.03 minus 0.4 ± 0.04: half-width 0.05
    run = {"s": {"metrics": {"a": estimate(0.5, 0.47, 0.53), "b": estimate(0.4, 0.36, 0.44, 200)}}}
    e = L.minus(L.metric("s", "a"), L.metric("s", "b"))(run)
    assert (e.value, e.low, e.high, e.n) == pytest.approx((0.1, 0.05, 0.15, 200))


def test_pooling_takes_the_wider_of_within_and_between_seeds():
    same = [L.Estimate(0.1, 0.06, 0.14, 500)] * 4  # no spread: 0.04 / sqrt(4)
    e = L.pool(same)
    assert (e.value, e.low, e.high, e.n, e.seeds) == pytest.approx((0.1, 0.08, 0.12, 2000, 4))
    apart = [exact(0.0), exact(0.2), exact(0.4)]  # sd 0.2: 4.30 * 0.2 / sqrt(3)
    e = L.pool(apart)
    assert (e.value, e.high - e.value) == pytest.approx((0.2, 4.302653 * 0.2 / 3**0.5))
    # eleven runs, ten degrees of freedom: five at 0, one at 0.5, five at 1: sd 0.5
    e = L.pool([exact(x) for x in [0.0] * 5 + [0.5] + [1.0] * 5])
    assert e.high - e.value == pytest.approx(2.228139 * 0.5 / 11**0.5)
    assert L.pool(same[:1]) is same[0]


@pytest.mark.parametrize(
    "bad", [None, "0.5", {"value": None}, {"value": float("nan")}, [], [1, None], {}]
)
def test_a_metric_that_is_no_number_counts_as_missing(bad):
    assert L.metric("s", "x")({"s": {"metrics": {"x": bad}}}) is None


def test_a_part_decides_the_claim():
    def claim(*rules):
        return L.Claim("X", "", "", "s", parts=tuple(L.ClaimPart("", m, r) for m, r in rules))

    yes, no = L.metric("s", "yes"), L.metric("s", "no")
    run = {"s": {"metrics": {"yes": estimate(1, 0.5, 1.5), "no": estimate(-1, -1.5, -0.5)}}}
    gone = (L.metric("s", "gone"), V.positive)
    up, down = (yes, V.positive), (no, V.positive)
    assert L.verdict_of(claim(up, up), [run]).verdict == V.AGREES
    assert L.verdict_of(claim(up, down), [run]).verdict == V.DISAGREES
    assert L.verdict_of(claim(up, gone), [run]).verdict == V.NOT_TESTED
    assert L.verdict_of(claim(down, gone), [run]).verdict == V.DISAGREES
    assert L.verdict_of(claim(), [run]).verdict == V.NOT_TESTED


def test_all_claims_of_the_fact_sheet_are_there_once():
    ids = [f"C{i:02}" for i in range(1, 38)] + [f"S{i:02}" for i in range(1, 9)]
    ids += [f"Z{i:02}" for i in range(1, 8)] + ["D01"]
    assert [c.id for c in CLAIMS] == ids
    assert all(c.claim and c.paper for c in CLAIMS)
    assert all(c.stage for c in CLAIMS if c.parts)


@pytest.mark.parametrize(
    "runs", [[], [{}], [{"08_evaluation": {}}], [{"08_evaluation": {"metrics": {}}}]]
)
def test_missing_results_are_not_tested_never_an_error(runs):
    assert L.ledger(CLAIMS, runs).counts()[V.NOT_TESTED] == len(CLAIMS)


def test_a_gain_in_chinese_is_transfer_only_after_english_rl():
    run = results(**{f"diff.policy-sft.{b}.greedy": estimate(0.1, 0.05, 0.15) for b in TRANSFER})
    for langs, verdict in ((["en"], V.AGREES), (["en", "zh"], V.NOT_TESTED)):
        run["05_grpo"]["params"] = {"langs": langs}
        assert L.verdict_of(BY_ID["C25"], [run]).verdict == verdict


def test_one_run_without_interval_says_nothing_about_a_trend():
    late = {"mined.late_gain": 0.2, "seed.late_gain": 0.1, "seed.passes": 4}
    assert L.verdict_of(BY_ID["C08"], [results(**late)]).verdict == V.NOT_TESTED
    three = [results(**late | {"mined.late_gain": g}) for g in (0.20, 0.21, 0.19)]
    assert L.verdict_of(BY_ID["C08"], three).verdict == V.AGREES


def test_ledger_views_carry_symbol_and_word_and_escape():
    claim = L.Claim(
        "X",
        "a <b> claim",
        "1 < 2",
        "s",
        parts=(L.ClaimPart("p", L.metric("s", "x"), V.positive),),
        earned="run",
    )
    view = L.ledger([claim], [{"s": {"metrics": {"x": estimate(0.12, 0.08, 0.16)}}}])
    page = view._repr_html_()
    assert "a &lt;b&gt; claim" in page and "<b>✓ agrees</b>" in page and 'href="../s/s.html' in page
    assert "12.0 [8.0, 16.0] %, n = 500" in repr(view)
    assert json.loads(json.dumps(view.as_dicts()))[0]["verdict"] == "agrees"


def test_estimates_as_text():
    e = L.Estimate(0.12, 0.08, 0.16, 500, 3)
    assert L.as_text(e) == "12.0 [8.0, 16.0] %, n = 500, 3 seeds"
    assert L.as_text(e, "points") == "+12.0 [+8.0, +16.0] points, n = 500, 3 seeds"
    assert L.as_text(exact(3), "") == "3" and L.as_text(None) == "–"


def test_half_written_results_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    for stage, text in (
        ("01_corpus_mining", '{"metrics": {"a": 1}}'),
        ("02_pretraining", '{"metr'),
    ):
        (tmp_path / "toy" / stage).mkdir(parents=True)
        (tmp_path / "toy" / stage / "results.json").write_text(text)
    assert list(L.load_results("toy")) == ["01_corpus_mining"]
    assert L.load_results("absent") == {}


@pytest.mark.parametrize(("claim", "than"), [("C06", "seed"), ("C07", "web")])
def test_english_and_chinese_are_judged_apart(claim, than):
    """The mean of both languages is a gain, and English alone a loss: the claim does not agree."""
    name = f"diff.{than}-mined.loss"
    run = results(
        **{
            name: estimate(0.13, 0.07, 0.19),
            f"{name}.en": estimate(-0.29, -0.30, -0.27),
            f"{name}.zh": estimate(0.64, 0.59, 0.69),
        }
    )
    row = L.verdict_of(BY_ID[claim], [run])
    assert row.ours.verdicts == (V.DISAGREES, V.AGREES) and row.verdict == V.DISAGREES
    assert [p.what.split()[0] for p in BY_ID[claim].parts] == ["English", "Chinese"]
    only_chinese = L.verdict_of(BY_ID["C09"], [run])
    assert only_chinese.ours.verdicts == ((V.AGREES,) if than == "seed" else (V.NOT_TESTED,))


def test_a_measure_and_a_rule_as_a_row_writes_them():
    run = {"s": {"metrics": {"a": 3, "b-c": 1}, "timings": {"t": 2}}}
    for text, value in (("a - b-c", 2), ("a / timings.t", 1.5), ("gone or a - b-c", 2), ("a", 3)):
        assert measure_of(text, "s")(run).value == value
    assert rule_of("at_least 2", 0.1)(exact(2)) == V.AGREES
    assert rule_of("at_most 2", 0.1)(exact(3)) == V.DISAGREES
    assert rule_of("not_raised", 0.1)(exact(0)) == V.AGREES
    with pytest.raises(KeyError):
        rule_of("about 2", 0.1)


def three_outcomes(part):
    """Estimates that must agree, disagree and say nothing, whatever the threshold of the part's rule."""
    for middle in (x / 1000 for x in range(-5000, 5001)):
        for half in (1e-10, 1e-4, 0.05, 3.0):
            yield L.Estimate(middle, middle - half, middle + half, 500)
    yield exact(1e-12)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_every_rule_can_give_every_verdict(claim):
    for part in (*claim.parts, *claim.evidence):
        given = {part.rule(e) for e in three_outcomes(part)}
        assert given == {V.AGREES, V.DISAGREES, V.NOISY}, part.what


def test_a_tested_claim_says_what_its_verdict_is_owed_to():
    for c in CLAIMS:
        assert c.earned in (L.EARNED_BY if c.parts else [""]), c.id


def test_the_smallest_effect_is_2_8_standard_errors():
    # ± 1.96 standard errors of 0.01
    assert V.detectable(L.Estimate(0.0, -0.0196, 0.0196)) == pytest.approx(0.0280, abs=5e-5)
    assert V.detectable(exact(0.3)) is None
    # and a true effect of that size is seen in 80 % of runs: P(estimate - 1.96 > 0) at mean 2.8016
    assert NormalDist(V.Z + V.POWER).cdf(V.Z) == pytest.approx(0.2, abs=1e-6)


def test_the_summary_counts_each_claim_once():
    rows = L.ledger(CLAIMS, [{}]).summary()
    assert [r["by ours"] for r in rows] == [0, 0, 0, len(CLAIMS)]
    assert sum(r["by the paper's own numbers"] for r in rows) == len(CLAIMS)


def test_a_list_is_one_estimate_per_seed_and_pooled():
    """Gains of 0, 20 and 40 points: 20 ± 4.30 · 20 / √3; averaged over the seeds first it would be ± 2."""
    each = [estimate(d, d - 0.02, d + 0.02) for d in (0.0, 0.2, 0.4)]
    e = L.metric("s", "x")({"s": {"metrics": {"x": each}}})
    assert (e.value, e.high - e.value, e.seeds, e.n) == pytest.approx(
        (0.2, 0.49686, 3, 1500), abs=1e-4
    )


def test_a_wish_about_a_run():
    assert V.holds({"at_least": 40}, 40) and not V.holds({"at_least": 40}, 39)
    assert not V.holds({"at_least": 40}, None) and V.holds({"at_least": 0.1}, {"value": 0.2})
    assert V.holds({"given": True}, "process") and not V.holds({"given": True}, "")
    assert V.holds(["en"], ["en"]) and not V.holds(["en"], ["en", "zh"])


def test_the_command_names_scale_stage_seeds_and_world():
    def run(seed, world="normal", scale="claims"):
        return {"05_grpo": {"scale": scale, "params": {"seed": seed, "world": world}}}

    assert L.command_of("05_grpo", [run(0)]) == "dsmath run claims 05"
    three = [run(0), run(1, scale="claims-seed1"), run(2, scale="claims-seed2")]
    assert L.command_of("05_grpo", three) == "dsmath run claims 05 --seeds 0,1,2"
    there = [run(1, "plain-web", "control-plain-web-seed1")]
    assert L.command_of("05_grpo", there) == "dsmath run control 05 --world plain-web --seeds 1"
    assert L.command_of("06_one_gradient", three) == ""


def test_one_seed_is_said():
    claim = L.Claim(
        "X", "c", "p", "s", parts=(L.ClaimPart("p", L.metric("s", "x"), V.positive),), earned="run"
    )
    run = {"s": {"scale": "toy", "metrics": {"x": estimate(0.12, 0.08, 0.16)}}}
    assert L.ONE_SEED in L.ledger([claim], [run])._repr_html_()
    assert L.ONE_SEED not in L.ledger([claim], [run, run])._repr_html_()
