"""Rows of data sets as problems: the usual field names, GSM8K's and MATH's forms, and rows that fit nothing."""

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.grader import grade
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.read_questions import problem_of, shuffled, solved

GSM8K = {
    "question": "Tom had 48 clips and sold half. How many did he sell? ",
    "answer": "Tom sold 48/2 = <<48/2=24>>24 clips.\nThat is $<<1000+24=1024>>1,024.\n#### 1,024",
}


def test_gsm8k_rows_lose_calculator_marks_and_gain_a_box():
    problem, sample = solved(GSM8K, "deepseek-cot", "a row")
    assert problem.answer == "1024" and problem.question.endswith("sell?")
    assert sample.prompt == make_prompt("deepseek-cot", problem.question)
    ((text, trained),) = sample.segments
    assert trained and text.startswith("Tom sold 48/2 = 24 clips.") and "<<" not in text
    assert text.endswith("The answer is \\boxed{1024}.") and "####" not in text
    assert grade(problem.answer, text).correct


def test_math_rows_keep_their_box():
    row = {"problem": "1+1?", "solution": "It is $\\boxed{2}$.", "answer": "2"}
    _, sample = solved(row, "deepseek-cot", "a row")
    assert sample.segments[0][0] == "It is $\\boxed{2}$."


@pytest.mark.parametrize(
    ("row", "answer", "steps"),
    [
        ({"question": "Q?", "answer": "5"}, "5", ()),
        ({"problem": "Q?", "final answer": "5"}, "5", ()),
        ({"Problem": "Q?", "Final Answer": 5, "Solution": "2+3"}, "5", ("2+3",)),
        ({"prompt": "Q?", "answer": 5}, "5", ()),
        ({"prompt": "Q?", "answer": 5.0}, "5", ()),
        ({"question": "Q?", "final_answer": ["5"], "answer": None}, "5", ()),
        ({"question": "Q?", "golden": "5"}, "5", ()),
        ({"problem": "Q?", "solution": "So\n$\\boxed{\\frac12}$."}, "\\frac12", ("So", "$\\boxed{\\frac12}$.")),
        ({"problem": "Q?", "solution": "a\nb\n#### 7"}, "7", ("a", "b")),
        ({"problem": "Q?", "answer": "\\boxed{7}"}, "7", ()),
        ({"problem": "Q?", "answer": "It is 3+4, so \\boxed{7}."}, "7", ("It is 3+4, so \\boxed{7}.",)),
        ({"question": "Q?", "answer": "(1,234)"}, "(1,234)", ()),  # a point, no number of thousands
        ({"question": "Q?", "answer": "1,234.5"}, "1234.5", ()),
        ({"prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q?"}],
          "reward_model": {"style": "rule", "ground_truth": "9"}}, "9", ()),
        ({"question": "Q?", "solution": float("nan"), "answer": "004"}, "004", ()),
    ],
)  # fmt: skip
def test_the_usual_names(row, answer, steps):
    p = problem_of(row)
    assert (p.question, p.answer, p.steps) == ("Q?", answer, steps)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "text": "Q?"}, "'x' row 4 has no question: .* it has: id, text"),
        ({"question": "  ", "answer": "5"}, "no question"),
        ({"question": "Q?", "notes": "n"}, "no answer: .* it has: question, notes"),
        ({"question": "Q?", "answer": ""}, "no answer"),
        ({"question": "Q?", "answer": None, "solution": "I do not know"}, "no answer"),
        ({"question": "Q?", "answer": "steps\n#### "}, "no answer after its '####'"),
        ({"prompt": [{"role": "system", "content": "S"}], "answer": "5"}, "no question"),
        ({}, "it has: nothing"),
    ],
)
def test_a_row_that_fits_nothing_is_named(row, message):
    with pytest.raises(StageError, match=message) as err:
        problem_of(row, "'x' row 4")
    assert "\n" not in str(err.value)


def test_fine_tuning_needs_a_worked_solution():
    with pytest.raises(StageError, match="row 2 has no worked solution"):
        solved({"question": "Q?", "answer": "5"}, "toy-cot", "row 2")


def test_a_question_that_stands_twice_is_read_once():
    rows = [{"question": f"Q{i % 3}?", "answer": str(i)} for i in range(9)]
    found = shuffled(rows, "x", 0, "s")
    assert sorted(r["question"] for _, r in found) == ["Q0?", "Q1?", "Q2?"]
    for where, row in found:  # the words name the row in the file
        assert rows[int(where.split()[-1]) - 1] is row
