"""Jobs: every shard once, resumed by key, errors tried again, the pool equal to one process."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.crawl import jobs
from dsmath_lib.crawl.jobs import Job


def square(folder: Path, i: int, n: int) -> dict:
    (folder / f"ran-{i}-{os.getpid()}-{len(list(folder.glob('ran-*')))}").touch()
    return {"documents": i * i, "counts": {"n": n}, "errors": ["bad"] if i in BAD else []}


def die(i: int, n: int) -> dict:
    if i == 1:
        os._exit(9)
    return {}


BAD: set[int] = set()


def ran(folder: Path) -> list[str]:
    return sorted(p.name.split("-")[1] for p in folder.glob("ran-*"))


def test_resume_by_key(tmp_path: Path) -> None:
    job = Job("j", tmp_path, 4, "key", partial(square, tmp_path))
    job.run_shard(2)
    assert [r["documents"] for r in jobs.run_job(job)] == [0, 1, 4, 9] and ran(tmp_path) == list(
        "0123"
    )
    assert jobs.total_counts(jobs.run_job(job)) == {"n": 16} and len(ran(tmp_path)) == 4
    jobs.run_job(Job("j", tmp_path, 4, "other", partial(square, tmp_path)))
    assert len(ran(tmp_path)) == 8
    job.marker(3).write_text('{"key": "oth')
    jobs.run_job(Job("j", tmp_path, 4, "other", partial(square, tmp_path)))
    assert len(ran(tmp_path)) == 9


def test_shards_with_errors_run_again(tmp_path: Path) -> None:
    job = Job("j", tmp_path, 3, "key", partial(square, tmp_path))
    BAD.add(1)
    try:
        assert jobs.run_job(job)[1]["errors"] == ["bad"] == job.result(1)["errors"]
    finally:
        BAD.clear()
    assert jobs.run_job(job)[1]["errors"] == [] and ran(tmp_path) == ["0", "1", "1", "2"]


def test_pool_gives_the_same_and_names_a_dead_worker(tmp_path: Path, capsys) -> None:
    job = Job("squares", tmp_path, 5, "key", partial(square, tmp_path))
    results = jobs.run_job(job, workers=2, report=True)
    assert [r["documents"] for r in results] == [0, 1, 4, 9, 16]
    assert f"-{os.getpid()}-" not in " ".join(p.name for p in tmp_path.glob("ran-*"))
    assert "squares: 5/5 shards, 30 documents" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="deadly: a worker process died"):
        jobs.run_job(Job("deadly", tmp_path, 3, "key", die), workers=2)


def linger(folder: Path, i: int, n: int) -> dict:
    (folder / f"pid-{os.getpid()}").touch()
    time.sleep(100)
    return {}


LINGERING = """
import multiprocessing, sys
from functools import partial
from pathlib import Path
from dsmath_lib.crawl import jobs
from tests.crawl.test_jobs import linger
folder = Path(sys.argv[1])
jobs.run_job(jobs.Job("l", folder, 2, "key", partial(linger, folder)), workers=2)
"""


def lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", LINGERING, str(tmp_path)], env=env)
    while len(pids := list(tmp_path.glob("pid-*"))) < 2 and parent.poll() is None:
        time.sleep(0.02)
    workers = [int(p.name[4:]) for p in pids]
    assert len(workers) == 2 and all(map(lives, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 60
    while any(map(lives, workers)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(lives, workers))
