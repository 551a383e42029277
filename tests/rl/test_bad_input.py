"""Bad input that reaches the loop: each case has a defined outcome, an error that names it or a number that counts it.

Reward functions that raise, NaN, wrong lengths, step rewards: test_explore, test_loss_forms. A reward model of another
vocabulary, a killed sampler: test_loss_forms. Groups of size 1: test_advantages, test_loop.
"""

import json
import math

import pytest
import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.records import Completions
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.report import grpo_pictures as pictures
from dsmath_lib.report.live import in_words, panel_plot
from dsmath_lib.report.notebook import table
from dsmath_lib.rl.diagnostics import MEASURED, mean, measured, newest
from dsmath_lib.rl.reward_functions import Rewards
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.runs.nb06_methods import course
from dsmath_lib.stage.folder import Stage
from tests.rl.conftest import experiment, grpo_params, odd_steps, rewards, tiny_policy
from tests.rl.conftest import train as trained

NAMES = [n for n in METHODS if METHODS[n].data != "set"]


class Fixed:
    """A sampler whose every completion is chosen beforehand; ``make``: number of the row -> ids and how it ended."""

    def __init__(self, make):
        self.make, self.memory = make, {}

    def sample(self, prompts, *, n, **_):
        ids, finish = zip(*[self.make(i) for i in range(len(prompts) * n)], strict=True)
        logprobs = [[-1.0] * len(c) for c in ids]
        return Completions(list(ids), logprobs, list(finish), [""] * len(ids))

    def rest(self):
        """It holds no weights."""


def draws_with(monkeypatch, sampler):
    monkeypatch.setattr("dsmath_lib.rl.experiment.make_sampler", lambda *a: sampler)


def train(monkeypatch, tokenizer, questions, name, sampler, reward, **changes):
    cfg = grpo_params(steps=1, eval_every=0, checkpoint_every=0, **changes)
    stage = Stage(cfg, "05_grpo")
    draws_with(monkeypatch, sampler)
    policy = trained(
        experiment(cfg, stage, tokenizer, questions, rewards(reward)), name, "run"
    ).policy
    (row,) = stage.read_log("run")
    assert set(MEASURED) <= set(row), "every row has every key"
    text = (stage.dir / "log.jsonl").read_text()
    assert not {"NaN", "Infinity", "-Infinity"} & set(text.replace(",", " ").split()), "no JSON"
    json.loads(text.splitlines()[0])
    assert all(math.isfinite(v) for v in row.values() if isinstance(v, float))
    return row, stage.read_log("run.alarm"), policy


