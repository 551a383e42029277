"""Readers of published step labels: made-up rows of each form, and the real files where they are."""

from collections import Counter

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.rewards.labels import pairs_of, split_by_question
from dsmath_lib.runs.nb04_published import first_error, labelled_solutions, read_labelled
from dsmath_lib.stage.data import read_rows
from tests.rewards import conftest as fixtures

tokenizer = fixtures.tokenizer

SHEPHERD = {
    "input": "How many? Step 1: 1+1=2 ки\nStep 2: 2+2=5 The answer is: 5 ки",
    "label": "How many? Step 1: 1+1=2 +\nStep 2: 2+2=5 The answer is: 5 -",
    "task": "GSM8K",
}
PRM800K = {
    "labeler": "x",
    "question": {"problem": "p", "ground_truth_answer": "4"},
    "label": {
        "finish_reason": "solution",
        "steps": [
            {
                "completions": [{"text": "a", "rating": 1}, {"text": "bad", "rating": -1}],
                "chosen_completion": 0,
            },
            {
                "completions": [{"text": "c", "rating": -1}],
                "human_completion": {"text": "human"},
                "chosen_completion": None,
            },
            {"completions": [{"text": "4", "rating": 0}], "chosen_completion": 0},
        ],
    },
}
MR = {
    "question": "q",
    "ground_truth_answer": "3",
    "model_output_steps": ["a", "b", "c"],
    "model_output_solution_first_error_step": 2,
    "model_output_answer_correctness": "wrong",
}


def test_first_error():
    assert first_error(4, 1) == (1.0, 0.0, None, None)
    assert first_error(2, None) == (1.0, 1.0) and first_error(1, 0) == (0.0,)
    for at in (-1, 4):
        with pytest.raises(ValueError, match="of 4"):
            first_error(4, at)


def test_math_shepherd():
    (s,) = read_labelled(SHEPHERD)
    assert s.question == "How many?" and s.correct is False
    assert s.steps == ("Step 1: 1+1=2", "Step 2: 2+2=5 The answer is: 5")
    assert s.labels == (1.0, 0.0)


def test_prm800k():
    paths = {s.steps: (s.labels, s.correct) for s in read_labelled(PRM800K)}
    assert paths == {
        ("bad",): ((0.0,), False),
        ("a", "c"): ((1.0, 0.0), False),
        ("a", "human", "4"): ((1.0, 1.0, 1.0), True),
    }


def test_first_error_forms():
    (s,) = read_labelled(MR)
    assert s.labels == (1.0, 0.0, None) and s.correct is False and s.gold == "3"
    fine = MR | {
        "model_output_solution_first_error_step": "N/A",
        "model_output_answer_correctness": "correct",
    }
    assert read_labelled(fine)[0].labels == (1.0, 1.0, 1.0)
    bench = {"input": "1+1", "steps": ["1+1=3"], "target": "2", "answer": "3", "mistake_index": 0}
    (s,) = read_labelled(bench)
    assert (s.labels, s.correct, s.question) == ((0.0,), False, "1+1")


def test_planted_errors():
    row = {
        "question": "q",
        "ground_truth_answer": "1",
        "reference_steps": ["a", "b"],
        "hypothesis_steps": ["a", "x"],
    }
    read = lambda kind, tags: read_labelled(row | {"error_type": kind, "tags": tags})  # noqa: E731
    assert [s.labels for s in read("random number", 1)] == [(1.0, 1.0), (1.0, 0.0)]
    assert read("swap steps", [1, 0])[1].labels == (0.0, None)
    assert read("swap solutions", 1)[1].labels == (None, None)
    assert read("swap solutions", 1)[1].correct is False
    assert len(read("remove step", 1)) == 1, "a gap is no wrong step"


def test_prmbench():
    row = {
        "question": "q",
        "original_process": ["1. a", "2. b"],
        "modified_process": ["1. a", "2. x", "3. b"],
        "error_steps": [2],
    }
    right, wrong = read_labelled(row)
    assert right.steps == ("a", "b") and right.correct is True
    assert wrong.labels == (1.0, 0.0, 1.0) and wrong.correct is False


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q"},
        MR | {"model_output_solution_first_error_step": 9},
        SHEPHERD | {"label": "How many?"},
        {"labeler": "x", "question": None, "label": {}},
    ],
)
def test_rows_that_fit_no_form(row):
    with pytest.raises(StageError, match="form"):
        read_labelled(row)


def test_token_ids_and_ends(tokenizer):
    rows = read_labelled(SHEPHERD) * 2
    (s,), dropped = labelled_solutions(tokenizer, rows, "deepseek-cot", 500)
    assert dropped == 0, "equal solutions count once"
    text = tokenizer.decode(s.completion, skip_special_tokens=True)
    assert text == " Step 1: 1+1=2\nStep 2: 2+2=5 The answer is: 5"
    assert tokenizer.decode(s.completion[: s.ends[0] + 1]) == " Step 1: 1+1=2\n"
    assert s.ends[-1] == len(s.completion) - 1 and s.completion[-1] == tokenizer.eos_token_id
    assert s.answer == "5" and s.steps == (1.0, 0.0)
    assert labelled_solutions(tokenizer, rows, "deepseek-cot", 20) == ([], 1)


FILES = {  # file -> rows, and judged steps that are wrong
    "samples_math-shepherd.jsonl": (7, 20),
    "samples_prm800k.jsonl": (6, 15),
    "samples_math-aps.jsonl": (3, 9),
    "mr_gsm8k_labelled.jsonl": (393, 393),
    "mr_math_invalid_errors.jsonl": (159, 83),
    "mr_math_redundant_errors.jsonl": (300, 0),
    "bigbench_mistake_multistep_arithmetic.jsonl": (300, 238),
}


@pytest.mark.parametrize("name", FILES)
def test_real_files(data_dir, name):
    rows = read_rows(name, data_dir=str(data_dir / "math/process_reward"))
    found = [s for r in rows for s in read_labelled(r)]
    n_rows, n_wrong = FILES[name]
    assert len(rows) == n_rows
    assert sum(y == 0 for s in found for y in s.labels) == n_wrong
    assert all(len(s.steps) == len(s.labels) and all(s.steps) for s in found)
    assert all(y is None or 0 <= y <= 1 for s in found for y in s.labels)


def test_the_large_real_files_give_pairs_and_a_clean_split(data_dir, tokenizer):
    folder = str(data_dir / "math/process_reward")
    names = ("prm800k_perturbation.jsonl", "prmbench_prm800k_test.jsonl")
    rows = [r for n in names for r in read_rows(n, data_dir=folder)[::30]]
    found = [s for r in rows for s in read_labelled(r)]
    kinds = Counter(s.correct for s in found)
    assert kinds[True] > 100 and kinds[False] > 60
    solutions, _ = labelled_solutions(tokenizer, found, "deepseek-cot", 4096)
    train, test = split_by_question(solutions, 0.2, 0)
    assert not {s.question for s in train} & {s.question for s in test}
    assert len(pairs_of(train, 1, 0)) > 30
