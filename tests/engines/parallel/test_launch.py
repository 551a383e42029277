"""Starting ranks: their numbers, and one line when one fails or is killed, with nobody left over."""

import json
import os
import sys
import threading
import time

import psutil
import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines import parallel
from dsmath_lib.engines.parallel import processes as module

SAY = """
import json, os, signal, sys, time
rank = int(os.environ["RANK"])
def note(**what):
    open(f"{folder}/rank-{rank}.json", "w").write(json.dumps({"pid": os.getpid(), **what}))
folder = sys.argv[1]
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "SETTLE_S", 0.5)


def run(folder, script: str, **how):
    parallel.launch([sys.executable, "-c", SAY + script, str(folder)], folder, **how)


def test_each_knows_its_number(tmp_path):
    names = "RANK LOCAL_RANK WORLD_SIZE MASTER_ADDR MASTER_PORT".split()
    seen = []
    run(
        tmp_path,
        f"note(env={{k: os.environ[k] for k in {names}}})",
        processes=3,
        watch=lambda: seen.append(1),
    )
    found = [json.loads((tmp_path / f"rank-{r}.json").read_text())["env"] for r in range(3)]
    assert [e["RANK"] for e in found] == [e["LOCAL_RANK"] for e in found] == ["0", "1", "2"]
    assert {e["WORLD_SIZE"] for e in found} == {"3"} and {e["MASTER_ADDR"] for e in found} == {"127.0.0.1"}  # fmt: skip
    assert len({e["MASTER_PORT"] for e in found}) == 1 and seen


def test_two_machines_share_the_numbers(tmp_path):
    both = [
        threading.Thread(
            target=run,
            args=(tmp_path, "note(state='done', of=os.environ['WORLD_SIZE'], at=os.environ['MASTER_PORT'])"),
            kwargs={"processes": 2, "nodes": 2, "node": node, "address": "127.0.0.1:7777"},
        )
        for node in (0, 1)
    ]  # fmt: skip
    for t in both:
        t.start()
    for t in both:
        t.join()
    found = [json.loads((tmp_path / f"rank-{r}.json").read_text()) for r in range(4)]
    assert [(f["of"], f["at"]) for f in found] == [("4", "7777")] * 4


FAILURES = {
    "killed": (
        "if rank == 1: os.kill(os.getpid(), signal.SIGKILL)",
        "rank 1 of 3: killed by SIGKILL (often: too little memory). The last",
    ),
    "failed": (
        "if rank == 2: note(state='failed', time=2, cause='ValueError: no'); sys.exit(1)",
        "rank 2 of 3: ValueError: no. The last",
    ),
    "never began": (
        "if rank == 0: print('no module named x'); sys.exit(3)",
        "rank 0 of 3: ended with code 3: no module named x. The last",
    ),
    # the one that is gone is named, not the one that misses it
    "missed, failed": (
        """
if rank == 0: note(state='failed', time=1, cause='Error: Connection closed by peer'); sys.exit(1)
if rank == 1: time.sleep(.3); note(state='failed', time=2, cause='ValueError: mine'); sys.exit(1)
""",
        "rank 1 of 3: ValueError: mine. The last",
    ),
    "missed, killed": (
        """
if rank == 0: note(state='failed', time=1, cause='Error: Connection reset by peer'); sys.exit(1)
if rank == 2: time.sleep(0.3); os.kill(os.getpid(), signal.SIGTERM)
""",
        "rank 2 of 3: killed by SIGTERM. The last",
    ),
}


@pytest.mark.parametrize(("script", "said"), FAILURES.values(), ids=FAILURES)
def test_one_line_names_rank_and_cause_and_all_end(tmp_path, script, said):
    begun = time.monotonic()
    with pytest.raises(StageError) as err:
        run(tmp_path, f"note(state='running')\n{script}\ntime.sleep(60)", processes=3)
    assert str(err.value).startswith(said) and "\n" not in str(err.value)
    assert "run the same command again" in str(err.value)
    assert time.monotonic() - begun < 30
    pids = [json.loads(path.read_text())["pid"] for path in tmp_path.glob("rank-*.json")]
    assert not any(psutil.pid_exists(p) and psutil.Process(p).status() != "zombie" for p in pids)


def test_an_interrupt_ends_them(tmp_path):
    def watch():
        if (tmp_path / "rank-1.json").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "note(); time.sleep(60)", processes=2, watch=watch)
    pid = json.loads((tmp_path / "rank-1.json").read_text())["pid"]
    assert not psutil.pid_exists(pid)


def test_a_rank_whose_parent_is_gone_ends(tmp_path):
    """Its input closes; nobody would read what it makes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.dup2(reader, 0)
        module._end_with_parent()
        os._exit(0)
    os.close(reader)
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
