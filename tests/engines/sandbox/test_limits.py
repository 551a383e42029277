"""What ends a program, alike in both executors: exits, the time it computes, the sandbox's own failures."""

import subprocess
import sys
from contextlib import suppress

import pytest

from dsmath_lib.engines.sandbox import client, monty, python_tool, run_program
from dsmath_lib.engines.sandbox.exits import with_exits

ENDS = {
    "import sys\nprint(42)\nsys.exit()": "",
    "import sys\nprint(42)\nsys.exit(0)": "",
    "import sys as s, math\nprint(42)\ns.exit(0)": "",
    "from sys import exit\nprint(42)\nexit()": "",
    "from sys import (maxsize, exit as leave)\nprint(42)\nleave(None)": "",
    "import sys\ndef f():\n    print(42)\n    sys.exit()\nf()\nprint(43)": "",
    "print(42)\nquit()": "",
    "print(42)\nraise SystemExit(0)": "",
    "print(42)\nraise SystemExit(False)": "",
    "import sys\nprint(42)\nsys.exit(3)": "SystemExit: 3",
    "import sys\nprint(42)\nsys.exit('no')": "SystemExit: no",
    "print(42)\nraise SystemExit(4)": "SystemExit: 4",
    "print(42)\nexit('')": "SystemExit:",
    "import sys\nprint(42)\ntry:\n    sys.exit(1)\nexcept SystemExit as e:\n    print(e)": "",
}


@pytest.mark.parametrize("code", ENDS)
def test_a_program_may_end_itself_in_both_executors(code):
    for executor in python_tool.EXECUTORS:
        try:
            result = run_program(code, executor=executor)
        except client.SandboxUnavailable as err:
            pytest.skip(str(err))
        assert result.error == ENDS[code] and result.stdout.startswith("42\n"), executor
        assert "43" not in result.stdout


def test_programs_that_end_nothing_are_left_alone():
    for code in (
        "x = 1",
        "print('sys.exit')",
        "class exit: pass\nprint(1",
        "a.sys.exit()",
        "\ud800 exit",
    ):
        assert with_exits(code).endswith(code)


@pytest.fixture
def busy_machine():
    """Four endless loops beside us."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    yield
    for p in loops:
        p.kill()
        p.wait()


def test_the_limit_counts_what_a_program_computes(busy_machine):
    """About half a second of work, and a second of it allowed: the others' loops are not counted."""
    python_tool._cache.clear()
    alone = monty._computed(None)
    code = "x = 0\nfor i in range(400000):\n    x += i\nprint(x)"
    result = run_program(code, timeout_s=1.0)
    assert alone is None and (result.stdout == "79999800000\n" or result.ours)


def test_a_time_out_that_proves_nothing_is_not_remembered(monkeypatch):
    """The same, with a clock of the worker that stands still: it is never the program that was slow."""
    python_tool._cache.clear()
    monkeypatch.setattr(monty, "_computed", lambda pid: 0.0)
    monkeypatch.setattr(monty, "_WAIT", 2)
    late = run_program("while True: pass", timeout_s=0.1)
    assert late.timed_out and late.ours and not python_tool._cache
    monkeypatch.setattr(monty, "_computed", lambda pid: None)  # a system that does not tell
    assert run_program("while True: pass", timeout_s=0.1).ours and not python_tool._cache
    monkeypatch.undo()
    late = run_program("while True: pass", timeout_s=0.1)
    assert late.timed_out and not late.ours and len(python_tool._cache) == 1


FORGED = [
    "class SandboxError(Exception): pass\nraise SandboxError('x')",
    "import os\nos.write(3, b'SandboxError: x')\nos._exit(70)",
    "import os\nfor fd in range(4, 64):\n    try: os.write(fd, b'x')\n    except OSError: pass\nos._exit(70)",
]


@pytest.mark.parametrize("code", FORGED)
def test_a_program_cannot_say_that_the_sandbox_failed(code):
    python_tool._cache.clear()
    with suppress(client.SandboxUnavailable):
        assert not run_program(code, executor="cpython").ours
        assert len(python_tool._cache) == 1


CHANCE = [
    "from sympy import randprime\nprint(randprime(10**9, 10**10))",
    "import random\nprint(random.Random().random(), random.SystemRandom().random(), random.random())",
    "import random\nrandom.seed()\nprint(random.random())",
    "import os, secrets, uuid\nprint(os.urandom(4), secrets.randbelow(10**9), uuid.uuid4())",
    "import mpmath, sympy\nprint(mpmath.rand(), sympy.randMatrix(2))",
    "import numpy\nprint(numpy.random.default_rng().random(), numpy.random.RandomState().rand())",
]


def test_random_numbers_are_the_same_in_every_worker():
    results = []
    for _ in range(2):
        python_tool._cache.clear()
        try:
            results.append([run_program(code, executor="cpython")[:2] for code in CHANCE])
        except client.SandboxUnavailable as err:
            pytest.skip(str(err))
        client.close_workers()
    assert results[0] == results[1]
    assert all(out for out, _ in results[0][:-1])  # NumPy may not be there
    twice = "import random\nprint(random.Random().random() != random.Random().random())"
    assert run_program(twice, executor="cpython").stdout == "True\n"
