"""Tests of a program: what a program prints itself is no test's output, and a test must come to its end."""

import pytest

from dsmath_lib.rewards.program_tests import Check, passed
from dsmath_lib.rewards.reward import reward

TWO = [Check("print(add(1, 2) == 3)", "True"), Check("print(add(2, 2) == 4)", "True")]


def fenced(code: str) -> str:
    return f"```python\n{code}\n```"


def test_a_good_program_passes():
    assert passed(fenced("def add(a, b):\n    return a + b"), TWO) == [True, True]
    assert passed(fenced("print = 5\ndef add(a, b):\n    return a + b"), TWO) == [True, True]
    main = "def add(a, b):\n    return a + b\nif __name__ == '__main__':\n    print(add(1, 1))"
    assert passed(fenced(main), TWO) == [True, True]


CHEATS = [
    "print(True)\nraise SystemExit",
    "print(True)\nraise SystemExit(0)",
    "import sys\nprint(True)\nsys.exit()",
    "print(True)\nexit(0)",
    "print(True)\nquit()",
    "import os\nprint(True)\nos._exit(0)",
    "def add(a, b):\n    print(True)\n    raise SystemExit",
    "def add(a, b):\n    print(True)\n    exit()",
    "def add(a, b):\n    print(True)\n    while True: pass",
    "def add(a, b):\n    print(True)",
    "say = print\ndef print(*a): say(True)\ndef add(a, b): return 0",
    "print(True)",
    "print(True)\nx = '''",
    "print(True)\nif True:\n  pass\n else",
    "print('True', end='')",
    "print(True)\ndef add(a, b):\n    return 1 / 0",
    "try:\n    print(True)\nfinally:\n    raise SystemExit",
]


@pytest.mark.parametrize("code", CHEATS)
def test_a_program_that_prints_what_is_wanted_and_ends_has_failed(code):
    assert passed(fenced(code), TWO) == [False, False]


def test_a_program_of_thought_may_end_itself():
    assert reward("program", "42", fenced("import sys\nprint(42)\nsys.exit()"), "eos") == {
        "accuracy": 1.0
    }
    assert reward("program", "42", fenced("print(42)\nexit(1)"), "eos") == {"accuracy": 0.0}
