"""Bad input is an error before anything runs, with file, key and allowed range."""

import pytest

from dsmath_lib.app import runner
from dsmath_lib.app.cli import join_pairs
from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.overrides import parse_value


def plan(chain, *stages, p=(), scale="tiny"):
    return runner.planned_stages(scale, stages, p, notebooks=chain.notebooks, params=chain.params)


def test_plan_merges_files_and_overrides(chain):
    jobs = plan(chain, p=[("lr", "1e-3"), ("seed", "7"), ("resume", "false")])
    assert [j.stage for j in jobs] == ["01_first", "02_second"]
    assert [j.params["lr"] for j in jobs] == [0.001, 0.001]
    assert jobs[0].params["steps"] == 3
    assert [(j.params["seed"], j.params["resume"]) for j in jobs] == [(7, False)] * 2


def test_an_override_reaches_only_stages_that_have_it(chain):
    assert [j.params.get("steps") for j in plan(chain, p=[("steps", "9")])] == [9, None]


@pytest.mark.parametrize("name", ["01_first", "01", "1", "first"])
def test_stage_by_name_number_or_word(chain, name):
    assert [j.stage for j in plan(chain, name)] == ["01_first"]


@pytest.mark.parametrize(
    "change, p, parts",
    [
        ("lr: 0.5\nsteps: 300\n", [], ["01_first.yaml", "'steps'", "300", "<= 100"]),
        ("lr: 0.5\nsteps: many\n", [], ["01_first.yaml", "'steps'", "'many'", "integer"]),
        (
            "lr: 0.5\nsteps: 3\nstepz: 3\n",
            [],
            ["01_first.yaml", "unknown parameter 'stepz'", "steps"],
        ),
        ("lr: 0.5\nsteps: {a: 1}\n", [], ["01_first.yaml", "flat"]),
        ("lr: 0.5\nsteps: 3\nseed: 1\n", [], ["01_first.yaml", "seed already in", "common.yaml"]),
        ("- 1\n", [], ["01_first.yaml", "flat"]),
        ("a: b: c\n", [], ["01_first.yaml", "not readable as YAML"]),
        (None, [("steps", "0")], ["-p", "01_first", "'steps'", ">= 1"]),
        (None, [("stepz", "5")], ["-p stepz", "did you mean 'steps'"]),
        (None, [("scale", "toy")], ["scale"]),
        (None, [("device", "tpu")], ["'device'", "auto, cpu, cuda"]),
    ],
)
def test_bad_values_name_file_key_and_range(chain, change, p, parts):
    if change is not None:
        (chain.params / "tiny/01_first.yaml").write_text(change)
    with pytest.raises(ParamsError) as err:
        plan(chain, p=p)
    for part in parts:
        assert part in str(err.value)


def test_all_stages_are_checked_first(chain):
    """A mistake in the last stage is found before the first one runs."""
    (chain.params / "tiny/02_second.yaml").write_text("lr: 7\n")
    with pytest.raises(ParamsError, match=r"02_second.yaml.*'lr'"):
        plan(chain)


def test_unknown_scale_and_stage_list_the_known_ones(chain):
    with pytest.raises(ParamsError, match=r"unknown scale 'huge' \(known: tiny\)"):
        plan(chain, scale="huge")
    with pytest.raises(ParamsError, match=r"unknown stage '99' \(known: 01_first, 02_second\)"):
        plan(chain, "99")


@pytest.mark.parametrize("line", ["scale: toy", ""])
def test_scale_must_be_its_folder(chain, line):
    path = chain.params / "tiny/common.yaml"
    path.write_text(path.read_text().replace("scale: tiny", line))
    with pytest.raises(ParamsError, match=r"common.yaml: parameter 'scale'.*'tiny'.*overwritten"):
        plan(chain)


def test_what_no_file_names_is_the_default(chain):
    (chain.params / "tiny/01_first.yaml").write_text("# 01_first at scale tiny: as in the model\n")
    first, second = plan(chain)
    assert (first.params["lr"], first.params["steps"]) == (0.5, 3)
    assert second.params["lr"] == 0.25


def test_a_stage_without_parameters_belongs_to_no_run(chain):
    (chain.params / "tiny/02_second.yaml").unlink()
    assert [j.stage for j in plan(chain)] == ["01_first"]
    with pytest.raises(ParamsError, match=r"02_second.yaml: no such parameter file"):
        plan(chain, "02")


def test_pairs_on_the_command_line():
    assert join_pairs(["run", "toy", "-p", "x", "-1"]) == ["run", "toy", "-p", "x=-1"]
    for bad in (["-p", "x"], ["-p"], ["-p", "x=1", "2"]):
        with pytest.raises(ParamsError, match="-p needs a name and a value"):
            join_pairs(bad)


@pytest.mark.parametrize(
    "text, kind, value",
    [
        ("3", int, 3),
        ("3", str, "3"),
        ("false", bool, False),
        ("[1, 2]", list[int], [1, 2]),
        ("on", str | None, "on"),
        ("a: [", int, "a: ["),
    ],
)
def test_values_on_the_command_line(text, kind, value):
    assert parse_value(text, kind) == value
