"""Programs in a real CPython with SymPy, behind walls of the kernel (Linux only).

A worker process per running program keeps SymPy loaded and forks for each program (see ``worker`` and ``jail``)::

    run("from sympy import *; print(factor(x**2 - 1))", timeout_s=10, max_output=10_000)

Where the system gives no namespaces, it refuses, unless ``allow_network`` is true; then a system-call filter alone
stands between the program and the machine. What each wall keeps out, and what not: ``docs/sandbox.md``.
"""

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from dsmath_lib.engines.sandbox import syscalls

MEMORY = 512 << 20  # bytes a program may use beyond Python and SymPy
START_SECONDS = 300.0  # importing SymPy on a busy machine
WAIT, GRACE = 10, 30.0  # seconds: this many time limits and this later, the worker itself is stuck
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
FAILED = "SandboxError: "
_WORKER = Path(__file__).with_name("worker.py")


class SandboxUnavailable(RuntimeError):
    """This system does not give the walls that were asked for."""


class _Worker:
    """One worker process and the pipe to it."""

    def __init__(self, namespaces: bool):
        self.namespaces, self.buffer = namespaces, b""
        env = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
        env |= {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")}
        with tempfile.TemporaryDirectory(prefix="dsmath-root-") as point:
            self.proc = subprocess.Popen(
                [sys.executable, "-S", "-s", str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=env,
                cwd="/",
                start_new_session=True,
            )
            state = self.ask(
                {**_places(), "namespaces": namespaces, "point": point, "memory": MEMORY},
                START_SECONDS,
            )
        self.why = "the worker did not start" if state is None else state.get("failed", "")
        if not self.why:  # the walls around a program can be refused too
            first = self.ask({"code": "print(1)", "timeout_s": 60, "max_output": 10}, START_SECONDS)
            self.why = (
                "" if first and first["stdout"] == "1\n" else (first or {}).get("error", "no reply")
            )
        if self.why:
            self.kill()

    def ask(self, request: dict, seconds: float) -> dict | None:
        """The reply; None when the worker is dead, stuck, or talks nonsense."""
        try:
            self.proc.stdin.write(json.dumps(request).encode() + b"\n")
            self.proc.stdin.flush()
            while b"\n" not in self.buffer:
                ready = select.select([self.proc.stdout], [], [], seconds)[0]
                data = os.read(self.proc.stdout.fileno(), 1 << 20) if ready else b""
                if not data:
                    return None
                self.buffer += data
            line, _, self.buffer = self.buffer.partition(b"\n")
            return json.loads(line)
        except (OSError, ValueError):
            return None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()


def _places() -> dict:
    """Where Python and its packages lie: the import path, and the folders a program may see."""
    packages = []
    for name in ("sympy", "mpmath", "numpy"):
        spec = find_spec(name)
        if spec and spec.origin:
            packages.append(str(Path(spec.origin).parents[1]))
    stdlib = [sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED")]
    path = list(dict.fromkeys([*filter(None, stdlib), *packages]))
    seen = [*LIBRARIES, f"{sys.base_prefix}/lib", *path]
    folders: list[str] = []
    for folder in sorted({f for f in seen if os.path.isdir(f)}):
        if not any(folder.startswith(f + "/") for f in folders if not os.path.islink(f)):
            folders.append(folder)
    return {"path": path, "folders": folders}


class _Pool:
    """Workers that wait for a program, for one process (a fork makes its own pool)."""

    def __init__(self, namespaces: bool) -> None:
        self.pid, self.namespaces = os.getpid(), namespaces
        self.idle: list[_Worker] = []
        self.free = threading.Semaphore(max(1, min(8, os.cpu_count() or 1)))
        self.lock = threading.Lock()

    def ask(self, request: dict, seconds: float) -> dict:
        with self.free:
            worker = self.take()
            reply = worker.ask(request, seconds)
            if reply is None:
                worker.kill()
                return {"stdout": "", "error": FAILED + "the worker died", "seconds": 0.0}
            self.give(worker)
            return reply

    def take(self) -> _Worker:
        with self.lock:
            if self.idle:
                return self.idle.pop()
        worker = _Worker(self.namespaces)
        if worker.why:
            raise SandboxUnavailable(worker.why)
        return worker

    def give(self, worker: _Worker) -> None:
        with self.lock:
            self.idle.append(worker)

    def close(self) -> None:
        while self.idle:
            self.idle.pop().kill()


_pools: dict[bool, _Pool] = {}
_refused: dict[bool, str] = {}  # by namespaces: why
_lock = threading.Lock()


def _pool(namespaces: bool) -> _Pool:
    with _lock:
        pool = _pools.get(namespaces)
        if pool is None or pool.pid != os.getpid():
            pool = _Pool(namespaces)
            pool.give(pool.take())
            _pools[namespaces] = pool
        return pool


def _strongest(allow_network: bool) -> _Pool:
    """The pool with the strongest walls this system gives.

    Raises:
        SandboxUnavailable: says what is missing and what can be done.
    """
    if not syscalls.available():
        raise SandboxUnavailable(
            "executor 'cpython' needs Linux on x86_64 or aarch64 with system-call filters; use executor 'monty'"
        )
    if True not in _refused:
        try:
            return _pool(True)
        except SandboxUnavailable as err:
            _refused[True] = str(err)
    if not allow_network:
        raise SandboxUnavailable(
            f"executor 'cpython': this system gives no network namespace ({_refused[True]}). Use executor 'monty', "
            "or set allow_network: true to rely on the system-call filter alone"
        )
    return _pool(False)


def walls(allow_network: bool = False) -> str:
    """Which walls stand here, in words for a report.

    Raises:
        SandboxUnavailable: as ``run``.
    """
    if _strongest(allow_network).namespaces:
        return "system-call filter; own network (none), own processes, own files"
    return "system-call filter only; no files, processes or sockets, but the machine's namespaces"


def run(
    code: str, timeout_s: float, max_output: int, allow_network: bool = False
) -> tuple[str, str, float]:
    """Run one program: ``(stdout, error, seconds)``; waiting for a core does not count to ``timeout_s``.

    Raises:
        SandboxUnavailable: no namespaces here and ``allow_network`` is false, or no system-call filter.
    """
    request = {"code": code, "timeout_s": timeout_s, "max_output": max_output}
    reply = _strongest(allow_network).ask(request, WAIT * timeout_s + GRACE)
    return reply["stdout"], reply["error"], reply["seconds"]


@atexit.register
def close() -> None:
    """End the workers; the next program starts new ones."""
    for pool in _pools.values():
        if pool.pid == os.getpid():
            pool.close()
    _pools.clear()
    _refused.clear()
