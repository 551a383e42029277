"""math-verify in a process of its own, killed at the wall clock: no signals, works in threads and in JupyterLab.

The client sends JSON lines to ``symbolic_worker.py``. That process stays warm and forks a child that computes; when a
pair takes too long the child is killed and forked again (a few ms), so a hostile expression costs only its budget.
"""

import atexit
import contextlib
import json
import os
import queue
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

MAX_CHARS = 400  # per side; longer answers are not expressions
_HUGE = re.compile(
    r"\^[^^)}]{0,40}\^[^^)}]{0,40}\^"  # a tower of three powers
    r"|\^\s*+(?:\{\s*+)?-?\d{5}|\d{4}\s*!|[)}!]\s*!"  # long exponents, factorials of large or unknown size
)
START_SECONDS = 300.0  # importing SymPy on a busy machine
TIMEOUT = "symbolic comparison: timeout"  # as the worker says it
GRACE = 5.0  # past this the supervisor itself is stuck, and is replaced

_WORKER = Path(__file__).with_name("symbolic_worker.py")


class _Client:
    """One supervisor process and the pipe to it."""

    def __init__(self) -> None:
        self.proc = subprocess.Popen(
            [sys.executable, "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.buffer = b""
        if self._line(START_SECONDS) is None:
            self.kill()
            raise OSError("the symbolic worker did not start")

    def ask(self, request: dict, timeout: float) -> dict | None:
        """The reply, or None when the supervisor is dead or stuck."""
        try:
            self.proc.stdin.write(json.dumps(request).encode() + b"\n")
            self.proc.stdin.flush()
            line = self._line(timeout + GRACE)
            return json.loads(line) if line else None
        except (OSError, ValueError):
            return None

    def _line(self, seconds: float) -> bytes | None:
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.proc.stdout], [], [], seconds)
            data = os.read(self.proc.stdout.fileno(), 65536) if ready else b""
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def kill(self) -> None:
        self.proc.kill()
        self.proc.wait()
        with contextlib.suppress(OSError):  # what was never written cannot be flushed
            self.proc.stdin.close()
        self.proc.stdout.close()


MAX_CLIENTS = max(
    2, min(4, os.cpu_count() or 2)
)  # workers, so that threads do not wait for each other


class _Workers:
    """The clients of this process. The first is started by who asks first; more of them in the background."""

    def __init__(self) -> None:
        self.idle: queue.LifoQueue[_Client] = queue.LifoQueue()
        self.lock = threading.Lock()
        self.count = 0  # clients that live, or are being started

    def take(self, timeout: float) -> _Client | None:
        """A free client, or None when all are busy for ``timeout`` seconds."""
        with self.lock:
            if self.count == 0:
                self.start()
            elif self.idle.empty() and self.count < MAX_CLIENTS:
                self.count += 1
                threading.Thread(target=self._start_more, daemon=True).start()
        try:
            return self.idle.get(timeout=timeout) if timeout > 0 else self.idle.get_nowait()
        except queue.Empty:
            return None

    def start(self) -> None:
        self.idle.put(_Client())
        self.count += 1

    def _start_more(self) -> None:
        try:
            self.idle.put(_Client())
        except OSError:
            self.lost()

    def lost(self) -> None:
        """A client died."""
        with self.lock:
            self.count -= 1


_workers = _Workers()


def _after_fork() -> None:
    """A forked process must not talk through its parent's pipes, nor wait for a thread that is not there."""
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def ask(request: dict, timeout: float) -> dict:
    """The reply of a worker within ``timeout``, waiting for a free one included; the first start is not counted.

    A supervisor that died (the system may kill it) is replaced, and asked once more.
    """
    workers = _workers
    for _ in range(2):
        start = time.monotonic() if workers.count else None
        client = workers.take(timeout)
        if client is None:
            return {"equal": False, "reason": TIMEOUT}
        waited = 0.0 if start is None else time.monotonic() - start
        left = max(0.0, timeout - waited)
        reply = client.ask(request | {"timeout": left}, left)
        if reply is not None:
            workers.idle.put(client)
            return reply
        client.kill()
        workers.lost()
    raise OSError("the symbolic worker died twice")


@atexit.register
def close() -> None:
    """End the idle worker processes; the next comparison starts a new one."""
    with contextlib.suppress(queue.Empty):
        while True:
            _workers.idle.get_nowait().kill()
            _workers.lost()


_known: dict[tuple[str, str], tuple[bool, str]] = {}
_KNOWN_SIZE = 5_000


def symbolic_equal(gold: str, pred: str, timeout: float) -> tuple[bool, str]:
    """math-verify's verdict on two normalised answers, within ``timeout`` seconds; never raises.

    Verdicts are remembered, but not that time ran out.
    """
    if len(gold) > MAX_CHARS or len(pred) > MAX_CHARS:
        return False, "too long for symbolic comparison"
    if _HUGE.search(gold) or _HUGE.search(pred):
        return False, "too large for symbolic comparison"
    if (gold, pred) in _known:
        return _known[gold, pred]
    if timeout <= 0:
        return False, TIMEOUT
    try:
        reply = ask({"gold": gold, "pred": pred, "timeout": timeout}, timeout)
    except OSError as err:
        return False, f"symbolic comparison is not available: {err}"
    verdict = bool(reply["equal"]), str(reply["reason"])
    if verdict[1] != TIMEOUT:
        if len(_known) >= _KNOWN_SIZE:
            _known.clear()
        _known[gold, pred] = verdict
    return verdict
