"""Contamination: training texts against benchmarks, on built rows and on real sets."""

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem
from dsmath_lib.runs.nb08_evaluation import load as benchmarks
from dsmath_lib.runs.nb08_evaluation.contamination import (
    TOY,
    Training,
    published_example,
    refused,
    same_text,
    training_texts,
)

LONG = "A baker fills 7 trays with 12 buns each and then sells 30 of them before noon. How many are left?"
SHORT = "Compute $7 + 5$."


def problems(*questions):
    return [Problem(f"b-{i}", q, "1") for i, q in enumerate(questions)]


def test_same_inside_near_and_any_gram():
    page = f"Homework. {LONG} Hint: count first."
    other = LONG.replace("30", "31")  # the same words, another number
    found = Training([LONG.replace(" ", "  "), SHORT]).overlap("b", problems(LONG, SHORT, other))
    assert (found.same, found.inside, found.items) == (2, 0, 3)
    assert found.leaked == {"b-0", "b-1"} and found.any_gram == 3 and found.near == 2
    found = Training([page]).overlap("b", problems(LONG, SHORT, "Something else entirely?"))
    assert (found.same, found.inside, found.near, found.any_gram) == (0, 1, 1, 1)
    none = Training(["Nothing of the kind."]).overlap("b", problems(LONG))
    assert none.share == 0 and not none.leaked


def test_a_short_question_inside_a_longer_text_is_no_leak():
    """Ten grams are needed, or one would find 'Compute 7 + 5' in every worksheet."""
    found = Training([f"Warm up: {SHORT} Then go on."]).overlap("b", problems(SHORT))
    assert not found.leaked and found.near == 1


def test_refusal_is_by_share():
    found = Training([LONG]).overlap("b", problems(LONG, SHORT))
    assert refused([found], 0.4) == {"b": "1 of 2 questions are in the training data"}
    assert refused([found], 0.5) == {}
    assert found.row(0.4)["score"] == "refused" and found.row(0.5)["score"] == "reported"


def test_sources(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"problem": "p", "x": "other"}\n')
    (tmp_path / "chat.jsonl").write_text(
        '{"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}\n'
    )
    read = lambda s: training_texts(s, data_dir=str(tmp_path))  # noqa: E731
    assert (
        read("a.jsonl") == ["p"] and read("a.jsonl::x") == ["other"] and read("chat.jsonl") == ["u"]
    )
    with pytest.raises(StageError, match=r"FILE::FIELD"):
        read("a.jsonl::y")
    toy = Training(training_texts(TOY))
    assert not toy.overlap("toy-gsm", benchmarks.problems_of("toy-gsm", n=200)).leaked
    assert same_text(" a\n b") == "ab"


def test_simplerl_trains_on_the_math_test(data_dir):
    """2,936 of the 5,000 questions are in the 8K set: no score for them, and none missing from MATH-500."""
    found = {o.benchmark: o for o in published_example(str(data_dir))}
    assert found["math"].same == 2936 and found["math-500"].leaked == frozenset()
    assert list(refused(found.values(), 0.01)) == ["math"]
    assert published_example("") == []
