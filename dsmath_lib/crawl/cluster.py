"""The same jobs on a cluster: datatrove's local, Slurm and Ray executors (extra ``scale``) run what ``jobs.run`` runs.

    from dsmath_lib.crawl import cluster, dedup
    runner = cluster.runner("slurm", "logs", tasks=1000, time="04:00:00", partition="cpu", cpus_per_task=1)
    parts, results = dedup.dedup(shards, folder, settings, runner)

All folders must be on a disk that every machine sees. Task ``r`` of ``tasks`` does the shards ``r, r + tasks, …``; the
number of tasks may differ from run to run, because our own markers say what is done, and not datatrove's.
``as_step`` puts one of our steps between datatrove's own readers and writers.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dsmath_lib.base.records import Document
from dsmath_lib.crawl.jobs import Job, Runner, ShardResult
from dsmath_lib.crawl.shards import DocRow, as_record, to_row

POLL_S = 5.0
Step = Callable[[Iterable[Document]], Iterator[Document]]


def task(data: Any, rank: int, world_size: int, *, job: Job) -> None:
    """What a task of the executor does: its share of the shards. A finished shard is passed over."""
    for i in range(rank, job.n, world_size):
        job.run_shard(i)


def runner(kind: str, logs: str | Path, *, tasks: int, **options: Any) -> Runner:
    """A runner that sends each job to a datatrove executor and waits for it.

    Args:
        kind: ``local``, ``slurm`` or ``ray``.
        logs: folder of datatrove's logs and of the scripts it sends.
        tasks: tasks of a job at most.
        options: for the executor, e.g. ``workers`` (local), ``time`` and ``partition`` (Slurm), ``mem_per_cpu_gb``.

    Raises:
        ImportError: the extra ``scale`` is not installed.
        ValueError: unknown kind.
    """
    make = executor_class(kind)

    def go(job: Job) -> list[ShardResult]:
        todo = [i for i in range(job.n) if job.finished(i) is None]
        for i in todo:  # what an earlier run left with errors must not count as done
            job.marker(i).unlink(missing_ok=True)
        if todo:
            name = f"{job.name}-{job.key[:12]}-{time.time_ns():x}"
            extra = {"job_name": job.name, **options} if kind == "slurm" else options
            executor = make(
                pipeline=[partial(task, job=job)],
                tasks=min(tasks, job.n),
                logging_dir=str(Path(logs) / name),
                skip_completed=False,
                **extra,
            )
            executor.run()
        return wait(job, getattr(executor, "job_id", None) if todo else None)

    return go


def executor_class(kind: str) -> Any:
    """datatrove's executor of a kind."""
    if kind not in ("local", "slurm", "ray"):
        raise ValueError(f"kind must be local, slurm or ray, not {kind!r}")
    try:
        from datatrove import executor

        return getattr(executor, f"{kind.title()}PipelineExecutor")
    except ImportError as err:
        raise ImportError(f"{err}; install it with: pip install -e '.[scale]'") from None


def wait(job: Job, slurm_id: Any) -> list[ShardResult]:
    """The results of all shards, once they are there. Slurm returns at once, so this is where a run waits.

    Raises:
        RuntimeError: the executor has ended and shards are missing; finished ones are kept.
    """
    out: dict[int, ShardResult] = {}
    while True:
        ended = slurm_id is None or not _in_queue(slurm_id)
        for i in range(job.n):
            if i not in out and (result := job.result(i)) is not None:
                out[i] = result
        if len(out) == job.n:
            return [out[i] for i in range(job.n)]
        if ended:
            missing = [i for i in range(job.n) if i not in out]
            raise RuntimeError(
                f"{job.name}: {len(missing)} of {job.n} shards were not finished, first {missing[:5]}; see the "
                "executor's logs and run again: finished shards are kept"
            )
        time.sleep(POLL_S)


def _in_queue(slurm_id: Any) -> bool:
    done = subprocess.run(
        ["squeue", "-h", "-j", str(slurm_id)], capture_output=True, text=True, check=False
    )
    return bool(done.stdout.strip())


def as_step(step: Step):
    """One of our steps for a pipeline of datatrove: its documents in, its documents out, metadata kept."""
    return partial(_as_step, step=step)


def _as_step(data: Iterable[Any], rank: int, world_size: int, *, step: Step) -> Iterator[Any]:
    from datatrove.data import Document as Theirs

    def ours() -> Iterator[DocRow]:
        for d in data:
            meta = dict(d.metadata)
            row = to_row({"url": meta.pop("url", ""), **meta, "text": d.text, "_id": d.id})
            if row is not None:
                yield row

    for d in step(ours()):
        record = as_record(d)
        text, name = record.pop("text"), record.pop("_id")
        yield Theirs(text=text, id=name, metadata=record)
