"""SimpleRL's rewards by hand, the form rewards, and programs that are run and tested."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.rewards.program_tests import Check, passed, program_of
from dsmath_lib.rewards.reward import has_tags, is_worked, reward
from dsmath_lib.rows.rewards import REWARDS

RIGHT, WRONG = "9*2=18\nThe answer is \\boxed{18}.", "9*2=19\nThe answer is \\boxed{19}."
BARE, NOTHING = "So the answer is 18.", "I do not know"


@pytest.mark.parametrize(
    ("rule", "totals"),
    [
        # right and boxed, wrong and boxed, right without box, nothing
        ("simplerl-v0", (1.0, -0.5, -1.0, -1.0)),  # the box is looked for last, and decides
        ("simplerl-zoo", (1.0, 0.0, 1.0, 0.0)),
        ("zoo-format", (1.0, 0.0, -1.0, -1.0)),
        ("boxed", (1.0, 0.0, 0.0, 0.0)),
        ("r1-worked", (2.0, 1.0, 0.0, 0.0)),
    ],
)
def test_totals(rule, totals):
    got = tuple(sum(reward(rule, "18", t, "eos").values()) for t in (RIGHT, WRONG, BARE, NOTHING))
    assert got == totals


def test_a_truncated_answer_counts_only_by_its_box():
    assert reward("simplerl-zoo", "18", BARE, "length") == {"accuracy": 0.0}
    assert reward("simplerl-v0", "18", RIGHT, "length") == {"accuracy": 1.0, "format": 0.0}
    assert reward("r1-worked", "18", RIGHT, "length") == {"accuracy": 1.0, "format": 0.0}


def test_tags():
    good = "<think>9*2=18</think>\n<answer>18</answer>"
    assert reward("r1", "18", good, "eos") == {"accuracy": 1.0, "format": 1.0}
    assert reward("r1", "17", good, "eos") == {"accuracy": 0.0, "format": 1.0}
    assert reward("r1", "18", RIGHT, "eos") == {"accuracy": 0.0, "format": 0.0}
    twice = "<think>a</think><answer>18</answer><answer>18</answer>"
    nested = "<think><answer>18</answer></think>"
    for text in (twice, nested, "x" + good, good + " so", "<answer>18</answer>"):
        assert not has_tags(text), text


def test_worked_needs_work_before_the_box():
    assert is_worked("2+2=4\nSo \\boxed{4}.")
    assert not is_worked("So \\boxed{4}.")
    assert not is_worked("\\boxed{4}\nand more words")


PROGRAM = "a=9*2\nprint(a)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"```python\n{PROGRAM}\n```", 1.0),
        (PROGRAM, 1.0),
        (f"\n{PROGRAM}\n\nIt prints 7", 1.0),  # as on a web page: up to the empty line
        ("print(17)", 0.0),
        ("print(18.0)", 1.0),
        ("print(3)\nprint(18)", 1.0),
        ("print(18", 0.0),
        ("print(18)\nraise ValueError", 0.0),
        ("while True: pass", 0.0),
        ("open('x')", 0.0),
        (f"```python\n{PROGRAM}", 0.0),  # a fence that is never closed
        ("", 0.0),
        ("The answer is \\boxed{18}.", 0.0),
    ],
)
def test_program_reward(text, value):
    assert reward("program", "18", text, "stop") == {"accuracy": value}


def test_a_truncated_program_is_not_run():
    assert reward("program", "18", PROGRAM, "length") == {"accuracy": 0.0}


def test_several_tests_of_a_function():
    text = "```python\ndef area(w, h):\n    return w * h\n```"
    tests = [Check("print(area(2, 3))", "6"), Check("print(area(2, 0))", "1"), Check("area()", "0")]
    assert passed(text, tests) == [True, False, False]
    assert passed("", tests) == [False] * 3


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab=+ \n`<>/thinkanswer{}\\boxed19", max_size=80))
def test_any_text_has_a_reward(text):
    assert program_of(text) == program_of(text).strip("\n") or "```" in text
    for rule in set(REWARDS) - {"program", "random"}:
        for finish in ("eos", "stop", "length"):
            assert all(abs(v) <= 1 for v in reward(rule, "18", text, finish).values())
