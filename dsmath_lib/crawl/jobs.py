"""Jobs: one function over every shard, run here, in a pool of processes, or on a cluster.

A finished shard leaves a small marker with the key of what made it. So a job that was stopped goes on with the shards
that are missing, on any number of workers, and other settings or other input never take old results for theirs.
"""

import json
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import read_json, write_fast

ShardResult = dict[str, Any]  # plain data; "counts" are added up, "errors" make a shard unfinished


@dataclass(frozen=True)
class Job:
    """``do(shard, n_shards)`` for every shard: reads its input, writes its output whole, returns plain data.

    ``do`` must be picklable (a module's function, or a ``partial`` of one), and must give the same for the same key.
    """

    name: str
    folder: Path
    n: int
    key: str
    do: Callable[[int, int], ShardResult]

    def marker(self, i: int) -> Path:
        return self.folder / self.name / f"{i:05d}.done.json"

    def result(self, i: int) -> ShardResult | None:
        """What a shard left, None if it has not run."""
        row = read_json(self.marker(i))
        return row["result"] if row.get("key") == self.key else None

    def finished(self, i: int) -> ShardResult | None:
        """The result of a shard that is done. One with errors is not: the next run tries it again."""
        result = self.result(i)
        return None if result is None or result.get("errors") else result

    def run_shard(self, i: int) -> ShardResult:
        """Do one shard and mark it, unless it is done."""
        if (result := self.finished(i)) is None:
            result = self.do(i, self.n)
            write_fast(self.marker(i), json.dumps({"key": self.key, "result": result}))
        return result


Runner = Callable[[Job], list[ShardResult]]


def run_job(job: Job, *, workers: int = 1, report: bool = False) -> list[ShardResult]:
    """Run a job here: shard after shard, or in ``workers`` processes. Returns the results in the order of the shards.

    Args:
        report: lines about the progress on standard error.

    Raises:
        RuntimeError: a worker process died (killed, or out of memory); finished shards are kept.
    """
    show = _Progress(job) if report else lambda result: None
    found = {i: job.finished(i) for i in range(job.n)}
    out = {i: done for i, done in found.items() if done is not None}
    for done in out.values():
        show(done)
    todo = [i for i in range(job.n) if i not in out]
    if workers <= 1 or len(todo) <= 1:
        for i in todo:
            out[i] = job.run_shard(i)
            show(out[i])
        return [out[i] for i in range(job.n)]
    size = min(workers, len(todo))
    with ProcessPoolExecutor(size, _context(), _die_with_parent) as pool:
        waiting = {pool.submit(job.run_shard, i): i for i in todo}
        try:
            for future in as_completed(waiting):
                out[waiting[future]] = future.result()
                show(out[waiting[future]])
        except BrokenProcessPool:
            raise RuntimeError(
                f"{job.name}: a worker process died (killed, or out of memory). Finished shards are kept: "
                "run the same command again, with fewer workers"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [out[i] for i in range(job.n)]


def _context() -> Any:
    """Workers are forked by a server that has no threads (a fork of a process with threads can hang).

    It imports once what each worker needs; a command has many small jobs.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "dsmath_lib.crawl.commands"])
    return context


def _die_with_parent() -> None:
    """A worker ends when the process that asked for it is gone, so a killed run leaves nothing behind."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def total_counts(results: Iterable[ShardResult]) -> Counter:
    """The sum of the counts of all shards."""
    total: Counter = Counter()
    for r in results:
        total.update(r.get("counts", {}))
    return total


class _Progress:
    """``extract: 3/40 shards, 12,345 documents, 12 s``: a line that moves in a terminal, else one every 10 s."""

    def __init__(self, job: Job):
        self.job, self.start, self.last = job, time.monotonic(), 0.0
        self.done = self.docs = 0

    def __call__(self, result: ShardResult) -> None:
        self.done += 1
        self.docs += result.get("documents", 0)
        now, end = time.monotonic(), self.done == self.job.n
        live = sys.stderr.isatty()
        if end and not self.docs and now - self.start < 1:
            return  # the small jobs between the long ones
        if not end and now - max(self.last, self.start) < (0.2 if live else 10):
            return
        self.last = now
        text = f"{self.job.name}: {self.done:,}/{self.job.n:,} shards"
        text += f", {self.docs:,} documents" if self.docs else ""
        text += f", {now - self.start:.0f} s"
        stop = "\n" if not live else "\x1b[K\n" if end else "\x1b[K\r"
        print(text, end=stop, file=sys.stderr, flush=True)
