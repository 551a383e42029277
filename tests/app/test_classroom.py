"""A class at any notebook: what is there stays, what is kept is copied, the rest is made."""

import json

import pytest

from dsmath_lib.app import classroom
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.folders import stage_folder


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Reports in a folder of their own, and the stages that would have run."""
    monkeypatch.setenv("DSMATH_REPORTS", str(tmp_path / "reports"))
    asked = []
    monkeypatch.setattr(classroom, "run_stages", lambda scale, names, p: asked.extend(names) or 0)
    return asked


def finished(stage, **artifacts):
    folder = stage_folder("toy", stage)
    for name, text in artifacts.items():
        (folder / "artifacts" / name).mkdir(parents=True)
        (folder / "artifacts" / name / "model.safetensors").write_text(text)
    (folder / "results.json").write_text(json.dumps({"stage": stage}))
    (folder / "log.jsonl").write_text("")
    return folder


def test_kept_models_come_back_and_the_rest_runs(runs, tmp_path, capsys):
    finished("02_pretraining", base="b", tokenizer="t", mined="not kept")
    sft = finished("03_sft", sft="s")
    kept = tmp_path / "kept"
    assert classroom.keep_class(kept=kept) == ["02_pretraining", "03_sft"]
    assert not (kept / "toy" / "02_pretraining" / "artifacts" / "mined").exists()

    (sft / "results.json").unlink()
    assert classroom.open_class("05", kept=kept) == 0
    assert (sft / "results.json").exists()
    assert (sft / "artifacts" / "sft" / "model.safetensors").read_text() == "s"
    assert runs == ["01_corpus_mining", "04_reward_model"]
    out = capsys.readouterr().out
    assert "02_pretraining: there" in out and "03_sft: from the kept" in out
    assert "notebooks/05_grpo.ipynb" in out


def test_what_is_there_is_not_touched(runs, tmp_path):
    sft = finished("03_sft", sft="kept one")
    classroom.keep_class(kept=tmp_path / "kept")
    (sft / "artifacts" / "sft" / "model.safetensors").write_text("mine")
    classroom.open_class("04", kept=tmp_path / "kept")
    assert (sft / "artifacts" / "sft" / "model.safetensors").read_text() == "mine"


def test_a_notebook_that_needs_nothing_is_ready_at_once(runs, tmp_path):
    assert classroom.open_class("00", kept=tmp_path) == 0 and runs == []


def test_too_large_models_are_not_kept(runs, tmp_path, monkeypatch):
    finished("03_sft", sft="s" * 100)
    monkeypatch.setattr(classroom, "MOST", 50)
    with pytest.raises(StageError, match="at most 50"):
        classroom.keep_class(kept=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_models_that_are_in_git_are_small():
    files = [p for p in classroom.KEPT.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= classroom.MOST
    assert {p.suffix for p in files} <= {".json", ".jsonl", ".safetensors"}
