"""Labels by rule and by completion, pairs, splits, replay."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.rewards.ask import Sampling, graded
from dsmath_lib.rewards.labels import (
    NoSignal,
    Solution,
    by_question,
    hard,
    mix_replay,
    normal,
    pairs_of,
    read_solutions,
    shepherd_labels,
    solutions_of,
    some_questions,
    split_by_question,
    write_solutions,
)
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rewards.training import process_example, training_rows

from .conftest import made_solution

HOW = Sampling(9, 4, 1.0), 0, "accuracy"


class Completer:
    """Finishes the k-th beginning right in ``right[k]`` of its n completions."""

    def __init__(self, tokenizer, right):
        self.tokenizer, self.right, self.calls = tokenizer, right, []

    def sample(self, prompts, *, n, **how):
        self.calls.append((prompts, how))
        texts = [
            f"The answer is {7 if j < self.right[k] else 9}."
            for k in range(len(prompts))
            for j in range(n)
        ]
        ids = [self.tokenizer(t, add_special_tokens=False)["input_ids"] for t in texts]
        return Completions(ids, [[0.0] * len(i) for i in ids], ["eos"] * len(ids), texts)


def ruled(tokenizer, gold, ids, finish="eos"):
    """The solution of one answer, graded by the rule."""
    asked = Questions([Problem("", "q", gold)], [[0, 5]])
    text = tokenizer.decode(ids, skip_special_tokens=True)
    answers = graded(asked, Completions([ids], [], [finish], [text]), "accuracy")
    (s,) = solutions_of(asked, answers, tokenizer, "accuracy")
    return s


def test_rule_labels(tokenizer):
    ids = tokenizer(" 3+4=7\nThe answer is \\boxed{7}.", add_special_tokens=False)["input_ids"]
    s = ruled(tokenizer, "7", ids)
    assert (s.correct, s.answer, len(s.ends), s.steps) == (True, "7", 2, ())
    assert (s.question, s.gold, s.prompt, s.completion) == ("q", "7", [0, 5], ids)
    assert ruled(tokenizer, "8", ids).correct is False
    empty = ruled(tokenizer, "7", [], "length")
    assert (empty.correct, empty.answer, empty.ends) == (False, None, [])
    no_box = tokenizer(" 3+4=7", add_special_tokens=False)["input_ids"]
    assert ruled(tokenizer, "7", no_box).correct is True
    assert ruled(tokenizer, "7", no_box, "length").correct is False


def test_shepherd_labels_by_hand(tokenizer):
    """Three steps: 3 of 4, then 0 of 4 completions succeed; the last step is worth what the answer is worth."""
    text = " 1+2=3\n3+4=7\nThe answer is 7."
    right = made_solution(tokenizer, "What is 1+2+4?", True, text)
    done = Completer(tokenizer, [3, 0])
    (s,) = shepherd_labels(done, tokenizer, [right], *HOW)
    assert s.steps == (0.75, 0.0, 1.0)
    assert tuple(map(hard, s.steps)) == (1.0, 0.0, 1.0)
    prompts, how = done.calls[0]
    assert prompts == [right.prompt + right.completion[: e + 1] for e in right.ends[:-1]]
    assert how["seed"] == 0 and how["max_new_tokens"] == 9
    at = process_example(s, "soft").positions
    assert at == tuple(len(s.prompt) + e for e in s.ends)


def test_equal_beginnings_are_completed_once(tokenizer):
    two = [
        made_solution(tokenizer, "q", r, f" 1+2=3\nThe answer is {7 if r else 8}.")
        for r in (True, False)
    ]
    done = Completer(tokenizer, [2])
    a, b = shepherd_labels(done, tokenizer, two, *HOW)
    assert len(done.calls[0][0]) == 1 and a.steps == (0.5, 1.0) and b.steps == (0.5, 0.0)


def test_one_step_empty_and_truncated_solutions_need_no_completion(tokenizer):
    done = Completer(tokenizer, [])
    guess = made_solution(tokenizer, "q", False, "The answer is 8.")
    empty = ruled(tokenizer, "7", [], "length")
    found = shepherd_labels(done, tokenizer, [guess, empty], *HOW)
    assert [s.steps for s in found] == [(0.0,), ()] and not done.calls


def test_pairs(tokenizer):
    make = lambda q, rs: [made_solution(tokenizer, q, r) for r in rs]  # noqa: E731
    rows = make("a", (True, False, False)) + make("b", (True, True)) + make("c", (False,))
    rows += make("A ", (True,))  # the same question in other writing
    pairs = pairs_of(rows, 10, seed=0)
    assert sorted(pairs) == [(0, 1), (0, 2), (6, 1), (6, 2)]
    assert len(pairs_of(rows, 3, seed=0)) == 3 and pairs_of(rows, 3, 0) == pairs_of(rows, 3, 0)
    assert pairs_of(make("b", (True, True)) + make("c", (False,)), 10, 0) == []


@pytest.mark.parametrize("name", ["pointwise", "pairwise", "process_hard", "process_soft"])
@pytest.mark.parametrize("right", [True, False])
def test_all_labels_equal_is_an_error_that_says_so(tokenizer, name, right):
    text = f"The answer is {7 if right else 8}."
    rows = [
        made_solution(tokenizer, q, right, text, steps=(float(right),)) for q in ("a", "a", "b")
    ]
    with pytest.raises(NoSignal, match=r"all labels are|both a right and a wrong"):
        training_rows(name, rows, 96, 4, 0)


def test_groups_of_one(tokenizer):
    """One solution per question: enough for labels, never for pairs."""
    rows = [made_solution(tokenizer, str(i), i % 2 == 0) for i in range(4)]
    assert len(training_rows("pointwise", rows, 96, 4, 0)) == 4
    with pytest.raises(NoSignal, match="no pairs"):
        training_rows("pairwise", rows, 96, 4, 0)


def test_unlabelled_and_too_long_solutions_are_left_out(tokenizer):
    rows = [made_solution(tokenizer, str(i), i % 2 == 0) for i in range(4)]
    with pytest.raises(NoSignal, match="no solution is labelled"):
        training_rows("process_soft", rows, 96, 4, 0)
    long = made_solution(tokenizer, "long", True, "1+1=2\n" * 60)
    assert len(training_rows("pointwise", [*rows, long], 96, 4, 0)) == 4


def test_steps_that_nobody_judged_have_no_position(tokenizer):
    s = made_solution(tokenizer, "q", False, "1+1=2\n2+2=5\n5+1=6", steps=(1.0, 0.0, None))
    row = process_example(s, "hard")
    assert row.labels == (1.0, 0.0) and len(row.positions) == 2
    assert row.positions == tuple(len(s.prompt) + e for e in s.ends[:2])


@given(
    st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=30),
    st.integers(0, 5),
    st.floats(0.05, 0.95),
)
def test_no_question_is_on_both_sides(questions, seed, share):
    rows = [_bare(q if i % 2 else q.upper() + " ") for i, q in enumerate(questions)]
    try:
        train, test = split_by_question(rows, share, seed)
    except NoSignal:
        return
    assert len(train) + len(test) == len(rows)
    assert not {normal(s.question) for s in train} & {normal(s.question) for s in test}


def _bare(question):
    return Solution(question, "", [0], [1], [0])


def test_splits_are_stable_and_of_the_asked_size():
    rows = [_bare(f"question {i}") for i in range(2000)]
    test = split_by_question(rows, 0.2, 0)[1]
    assert 0.17 < len(test) / 2000 < 0.23
    more = split_by_question([*rows, _bare("another")], 0.2, 0)[1]
    assert set(by_question(test)) <= set(by_question(more))


def test_some_questions_take_all_their_solutions():
    rows = [_bare(f"q{i % 5}") for i in range(20)]
    found = some_questions(rows, 2, seed=0)
    assert len(found) == 8 and len({s.question for s in found}) == 2
    assert some_questions(rows, 9, seed=0) == rows


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 0.9), st.integers(0, 3))
def test_replay(n_new, n_old, share, seed):
    new, old = [("new", i) for i in range(n_new)], [("old", i) for i in range(n_old)]
    mix = mix_replay(new, old, share, seed)
    kinds = Counter(k for k, _ in mix)
    wanted = round(n_new * share / (1 - share))
    assert kinds["new"] == n_new and kinds["old"] == min(n_old, wanted)
    assert len(set(mix)) == len(mix), "old rows are drawn without replacement"
    assert mix == mix_replay(new, old, share, seed)


def test_replay_by_hand():
    mix = mix_replay(list(range(90)), list(range(1000, 1500)), 0.1, 0)
    assert sum(x >= 1000 for x in mix) == 10 and len(mix) == 100
    assert mix != sorted(mix), "shuffled"
    assert mix != mix_replay(list(range(90)), list(range(1000, 1500)), 0.1, 1)
    assert mix_replay([], [1, 2], 0.1, 0) == []
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
            mix_replay([1], [2], share, 0)


def test_solutions_survive_the_file_bit_for_bit(tokenizer, tmp_path):
    rows = [
        made_solution(tokenizer, "小明 has 3?", True, steps=(0.3, 1.0)),
        made_solution(tokenizer, "q", False, steps=(None, 0.0)),
    ]
    for name in ("a", "b"):
        write_solutions(tmp_path / f"{name}.jsonl.gz", rows)
    assert read_solutions(tmp_path / "a.jsonl.gz") == rows
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
