"""One command for several seeds or a control world: names, costs, the ledger over all of them."""

import json

import pytest

from dsmath_lib.app import runner, variants
from dsmath_lib.base.errors import ParamsError


def test_names_of_reports():
    assert variants.report_name("claims", 0) == "claims"
    assert variants.report_name("claims", 2) == "claims-seed2"
    assert variants.report_name("control", 1, "plain-web") == "control-plain-web-seed1"


def test_seeds_are_different_whole_numbers():
    assert variants.seeds_of("0,1, 2") == [0, 1, 2]
    for bad in ("", "0,0", "a", "1,-1", "1.5"):
        with pytest.raises(ParamsError, match="different whole numbers"):
            variants.seeds_of(bad)


@pytest.fixture
def ran(monkeypatch, tmp_path):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    calls = []

    def run_stages(scale, stages, overrides, *, into):
        calls.append((scale, tuple(stages), dict(overrides), into))
        return runner.STAGE_FAILED if "fails" in dict(overrides).values() else runner.OK

    monkeypatch.setattr(variants, "run_stages", run_stages)
    return calls


def test_all_stages_of_a_seed_then_of_the_next_and_the_ledger_once(ran, capsys):
    code = variants.run_variants("smoke", ["00", "03", "09"], [("device", "cpu")], [0, 1])
    assert code == runner.OK
    assert [(s, into) for _, s, _, into in ran] == [
        (("00_start_here",), "smoke"), (("03_sft",), "smoke"), (("00_start_here",), "smoke-seed1"),
        (("03_sft",), "smoke-seed1"), (("09_paper_vs_ours",), "smoke"),
    ]  # fmt: skip
    assert [o["seed"] for _, _, o, _ in ran] == ["0", "0", "1", "1", "0"]
    assert json.loads(ran[-1][2]["other_seeds"]) == ["smoke-seed1"]
    assert all(o["device"] == "cpu" and o["world"] == "normal" for _, _, o, _ in ran)
    assert capsys.readouterr().out.count("03_sft, smoke") == 2


def test_a_piece_that_fails_ends_it(ran, monkeypatch):
    monkeypatch.setattr(
        variants, "run_stages", lambda *a, into: ran.append(into) or runner.STAGE_FAILED
    )
    assert variants.run_variants("smoke", ["00"], [], [0, 1]) == runner.STAGE_FAILED
    assert ran == ["smoke"]


def test_bad_input_runs_nothing(ran):
    with pytest.raises(ParamsError, match="unknown world 'flat'"):
        variants.run_variants("smoke", [], [], [0], "flat")
    with pytest.raises(ParamsError, match="--seeds and --world"):
        variants.run_variants("smoke", [], [("seed", "3")], [0])
    assert not ran


def test_the_cost_is_that_of_a_run_of_this_size(monkeypatch, tmp_path):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    (job,) = runner.planned_stages("smoke", ["03"], [("seed", "1")], into="smoke-seed1")
    assert (
        job.folder == tmp_path / "smoke-seed1" / "03_sft" and job.params["scale"] == "smoke-seed1"
    )

    def kept(folder, seconds, **params):
        path = folder / "03_sft" / "results.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"seconds": seconds, "params": job.params | params}))

    none = tmp_path / "none"
    assert variants.measured_seconds(job, none) is None
    kept(tmp_path / "smoke", 700.0, seed=0, scale="smoke")
    kept(tmp_path / "smoke-long", 9000.0, steps=500)
    assert variants.measured_seconds(job, none) == 700.0
    assert dict(variants.estimated([job]))["03_sft"] == "about 11.7 min, as a run before"
    kept(tmp_path / "other", 11_000.0)
    assert "over 3 h" in dict(variants.estimated([job]))["03_sft"]


def test_without_a_run_the_plan_says_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path))
    monkeypatch.setattr(variants, "measured_seconds", lambda job: None)
    jobs = runner.planned_stages("smoke", ["00", "02", "03"], [])
    costs = dict(variants.estimated(jobs))
    assert costs["00_start_here"] == "cost unknown" and "by the plan" in costs["03_sft"]


def test_the_control_scale_runs_in_every_world():
    for world in variants.WORLDS:
        jobs = runner.planned_stages("control", [], [("world", world)], into="control-x")
        assert {j.params["world"] for j in jobs} == {world} and len(jobs) >= 4
