"""Claims that the RL stages speak about: their cells are there (that rules go both ways: ``test_outcomes``)."""

import json

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report import ledger as L
from dsmath_lib.report import verdict_rules as V
from dsmath_lib.report.claims import all_claims

GRPO, ONE, ZERO = "05_grpo", "06_one_gradient", "07_simplerl_zero"
BY_ID = {c.id: c for c in all_claims(0.03, 8)}


def run(one=None, timings=None):
    return {ONE: {"metrics": one or {}, "timings": timings or {}}}


def verdict(name, *runs):
    return L.verdict_of(BY_ID[name], runs).verdict


def test_the_stage_of_a_claim_holds_the_cells_of_its_parts():
    told = [c for c in BY_ID.values() if c.stage in (GRPO, ONE, ZERO)]
    assert sum(len(c.parts) for c in told) > 15
    for name, stage, parts in ((c.id, c.stage, c.parts) for c in told):
        nb = json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text(encoding="utf-8"))
        ids = {c["id"] for c in nb["cells"] if c["cell_type"] == "code"}
        assert {p.cell for p in parts} <= ids, name
        for p in parts:
            assert L.page_link(stage, p.cell) == f"../{stage}/{stage}.html#cell-id={p.cell}"


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


def test_a_measured_part_links_to_its_cell():
    view = L.ledger([BY_ID["C29"]], [run(one={"table10_error": 6e-7})])
    assert "06_one_gradient.html#cell-id=06-one-gradient-016" in view._repr_html_()
    unmeasured = L.ledger([BY_ID["C29"]], [run()])
    assert "cell-id" not in unmeasured._repr_html_()
