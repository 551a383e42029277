"""Choosing one of several solutions: by scores, by number of steps, by vote; values by hand."""

import pytest

from dsmath_lib.evaluation.reward_models import CEILING, STEPS, VOTE
from dsmath_lib.rewards.labels import Solution
from dsmath_lib.runs import nb04_assess as assess


def solution(question, answer, correct, steps):
    return Solution(
        question, "1", [0], list(range(steps)), list(range(steps)), "eos", answer, correct
    )


SOLUTIONS = [  # the model likes the second, the longest is the third
    solution("a", "1", True, 2), solution("a", "2", False, 1), solution("a", "1", True, 3),
    solution("b", "3", False, 1), solution("b", "4", False, 2), solution("b", "1", True, 2),
]  # fmt: skip
SCORES = assess.ModelScores({"model": [0.2, 0.9, 0.1, 0.1, 0.2, 0.8]}, {}, ("model",))


def test_best_of_and_its_rivals():
    found = assess.best_of(SCORES, SOLUTIONS, 3)
    assert found.ks == [1, 2, 3]
    last = {name: curve[-1].value for name, curve in found.curves.items()}
    assert last["model"] == 0.5  # wrong for a, right for b
    assert last[STEPS] == pytest.approx((1 + 1 / 2) / 2)  # b: a tie of one right, one wrong
    assert last[VOTE] == pytest.approx((1 + 1 / 3) / 2)  # b: three answers, a vote each
    assert last[CEILING] == 1
    assert [c[0].value for c in found.curves.values()][:3] == pytest.approx([0.5] * 3)
    gained = assess.gains(found, SCORES)["model"]
    assert gained["over_one"].value == pytest.approx(0)
    assert gained["over_majority"].value == pytest.approx(0.5 - 2 / 3)
    numbers = assess.as_metrics({}, {}, found, assess.gains(found, SCORES))
    assert numbers["most_steps"].value == pytest.approx(0.75)
