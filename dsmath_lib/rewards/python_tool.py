"""Run model-written Python: programs are found in fenced blocks, run in a sandbox, and their output is cut.

The default executor is Monty, an interpreter that has no file system, network, environment or processes, in worker
processes of its own with limits on time, memory and recursion. An executor is a function
``(code, timeout_s, max_output) -> ToolResult`` in ``EXECUTORS``.
"""

import atexit
import datetime
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pydantic_monty

MAX_CODE = 20_000  # characters
MEMORY = 64 << 20  # bytes
RECURSION = 200
POLICY = (
    pydantic_monty.OSPolicy(  # no clock, no waiting, fixed random numbers: a program has one result
        datetime=datetime.datetime(2024, 2, 5), sleep="zero", random_start={"seed": 0}
    )
)
CUT = 50  # the paper's evaluation shows the model 50 + "..." + 50 characters


class ToolResult(NamedTuple):
    """``stdout`` is what was printed (at most ``max_output`` characters), ``error`` is "" for a clean run."""

    stdout: str
    error: str
    seconds: float

    @property
    def shown(self) -> str:
        """What the model gets to see (facts §9.3): the printed text, else the error, each cut to 50 + 50."""
        text = self.stdout.strip()
        if text:
            return cut(text)
        return "Error: " + cut(self.error) if self.error else ""


def cut(text: str, keep: int = CUT) -> str:
    """``text``, or its first and last ``keep`` characters around ``...`` when longer than ``2 * keep``."""
    return text if len(text) <= 2 * keep else text[:keep] + "..." + text[-keep:]


_FENCE = re.compile(r"```python[ \t]*\n(.*?)```", re.DOTALL)
_TOP_PRINT = re.compile(r"^print\(.*\)[ \t]*$\n?", re.MULTILINE)


def extract_programs(text: str) -> list[str]:
    """The closed ```` ```python ```` blocks of a text, in order."""
    return [m.strip("\n") for m in _FENCE.findall(text)]


def joined_program(text: str) -> str:
    """All programs so far as one, or ""; earlier blocks lose their top-level one-line prints (facts §9.3)."""
    programs = extract_programs(text)
    return "\n".join([_TOP_PRINT.sub("", p).rstrip("\n") for p in programs[:-1]] + programs[-1:])


# -- Monty -----------------------------------------------------------------------------------------------------------
class _Output:
    """Collects printed text; past the cap it stops the program by raising."""

    def __init__(self, limit: int):
        self.limit, self.parts, self.size = limit, [], 0

    def __call__(self, stream: str, text: str) -> None:
        room = self.limit - self.size
        self.parts.append(text[: max(room, 0)])
        self.size += len(text)
        if self.size > self.limit:
            raise OverflowError(f"more than {self.limit} characters printed")


class _Pool:
    """The worker processes; made on first use, once per process (a fork makes its own)."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.monty = pydantic_monty.Monty(max_processes=max(2, min(8, os.cpu_count() or 2)))
        self.monty.__enter__()


_pool: _Pool | None = None
_pool_lock = threading.Lock()


def _monty() -> pydantic_monty.Monty:
    global _pool
    with _pool_lock:
        if _pool is None or _pool.pid != os.getpid():
            _pool = _Pool()
        return _pool.monty


@atexit.register
def close() -> None:
    """End the worker processes; the next program starts new ones."""
    global _pool
    if _pool is not None and _pool.pid == os.getpid():
        _pool.monty.__exit__(None, None, None)
    _pool = None


def _run_monty(code: str, timeout_s: float, max_output: int) -> ToolResult:
    limits = {
        "max_feed_duration_secs": timeout_s,
        "max_memory": MEMORY,
        "max_recursion_depth": RECURSION,
    }
    output = _Output(max_output)
    start = time.perf_counter()
    error = ""
    try:
        with _monty().checkout(limits=limits, os_policy=POLICY) as session:
            session.feed_run(code, print_callback=output)
    except Exception as err:  # every failure of the program or of its worker is a result
        error = _one_line(err, timeout_s)
    return ToolResult("".join(output.parts), error, time.perf_counter() - start)


def _one_line(err: Exception, timeout_s: float) -> str:
    """The last line of a trace, without measured times or sizes: the same program gives the same text."""
    text = str(err).strip() or type(err).__name__
    line = next((line for line in reversed(text.split("\n")) if line.strip()), text)[:500]
    if line.startswith("TimeoutError"):
        return f"TimeoutError: more than {timeout_s:g} s"
    return (
        line.partition(":")[0] + ": memory limit exceeded"
        if line.startswith("MemoryError")
        else line
    )


EXECUTORS: dict[str, Callable[[str, float, int], ToolResult]] = {"monty": _run_monty}


# -- the interface ---------------------------------------------------------------------------------------------------
_cache: dict[tuple[str, str, float, int], ToolResult] = {}
_CACHE_SIZE = 20_000


def run_program(
    code: str, *, executor: str = "monty", timeout_s: float = 2.0, max_output: int = 10_000
) -> ToolResult:
    """Run one program; any failure is in the result, never an exception. Results are cached by the code's hash.

    Args:
        executor: a name in ``EXECUTORS``.
        timeout_s: seconds the program may compute.
        max_output: characters it may print.

    Raises:
        ValueError: unknown executor; names the known ones.
    """
    if executor not in EXECUTORS:
        raise ValueError(f"unknown executor '{executor}' (known: {', '.join(EXECUTORS)})")
    if len(code) > MAX_CODE:
        return ToolResult("", f"program of {len(code)} characters (at most {MAX_CODE})", 0.0)
    key = (
        hashlib.sha256(code.encode("utf-8", "replace")).hexdigest(),
        executor,
        timeout_s,
        max_output,
    )
    if key not in _cache:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[key] = EXECUTORS[executor](code, timeout_s, max_output)
    return _cache[key]


def run_programs(codes: Sequence[str], **options) -> list[ToolResult]:
    """``run_program`` for many, in parallel; equal programs run once. Same order as ``codes``."""
    distinct = list(dict.fromkeys(codes))
    with ThreadPoolExecutor(max_workers=4) as threads:
        results = dict(
            zip(distinct, threads.map(lambda c: run_program(c, **options), distinct), strict=True)
        )
    return [results[c] for c in codes]
