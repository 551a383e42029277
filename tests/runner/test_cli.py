"""The command line: clear errors, exit codes, clean, doctor."""

import json
import subprocess
import sys

import pytest

from dsmath_lib import cli
from dsmath_lib.doctor import needs, pinned, versions
from dsmath_lib.params.base import ROOT


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
        (["clean", "--scale", "../x"], "no report for scale"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(monkeypatch, capsys, args, text):
    assert call(monkeypatch, *args) == 2
    err = capsys.readouterr().err
    assert text in err and len(err.splitlines()) == 1


def test_no_traceback_for_the_user():
    done = subprocess.run(
        [sys.executable, "-m", "dsmath_lib.cli", "run", "nope"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_params_table(monkeypatch, capsys):
    assert call(monkeypatch, "params", "toy", "00") == 0
    out = capsys.readouterr().out
    assert "group_size" in out and "00_start_here" in out and "03_sft" not in out


def test_clean_removes_reports_but_not_the_reference(monkeypatch, reports):
    for name in ("toy", "mine", "reference"):
        (reports / name).mkdir()
    (reports / "README.md").write_text("x")
    assert call(monkeypatch, "clean", "--scale", "mine") == 0
    assert sorted(p.name for p in reports.iterdir()) == ["README.md", "reference", "toy"]
    assert call(monkeypatch, "clean", "--scale", "reference") == 2
    monkeypatch.setattr(cli, "NOTEBOOKS", reports)
    assert call(monkeypatch, "clean", "--all") == 0
    assert sorted(p.name for p in reports.iterdir()) == ["README.md", "reference"]


def test_clean_strips_notebooks(monkeypatch, tmp_path):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": ["1"], "outputs": [{}]}
    (tmp_path / "05_grpo.ipynb").write_text(json.dumps({"cells": [cell | {"execution_count": 3}]}))
    monkeypatch.setattr(cli, "NOTEBOOKS", tmp_path)
    assert call(monkeypatch, "clean") == 0
    nb = json.loads((tmp_path / "05_grpo.ipynb").read_text())
    assert nb["cells"][0]["outputs"] == [] and nb["cells"][0]["id"] == "05-grpo-001"


def test_pins_are_read_with_all_their_versions(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("a==1.0\nnumpy==2.3 ; python < '3.12'\nnumpy==2.4 ; python >= '3.12'\n# x\n")
    assert pinned(path) == {"a": "1.0", "numpy": "2.3|2.4"}


def test_doctor_compares_with_the_constraints():
    rows = {r["package"]: r for r in versions()}
    assert rows["torch"]["pinned"] and rows["torch"]["installed"] != "–"
    assert rows["vllm"]["ok"] or rows["vllm"]["installed"] != "–"


def test_needs_says_whether_it_was_measured(reports):
    assert "estimate" in needs("smoke")["from"] or "reference" in needs("smoke")["from"]
    assert needs("unheard-of")["from"] == "not measured yet"
    for i in range(6):
        folder = reports / "mine" / f"0{i}_x"
        folder.mkdir(parents=True)
        results = {
            "seconds": 60,
            "peak_memory_mb": {"resident": 1000.0 + i},
            "environment": {"cores": 2},
        }
        (folder / "results.json").write_text(json.dumps(results))
    assert needs("mine") == {
        "scale": "mine",
        "time": "6.0 min",
        "memory": "1.0 GB",
        "from": "measured here, 6 stages, 2 cores",
    }
