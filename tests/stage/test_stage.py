"""The stage folder: atomic results, the log, resume or start anew, errors upstream, locks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.folders import lock_folder, unlock_folder
from dsmath_lib.params.base import Params
from dsmath_lib.stage.folder import Stage, metrics_digest

VALUES = dict(scale="tiny", seed=0, device="cpu", threads=1, resume=True, artifacts_dir="")


def stage(name="02_b", **change) -> Stage:
    return Stage(Params(**VALUES | change), name)


def test_a_text_with_line_signs_stays_in_its_row():
    """A real model writes any sign; only a line feed ends a row of the log."""
    s, text = stage(), "a\u2028b\u2029c\x85d\x0be\x1cf\ng"
    s.log("samples", 1, texts=[text])
    s.log("samples", 2, texts=["h"])
    s.truncate_log(1)
    assert [r["texts"] for r in s.read_log("samples")] == [[text]]


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


def aside(s: Stage) -> int:
    return len(list((s.dir / "previous").glob("*/attempt.json")))


def test_an_interrupted_run_is_resumed():
    leave_work()
    assert kept(stage())


@pytest.mark.parametrize("change", [{"resume": False}, {"seed": 1}])
def test_other_parameters_or_resume_false_start_anew(change, capsys):
    leave_work()
    s = stage(**change)
    assert not kept(s) and aside(s) == 1
    out = capsys.readouterr().out
    assert ("seed was 0, is 1: done anew" if "seed" in change else "resume is off") in out


def test_a_finished_run_is_read_and_its_results_are_written_with_the_same_numbers(capsys):
    s = leave_work()
    (s.dir / "02_b.ipynb").write_text("{}")
    s.done({"m": 0.1}, timings={"train": 9.0})
    written = (s.dir / "results.json").read_bytes()
    again = stage()
    assert "finished already" in capsys.readouterr().out
    assert kept(again) and (s.dir / "02_b.ipynb").exists()
    again.started -= 1000  # another clock
    again.done({"m": 0.1}, timings={"train": 0.0})
    assert (s.dir / "results.json").read_bytes() == written
    again.done({"m": 0.2}, timings={"train": 0.0})  # other numbers have their own clock
    assert json.loads((s.dir / "results.json").read_text())["timings"] == {"train": 0.0}


def test_finished_results_are_kept_aside_until_the_new_ones_are_complete(capsys):
    s = leave_work()
    s.done({"m": 1})
    old = (s.dir / "results.json").read_bytes()
    other = stage(seed=1)
    assert not (other.dir / "results.json").exists() and not kept(other)
    assert "the finished results are kept in previous/" in capsys.readouterr().out
    back = stage()  # the reader changes their mind in the first cell
    assert (back.dir / "results.json").read_bytes() == old and kept(back)
    assert "seed was 1, is 0: back to the run" in capsys.readouterr().out
    back.done({"m": 1})
    assert aside(back) == 1  # the begun run is not thrown away by reading the finished one
    other = stage(seed=1)
    other.done({"m": 2})
    assert aside(other) == 0 and not (other.dir / "artifacts.previous").exists()


def test_a_finished_run_aside_outlives_other_tries_with_the_same_parameters():
    s = leave_work()
    s.done({"m": 1})
    old = (s.dir / "results.json").read_bytes()
    for _ in range(2):  # begun and given up
        stage(resume=False)
    assert aside(s) == 2
    stage(seed=1)
    back = stage()
    assert (back.dir / "results.json").read_bytes() == old and kept(back)


def test_several_attempts_wait_aside():
    for seed in (0, 1, 2):
        leave_work(seed=seed)
    for seed in (1, 0, 2):
        assert kept(stage(seed=seed))


def test_artifacts_elsewhere_move_aside_there(tmp_path):
    s = leave_work(artifacts_dir=str(tmp_path))
    stage(artifacts_dir=str(tmp_path), seed=1)
    assert not list(s.artifacts.iterdir())
    assert len(list((tmp_path / "tiny" / "02_b.previous").glob("*/shard"))) == 1
    assert kept(stage(artifacts_dir=str(tmp_path)))


def test_what_is_measured_once_is_kept():
    times = iter([{"mb": 1.5}, {"mb": 2.5}, {"mb": 3.5}])
    assert stage().kept("memory", lambda: next(times)) == {"mb": 1.5}
    assert stage().kept("memory", lambda: next(times)) == {"mb": 1.5}
    assert stage(seed=1).kept("memory", lambda: next(times)) == {"mb": 2.5}
    assert stage(seed=1, resume=False).kept("memory", lambda: next(times)) == {"mb": 3.5}


def test_changed_code_starts_anew_and_is_named(monkeypatch, capsys):
    code = {"rl/losses.py": "1", "lm/model.py": "1"}
    monkeypatch.setattr("dsmath_lib.stage.folder.code_of_notebook", lambda path: dict(code))
    leave_work()
    code["rl/losses.py"] = "2"
    assert not kept(stage())
    assert "the code of rl/losses.py has changed" in capsys.readouterr().out


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
    (up.artifacts / "data").write_text("22")
    other = stage()  # said at once, before a cell has read it
    assert not kept(other)
    assert "01_a/data is another: done anew" in capsys.readouterr().out
    other.upstream("01_a", "data")
    (other.artifacts / "half").write_text("x")
    (up.artifacts / "data").write_text("333")
    other.upstream("01_a", "data")  # changed while the notebook was open
    assert not (other.artifacts / "half").exists()


def test_a_missing_input_is_no_change():
    up = stage("01_a")
    (up.artifacts / "data").write_text("1")
    up.done({"m": 1})
    leave_work().upstream("01_a", "data")
    (up.artifacts / "data").unlink()
    s = stage()
    assert kept(s)
    with pytest.raises(StageError, match="dsmath run tiny 01"):
        s.upstream("01_a", "data")


def test_a_folder_from_outside_is_an_input(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_text("1")
    s = leave_work()
    assert s.source(str(model), "01_a", "model") == str(model)
    assert s.source("owner/name", "01_a", "model") == "owner/name"  # its revision is a parameter
    assert kept(stage())
    (model / "weights").write_text("22")
    assert not kept(stage())


def test_a_finished_part_is_taken_over_when_what_made_it_is_unchanged():
    s = leave_work()
    s.log("run", 1, loss=0.5)
    (s.artifacts / "run").mkdir()
    (s.artifacts / "run" / "weights").write_text("w")
    new = stage(seed=1)
    assert new.carry(new.artifacts / "none", "json") is None
    assert new.carry(new.artifacts / "run", "json", lambda old: False) is None
    log = new.carry(new.artifacts / "run", "json")
    assert (new.artifacts / "run" / "weights").read_text() == "w"
    new.take_rows(log, ["run"])
    new.take_rows(log, ["run"])  # twice is once
    assert new.read_log("run") == [{"kind": "run", "step": 1, "loss": 0.5}]
    assert new.read_log("train") == []
    assert stage(seed=2, resume=False).carry(new.artifacts / "run", "json") is None


def test_a_part_is_not_taken_over_from_other_inputs(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "x").write_text("1")
    s = leave_work()
    s.source(str(data), "", "")
    (data / "x").write_text("22")
    new = stage()
    shard = new.artifacts / "shard"
    assert new.carry(shard, "json") is None
    assert new.carry(shard, "json", any_input=True) is not None and shard.read_text() == "x"


def test_done_frees_the_folder():
    s = stage()
    s.done({})
    lock_folder(s.dir, wait_s=0)  # would fail if another handle of this process held it
    unlock_folder(s.dir)


def test_missing_upstream_names_the_command(monkeypatch):
    s = stage()
    with pytest.raises(StageError, match=r"02_b needs 01_a.*dsmath run tiny 01$"):
        s.upstream_results("01_a")
    up = stage("01_a")
    (up.artifacts / "data").write_text("1")
    with pytest.raises(StageError, match=r"dsmath run tiny 01$"):
        s.upstream("01_a", "data")  # there, but its stage is not done
    up.done({})
    with pytest.raises(StageError, match=r"01_a \(nothing\)"):
        s.upstream("01_a", "nothing")


def test_missing_upstream_names_the_whole_chain_first():
    s = stage("05_grpo")
    with pytest.raises(StageError) as err:
        s.upstream("03_sft", "sft")
    line = str(err.value)
    assert line.endswith("run tiny 01 02 03") and "\n" not in line
    command = Path(line.split("Make it with: ")[1].split(" run ")[0])
    assert command == Path(sys.executable).with_name("dsmath") or command == Path("dsmath")
    shown = err.value._render_traceback_()  # what a notebook shows: the line, then the trace
    assert line in shown[0] and any("Traceback" in x for x in shown[1:])
    stage("01_corpus_mining").done({})
    with pytest.raises(StageError, match=r"run tiny 02 03$"):
        s.upstream("03_sft", "sft")


def test_artifacts_dir_moves_artifacts(tmp_path):
    s = stage(artifacts_dir=str(tmp_path))
    assert s.artifacts == tmp_path / "tiny" / "02_b" and s.artifacts.is_dir()


def test_a_folder_has_one_writer(tmp_path):
    folder = tmp_path / "x"
    code = (
        "import sys; from pathlib import Path; from dsmath_lib.stage.folder import *\n"
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


def test_a_place_that_cannot_be_written_names_the_way_out(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StageError, match=r"cannot write to .*; set the variable DSMATH_REPORTS"):
        lock_folder(tmp_path / "file" / "smoke" / "chain")
