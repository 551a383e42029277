"""The command line: clear errors, exit codes, clean, doctor."""

import json
import os
import subprocess
import sys

import pytest

from dsmath_lib.app import cli
from dsmath_lib.app.doctor import REFERENCE, needs, pinned_versions, versions
from dsmath_lib.base.paths import ROOT


def call(monkeypatch, *args) -> int:
    monkeypatch.setattr(sys, "argv", ["dsmath", *args])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


@pytest.mark.parametrize(
    "args, text",
    [
        (["run", "nope"], "unknown scale 'nope' (known: "),
        (["run", "toy", "77"], "unknown stage '77'"),
        (["run", "toy", "00", "-p", "stepz", "3"], "did you mean 'steps'"),
        (["run", "toy", "00", "-p", "steps", "0"], ">= 1"),
        (["run", "toy", "-p", "lr"], "-p needs a name and a value"),
        (["report", "toy"], "make it with: dsmath run toy"),
        (["params", "nope"], "unknown stage 'nope'"),
        (["clean", "--scale", "unheard-of"], "no report for scale"),
        (["clean", "--scale", ".."], "'..' is no plain name"),
        (["clean", "--scale", "."], "'.' is no plain name"),
        (["clean", "--scale", "../x"], "'../x' is no plain name"),
        (["clean", "--scale", "reference"], "'reference' cannot be a scale"),
        (["report", ".."], "'..' is no plain name"),
        (["report", "a/b"], "'a/b' is no plain name"),
        (["run", ".."], "'..' is no plain name"),
        (["run", "./toy"], "'./toy' is no plain name"),
        (["run", ""], "'' is no plain name"),
        (["params", ".."], "unknown stage '..'"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(monkeypatch, capsys, args, text):
    assert call(monkeypatch, *args) == 2
    err = capsys.readouterr().err
    assert text in err and len(err.splitlines()) == 1


def test_no_traceback_for_the_user():
    done = subprocess.run(
        [sys.executable, "-m", "dsmath_lib.app.cli", "run", "nope"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_reports_that_cannot_be_written_are_one_line(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path / "file" / "reports"))
    assert call(monkeypatch, "run", "smoke", "00") == 2
    err = capsys.readouterr().err
    assert "set the variable DSMATH_REPORTS" in err and len(err.splitlines()) == 1


def test_params_table(monkeypatch, capsys):
    assert call(monkeypatch, "params", "toy", "00") == 0
    out = capsys.readouterr().out
    assert "group_size" in out and "00_start_here" in out and "03_sft" not in out


@pytest.mark.parametrize("args", [("clean", "--scale", ".."), ("report", ".."), ("run", "..")])
def test_a_name_of_dots_touches_nothing(monkeypatch, tmp_path, args):
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path / "project" / "reports"))
    for name in (".git/config", "notebooks/00_start_here.ipynb", "reports/toy/results.json"):
        (tmp_path / "project" / name).parent.mkdir(parents=True)
        (tmp_path / "project" / name).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert call(monkeypatch, *args) == 2
    assert sorted(tmp_path.rglob("*")) == before


def test_clean_removes_reports_but_not_the_reference(monkeypatch, reports):
    for name in ("toy", "mine", "reference"):
        (reports / name / "05_grpo").mkdir(parents=True)
        (reports / name / "05_grpo" / "results.json").write_text("{}")
    (reports / "README.md").write_text("x")
    assert call(monkeypatch, "clean", "--scale", "mine") == 0
    assert sorted(p.name for p in reports.iterdir()) == ["README.md", "reference", "toy"]
    assert call(monkeypatch, "clean", "--scale", "reference") == 2
    monkeypatch.setattr(cli, "_NOTEBOOKS", reports)
    assert call(monkeypatch, "clean", "--all") == 0
    assert sorted(p.name for p in reports.iterdir()) == ["README.md", "reference"]


def test_clean_strips_notebooks(monkeypatch, tmp_path):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["1"], "outputs": [{}]}
    (tmp_path / "05_grpo.ipynb").write_text(json.dumps({"cells": [cell | {"execution_count": 3}]}))
    monkeypatch.setattr(cli, "_NOTEBOOKS", tmp_path)
    assert call(monkeypatch, "clean") == 0
    nb = json.loads((tmp_path / "05_grpo.ipynb").read_text())
    assert nb["cells"][0]["outputs"] == [] and nb["cells"][0]["id"] == "05-grpo-001"


def test_pins_are_read_with_all_their_versions(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("a==1.0\nnumpy==2.3 ; python < '3.12'\nnumpy==2.4 ; python >= '3.12'\n# x\n")
    assert pinned_versions(path) == {"a": "1.0", "numpy": "2.3|2.4"}


def test_doctor_compares_with_the_constraints():
    rows = {r["package"]: r for r in versions()}
    assert rows["torch"]["pinned"] and rows["torch"]["installed"] != "–"
    assert rows["vllm"]["ok"] or rows["vllm"]["installed"] != "–"


def results(folder, name, seconds, mb):
    folder.mkdir(parents=True, exist_ok=True)
    kept = {
        "seconds": seconds,
        "peak_memory_mb": {"resident": mb},
        "environment": {"cores": 2, "device": "cpu"},
    }
    (folder / name).write_text(json.dumps(kept))


def test_needs_reads_the_kept_run_with_the_most_stages(reports, tmp_path):
    """Time is a sum over the stages of one run, memory the most of one stage; nothing is typed."""
    assert needs("toy", tmp_path)["from"] == "not measured yet"
    for i in range(10):
        results(tmp_path / "toy/seed0", f"0{i}_x.json", 90, 1000.0 + 100 * i)
    for i in range(4):
        results(tmp_path / "toy/seed1", f"0{i}_x.json", 9000, 9000.0)
    row = {"scale": "toy", "time": "15.0 min", "memory": "1.9 GB"}
    assert needs("toy", tmp_path) == row | {"from": "kept run, seed0, 10 stages, cpu, 2 cores"}
    results(reports / "toy/00_x", "results.json", 60, 500.0)
    assert needs("toy", tmp_path)["time"] == "15.0 min", "one stage here is not the scale"
    for i in range(10):
        results(reports / f"toy/0{i}_x", "results.json", 120, 800.0)
    row = {"scale": "toy", "time": "20.0 min", "memory": "0.8 GB"}
    assert needs("toy", tmp_path) == row | {"from": "measured here, 10 stages, cpu, 2 cores"}


def test_a_part_of_a_scale_says_so(reports, tmp_path):
    results(reports / "toy/00_x", "results.json", 60, 500.0)
    assert needs("toy", tmp_path)["from"] == "measured here, 1 of 10 stages, cpu, 2 cores"


def test_doctor_says_of_the_toy_what_the_reference_run_measured(reports, monkeypatch, capsys):
    kept = [json.loads(p.read_text()) for p in (REFERENCE / "toy/seed0").glob("*.json")]
    minutes = sum(r["seconds"] for r in kept) / 60
    peak = max(r["peak_memory_mb"]["resident"] for r in kept) / 1000
    assert len(kept) == 10
    assert call(monkeypatch, "doctor") == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("toy "))
    assert line.split()[1:5] == [f"{minutes:.1f}", "min", f"{peak:.1f}", "GB"]
    assert "kept run, seed0" in line


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_output_that_lacks_a_letter_is_no_failure(encoding, tmp_path):
    """Run messages and the table of parameters hold letters that such a terminal has not."""
    env = os.environ | {"PYTHONIOENCODING": encoding, "DSMATH_REPORTS": str(tmp_path / "报告")}
    for args, there in ((["params", "smoke", "00"], "group_size"), (["report", "smoke"], "??")):
        command = [sys.executable, "-m", "dsmath_lib.app.cli", *args]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, env=env)
        assert b"Traceback" not in done.stderr
        assert there.encode() in done.stdout + done.stderr


def test_names_that_python_cannot_read_are_one_line(tmp_path):
    env = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C", "DSMATH_REPORTS": str(tmp_path / "报告")}
    command = [sys.executable, "-m", "dsmath_lib.app.cli", "run", "smoke", "00"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "PYTHONUTF8=1" in done.stderr
    env["PYTHONUTF8"] = "1"
    again = subprocess.run(
        [*command[:3], "report", "smoke"], capture_output=True, cwd=ROOT, env=env
    )
    assert "报告".encode() in again.stderr, "the advice helps"
