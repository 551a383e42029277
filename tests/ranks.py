"""Ranks for tests: forked from the test, which has imported everything; they speak gloo on this machine."""

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import torch

from dsmath_lib.engines import parallel

LIMIT_S = 60.0  # then they are killed and the test fails


def on_ranks(n: int, work: Callable[[], Any], limit_s: float = LIMIT_S) -> list[Any]:
    """What ``work()`` returns on each of ``n`` ranks, in order; 1 is one process without a group.

    Raises:
        AssertionError: a rank failed, or they were not done after ``limit_s`` seconds.
    """
    ctx, port = multiprocessing.get_context("fork"), parallel.free_port()
    pairs = [ctx.Pipe(duplex=False) for _ in range(n)]

    def child(rank: int) -> None:
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        torch.set_num_threads(
            1
        )  # the parent's other threads do not live in a fork; OpenMP waits for them
        try:
            if n > 1:
                parallel.join(rank, n, torch.device("cpu"), limit_s)
            pairs[rank][1].send(work())
            parallel.leave()
        except BaseException:
            pairs[rank][1].send(traceback.format_exc())
            os._exit(1)
        os._exit(0)

    started = [ctx.Process(target=child, args=(r,), daemon=True) for r in range(n)]
    try:
        for p in started:
            p.start()
        end = time.monotonic() + limit_s
        found = []
        for r, (reader, _) in enumerate(pairs):
            while not reader.poll(0.05):
                assert time.monotonic() < end, f"rank {r} of {n}: time is up"
                assert started[r].is_alive() or reader.poll(), f"rank {r} of {n} was killed"
            found.append(reader.recv())
        for r, p in enumerate(started):
            p.join(max(0.1, end - time.monotonic()))
            assert p.exitcode == 0, f"rank {r} of {n}: {found[r]}"
    finally:
        for p in started:
            if p.is_alive():
                p.kill()
            p.join()
    return found
