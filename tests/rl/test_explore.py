"""Exploration: groups, questions of a step, and reward functions that misbehave."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.base.seeds import questions_of_step
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.rewards.ask import Sampling
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rl.explore import as_rollouts, explore, live
from dsmath_lib.rl.reward_functions import RewardError, Rewards, rule_reward, scored
from tests.rl.conftest import odd_reward, tiny_policy

pytestmark = pytest.mark.numeric


def rollouts_of(tokenizer, reward_function, golds=("7", "8"), seed=3):
    sampler = HFSampler(tiny_policy(), tokenizer)
    asked = Questions([Problem("", "?", g) for g in golds], [[0, 5, 6], [0, 7]])
    paid = Rewards(reward_function, {})
    return explore(live(sampler), asked, Sampling(6, 3, 1.0), paid, seed)


def test_rollouts(tokenizer):
    r = rollouts_of(tokenizer, odd_reward)
    assert r.group.tolist() == [0, 0, 0, 1, 1, 1]
    assert r.prompts == [[0, 5, 6]] * 3 + [[0, 7]] * 3
    assert r.rewards["odd"].shape == (6,)
    assert [len(c) for c in r.completions] == [len(p) for p in r.logprobs] == r.lengths.tolist()
    again = rollouts_of(tokenizer, odd_reward)
    assert again.completions == r.completions
    torch.testing.assert_close(again.rewards["odd"], r.rewards["odd"])


def test_the_reward_function_sees_the_gold_of_each_row(tokenizer):
    seen = []

    def spy(rollouts, golds):
        seen.extend(golds)
        return {"x": [0.0] * len(golds)}

    rollouts_of(tokenizer, spy)
    assert seen == ["7"] * 3 + ["8"] * 3


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda r, g: {"x": [0.0] * 5}, "'x' has 5 values for 6"),
        (lambda r, g: {"x": [0.0] * 4 + [float("nan"), 0.0]}, "'x' of row 4 is nan"),
        (lambda r, g: {"x": [float("inf")] * 6}, "'x' of row 0 is inf"),
        (lambda r, g: 1 / 0, "raised ZeroDivisionError"),
        (lambda r, g: {}, "no reward"),
        (lambda r, g: {"x": [None] * 6}, "'x' of row 0 is no number: None"),
    ],
)
def test_bad_reward_functions_are_named(tokenizer, function, message):
    with pytest.raises(RewardError, match=message):
        rollouts_of(tokenizer, function)


def test_a_reward_and_a_step_reward_of_one_name_are_refused(tokenizer):
    """Else the mean of one would stand in the log under the name of both."""
    r = rollouts_of(tokenizer, odd_reward)

    def step_reward(rollouts, golds):
        return [[0] for _ in golds], {"odd": [[1.0] for _ in golds]}

    with pytest.raises(RewardError, match=r"both named \['odd'\]"):
        scored(r, ["7", "8"], Rewards(odd_reward, {}, step_reward))


def test_rule_reward(tokenizer):
    r = rollouts_of(tokenizer, rule_reward("accuracy"))
    assert set(r.rewards) == {"accuracy"}
    r = rollouts_of(tokenizer, rule_reward("simplerl-v0"))
    assert set(r.rewards) == {"accuracy", "format"}
    with pytest.raises(RewardError, match="unknown reward 'kind'"):
        rollouts_of(tokenizer, rule_reward("kind"))


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_questions_of_a_step(n, per_step, seed):
    """Every pass visits every question once; a step is the same whenever it is asked for."""
    steps = [questions_of_step(n, per_step, k, seed) for k in range(-(-2 * n // per_step))]
    flat = [i for s in steps for i in s]
    assert sorted(flat[:n]) == sorted(flat[n : 2 * n]) == list(range(n))
    assert questions_of_step(n, per_step, len(steps) - 1, seed) == steps[-1]


def test_a_random_reward_looks_at_no_completion_and_replays():
    def rolled(texts):
        n = len(texts)
        ids = [[i % 7, n % 5] for i in range(n)]
        return as_rollouts([[1]], Completions(ids, [[0.0] * 2] * n, ["eos"] * n, texts))

    right, wrong = rolled(["\\boxed{1}"] * 2000), rolled(["no"] * 2000)
    pay = rule_reward("random", seed=3)
    a, b = (pay(r, ["1"] * 2000)["accuracy"] for r in (right, wrong))
    assert a == b == pay(right, ["1"] * 2000)["accuracy"]  # the same batch of ids, the same coins
    assert set(a) == {0.0, 1.0} and abs(sum(a) / 2000 - 0.5) < 0.05  # 4.5 standard errors
    assert rule_reward("random", seed=4)(right, ["1"] * 2000)["accuracy"] != a
    assert pay(rolled(["no"] * 1999), ["1"] * 1999)["accuracy"] != a[:1999]
    with pytest.raises(ValueError, match="cannot grade"):
        reward("random", "1", "1", "eos")
