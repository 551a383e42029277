"""Jobs: every shard once, resumed by key, errors tried again, the pool equal to one process."""

import os
from functools import partial
from pathlib import Path

import pytest

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
