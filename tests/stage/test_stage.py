"""The stage folder: atomic results, the log, resume or start anew, errors upstream, locks."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from dsmath_lib.params.base import Params
from dsmath_lib.stage import (
    Stage,
    StageError,
    environment,
    file_digest,
    lock_folder,
    metrics_digest,
    peak_memory_mb,
    unlock_folder,
    write_atomic,
)

VALUES = dict(scale="tiny", seed=0, device="cpu", threads=1, resume=True, artifacts_dir="")


def stage(name="02_b", **change) -> Stage:
    return Stage(Params(**VALUES | change), name)


def test_write_atomic_is_whole_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a" / "x.json"
    write_atomic(path, "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"


def test_log_is_read_back_by_kind_and_a_half_line_is_dropped():
    s = stage()
    s.log("train", 1, loss=2.0)
    s.log("eval", 1, score=float("nan"))
    with s.log_path.open("a") as f:
        f.write('{"kind": "train", "step": 2, "lo')  # killed here
    assert s.read_log("train") == [{"kind": "train", "step": 1, "loss": 2.0}]
    assert s.read_log("eval")[0]["score"] is None
    again = stage()  # a resumed run must not append to half a line
    again.log("train", 2, loss=1.0)
    assert [r["step"] for r in again.read_log("train")] == [1, 2]


def test_truncate_log_forgets_later_rows_of_a_kind():
    s = stage()
    for step in range(5):
        s.log("train", step)
        s.log("eval", step)
    s.truncate_log(2, "train")
    assert [r["step"] for r in s.read_log("train")] == [0, 1, 2]
    assert len(s.read_log("eval")) == 5
    s.truncate_log(0)
    assert len(s.read_log("eval")) == 1


def test_done_writes_plain_results():
    import torch

    s = stage()
    s.done({"a": torch.tensor(0.5), "b": {"value": 1, "low": float("inf")}}, headline=["a"])
    results = json.loads((s.dir / "results.json").read_text())
    assert results["metrics"] == {"a": 0.5, "b": {"value": 1, "low": None}}
    assert results["headline"] == ["a"] and results["params"]["seed"] == 0
    assert results["seconds"] >= 0 and results["peak_memory_mb"]["resident"] > 0
    assert results["environment"]["versions"]["torch"]
    other = results | {"seconds": 99, "environment": {}}
    assert metrics_digest(other) == metrics_digest(results)
    assert metrics_digest(results | {"metrics": {"a": 0.6}}) != metrics_digest(results)


def leave_work(**change) -> Stage:
    s = stage(**change)
    (s.artifacts / "shard").write_text("x")
    (s.dir / "checkpoints").mkdir()
    s.log("train", 1)
    return s


def kept(s: Stage) -> bool:
    found = {
        (s.artifacts / "shard").exists(),
        (s.dir / "checkpoints").exists(),
        bool(s.read_log("train")),
    }
    assert len(found) == 1
    return found.pop()


def test_an_interrupted_run_is_resumed():
    leave_work()
    assert kept(stage())


@pytest.mark.parametrize("change", [{"resume": False}, {"seed": 1}])
def test_other_parameters_or_resume_false_start_anew(change):
    leave_work()
    assert not kept(stage(**change))


def test_a_finished_run_starts_anew_and_spares_the_notebook():
    s = leave_work()
    (s.dir / "02_b.ipynb").write_text("{}")
    s.done({})
    again = stage()
    assert not kept(again) and not (s.dir / "results.json").exists()
    assert (s.dir / "02_b.ipynb").exists()


def test_changed_input_starts_anew(capsys):
    up = stage("01_a")
    (up.artifacts / "data").write_text("1")
    up.done({"m": 1})
    s = leave_work()
    assert s.upstream("01_a", "data").read_text() == "1"
    assert s.upstream_results("01_a")["metrics"] == {"m": 1}
    same = stage()
    same.upstream("01_a", "data")
    assert kept(same)
    (up.artifacts / "data").write_text("2")
    other = stage()
    other.upstream("01_a", "data")
    assert not kept(other)
    assert "01_a/data has changed" in capsys.readouterr().out


def test_done_frees_the_folder():
    s = stage()
    s.done({})
    lock_folder(s.dir, wait_s=0)  # would fail if another handle of this process held it
    unlock_folder(s.dir)


def test_missing_upstream_names_the_command():
    s = stage()
    with pytest.raises(StageError, match=r"02_b needs 01_a.*dsmath run tiny 01_a"):
        s.upstream_results("01_a")
    up = stage("01_a")
    (up.artifacts / "data").write_text("1")
    with pytest.raises(StageError, match="dsmath run tiny 01_a"):
        s.upstream("01_a", "data")  # there, but its stage is not done
    up.done({})
    with pytest.raises(StageError, match=r"01_a \(nothing\)"):
        s.upstream("01_a", "nothing")


def test_artifacts_dir_moves_artifacts(tmp_path):
    s = stage(artifacts_dir=str(tmp_path))
    assert s.artifacts == tmp_path / "tiny" / "02_b" and s.artifacts.is_dir()


def test_file_digest_sees_names_and_content(tmp_path):
    (tmp_path / "a").write_text("1")
    one = file_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert file_digest(tmp_path) != one != file_digest(tmp_path / "b")


def test_a_folder_has_one_writer(tmp_path):
    folder = tmp_path / "x"
    code = (
        "import sys; from pathlib import Path; from dsmath_lib.stage import *\n"
        "try: lock_folder(Path(sys.argv[1]), 0.3)\n"
        "except StageError as e: print(e)\n"
        "else: print('free')"
    )

    def ask() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
        ).stdout

    lock_folder(folder)
    lock_folder(folder)  # the same process may ask again
    assert "is writing to" in ask()
    unlock_folder(folder)
    assert "free" in ask()


def test_peak_memory_is_that_of_this_process_not_of_its_parent():
    """The parent holds more than the child ever does."""
    block = np.ones(1_200_000_000, np.uint8)
    code = "from dsmath_lib.stage import peak_memory_mb; print(peak_memory_mb()['resident'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < peak_memory_mb()["resident"] - 500
    assert block[0] == 1


def test_a_machine_without_git_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    made = environment()
    assert made["git_commit"] is None and made["versions"]["torch"]


def test_a_place_that_cannot_be_written_names_the_way_out(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StageError, match=r"cannot write to .*; set the variable DSMATH_REPORTS"):
        lock_folder(tmp_path / "file" / "smoke" / "chain")
