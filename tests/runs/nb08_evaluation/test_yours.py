"""Right functions give the library's scores, to the last digit that counts; wrong ones do not."""

import pytest

from dsmath_lib.engines.grader.verdict import Verdict
from dsmath_lib.exercises.ex08 import my_pass_at_k, winners
from dsmath_lib.runs.nb08_evaluation.evaluate import Graded
from dsmath_lib.runs.nb08_evaluation.run import EvalJob
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores, scores_of
from dsmath_lib.runs.nb08_evaluation.yours import scores_beside_yours

ANSWERS = (["7", "8", "7.0", None], ["7", "8", "9", "8"], [None] * 4, ["7", "8", "7", "8"])


@pytest.fixture
def results():
    graded = []
    for answers in ANSWERS:
        samples = [Verdict(a in ("7", "7.0"), a, "") for a in answers]
        graded.append(Graded(samples[0], samples))
    text = {"finish": "eos", "output": ""}
    rows = [{"greedy": text, "samples": [text] * 4} for _ in ANSWERS]
    out, job = BenchmarkScores(), EvalJob("sft", "toy-gsm", "cot")
    out.rows[job], out.graded[job] = rows, graded
    out.scores[job] = scores_of(rows, graded, (1, 2, 4))
    return out


def test_right_functions_give_the_librarys_numbers(results):
    rows = scores_beside_yours(results, my_pass_at_k, winners)
    assert [r["score"] for r in rows] == ["pass@1", "pass@2", "maj@4", "pass@4"]
    for r in rows:
        assert r["yours"] == pytest.approx(r["library"], abs=1e-12)


def test_wrong_functions_do_not(results):
    rows = scores_beside_yours(
        results, lambda n, c, k: 1 - (1 - c / n) ** k, lambda answers: set(answers[:1])
    )
    apart = [r["score"] for r in rows if abs(r["yours"] - r["library"]) > 1e-3]
    assert "pass@2" in apart and "maj@4" in apart
