"""The chain: done, up to date, failed, killed, resumed."""

import json
import os
import signal
import subprocess
import sys
import time

import papermill
import psutil
import pytest
from papermill.exceptions import PapermillExecutionError

from dsmath_lib.app import runner
from dsmath_lib.base.folders import lock_folder, unlock_folder
from dsmath_lib.base.paths import ROOT


def go(chain, *stages, p=()):
    return runner.run_stages("tiny", stages, p, notebooks=chain.notebooks, params=chain.params)


def read(path):
    return json.loads(path.read_text())


def test_runs_in_order_then_is_up_to_date_then_reacts_to_change(chain, reports, capsys):
    assert go(chain) == runner.OK
    out = capsys.readouterr().out
    assert "hello from the second" in out and "TCP" not in out
    folder = reports / "tiny"
    assert read(folder / "01_first/results.json")["metrics"] == {"value": 1.5}
    assert read(folder / "02_second/results.json")["metrics"] == {"value": 1.75}
    assert set(read(folder / "results.json")["stages"]) == {"01_first", "02_second"}
    index = (folder / "index.html").read_text()
    assert index.count("✓ done") == 2 and "01_first/01_first.html" in index
    assert (folder / "01_first/01_first.html").exists() and (reports / "assets/tex-svg.js").exists()

    first, second = (folder / f"{s}/results.json" for s in ("01_first", "02_second"))
    first_written, stamp = first.stat().st_mtime_ns, second.stat().st_mtime_ns
    assert go(chain) == runner.OK
    assert capsys.readouterr().out.count("up to date") == 2
    assert (first.stat().st_mtime_ns, second.stat().st_mtime_ns) == (first_written, stamp)

    # words do not count, code does
    text = (chain.notebooks / "01_first.ipynb").read_text()
    (chain.notebooks / "01_first.ipynb").write_text(
        text.replace("cfg.lr * cfg.steps", "cfg.lr*cfg.steps")
    )
    assert go(chain) == runner.OK
    assert (folder / "02_second/results.json").stat().st_mtime_ns == stamp

    # another value runs this stage, and the one that reads it
    capsys.readouterr()
    assert go(chain, "01", p=[("steps", "4")]) == runner.OK
    assert read(folder / "01_first/results.json")["metrics"] == {"value": 2.0}
    assert "01_first: up to date" not in capsys.readouterr().out
    assert go(chain, "02") == runner.OK
    assert read(folder / "02_second/results.json")["metrics"] == {"value": 2.25}

    # results that somebody else wrote are not this run's results
    (folder / "02_second/results.json").write_text("{}")
    assert go(chain, "02") == runner.OK
    assert read(folder / "02_second/results.json")["metrics"] == {"value": 2.25}


def test_back_to_old_parameters_brings_the_finished_run_back(chain, reports, capsys):
    assert go(chain) == runner.OK
    folder = reports / "tiny/01_first"
    old = (folder / "results.json").read_bytes()
    chain.write("01_first", "1 / 0")
    assert (
        go(chain, "01", p=[("steps", "4")]) == runner.STAGE_FAILED
    )  # nothing is lost by a bad try
    assert not (folder / "results.json").exists()
    chain.write("01_first", 'stage.done({"value": cfg.lr * cfg.steps}, headline=["value"])')
    capsys.readouterr()
    assert go(chain) == runner.OK
    out = capsys.readouterr().out
    assert "back to the run" in out and out.count("up to date") == 2
    assert (folder / "results.json").read_bytes() == old
    assert (folder / "01_first.html").exists()


COUNT = """
path = stage.artifacts / "made.txt"
made = path.read_text() if path.exists() else "once"
path.write_text(made + " again" if path.exists() else made)
"""


def test_a_changed_cell_keeps_what_the_stage_has_made(chain, reports, capsys):
    chain.write("01_first", COUNT, 'stage.done({"value": 1})')
    assert go(chain, "01") == runner.OK
    chain.write("01_first", COUNT, 'stage.done({"value": 2})')
    assert go(chain, "01") == runner.OK
    folder = reports / "tiny/01_first"
    assert (folder / "artifacts/made.txt").read_text() == "once again"
    assert read(folder / "results.json")["metrics"] == {"value": 2}


def test_resume_off_starts_anew_and_drops_the_old_run_at_the_end(chain, reports):
    chain.write("01_first", COUNT, 'stage.done({"value": 1})')
    for _ in range(2):
        assert go(chain, "01", p=[("resume", "false")]) == runner.OK
        folder = reports / "tiny/01_first"
        assert (folder / "artifacts/made.txt").read_text() == "once"
        assert {p.name for p in folder.iterdir()} == {
            "01_first.html", "01_first.ipynb", "artifacts", "attempt.json", "digest.json",
            "results.json",
        }  # fmt: skip
        chain.write("01_first", COUNT, 'stage.done({"value": 2})')


def failed(chain, reports, capsys, *, contains):
    assert go(chain) == runner.STAGE_FAILED
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert err.startswith("01_first FAILED after") and contains in err
    assert "run the same command again" in err
    folder = reports / "tiny"
    assert not (folder / "01_first/results.json").exists()
    assert not (folder / "02_second").exists()  # the chain stops
    assert "✗ failed" in (folder / "index.html").read_text()
    assert (folder / "01_first/01_first.html").exists()
    return (folder / "01_first/01_first.html").read_text()


