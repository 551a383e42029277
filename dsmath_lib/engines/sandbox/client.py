"""Programs in a real CPython with SymPy, behind walls of the kernel (Linux only).

A worker process per running program keeps SymPy loaded and forks for each program (see ``worker`` and ``jail``)::

    run("from sympy import *; print(factor(x**2 - 1))", timeout_s=10, max_output=10_000)

Where the system gives no namespaces, it refuses, unless ``allow_network`` is true; then a system-call filter alone
stands between the program and the machine. What each wall keeps out, and what not: ``docs/sandbox.md``.
"""

import os
import sys
import sysconfig
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from dsmath_lib.base.workers import START_SECONDS, PerProcess, Pool, Worker
from dsmath_lib.engines.sandbox import syscalls
from dsmath_lib.engines.sandbox.tracetext import FAILED

_MEMORY = 512 << 20  # bytes a program may use beyond Python and SymPy
_WAIT, _GRACE = (
    10,
    30.0,
)  # seconds: this many time limits and this later, the worker itself is stuck
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_WORKER = Path(__file__).with_name("worker.py")


class SandboxUnavailable(RuntimeError):
    """This system does not give the walls that were asked for."""


def _worker(namespaces: bool) -> Worker:
    """A worker that has run its first program.

    Raises:
        SandboxUnavailable: the system does not give the walls; says why.
    """
    env = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    env |= {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")}
    with tempfile.TemporaryDirectory(prefix="dsmath-root-") as point:
        worker = Worker([sys.executable, "-S", "-s", str(_WORKER)], env=env, cwd="/")
        settings = {**_places(), "namespaces": namespaces, "point": point, "memory": _MEMORY}
        state = worker.ask(settings, START_SECONDS)
    why = "the worker did not start" if state is None else state.get("failed", "")
    if not why:  # the walls around a program can be refused too
        program = {"code": "print(1)", "timeout_s": 60, "max_output": 10}
        first = worker.ask(program, START_SECONDS) or {"error": "no reply"}
        why = "" if first.get("stdout") == "1\n" else first["error"] or "it computes nothing"
    if why:
        worker.kill()
        raise SandboxUnavailable(why)
    return worker


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


def _started(namespaces: bool) -> Pool:
    """A pool whose first worker stands."""
    pool = Pool(partial(_worker, namespaces), max(1, min(8, os.cpu_count() or 1)))
    pool.give(pool.take())
    return pool


_pools = {walled: PerProcess(partial(_started, walled), Pool.close) for walled in (True, False)}
_refused: dict[bool, str] = {}  # by namespaces: why


def _strongest(allow_network: bool) -> bool:
    """Whether there are namespaces: of the pool with the strongest walls this system gives.

    Raises:
        SandboxUnavailable: says what is missing and what can be done.
    """
    if not syscalls.available():
        raise SandboxUnavailable(
            "executor 'cpython' needs Linux on x86_64 or aarch64 with system-call filters; use executor 'monty'"
        )
    if True not in _refused:
        try:
            _pools[True].get()
            return True
        except SandboxUnavailable as err:
            _refused[True] = str(err)
    if not allow_network:
        raise SandboxUnavailable(
            f"executor 'cpython': this system gives no network namespace ({_refused[True]}). Use executor 'monty', "
            "or set allow_network: true to rely on the system-call filter alone"
        )
    _pools[False].get()
    return False


def walls(allow_network: bool = False) -> str:
    """Which walls stand here, in words for a report.

    Raises:
        SandboxUnavailable: as ``run``.
    """
    if _strongest(allow_network):
        return "system-call filter; own network (none), own processes, own files"
    return "system-call filter only; no files, processes or sockets, but the machine's namespaces"


def run_walled(
    code: str, timeout_s: float, max_output: int, allow_network: bool = False
) -> tuple[str, str, float, bool]:
    """Run one program: ``(stdout, error, seconds, ours)``; waiting for a core does not count to ``timeout_s``.

    ``ours``: the sandbox failed, or the machine was too busy for ten times the limit. Told by the supervisor, so a
    program cannot say it.

    Raises:
        SandboxUnavailable: no namespaces here and ``allow_network`` is false, or no system-call filter.
    """
    request = {"code": code, "timeout_s": timeout_s, "max_output": max_output}
    pool = _pools[_strongest(allow_network)].get()
    reply = pool.ask(pool.take(), request, _WAIT * timeout_s + _GRACE)
    if reply is None:
        return "", FAILED + "the worker died", 0.0, True
    return reply["stdout"], reply["error"], reply["seconds"], reply["ours"]


def close_workers() -> None:
    """End the workers; the next program starts new ones."""
    for pool in _pools.values():
        pool.close()
    _refused.clear()
