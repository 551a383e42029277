"""Reward of a program: run it in the sandbox and compare what it prints, test by test.

A test is code that runs after the program, and what it must print. A program of thought has one test: nothing is
added, and the answer must be printed. A function has as many as there are calls to check.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dsmath_lib.engines.grader import grade_answer
from dsmath_lib.engines.sandbox import extract_programs, joined_program, run_program

TIMEOUT_S = 1.0


class Check(NamedTuple):
    """``code`` follows the program; ``printed`` is the last line that it must print."""

    code: str
    printed: str


def program_of(text: str) -> str:
    """The program in a completion: its closed fenced blocks, else (no fence at all) the text up to an empty line.

    Base models write programs as web pages do, without a fence.
    """
    if extract_programs(text):
        return joined_program(text)
    return "" if "```" in text else text.strip("\n").partition("\n\n")[0]


def passed(text: str, tests: Sequence[Check]) -> list[bool]:
    """Which tests the program in ``text`` passes; all fail if there is no program or it ends with an error.

    What the program itself prints is no test's output, and a test that the program ends early has failed. Numbers are
    compared as answers are (``2.0`` is ``2``). The program never leaves the sandbox of ``python_tool``.
    """
    program = program_of(text)
    if not program.strip():
        return [False] * len(tests)
    results = [run_program(program, timeout_s=TIMEOUT_S, test=t.code) for t in tests]
    return [
        not r.error and bool(r.stdout.strip()) and _same(t.printed, r.stdout)
        for r, t in zip(results, tests, strict=True)
    ]


def _same(wanted: str, stdout: str) -> bool:
    last = stdout.strip().rsplit("\n", 1)[-1].strip()
    return grade_answer(wanted, last).correct
