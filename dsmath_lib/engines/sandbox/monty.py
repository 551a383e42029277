"""The executor ``monty``: an interpreter of a part of Python without files, network, environment and processes.

Its workers are processes of their own. The time limit counts what a worker computes, where the system tells (Linux): a
program that runs out of time on a busy machine is run again with more of the clock, at most ten times the limit.
"""

import datetime
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

import pydantic_monty

from dsmath_lib.base.workers import PerProcess
from dsmath_lib.engines.sandbox.exits import with_exits
from dsmath_lib.engines.sandbox.tracetext import FAILED, FLOOD, LATE, concise

_MEMORY = 64 << 20  # bytes
RECURSION = 200
# bytes of output kept besides what may be printed, so that one long line shows its beginning
COLLECT = 1 << 20
_WAIT = 10  # clock allowed, in time limits, as the other executor allows it
_NEARLY = 0.9  # of the limit: the clock of the interpreter and that of the system are not one
UNTESTED = "SystemExit: the program ended before the test did"
# no clock, no waiting, fixed random numbers: a program has one result
POLICY = pydantic_monty.OSPolicy(
    datetime=datetime.datetime(2024, 2, 5), sleep="zero", random_start={"seed": 0}
)


def _start_monty() -> pydantic_monty.Monty:
    monty = pydantic_monty.Monty(max_processes=max(2, min(8, os.cpu_count() or 2)))
    monty.__enter__()
    return monty


_monty = PerProcess(_start_monty, lambda monty: monty.__exit__(None, None, None))


def run_monty(
    code: str, timeout_s: float, max_output: int, test: str = ""
) -> tuple[str, str, float, bool]:
    """Run a program: ``(stdout, error, seconds, unknown)``.

    Args:
        test: code that runs after the program, in its names but with the real ``print``; then ``stdout`` is the
            test's alone, and ending before the test's end is an error.

    Returns:
        unknown: the machine was too busy to tell whether the program keeps the limit.
    """
    clock, start = timeout_s, time.perf_counter()
    while True:
        text, error, used = _once(code, test, clock, max_output)
        late = error.startswith("TimeoutError: feed")
        if late and used is not None and used < _NEARLY * timeout_s and clock < _WAIT * timeout_s:
            clock = min(_WAIT * timeout_s, 1.5 * clock * timeout_s / max(used, 1e-3))
            continue
        unknown = late and (used is None or used < _NEARLY * timeout_s)
        if late or (clock > timeout_s and used is not None and used > timeout_s):
            error = LATE.format(timeout_s)
        return text, error, time.perf_counter() - start, unknown


def _once(code: str, test: str, clock: float, max_output: int) -> tuple[str, str, float | None]:
    """One run with a limit by the clock: output, error, and the seconds that the worker computed, where known."""
    limits = {
        "max_feed_duration_secs": clock,
        "max_memory": _MEMORY,
        "max_recursion_depth": RECURSION,
    }
    printed = pydantic_monty.CollectStreams(COLLECT + 4 * max_output)
    hidden = f"print_{secrets.token_hex(8)}"  # the program cannot know this name
    error, pid, before = "", None, 0.0
    try:
        with _monty.get().checkout(limits=limits, os_policy=POLICY) as session:
            pid = session.worker_pid
            pid = pid() if callable(pid) else pid
            before = _computed(pid)
            try:
                if test:
                    session.feed_run(f"{hidden} = print")
                session.feed_run(with_exits(code), print_callback=printed)
                if test:
                    printed = pydantic_monty.CollectStreams(COLLECT + 4 * max_output)
                    session.feed_run(f"print = {hidden}\n{test}", print_callback=printed)
            except Exception as err:  # every failure of the program or of its worker is a result
                error = _trace(err, max_output, tested=bool(test))
            after = _computed(pid)
    except Exception as err:
        error, after = _trace(err, max_output, tested=bool(test)), None
    text = "".join(t for stream, t in printed.output if stream == "stdout")
    if len(text) > max_output:
        text, error = text[:max_output], FLOOD.format(max_output)
    used = None if before is None or after is None else after - before
    return text, error, used


def _computed(pid: int | None) -> float | None:
    """Seconds that all threads of a process have computed; None where the system does not tell."""
    total = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError):  # a thread that has ended
                total += int((task / "schedstat").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e9


def _trace(err: Exception, max_output: int, tested: bool) -> str:
    """A trace without measured times or sizes: the same program gives the same text."""
    if isinstance(err, pydantic_monty.MontyCrashedError):
        return "TimeoutError: feed" if err.timed_out else f"{FAILED}{err}"[:500]
    known = isinstance(err, pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError)
    last = err.display(format="type-msg") if known else f"{type(err).__name__}: {err}"
    last = last[:500]
    if last.startswith("TimeoutError: feed time limit"):
        return "TimeoutError: feed"
    if last.startswith("MemoryError: memory limit exceeded"):
        collected = last.endswith(f"> {COLLECT + 4 * max_output} bytes")
        return FLOOD.format(max_output) if collected else "MemoryError: memory limit exceeded"
    if last.startswith("SystemExit"):
        return (UNTESTED if tested else "") if last == "SystemExit" else last.strip()
    return concise([(f.filename, f.function_name) for f in err.traceback()] if known else [], last)
