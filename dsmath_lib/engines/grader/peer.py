"""math-verify in a process of its own, to compare with: killed at the wall clock, works in threads and in JupyterLab.

JSON lines go to ``peer_worker.py``. That process stays warm and forks a child that computes; when a row takes too long
the child is killed and forked again (a few ms), so a hostile expression costs only its time.
"""

import os
import sys
import time
from pathlib import Path

from dsmath_lib.base.workers import START_SECONDS, PerProcess, Pool, Worker

TIMEOUT = "math-verify: timeout"  # as the worker says it
_GRACE = 5.0  # past this the supervisor itself is stuck, and is replaced

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
    """The reply of a worker within ``timeout``, waiting for a free one included; the first start is not counted.

    A supervisor that died (the system may kill it) is replaced, and asked once more.
    """
    pool = _pool.get()
    for _ in range(2):
        start = time.monotonic() if pool.count else None
        worker = pool.take(timeout)
        if worker is None:
            return {"reason": TIMEOUT}
        waited = 0.0 if start is None else time.monotonic() - start
        left = max(0.0, timeout - waited)
        reply = pool.ask(worker, request | {"timeout": left}, left + _GRACE)
        if reply is not None:
            return reply
    raise OSError("math-verify's process died twice")
