"""The worker: keeps SymPy in memory and forks a jailed process for every program.

``client`` starts it as ``python worker.py``. It reads one JSON line of settings, answers one line, then answers every
request ``{code, timeout_s, max_output}`` by ``{stdout, error, seconds, ours}``, until its input closes (``ours``: not
the program but the sandbox failed, or the machine was too busy). Standard library only; one
thread, so that it can fork.
"""

import builtins
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import re
import select
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from functools import partial

import chance
import jail
import tracetext

_FILE = "<program>"
MODULES = (
    "array bisect cmath collections copy dataclasses datetime decimal enum fractions functools heapq itertools "
    "json math numbers operator re statistics string textwrap typing unicodedata mpmath sympy"
).split()
# parts of SymPy that programs for maths problems do not import: other output formats, physics, tests
UNUSED = re.compile(
    r"\.(tests|benchmarks|testing|plotting|interactive|printing|codegen|parsing|physics|galgebra|this|conftest)\b"
    r"|core\.(compatibility|trace)$|utilities\.(pytest|randtest|runtests|tmpfiles|mathml)\b"
)
_WAIT = 10  # wall clock allowed, in time limits: on a busy machine the same programs shall run out of time
ERROR_BYTES = 16_384
_WALLS = 4  # the pipe on which a process says that its walls failed; the program does not have it


def serve() -> None:
    """Put up the walls that all programs share, then serve."""
    protocol = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    settings = json.loads(sys.stdin.buffer.readline())
    sys.path[:] = settings["path"]
    try:
        state = _prepare(settings)
    except (OSError, ImportError) as err:
        _send(protocol, {"failed": getattr(err, "strerror", None) or str(err)})
        return
    _send(protocol, state)
    gc.collect()
    gc.freeze()  # forked programs then share these pages
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid == 0:
            try:
                jail.die_with_parent()
                _send(protocol, _supervise(json.loads(line), null, state))
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def _prepare(settings: dict) -> dict:
    """Import what programs use, then shut out the machine.

    Raises:
        OSError: the system does not give the walls.
    """
    for name in MODULES:
        importlib.import_module(name)
    with contextlib.suppress(ImportError):  # numpy is optional
        for name in ("numpy.linalg", "numpy.random", "numpy.polynomial"):
            importlib.import_module(name)
    if not settings["namespaces"]:
        _import_all(sys.modules["sympy"])
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    if settings["namespaces"]:
        jail.enter_namespaces()
        jail.private_root(settings["point"], settings["folders"])
    return {
        "namespaces": settings["namespaces"],
        "memory": settings["memory"] + used,
        "proc": proc,
    }


def _import_all(package: types.ModuleType) -> None:
    """Programs will not be able to open files, so nothing may be left to import later."""
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not UNUSED.search(module.name):
            with contextlib.suppress(Exception):  # parts that need packages that are not there
                importlib.import_module(module.name)


def _send(protocol, message: dict) -> None:
    protocol.write(json.dumps(message).encode() + b"\n")
    protocol.flush()


# -- one program -----------------------------------------------------------------------------------------------------
def _supervise(request: dict, null: int, state: dict) -> dict:
    """Fork the program, read what it prints, kill it at its limits; runs in a process of its own."""
    start = time.monotonic()
    try:
        if state["namespaces"]:
            jail.own_processes()
    except OSError as err:
        return _failed(err.strerror or "")
    (out, out_w), (err, err_w), (bad, bad_w) = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_program(request, state, {0: null, 1: out_w, 2: null, 3: err_w, _WALLS: bad_w})
        except BaseException as failure:  # the code's own are caught where it runs
            with contextlib.suppress(OSError):  # closed once the walls stand
                os.write(_WALLS, repr(failure).encode())
        finally:
            os._exit(70)
    for end in (out_w, err_w, bad_w):
        os.close(end)
    limit = 4 * request["max_output"] + 4  # bytes; a character has at most four
    time_left = partial(_time_left, pid, request["timeout_s"], time.monotonic(), state["proc"])
    printed, message, why = _read(pid, out, err, time_left, limit)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # as process 1 of its namespace, it takes all others along
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if failure := os.read(bad, ERROR_BYTES):
        return _failed(failure.decode("utf-8", "replace"))
    text = printed.decode("utf-8", "replace")
    if len(text) > request["max_output"]:
        text, why = text[: request["max_output"]], why or "output"
    return {
        "stdout": text,
        "error": _error(why, status, message.decode("utf-8", "replace"), request),
        "seconds": time.monotonic() - start,
        "ours": why == "busy",
    }


