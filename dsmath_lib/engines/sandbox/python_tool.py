"""Run model-written Python: programs are found in fenced blocks, run in a sandbox, and their output is cut.

Two executors with one interface, ``run_program(code, executor=…) -> ToolResult``:

- ``monty`` (default): an interpreter of a part of Python that has no file system, network, environment or processes, in
  worker processes of its own with limits on time, memory, recursion and output; thousands of programs per second.
- ``cpython``: the real one with SymPy, in a process behind walls of the kernel (``sandbox``); Linux only, opt-in.
"""

import io
import platform
import threading
import tokenize
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import NamedTuple

import pydantic_monty

from dsmath_lib.base.files import text_digest
from dsmath_lib.engines.sandbox import monty
from dsmath_lib.engines.sandbox.fences import fenced_blocks
from dsmath_lib.engines.sandbox.tracetext import FAILED

MAX_CODE = 20_000  # characters
CUT = 50  # the paper's evaluation shows the model 50 + "..." + 50 characters


class ToolResult(NamedTuple):
    """``stdout`` is what was printed (at most ``max_output`` characters), ``error`` a trace, or "" for a clean run.

    ``seconds`` is wall time, ``executor`` the name of the one that ran it. ``ours``: the sandbox failed, or the machine
    was too busy to say whether the time limit was kept; it says nothing about the program, and is not remembered.
    """

    stdout: str
    error: str
    seconds: float
    executor: str = ""
    ours: bool = False

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


def extract_programs(text: str) -> list[str]:
    """The programs in the closed fenced blocks of a text, in order (see ``fences``)."""
    return [block.code for block in fenced_blocks(text)]


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


# -- the executors ---------------------------------------------------------------------------------------------------
def _run_monty(code: str, timeout_s: float, max_output: int, test: str = "") -> ToolResult:
    text, error, seconds, unknown = monty.run_monty(code, timeout_s, max_output, test)
    return ToolResult(text, error, seconds, "monty", unknown or error.startswith(FAILED))


def _run_cpython(
    code: str, timeout_s: float, max_output: int, allow_network: bool = False
) -> ToolResult:
    from dsmath_lib.engines.sandbox import client

    text, error, seconds, ours = client.run_walled(code, timeout_s, max_output, allow_network)
    return ToolResult(text, error, seconds, "cpython", ours)


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
    test: str = "",
) -> ToolResult:
    """Run one program; any failure of it is in the result, never an exception. Results are cached by the code's hash.

    Args:
        executor: a name in ``EXECUTORS``.
        timeout_s: seconds the program may compute.
        max_output: characters it may print; past them it is stopped.
        allow_network: ``cpython`` only: run also where the system gives no network namespace.
        test: ``monty`` only (in CPython a program can reach all that runs after it): code that runs after the program
            with its names. The output is the test's alone, and it is an error if the program or the test ends early.

    Raises:
        ValueError: unknown executor (names the known ones), or a test for ``cpython``.
        SandboxUnavailable: ``cpython`` does not run on this system (a RuntimeError that says why).
    """
    _known(executor)
    if test and executor != "monty":
        raise ValueError("a test needs the executor 'monty'")
    if len(code) > MAX_CODE:
        return ToolResult(
            "", f"program of {len(code)} characters (at most {MAX_CODE})", 0.0, executor
        )
    options = {"allow_network": allow_network} if executor == "cpython" else {}
    options |= {"test": test} if test else {}
    key = (text_digest(code), executor, timeout_s, max_output, allow_network, text_digest(test))
    with _cache_lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    result = EXECUTORS[executor](code, timeout_s, max_output, **options)
    if not result.ours:
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
