"""math-verify in a process of its own, to compare with: killed at the wall clock, works in threads and in JupyterLab.

JSON lines go to ``peer_worker.py``. When a row takes too long its process is killed, and
the next row waits for a new one.
"""

import os
import sys
import time
from pathlib import Path

from dsmath_lib.base.workers import START_SECONDS, PerProcess, Pool, Worker

TIMEOUT = "math-verify: timeout"
_WORKER = Path(__file__).with_name("peer_worker.py")


def _worker() -> Worker:
    worker = Worker([sys.executable, "-I", str(_WORKER)])
    if worker.line(START_SECONDS) is None:
        worker.kill()
        raise OSError("math-verify's process did not start")
    return worker


# more than one, so that threads do not wait for each other
MAX_WORKERS = max(2, min(4, os.cpu_count() or 2))
_pool = PerProcess(lambda: Pool(_worker, MAX_WORKERS), Pool.close)
close_peer = _pool.close


def ask_peer(request: dict, timeout: float) -> dict:
    """The reply of a worker within ``timeout`` seconds of its own, or ``{"reason": …}``.

    A worker that died (the system may kill it) is replaced, and asked once more.
    """
    pool = _pool.get()
    for _ in range(2):
        worker = pool.take(START_SECONDS)
        start = time.monotonic()
        reply = pool.ask(worker, request, timeout) if worker else None
        if reply is not None:
            return reply
        if time.monotonic() - start >= timeout:
            return {"reason": TIMEOUT}
    return {"reason": "math-verify: crashed"}
