"""Labels of steps beside the truth, by hand."""

from types import SimpleNamespace

import pytest

from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.labels import Solution
from dsmath_lib.runs import nb04_truth as truth
from dsmath_lib.runs.load_questions import load_problems

pytestmark = pytest.mark.numeric


def solution(question, steps, correct=True):
    ends = list(range(len(steps)))
    return Solution(question, "34", [1], ends, ends, correct=correct, steps=tuple(steps))


def test_errors_by_hand():
    """Five judged steps before the last ones: two right called wrong, one wrong called right."""
    solutions = [
        solution("a", [0, 0, 1, 1]),
        solution("a", [1, 1]),
        solution("b", [None, 0, 0], False),
    ]
    truths = [[True, True, True, True], [False, True], [True, False, False]]
    got = truth.errors(solutions, [s.steps for s in solutions], truths, 0.5)
    assert got["right_called_wrong"].value == pytest.approx(2 / 3)
    assert got["wrong_called_right"].value == pytest.approx(1 / 2)
    assert got["errors"].value == pytest.approx(3 / 5)
    (row,) = truth.errors_table({"hard": got, "nothing": {}})
    assert row["judge"] == "hard" and row["steps judged wrongly"].value == pytest.approx(0.6)
    assert truth.errors([], [], [], 0.5) == {}
    assert truth.errors(solutions[:1], [[1, 1, 1, 1]], [[]], 0.5) == {}  # nobody knows


def test_truths_are_the_worlds():
    cfg = RewardModelParams(questions=3, eval_questions=2)
    p = load_problems(cfg)[0][0]
    pieces = [f"{p.steps[0]}\n", "1\n", "The answer is 5."]
    tokenizer = SimpleNamespace(batch_decode=lambda rows, **_: [pieces[r[0]] for r in rows])
    found = truth.step_truths(cfg, [solution(p.question, [1, 1, 0], False)], tokenizer)
    assert found == [[True, False, False]]
    assert truth.step_truths(cfg, [solution("unknown", [1])], tokenizer) == [[]]
    other = cfg.model_copy(update={"question_source": "file.jsonl"})
    assert truth.step_truths(other, [solution(p.question, [1])], tokenizer) == [[]]
