"""Questions, answers and verdicts: the accuracy of 03 and that of 05 are one measurement."""

import pytest

from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.rewards.ask import ask, prompt_ids
from dsmath_lib.rl.questions import Questions
from dsmath_lib.runs import nb03_sft as finetune
from dsmath_lib.runs.nb05_grpo import answer

HOW = {"temperature": 1.0, "max_new_tokens": 9, "seed": 0}


class Says:
    """A sampler whose every completion is written beforehand."""

    def __init__(self, *texts: str):
        self.texts = texts

    def sample(self, prompts, *, n, **_):
        ids = [[7] * len(t) for t in self.texts]
        assert len(prompts) * n == len(ids)
        return Completions(ids, ids, ["eos"] * len(ids), list(self.texts))


def test_answers_come_back_question_by_question():
    problems = [Problem("a", "1 + 1?", "2"), Problem("b", "2 + 2?", "4")]
    a = ask(Says("2", "3", "\\boxed{4}", "4"), problems, [[1], [2]], n=2, **HOW)
    assert a.texts == [["2", "3"], ["\\boxed{4}", "4"]] and a.lengths == [[1, 1], [9, 1]]
    assert a.correct == [[True, False], [True, True]] and a.shares == [0.5, 1.0]
    with pytest.raises(ValueError, match="zip"):
        ask(Says("2"), problems, [[1]], n=1, **HOW)  # a problem without a prompt


def test_the_grader_sees_the_question_in_03_and_in_05(monkeypatch):
    """Two boxes in a gold answer are two answers, unless the question says which: any one of them is right."""
    gold = "\\boxed{2} or \\boxed{3}"
    either = Problem("a", "Give only one root of x^2 - 5x + 6.", gold)
    both = Problem("b", "List all roots of x^2 - 5x + 6.", gold)
    sampler = Says("\\boxed{2}", "\\boxed{2}")
    monkeypatch.setattr(finetune, "HFSampler", lambda *_: sampler)
    monkeypatch.setattr(finetune, "prompt_ids", lambda *_: [[1], [2]])
    in_03 = finetune.greedy_answers(
        None, None, [either, both], template="toy-cot", max_new_tokens=9, seed=0
    )
    in_05 = answer(sampler, Questions([either, both], [[1], [2]]), n=1, **HOW)
    assert in_03.correct == in_05.correct == [[True], [False]]


class NoBos:
    """A tokenizer without a bos token, as Qwen's; every text is token 5."""

    bos_token_id = None

    def __call__(self, texts, **_):
        return {"input_ids": [[5] for _ in texts]}


def test_prompts_start_with_bos_where_there_is_one(tokenizer):
    problems = [Problem("a", "1 + 1?", "2"), Problem("b", "1 加 1？", "2", lang="zh")]
    ids = prompt_ids(tokenizer, problems, "toy-cot")
    assert [i[0] for i in ids] == [tokenizer.bos_token_id] * 2
    assert prompt_ids(NoBos(), problems, "toy-cot") == [[5], [5]]
