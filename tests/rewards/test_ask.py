"""Questions, answers and verdicts: the accuracy of every notebook is this one measurement."""

import pytest

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.engines.decode import SamplerError
from dsmath_lib.rewards.ask import ASK_RULE, Sampling, ask, is_right
from dsmath_lib.rewards.questions import Questions, as_prompts
from dsmath_lib.rows.rewards import REWARDS
from tests.tokenizers import tokenizer_of

HOW = Sampling(max_new_tokens=9, temperature=1.0)


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
    two = Sampling(max_new_tokens=9, n=2, temperature=1.0)
    a = ask(Says("2", "3", "\\boxed{4}", "4"), Questions(problems, [[1], [2]]), two, 0)
    assert a.texts == [["2", "3"], ["\\boxed{4}", "4"]] and a.lengths == [[1, 1], [9, 1]]
    assert a.correct == [[True, False], [True, True]] and a.shares == [0.5, 1.0]
    assert a.summary() == {"accuracy": 0.75, "length": 3.0}
    with pytest.raises(SamplerError, match="1 completions for 1 prompts × 2"):
        ask(Less("2"), Questions(problems[:1], [[1]]), two, 0)


class Less(Says):
    """Returns what it has, whatever is asked for."""

    def sample(self, prompts, *, n, **how):
        return super().sample(prompts, n=1, **how)


def test_the_grader_sees_the_question():
    """Two boxes in a gold answer are two answers, unless the question says which: any one of them is right."""
    gold = "\\boxed{2} or \\boxed{3}"
    either = Problem("a", "Give only one root of x^2 - 5x + 6.", gold)
    both = Problem("b", "List all roots of x^2 - 5x + 6.", gold)
    asked = Questions([either, both], [[1], [2]])
    assert ask(Says("\\boxed{2}", "\\boxed{2}"), asked, HOW, 0).correct == [[True], [False]]


def test_a_rule_is_a_reward_or_an_extraction():
    """A reward knows that an answer was cut off: the number at which it happened to end is none."""
    p = Problem("a", "1 + 1?", "2")
    assert ASK_RULE not in REWARDS
    assert is_right(ASK_RULE, p, "so 2", "length") and not is_right("accuracy", p, "so 2", "length")
    assert is_right("accuracy", p, "so 2", "eos") and not is_right("boxed", p, "so 2", "eos")


def test_prompts_start_with_bos_where_there_is_one(tokenizer):
    problems = [Problem("a", "1 + 1?", "2"), Problem("b", "1 加 1？", "2", lang="zh")]
    ids = as_prompts(tokenizer, problems, "toy-cot").prompts
    assert [i[0] for i in ids] == [tokenizer.bos_token_id] * 2
    none = tokenizer_of("qwen2")
    texts = ["User: 1 + 1?\n\nAssistant:", "User: 1 加 1？\n\nAssistant:"]
    assert [none.decode(i) for i in as_prompts(none, problems, "toy-cot").prompts] == texts


def test_prompts_that_are_too_long_are_counted_aloud(tokenizer, capsys):
    problems = [Problem("a", "1 + 1?", "2"), Problem("b", "1 + 1? " * 50, "2")]
    asked = as_prompts(tokenizer, problems, "toy-cot", 40)
    assert [p.id for p in asked.problems] == ["a"]
    assert "1 of 2 questions left out" in capsys.readouterr().out
    with pytest.raises(StageError, match=r"no prompt fits 3 tokens \(the shortest has \d+\)"):
        as_prompts(tokenizer, problems, "toy-cot", 3)
