"""What the answers of models to the same questions show, benchmark by benchmark and level by level."""

from types import SimpleNamespace

import pytest

from dsmath_lib.runs.changes import Work
from dsmath_lib.runs.nb08_evaluation.evaluate import Graded
from dsmath_lib.runs.nb08_evaluation.run import EvalJob
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores
from dsmath_lib.runs.nb08_evaluation.work import gains_by_level, works_of
from dsmath_lib.world.problems import benchmark, cot

pytestmark = pytest.mark.numeric


def test_models_are_compared_on_the_questions_that_both_answered():
    asked = {"toy-gsm": benchmark("toy-gsm", 4), "toy-math": benchmark("toy-math", 2)}
    results = BenchmarkScores()

    def add(model, name, n, habit):
        problems = asked[name][:n]
        job = EvalJob(model, name, "cot")
        results.rows[job] = [{"greedy": {"text": cot(p, habit)}} for p in problems]
        right = SimpleNamespace(correct=habit == "steps")
        results.graded[job] = [Graded(right, []) for _ in problems]

    add("sft", "toy-gsm", 4, "guess")
    add("policy", "toy-gsm", 3, "steps")
    add("sft", "toy-math", 2, "guess")  # the policy did not answer these
    problems, seen = works_of(results, asked, ["sft", "policy"], "cot")
    assert problems == asked["toy-gsm"][:3]
    assert [w.guesses for w in seen["sft"]] == [True] * 3
    assert all(w.plan and w.right and w.holding == w.equations for w in seen["policy"])
    assert works_of(results, asked, ["sft", "policy"], "page") == ([], {})


def test_gains_by_level_by_hand():
    problems = [SimpleNamespace(level=x) for x in (1, 1, 2)]
    right, wrong = (Work(1, 1, True, False, r) for r in (True, False))
    rows = gains_by_level(problems, [wrong, right, right], [right, right, wrong])
    assert [(r["level"], r["n"], r["before"], r["after"]) for r in rows] == [
        (1, 2, 0.5, 1.0),
        (2, 1, 1.0, 0.0),
    ]
    assert [r["difference"].value for r in rows] == [0.5, -1.0]