def _failed(why: str) -> dict:
    return {"stdout": "", "error": tracetext.FAILED + why, "seconds": 0.0, "ours": True}


def _time_left(pid: int, timeout_s: float, start: float, proc: int) -> tuple[float, str]:
    """Seconds left to the program, and why it is stopped when none is.

    Computing and waiting count, standing in line for a core does not, up to ``_WAIT`` times the limit ("busy").
    """
    elapsed = time.monotonic() - start
    try:
        fd = os.open(f"{pid}/schedstat", os.O_RDONLY, dir_fd=proc)
        try:
            in_line = int(os.read(fd, 200).split()[1]) / 1e9
        finally:
            os.close(fd)
    except (OSError, ValueError, IndexError):
        return timeout_s - elapsed, "busy"  # this kernel does not count it
    return min((timeout_s - (elapsed - in_line), "timeout"), (_WAIT * timeout_s - elapsed, "busy"))


def _read(
    pid: int, out: int, err: int, time_left: Callable[[], tuple[float, str]], limit: int
) -> tuple[bytes, bytes, str]:
    """Output and error text until both are closed and the process has ended; why it was stopped, if it was."""
    data = {out: bytearray(), err: bytearray()}
    limits = {out: limit, err: ERROR_BYTES}
    open_ends = set(data)
    while True:
        left, why = time_left()
        if left <= 0:
            return bytes(data[out]), bytes(data[err]), why
        if not open_ends:  # a program may close its output and go on
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return bytes(data[out]), bytes(data[err]), ""
            time.sleep(0.001)
            continue
        for end in select.select(open_ends, [], [], left)[0]:
            piece = os.read(end, 65536)
            room = limits[end] - len(data[end])
            data[end] += piece[:room]
            if not piece:
                open_ends.discard(end)
            elif len(piece) > room:
                return bytes(data[out]), bytes(data[err]), "output"


def _error(why: str, status: int, message: str, request: dict) -> str:
    if why in ("timeout", "busy") or (status == -signal.SIGKILL and not why):
        return f"TimeoutError: more than {request['timeout_s']:g} s"
    if why == "output":
        return f"OverflowError: more than {request['max_output']} characters printed"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return message.strip() or (f"SystemExit: {status}" if status else "")


def _become_program(request: dict, state: dict, fds: dict[int, int]) -> None:
    """Close the walls around this process and run the code in it; ends the process."""
    os.setsid()
    for to, source in fds.items():
        os.dup2(source, to)
    os.closerange(len(fds), 4096)
    os.environ.clear()
    os.chdir(jail.HOME if state["namespaces"] else "/")
    jail.close_walls(state["namespaces"], state["memory"], int(request["timeout_s"]) + 1)
    chance.fix_chance()
    sys.stdin = io.StringIO()
    sys.stdout = io.TextIOWrapper(
        io.FileIO(1, "w"), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
    sys.argv = [_FILE]
    main_module = types.ModuleType("__main__")
    main_module.__builtins__ = builtins
    main_module.exit = main_module.quit = sys.exit
    sys.modules["__main__"] = main_module
    os.close(_WALLS)  # from here on no failure is ours
    os._exit(_run(request["code"], main_module.__dict__))


def _run(code: str, names: dict) -> int:
    """Run the code; the exit status, after the error text went to its pipe."""
    status = 1
    try:
        exec(compile(code, _FILE, "exec", dont_inherit=True), names)
        status = 0
    except SystemExit as end:
        if end.code in (None, 0):
            status = 0
        else:
            os.write(3, f"SystemExit: {end.code}".encode("utf-8", "replace"))
    except BaseException as err:
        os.write(3, _trace(err).encode("utf-8", "replace")[:ERROR_BYTES])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    return status


def _trace(err: BaseException) -> str:
    """The program's part of the trace, then type and message."""
    frames = [
        (f.f_code.co_filename, f.f_code.co_name)
        for f, _ in traceback.walk_tb(err.__traceback__)
        if f.f_code.co_filename != __file__
    ]
    last = [x for x in traceback.format_exception_only(err) if not x.startswith("  File ")]
    return tracetext.concise(frames, "".join(last))


if __name__ == "__main__":
    serve()
