"""math-verify in a process of its own, killed at the wall clock: no signals, works in threads and in JupyterLab.

JSON lines go to ``symbolic_worker.py``. That process stays warm and forks a child that computes; when a
pair takes too long the child is killed and forked again (a few ms), so a hostile expression costs only its budget.
"""

import os
import re
import sys
import time
from pathlib import Path

from dsmath_lib.base.workers import START_SECONDS, PerProcess, Pool, Worker

_MAX_CHARS = 400  # per side; longer answers are not expressions
_HUGE = re.compile(
    # a tower of three powers
    r"\^[^^)}]{0,40}\^[^^)}]{0,40}\^"
    # long exponents, factorials of large or unknown size
    r"|\^\s*+(?:\{\s*+)?-?\d{5}|\d{4}\s*!|[)}!]\s*!"
)
TIMEOUT = "symbolic comparison: timeout"  # as the worker says it
_GRACE = 5.0  # past this the supervisor itself is stuck, and is replaced

_WORKER = Path(__file__).with_name("symbolic_worker.py")


def _worker() -> Worker:
    worker = Worker([sys.executable, "-I", str(_WORKER)])
    if worker.line(START_SECONDS) is None:
        worker.kill()
        raise OSError("the symbolic worker did not start")
    return worker


# more than one, so that threads do not wait for each other
MAX_WORKERS = max(2, min(4, os.cpu_count() or 2))
_pool = PerProcess(lambda: Pool(_worker, MAX_WORKERS), Pool.close)
close_symbolic = _pool.close


def ask_symbolic(request: dict, timeout: float) -> dict:
    """The reply of a worker within ``timeout``, waiting for a free one included; the first start is not counted.

    A supervisor that died (the system may kill it) is replaced, and asked once more.
    """
    pool = _pool.get()
    for _ in range(2):
        start = time.monotonic() if pool.count else None
        worker = pool.take(timeout)
        if worker is None:
            return {"equal": False, "reason": TIMEOUT}
        waited = 0.0 if start is None else time.monotonic() - start
        left = max(0.0, timeout - waited)
        reply = pool.ask(worker, request | {"timeout": left}, left + _GRACE)
        if reply is not None:
            return reply
    raise OSError("the symbolic worker died twice")


_known: dict[tuple[str, str], tuple[bool, str]] = {}
_KNOWN_SIZE = 5_000


def symbolic_equal(gold: str, pred: str, timeout: float) -> tuple[bool, str]:
    """math-verify's verdict on two normalised answers, within ``timeout`` seconds; never raises.

    Verdicts are remembered, but not that time ran out.
    """
    if len(gold) > _MAX_CHARS or len(pred) > _MAX_CHARS:
        return False, "too long for symbolic comparison"
    if _HUGE.search(gold) or _HUGE.search(pred):
        return False, "too large for symbolic comparison"
    if (gold, pred) in _known:
        return _known[gold, pred]
    if timeout <= 0:
        return False, TIMEOUT
    try:
        reply = ask_symbolic({"gold": gold, "pred": pred, "timeout": timeout}, timeout)
    except OSError as err:
        return False, f"symbolic comparison is not available: {err}"
    verdict = bool(reply["equal"]), str(reply["reason"])
    if verdict[1] != TIMEOUT:
        if len(_known) >= _KNOWN_SIZE:
            _known.clear()
        _known[gold, pred] = verdict
    return verdict