def share_of_odd(rollouts, golds):
    return {"odd": [sum(t % 2 for t in c) / max(len(c), 1) for c in rollouts.completions]}


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_groups_without_signal(monkeypatch, tokenizer, questions, name):
    """Nothing differs in any group: an alarm, and a policy that moves only where something else moves it."""

    def same(i):
        return [20, 21, 1], "eos"

    row, alarms, policy = train(
        monkeypatch, tokenizer, questions, name, Fixed(same), share_of_odd, weight_decay=0.0
    )
    assert row["zero_variance"] == 1
    m = METHODS[name]
    if m.coefficient in ("group", "pair") and m.kl != "reward":  # others do not compare in a group
        assert "nothing to learn from" in alarms[0]["message"]
        pairs = zip(policy.parameters(), tiny_policy().parameters(), strict=True)
        assert all(torch.equal(p, q) for p, q in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_only_empty_completions(monkeypatch, tokenizer, questions, name):
    row, alarms, policy = train(
        monkeypatch, tokenizer, questions, name, Fixed(lambda i: ([], "stop")), share_of_odd
    )
    assert row["empty"] == 1 and row["length"] == 0 and row["loss"] == 0
    assert alarms
    pairs = zip(policy.parameters(), tiny_policy().parameters(), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_truncated_ones_are_counted(monkeypatch, tokenizer, questions, name):
    """An empty one is in its group's baseline and teaches nothing; a truncated one is learnt from as it is."""

    def mixed(i):
        return [([20, 21, 1], "eos"), ([], "stop"), ([23, 25, 26], "length"), ([22, 1], "eos")][
            i % 4
        ]

    row, _, policy = train(monkeypatch, tokenizer, questions, name, Fixed(mixed), share_of_odd)
    assert row["empty"] == row["truncated"] == 0.25
    assert row["zero_variance"] == 0
    pairs = zip(policy.parameters(), tiny_policy().parameters(), strict=True)
    assert any(not torch.equal(p, q) for p, q in pairs)


def test_a_budget_of_no_tokens(tokenizer):
    with pytest.raises(ParamsError, match="max_new_tokens"):
        grpo_params(max_new_tokens=0)
    sampler = HFSampler(tiny_policy(), tokenizer)
    with pytest.raises(ValueError, match="max_new_tokens=0"):
        sampler.sample([[5]], n=2, temperature=1.0, max_new_tokens=0, seed=0)


def test_steps_of_an_empty_completion_are_none():
    from tests.rl.test_methods import rollouts

    ends, named = odd_steps(rollouts(), [])
    assert ends[2] == named["steps"][2] == []


@pytest.mark.parametrize("name", ["rft", "grpo-os", "grpo-ps", "ppo", "dpo"])
@pytest.mark.parametrize("flat", ["last", "all"])
def test_rows_have_the_same_keys_whether_or_not_there_was_a_signal(
    monkeypatch, tokenizer, questions, name, flat
):
    """Without a KL term a step of flat groups has no row to learn from: its diagnostics are None, and readers go on."""
    steps, seen = 3, []

    def still() -> bool:
        return flat == "all" or len(seen) == steps

    def reward(rollouts, golds):
        seen.append(len(golds))
        return {"odd": [0.0 if still() else float(i % 2) for i in range(len(golds))]}

    def step_reward(rollouts, golds):
        last = [0.0 if still() else float(i % 2) for i in range(len(golds))]
        return [[0, 2] for _ in golds], {"steps": [[0.0, r] for r in last]}

    cfg = grpo_params(
        steps=steps, eval_every=0, checkpoint_every=0, beta=0.0, skip_zero_variance=True,
        weight_decay=0.0,
    )  # fmt: skip
    stage = Stage(cfg, "05_grpo")
    draws_with(monkeypatch, Fixed(lambda i: ([20, 21 + i % 2, 1], "eos")))
    run = f"{name}.0"
    paid = Rewards(reward, {"odd": 1.0}, step_reward, {"steps": 1.0})
    e = experiment(cfg, stage, tokenizer, questions, paid)
    critic = trained(e, name, run, lambda s: {"accuracy": 0.5, "length": 3.0}).critic
    log, evals = stage.read_log(run), stage.read_log(f"{run}.eval")
    assert len(log) == steps and {frozenset(r) for r in log} == {frozenset(log[0])}
    assert set(MEASURED) <= set(log[0])
    if critic is None:  # PPO's critic learns from every row
        assert log[-1]["entropy"] is None and log[-1]["clip_fraction"] is None
        assert log[-1]["loss"] == 0
        found = [r["entropy"] for r in log[:-1]]
        assert newest(log, "entropy") == (None if flat == "all" else found[-1])
        assert (flat == "all") == (not measured(log, "entropy")) == (mean(log, "entropy") is None)
    assert in_words(log, evals).startswith("Step 3: mean reward 0")
    assert course(stage, [name], [0])[-1]["right"] == 0.5
    table(log)._repr_html_()
    for figure in (
        panel_plot(log, evals), pictures.training_plot(log, evals), pictures.forms_plot({"a": log})
    ):  # fmt: skip
        figure.canvas.draw()


def test_one_row_has_no_spread_and_no_step_no_step_reward(tokenizer, questions):
    """One demonstration per step: the standard deviation of one number is not measured, and is no NaN."""
    cfg = grpo_params(steps=1, questions_per_step=1, eval_every=0, checkpoint_every=0, beta=0.0)
    stage = Stage(cfg, "05_grpo")
    trained(experiment(cfg, stage, tokenizer, questions), "sft", "run")
    (row,) = stage.read_log("run")
    assert row["reward_std"] is None and row["reward"] == 1 and row["mismatch"] is None


def test_a_reward_is_not_drawn_as_right_answers():
    """The rewards of a learned model are no shares: where no rule said what is right, the panel is empty."""
    log = [{"step": k, "reward": 2.5, "kl": 0.1} for k in (1, 2)]
    left, right = pictures.forms_plot({"outcome": log}).axes
    assert len(left.lines[0].get_xdata()) == 0 and len(right.lines[0].get_xdata()) == 2
