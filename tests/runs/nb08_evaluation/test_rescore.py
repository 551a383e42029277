"""`dsmath regrade`: old and new scores from kept files, no model; words of reflection."""

import gzip
import json
import sys

import pytest

from dsmath_lib.app import cli
from dsmath_lib.base.errors import StageError
from dsmath_lib.evaluation import behaviour as reflection
from dsmath_lib.runs.nb08_evaluation import store
from dsmath_lib.runs.nb08_evaluation.rescore import regrade_file, regrade_folder
from dsmath_lib.runs.nb08_evaluation.run import EvalJob, completions_path
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores


def completion(text):
    return {"ids": [1], "text": text, "finish": "eos"}


@pytest.fixture
def folder(tmp_path):
    texts = ["\\boxed{4}", "The answer is 4.", "\\boxed{5}"]
    rows = [
        {"id": str(i), "question": "?", "answer": "4", "greedy": completion(t),
         "samples": [completion("\\boxed{4}"), completion("no")]}
        for i, t in enumerate(texts)
    ]  # fmt: skip
    job = EvalJob("sft", "toy-gsm", "cot")
    store.write_file(completions_path(tmp_path, job), {"rule": "paper"}, rows)
    results = BenchmarkScores(tmp_path, [1, 2])
    results.add(job, rows)
    return tmp_path


def test_old_and_new_scores(folder):
    (row,) = regrade_folder(folder, "strict")
    assert (row["file"], row["rule"], row["n"]) == ("sft/toy-gsm-cot", "paper → strict", 3)
    assert row["greedy, old"].value == pytest.approx(2 / 3)
    assert row["greedy, new"].value == pytest.approx(1 / 3)
    assert row["verdicts changed"] == 1 and row["sampled, new"].value == 0.5
    path = folder / "sft/toy-gsm-cot.jsonl.gz"
    assert regrade_file(path, "strict")["changed"] == ["1"]
    assert store.read_scores(path)["rule"] == "paper"  # nothing is written unless asked for
    regrade_folder(folder, "strict", write=True)
    assert store.read_scores(path)["rule"] == "strict"
    assert "maj@2" in store.read_scores(path)["scores"]
    (back,) = regrade_folder(folder)
    assert back["rule"] == "strict → paper" and back["verdicts changed"] == 1


def test_files_never_graded_damaged_or_not_run(folder, tmp_path):
    store.scores_path(folder / "sft/toy-gsm-cot.jsonl.gz").unlink()
    (folder / "sft/broken.jsonl.gz").write_bytes(b"half")
    only_prompts = folder / "base/minif2f-test-proof.jsonl.gz"
    store.write_file(only_prompts, {"not_run": True}, [{"id": "a", "prompt": "p"}])
    (row,) = regrade_folder(folder)
    assert row["greedy, old"] == "–" and row["greedy, new"].value == pytest.approx(2 / 3)
    with pytest.raises(StageError, match="no completions"):
        regrade_folder(tmp_path / "sft" / "none")


def test_the_command(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dsmath", "regrade", str(folder), "--rule", "strict"])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert not done.value.code
    out = capsys.readouterr().out
    assert "sft/toy-gsm-cot" in out and "paper → strict" in out
    monkeypatch.setattr(sys, "argv", ["dsmath", "regrade", str(folder), "--rule", "strikt"])
    with pytest.raises(SystemExit) as done:
        cli.main()
    assert done.value.code == 2 and "gsm8k-few-shot" in capsys.readouterr().err


def test_words_of_reflection_are_substrings():
    assert reflection.word_counts("Wait, await: let me Recheck.") == {
        "recheck": 1, "rethink": 0, "try again": 0, "wait": 2, "alternatively": 0, "retry": 0,
        "however": 0}  # fmt: skip
    got = reflection.shares(["However, 3.", "plain"])
    assert (got["however"], got["any"], got["n"]) == (0.5, 0.5, 2)
    with pytest.raises(ValueError):
        reflection.shares([])


ROW = {"id": "0", "question": "?", "answer": "4", "greedy": completion("4"), "samples": []}
BAD_FILES = [
    [{"rule": "paper"}, {}],
    [{"rule": ["x"]}, ROW],
    [[], ROW],
    [{"rule": "paper"}, 5],
    [{"rule": "nope"}, ROW],
    [{"rule": "paper"}, ROW | {"greedy": None}],
    [{"rule": "paper"}, ROW | {"samples": {"a": 1}}],
    [5],
    [{}],
]


@pytest.mark.parametrize("lines", BAD_FILES, ids=range(len(BAD_FILES)))
def test_files_of_another_shape_are_named_and_passed_over(folder, lines, capsys):
    bad = folder / "sft" / "bad-cot.jsonl.gz"
    bad.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    (row,) = regrade_folder(folder)
    assert row["file"] == "sft/toy-gsm-cot"
    said = capsys.readouterr().err
    assert not said or (str(bad) in said and said.count("\n") == 1)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_cut_file_is_named(folder, part, capsys):
    whole = next(folder.rglob("*.jsonl.gz"))
    bad = whole.with_name("cut-cot.jsonl.gz")
    bad.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
    assert len(regrade_folder(folder)) == 1
    assert f"{bad}: not graded: damaged, or cut short" in capsys.readouterr().err