def test_failing_cell_gives_one_line_and_a_partial_report(chain, reports, capsys):
    chain.write(
        "01_first", 'print("this far")', 'raise ValueError("asked to\\nfail")', "stage.done({})"
    )
    page = failed(chain, reports, capsys, contains="ValueError: asked to fail")
    assert "this far" in page and "ValueError" in page


def test_results_written_before_a_failure_do_not_count(chain, reports, capsys):
    chain.write("01_first", 'stage.done({"value": 1})', "1 / 0")
    failed(chain, reports, capsys, contains="ZeroDivisionError")


def test_dead_kernel_is_a_failure(chain, reports, capsys):
    chain.write("01_first", "import os\nos._exit(0)", "stage.done({})")
    failed(chain, reports, capsys, contains="process died")


def test_sys_exit_is_a_failure(chain, reports, capsys):
    chain.write("01_first", "import sys\nsys.exit(0)", "stage.done({})")
    failed(chain, reports, capsys, contains="without its results")


LOOP = """
import time
from pathlib import Path
path = stage.artifacts / "count.txt"
done = int(path.read_text()) if path.exists() else 0
stage.log("start", done)
for step in range(done, cfg.steps):
    while step == 3 and not Path("GO").exists():  # stands still until it is killed, or may go on
        time.sleep(0.01)
    path.write_text(str(step + 1))
(stage.dir / "resumed_from.txt").write_text(str(done))
"""
SCRIPT = """
import sys
from dsmath_lib.app import runner
from dsmath_lib.rows.stages import STAGES, Spec
from pathlib import Path
STAGES.clear()
STAGES["01_first"] = Spec("tiny_chain_params:FirstParams")
root = Path(sys.argv[1])
sys.exit(runner.run_stages("tiny", ["01"], [tuple(x.split("=")) for x in sys.argv[2:]],
                    notebooks=root / "notebooks", params=root / "params"))
"""


def start(chain, *args):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(chain.root), *args],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # a shell's background job ignores Ctrl-C, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def loop(chain) -> str:
    return LOOP.replace("GO", str(chain.root / "go"))


def wait_for(path, text, timeout=300):
    deadline = time.monotonic() + timeout
    while not (path.exists() and path.read_text() == text):
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def kill_with_children(process):
    family = [process, *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    process.wait()


def test_killed_run_resumes_and_other_parameters_start_anew(chain, reports):
    chain.write("01_first", loop(chain), 'stage.done({"count": int(path.read_text())})')
    folder = reports / "tiny/01_first"
    go_on = chain.root / "go"

    def killed(*args):
        (folder / "artifacts/count.txt").unlink(missing_ok=True)
        go_on.unlink(missing_ok=True)
        process = start(chain, *args)
        wait_for(folder / "artifacts/count.txt", "3")
        kill_with_children(process)
        assert not (folder / "results.json").exists()
        assert read(folder / "digest.json")["state"] == "started"

    def finished(*args):
        go_on.touch()
        process = start(chain, *args)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        assert read(folder / "results.json")["metrics"] == {"count": 6}
        return int((folder / "resumed_from.txt").read_text()), out

    killed("steps=6")
    resumed_from, out = finished("steps=6")
    assert resumed_from == 3 and "going on" in out
    killed("steps=6", "lr=0.1")
    resumed_from, out = finished("steps=6", "lr=0.2")
    assert resumed_from == 0 and "lr was 0.1, is 0.2: done anew" in out
    killed("steps=6")
    assert finished("steps=6", "resume=false")[0] == 0


def test_ctrl_c_keeps_what_was_finished(chain, reports):
    chain.write("01_first", loop(chain), "stage.done({})")
    process = start(chain, "steps=6")
    wait_for(reports / "tiny/01_first/artifacts/count.txt", "3")
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == runner.INTERRUPTED, out
    assert "interrupted" in out and "Traceback" not in out
    assert (reports / "tiny/01_first/artifacts/count.txt").exists()
    assert (reports / "tiny/01_first/01_first.html").exists()


def test_two_runs_of_one_scale_do_not_meet(chain, reports):
    held = reports / "tiny/chain"
    lock_folder(held)
    try:
        process = start(chain)
        out, _ = process.communicate(timeout=300)
    finally:
        unlock_folder(held)
    assert process.returncode != 0 and "is writing to" in out


def test_a_notebook_with_a_scale_of_dots_touches_nothing(chain, tmp_path, monkeypatch):
    """papermill, and so JupyterLab: the name is checked by the notebook itself."""
    project = tmp_path / "project"
    monkeypatch.setenv("DSMATH_REPORTS", str(project / "reports"))
    (project / "01_first").mkdir(parents=True)
    (project / "01_first" / "work").write_text("mine")
    before = sorted(project.rglob("*"))
    with pytest.raises(PapermillExecutionError) as err:
        papermill.execute_notebook(
            chain.notebooks / "01_first.ipynb",
            tmp_path / "out.ipynb",
            parameters={"scale": ".."},
            progress_bar=False,
            cwd=ROOT,
            kernel_name="python3",
            language="python",
        )
    assert err.value.ename == "ParamsError" and len(err.value.evalue.splitlines()) == 1
    assert "parameter 'scale' = '..'" in err.value.evalue
    assert sorted(project.rglob("*")) == before
