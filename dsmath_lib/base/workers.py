"""Child processes that answer questions and may be killed: one JSON line a question, one a reply.

A worker ends when its input closes, so it does not outlive this process. It stands in a session of its own: a Ctrl-C
does not reach it, and it is killed with all that it started.
"""

import atexit
import ctypes
import json
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

START_SECONDS = 300.0  # for a worker that imports SymPy, on a busy machine


class Worker:
    """One process and the pipes to it; ``options`` go to ``Popen``."""

    def __init__(self, command: Sequence[str], **options):
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self.proc = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=null, start_new_session=True, **options
        )
        self.buffer = b""

    def ask(self, question: dict, seconds: float) -> dict | None:
        """The reply within ``seconds``; None when the worker is dead, stuck, or talks nonsense."""
        try:
            self.proc.stdin.write(json.dumps(question).encode() + b"\n")
            self.proc.stdin.flush()
            line = self.line(seconds)
            return json.loads(line) if line else None
        except (OSError, ValueError):
            return None

    def line(self, seconds: float) -> bytes | None:
        """The next line that it writes; None when there is none within ``seconds``."""
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.proc.stdout], [], [], seconds)
            data = os.read(self.proc.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()
        # what was never written cannot be flushed
        with suppress(OSError):
            self.proc.stdin.close()
        self.proc.stdout.close()


class Pool:
    """At most ``size`` workers. The first is started by who asks first; more of them in the background."""

    def __init__(self, make: Callable[[], Worker], size: int):
        self.make, self.size = make, size
        self.idle: list[Worker] = []
        self.count = 0  # workers that live, or are being started
        self.changed = threading.Condition()

    def take(self, seconds: float | None = None) -> Worker | None:
        """A free worker, or None when all are busy for ``seconds``; raises what ``make`` raises.

        The start of the first one does not count to ``seconds``.
        """
        with self.changed:
            while True:
                if not self.count:
                    self.idle.append(self.make())
                    self.count = 1
                elif not self.idle and self.count < self.size:
                    self.count += 1
                    threading.Thread(target=self._grow, daemon=True).start()
                if not self.changed.wait_for(lambda: self.idle or not self.count, seconds):
                    return None
                if self.idle:
                    return self.idle.pop()

    def ask(self, worker: Worker, question: dict, seconds: float) -> dict | None:
        """The reply of a worker that was taken, which is free after it; one that gives none is killed."""
        reply = None
        try:
            reply = worker.ask(question, seconds)
        finally:
            if reply is None:
                worker.kill()
                self._lost()
            else:
                self.give(worker)
        return reply

    def give(self, worker: Worker) -> None:
        """Set a worker free that was taken."""
        with self.changed:
            self.idle.append(worker)
            self.changed.notify()

    def close(self) -> None:
        """End the free workers; the next question starts a new one."""
        while self.idle:
            self.idle.pop().kill()
            self._lost()

    def _grow(self) -> None:
        try:
            self.give(self.make())
        except (OSError, RuntimeError):
            self._lost()

    def _lost(self) -> None:
        with self.changed:
            self.count -= 1
            self.changed.notify_all()


_T = TypeVar("_T")


class PerProcess(Generic[_T]):
    """``get()``: what ``make`` makes, on first use and once per process; ``end`` ends it.

    A forked process makes its own: it must not talk through its parent's pipes, nor wait for threads that it lacks.
    """

    def __init__(self, make: Callable[[], _T], end: Callable[[_T], object]):
        self.make, self.end = make, end
        self._forget()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave_to_parent)

    def _forget(self) -> None:
        self.value, self.lock = None, threading.Lock()

    def _leave_to_parent(self) -> None:
        """Forget what the parent made, but never free it: to take it down here would close what both share."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.value))
        self._forget()

    def get(self) -> _T:
        with self.lock:
            if self.value is None:
                self.value = self.make()
            return self.value

    def close(self) -> None:
        """End it, if it was made; the next ``get`` makes a new one."""
        with self.lock:
            value, self.value = self.value, None
        if value is not None:
            self.end(value)
