"""Run model-written Python: programs are found in fenced blocks, run in a sandbox, and their output is cut.

Two executors with one interface, ``run_program(code, executor=…) -> ToolResult``:

- ``monty`` (default): an interpreter of a part of Python that has no file system, network, environment or processes, in
  worker processes of its own with limits on time, memory, recursion and output; thousands of programs per second.
- ``cpython``: the real one with SymPy, in a process behind walls of the kernel (``sandbox``); Linux only, opt-in.
"""

import datetime
import io
import os
import platform
import re
import threading
import time
import tokenize
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import NamedTuple

import pydantic_monty

from dsmath_lib.base.files import text_digest
from dsmath_lib.base.workers import PerProcess
from dsmath_lib.engines.sandbox.tracetext import FAILED, concise

MAX_CODE = 20_000  # characters
_MEMORY = 64 << 20  # bytes
RECURSION = 200
# bytes of output kept besides what may be printed, so that one long line shows its beginning
COLLECT = 1 << 20
LATE, FLOOD = "TimeoutError: more than {:g} s", "OverflowError: more than {} characters printed"
# no clock, no waiting, fixed random numbers: a program has one result
POLICY = pydantic_monty.OSPolicy(
    datetime=datetime.datetime(2024, 2, 5), sleep="zero", random_start={"seed": 0}
)
CUT = 50  # the paper's evaluation shows the model 50 + "..." + 50 characters


class ToolResult(NamedTuple):
    """``stdout`` is what was printed (at most ``max_output`` characters), ``error`` a trace, or "" for a clean run.

    ``seconds`` is wall time, ``executor`` the name of the one that ran it.
    """

    stdout: str
    error: str
    seconds: float
    executor: str = ""

    @property
    def shown(self) -> str:
        """What a model of this course gets to see: the printed text or the error's last line, cut to 50 + 50."""
        text = self.stdout.strip()
        if text:
            return cut(text)
        return "Error: " + cut(self.error.rpartition("\n")[2]) if self.error else ""

    @property
    def timed_out(self) -> bool:
        return self.error.startswith("TimeoutError: more than")


def cut(text: str, keep: int = CUT) -> str:
    """``text``, or its first and last ``keep`` characters around ``...`` when longer than ``2 * keep``."""
    return text if len(text) <= 2 * keep else text[:keep] + "..." + text[-keep:]


_FENCE = re.compile(r"```python[ \t]*\n(.*?)```", re.DOTALL)


def extract_programs(text: str) -> list[str]:
    """The closed ```` ```python ```` blocks of a text, in order."""
    return [m.strip("\n") for m in _FENCE.findall(text)]


def join_programs(programs: Sequence[str]) -> str:
    """Programs as one, or ""; all but the last lose their top-level prints (facts §9.3)."""
    return "\n".join([*filter(None, map(_without_prints, programs[:-1])), *programs[-1:]])


def joined_program(text: str) -> str:
    """All programs of a text as one, or ""; see ``join_programs``."""
    return join_programs(extract_programs(text))


def _without_prints(program: str) -> str:
    """The program without statements ``print(…)`` at top level that stand alone, on one line or on several."""
    lines, drop, statement = program.split("\n"), set(), []
    try:
        for token in tokenize.generate_tokens(io.StringIO(program).readline):
            if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                continue
            if token.type != tokenize.NEWLINE:
                statement.append(token)
                continue
            words = [t.string for t in statement]
            if words[:2] == ["print", "("] and statement[0].start[1] == 0 and ";" not in words:
                drop.update(range(statement[0].start[0] - 1, token.end[0]))
            statement = []
    except (tokenize.TokenError, SyntaxError):
        pass  # the rest of it does not parse; it will say so when it is run
    return "\n".join(line for i, line in enumerate(lines) if i not in drop).rstrip("\n")


# -- Monty -----------------------------------------------------------------------------------------------------------
def _start_monty() -> pydantic_monty.Monty:
    monty = pydantic_monty.Monty(max_processes=max(2, min(8, os.cpu_count() or 2)))
    monty.__enter__()
    return monty


_monty = PerProcess(_start_monty, lambda monty: monty.__exit__(None, None, None))


