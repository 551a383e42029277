"""The Python tool: what programs may do, what they may not, and what the model is shown."""

import os
import subprocess
import sys
import time

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.engines.sandbox.python_tool import (
    cut,
    extract_programs,
    joined_program,
    run_program,
    run_programs,
)

BOMBS = {
    "endless loop": "while True: pass",
    "tower": "x = 10 ** 10 ** 8",
    "recursion": "def f(n): return f(n + 1)\nf(0)",
    "list growth": "a = []\nwhile True: a.append('x' * 1000)",
    "string": "'a' * 10 ** 12",
    "output flood": "while True: print('x' * 1000)",
    "int to text": "import math\nprint(math.factorial(10 ** 6))",
    "nested list": "a = []\nfor i in range(10 ** 7): a = [a]",
}
ENDS = 90  # seconds: what is not stopped goes on, the slack is for a busy machine
ESCAPES = {
    "read": "print(open('/etc/passwd').read())",
    "write": "open('hit', 'w').write('x')",
    "environment": "import os\nprint(os.environ['PATH'])",
    "system": "import os\nos.system('touch hit')",
    "subprocess": "import subprocess\nsubprocess.run(['touch', 'hit'])",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', 1))",
    "urllib": "import urllib.request",
    "import by name": "__import__('os').system('touch hit')",
    "introspection": "print(().__class__.__base__.__subclasses__())",
    "path": "from pathlib import Path\nPath('hit').write_text('x')",
    "ctypes": "import ctypes",
    "input": "input()",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_within_limits(name):
    start = time.monotonic()
    result = run_program(BOMBS[name], timeout_s=0.3, max_output=2000)
    assert result.error
    assert len(result.stdout) <= 2000
    assert time.monotonic() - start < ENDS


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes_fail_and_leave_no_trace(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_program(ESCAPES[name], timeout_s=0.3)
    assert result.error and "root:" not in result.stdout
    assert os.listdir(tmp_path) == []


def test_it_computes():
    assert run_program("import math\nx = math.gcd(12, 18)\nprint(x, x / 4)").stdout == "6 1.5\n"
    assert (
        run_program("def simple_interest(p): return p * 2\nprint(simple_interest(9))").shown == "18"
    )
    assert run_program("x = 1").shown == ""


def test_the_host_goes_on_after_bombs():
    for code in BOMBS.values():
        run_program(code, timeout_s=0.1)
    assert run_program("print('alive')").shown == "alive"


def test_a_regular_expression_that_backtracks_ends_too():
    start = time.monotonic()
    run_program("import re\nprint(re.match('(a+)+$', 'a' * 40 + 'b'))", timeout_s=0.3)
    assert time.monotonic() - start < ENDS


def test_results_do_not_depend_on_clock_or_chance():
    code = "import time, random\ntime.sleep(100)\nprint(time.time(), random.random())"
    start = time.monotonic()
    first = run_program(code)
    again = run_program(code + "\n")  # another hash, so not from the cache
    assert first.stdout == again.stdout and time.monotonic() - start < ENDS
    slow = {run_program(f"#{i}\nwhile True: pass", timeout_s=0.1).error for i in range(2)}
    assert slow == {"TimeoutError: more than 0.1 s"}


def test_what_the_model_is_shown():
    assert cut("x" * 100) == "x" * 100
    assert cut("a" * 60 + "b" * 60) == "a" * 50 + "..." + "b" * 50
    assert run_program("print('ab' * 100)").shown == "ab" * 25 + "..." + "ab" * 25
    assert run_program("print(1 / 0)").shown == "Error: ZeroDivisionError: division by zero"
    assert run_program("print(5)\n1 / 0").shown == "5"


def test_programs_in_text():
    text = "a ```python\nx = 2\nprint(x)\n```\n```output\n2\n```\nb ```python\nprint(x + 1)\n```\n```python\nopen"
    assert extract_programs(text) == ["x = 2\nprint(x)", "print(x + 1)"]
    assert joined_program(text) == "x = 2\nprint(x + 1)"
    assert joined_program("no program") == ""
    inner = "```python\nfor i in range(2):\n    print(i)\n```\n```python\nprint(9)\n```"
    assert "    print(i)" in joined_program(inner)  # only top-level prints are dropped


def test_batch_keeps_order_and_reuses_equal_programs():
    codes = [f"print({i % 3})" for i in range(9)]
    assert [r.shown for r in run_programs(codes)] == [str(i % 3) for i in range(9)]


def test_too_long_and_unknown():
    assert "characters" in run_program("#" * 30_000).error
    assert run_program("\ud800").error and run_program("1\x00").error
    with pytest.raises(ValueError, match=r"unknown executor 'exec'.*monty"):
        run_program("1", executor="exec")


FORKED = """
import os
from dsmath_lib.engines.sandbox import monty
print(monty.run_monty("print(1)", 5.0, 100)[0], end="")
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_a_process_that_forked_ends():
    """A fork that frees its parent's pool takes its pipes out of the poll they share; the parent's end then hangs."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, cwd=ROOT, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
