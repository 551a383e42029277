"""Claims that the RL stages speak about: the rule of every part can go both ways, and its cell is there."""

import json

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report import ledger as L
from dsmath_lib.report import verdict_rules as V
from dsmath_lib.report.claims import all_claims

GRPO, ONE, ZERO = "05_grpo", "06_one_gradient", "07_simplerl_zero"
BY_ID = {c.id: c for c in all_claims(0.03, 8)}


def estimate(value, half=0.02, n=500):
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def run(one=None, zero=None, grpo=None, timings=None):
    return {
        ONE: {"metrics": one or {}, "timings": timings or {}},
        ZERO: {"metrics": zero or {}},
        GRPO: {"metrics": grpo or {}},
    }


def verdict(name, *runs):
    return L.verdict_of(BY_ID[name], runs).verdict


def test_the_stage_of_a_claim_holds_the_cells_of_its_parts():
    told = [c for c in BY_ID.values() if c.stage in (GRPO, ONE, ZERO)]
    assert sum(len(c.parts) for c in told) == 21
    for name, stage, parts in ((c.id, c.stage, c.parts) for c in told):
        nb = json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text(encoding="utf-8"))
        ids = {c["id"] for c in nb["cells"] if c["cell_type"] == "code"}
        assert {p.cell for p in parts} <= ids, name
        for p in parts:
            assert L.page_link(stage, p.cell) == f"../{stage}/{stage}.html#cell-id={p.cell}"


@pytest.mark.parametrize(
    ("name", "metric", "stage"),
    [
        ("C27", "grpo-os_gain", "one"),
        ("C30", "online-rft_minus_rft", "one"),
        ("C31", "grpo-os_minus_online-rft", "one"),
        ("C32", "grpo-ps_minus_grpo-os", "one"),
        ("S04", "zero-ppo_gain", "zero"),
        ("S06", "main_reflecting_gain", "zero"),
        ("S07", "warm-grpo_minus_zero-grpo", "zero"),
        ("Z02", "zero-grpo_minus_format", "zero"),
        ("Z04", "main_pass_gain", "zero"),
    ],
)
def test_gains(name, metric, stage):
    for value, want in ((0.1, V.AGREES), (-0.1, V.DISAGREES), (0.01, V.NOISY)):
        assert verdict(name, run(**{stage: {metric: estimate(value)}})) == want
    assert verdict(name, run()) == V.NOT_TESTED


def test_memory_is_read_from_the_timings():
    def memory(ppo, grpo):
        return run(timings={"ppo_peak_mb": ppo, "grpo-os_peak_mb": grpo})

    assert verdict("C26", memory(600.0, 300.0)) == V.AGREES
    assert verdict("C26", memory(310.0, 300.0)) == V.DISAGREES
    assert verdict("C26", memory(600.0, 0.0)) == V.NOT_TESTED
    e = L.verdict_of(BY_ID["C26"], [memory(600.0, 300.0)]).ours.estimates[0]
    assert (e.value, e.low, e.high) == (2.0, 2.0, 2.0)


def test_one_gradient_needs_five_digits():
    assert verdict("C29", run(one={"table10_error": 6e-7})) == V.AGREES
    assert verdict("C29", run(one={"table10_error": 2e-5})) == V.DISAGREES


def test_rounds_need_both_parts():
    both = {"rounds_minus_one": estimate(0.1), "first_minus_second_round": estimate(0.1)}
    assert verdict("C33", run(grpo=both)) == V.AGREES
    assert verdict("C33", run(grpo=both | {"rounds_minus_one": estimate(-0.1)})) == V.DISAGREES
    assert verdict("C33", run(grpo={"rounds_minus_one": estimate(0.1)})) == V.NOT_TESTED


def test_almost_20_points_is_more_than_a_gain():
    for value, want in ((0.2, V.AGREES), (0.1, V.DISAGREES), (0.15, V.NOISY)):
        assert verdict("S01", run(zero={"main_gain": estimate(value)})) == want


def test_a_curve_of_one_run_tells_nothing():
    def turn(fall, rise):
        return run(zero={"main_length_fall": fall, "main_length_rise": rise})

    assert verdict("S05", turn(0.4, 0.3)) == V.NOISY
    near = (0.0, 0.01, -0.01)
    assert verdict("S05", *(turn(0.4 + d, 0.3 + d) for d in near)) == V.AGREES
    assert verdict("S05", *(turn(0.4 + d, 0.02 + d) for d in near)) == V.DISAGREES


def test_words_and_length_are_weak_signals():
    def seeds(words, wrong):
        common = {"reflecting_minus_plain": estimate(words), "main_length_right": 20.0}
        return [run(zero=common | {"main_length_wrong": wrong + d}) for d in (0.0, 0.1, -0.1)]

    assert verdict("Z05", *seeds(0.0, 30.0)) == V.AGREES
    assert verdict("Z05", *seeds(0.2, 30.0)) == V.DISAGREES
    assert verdict("Z05", *seeds(0.0, 10.0)) == V.DISAGREES


def test_length_bias_and_form_reward():
    assert verdict("Z07", run(one={"length_bias": 3.0})) == V.AGREES
    assert verdict("Z07", run(one={"length_bias": 0.5})) == V.DISAGREES
    for d, want in ((5.0, V.AGREES), (-5.0, V.DISAGREES)):
        runs = [
            run(zero={"r1-worked_length_minus_zero-grpo": d + x, "main_gain": estimate(0.2)})
            for x in (0.0, 0.2, -0.2)
        ]
        assert verdict("D01", *runs) == want


def test_a_measured_part_links_to_its_cell():
    view = L.ledger([BY_ID["C29"]], [run(one={"table10_error": 6e-7})])
    assert "06_one_gradient.html#cell-id=06-one-gradient-016" in view._repr_html_()
    unmeasured = L.ledger([BY_ID["C29"]], [run()])
    assert "cell-id" not in unmeasured._repr_html_()