def _run_monty(code: str, timeout_s: float, max_output: int) -> ToolResult:
    limits = {
        "max_feed_duration_secs": timeout_s,
        "max_memory": _MEMORY,
        "max_recursion_depth": RECURSION,
    }
    printed = pydantic_monty.CollectStreams(COLLECT + 4 * max_output)
    start = time.perf_counter()
    error = ""
    try:
        with _monty.get().checkout(limits=limits, os_policy=POLICY) as session:
            session.feed_run(code, print_callback=printed)
    except Exception as err:  # every failure of the program or of its worker is a result
        error = _trace(err, timeout_s, max_output)
    text = "".join(t for stream, t in printed.output if stream == "stdout")
    if len(text) > max_output:
        text, error = text[:max_output], FLOOD.format(max_output)
    return ToolResult(text, error, time.perf_counter() - start, "monty")


def _trace(err: Exception, timeout_s: float, max_output: int) -> str:
    """A trace without measured times or sizes: the same program gives the same text."""
    if isinstance(err, pydantic_monty.MontyCrashedError):
        return LATE.format(timeout_s) if err.timed_out else f"{FAILED}{err}"[:500]
    known = isinstance(err, pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError)
    last = err.display(format="type-msg") if known else f"{type(err).__name__}: {err}"
    last = last[:500]
    if last.startswith("TimeoutError: feed time limit"):
        return LATE.format(timeout_s)
    if last.startswith("MemoryError: memory limit exceeded"):
        collected = last.endswith(f"> {COLLECT + 4 * max_output} bytes")
        return FLOOD.format(max_output) if collected else "MemoryError: memory limit exceeded"
    if last == "SystemExit":
        return ""
    return concise([(f.filename, f.function_name) for f in err.traceback()] if known else [], last)


def _run_cpython(
    code: str, timeout_s: float, max_output: int, allow_network: bool = False
) -> ToolResult:
    from dsmath_lib.engines.sandbox import client

    return ToolResult(*client.run_walled(code, timeout_s, max_output, allow_network), "cpython")


EXECUTORS: dict[str, Callable[..., ToolResult]] = {"monty": _run_monty, "cpython": _run_cpython}


# -- the interface ---------------------------------------------------------------------------------------------------
_cache: OrderedDict[tuple, ToolResult] = OrderedDict()
_cache_lock = threading.Lock()
_CACHE_SIZE = 20_000


def describe(executor: str, allow_network: bool = False) -> str:
    """Which executor and which walls, for a report; starts it.

    Raises:
        ValueError: unknown executor.
        SandboxUnavailable: ``cpython`` does not run on this system (a RuntimeError that says why).
    """
    _known(executor)
    if executor == "monty":
        return f"monty {pydantic_monty.__version__} (interpreter without files, network, processes)"
    from dsmath_lib.engines.sandbox import client

    walls = client.walls(allow_network)
    return f"cpython {platform.python_version()}, sympy {version('sympy')} ({walls})"


def _known(executor: str) -> None:
    if executor not in EXECUTORS:
        raise ValueError(f"unknown executor '{executor}' (known: {', '.join(EXECUTORS)})")


def run_program(
    code: str,
    *,
    executor: str = "monty",
    timeout_s: float = 2.0,
    max_output: int = 10_000,
    allow_network: bool = False,
) -> ToolResult:
    """Run one program; any failure of it is in the result, never an exception. Results are cached by the code's hash.

    Args:
        executor: a name in ``EXECUTORS``.
        timeout_s: seconds the program may compute.
        max_output: characters it may print; past them it is stopped.
        allow_network: ``cpython`` only: run also where the system gives no network namespace.

    Raises:
        ValueError: unknown executor; names the known ones.
        SandboxUnavailable: ``cpython`` does not run on this system (a RuntimeError that says why).
    """
    _known(executor)
    if len(code) > MAX_CODE:
        return ToolResult(
            "", f"program of {len(code)} characters (at most {MAX_CODE})", 0.0, executor
        )
    options = {"allow_network": allow_network} if executor == "cpython" else {}
    key = (text_digest(code), executor, timeout_s, max_output, allow_network)
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    result = EXECUTORS[executor](code, timeout_s, max_output, **options)
    if not result.error.startswith(FAILED):  # a failure of ours says nothing about the program
        with _cache_lock:
            _cache[key] = result
            if len(_cache) > _CACHE_SIZE:
                _cache.popitem(last=False)
    return result


def run_programs(codes: Sequence[str], **options) -> list[ToolResult]:
    """``run_program`` for many, in parallel; equal programs run once. Same order as ``codes``."""
    distinct = list(dict.fromkeys(codes))
    with ThreadPoolExecutor(max_workers=4) as threads:
        results = dict(
            zip(distinct, threads.map(lambda c: run_program(c, **options), distinct), strict=True)
        )
    return [results[c] for c in codes]
