"""The loop: it learns, resumes, raises the alarm, and stops at a loss that is not a number."""

from dataclasses import replace

import pytest
import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.lm.train import NonFiniteLoss
from dsmath_lib.rl import loop
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.stage.folder import Stage
from tests.rl.conftest import experiment, grpo_params, odd_reward, rewards, tiny_policy
from tests.rl.conftest import train as trained
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric


def train(tokenizer, questions, reward=odd_reward, method="grpo-os", **kw):
    cfg = grpo_params(**kw)
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions, rewards(reward))
    return stage, trained(e, method, evaluate=lambda sampler: {"x": 1.0}).modules()


def numbers(stage):
    return [r for kind in ("grpo", "grpo.eval", "grpo.alarm") for r in stage.read_log(kind)]


def test_it_learns(tokenizer, questions):
    stage, _ = train(
        tokenizer,
        questions,
        steps=30,
        lr=1e-2,
        questions_per_step=4,
        group_size=8,
        checkpoint_every=0,
        micro_tokens=2000,
    )
    reward = [r["reward"] for r in stage.read_log("grpo")]
    assert sum(reward[-5:]) / 5 > sum(reward[:5]) / 5 + 0.2
    row = stage.read_log("grpo")[-1]
    assert row["kl"] > 0
    assert row["mismatch"] < 1e-12
    assert row["clip_fraction"] == 0
    assert row["ratio_max"] == 1


def test_every_diagnostic_is_there(tokenizer, questions):
    stage, _ = train(tokenizer, questions)
    rows = stage.read_log("grpo")
    assert [r["step"] for r in rows] == [1, 2, 3, 4, 5]
    wanted = "reward reward_std zero_variance clip_fraction kl entropy length truncated grad_norm"
    assert set(f"{wanted} mismatch lr loss reward.odd".split()) <= set(rows[0])
    assert [r["step"] for r in stage.read_log("grpo.eval")] == [0, 2, 4, 5]
    assert {"rollout_tokens_per_s", "learn_tokens_per_s"} <= set(stage.read_log("grpo.timing")[0])


@pytest.mark.parametrize(
    ("method", "killed_after"), [("grpo-os", 1), *((name, 3) for name in METHODS)]
)
def test_a_resumed_run_equals_a_straight_one(
    tokenizer, questions, monkeypatch, method, killed_after
):
    """The critic and its optimiser too."""
    straight, policy = train(tokenizer, questions, method=method, scale="straight")
    calls = 0

    def killed(*args):
        nonlocal calls
        calls += 1
        if calls > killed_after:
            raise KeyboardInterrupt
        return loop_step(*args)

    loop_step = loop.one_step
    monkeypatch.setattr(loop, "one_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tokenizer, questions, method=method, scale="resumed", checkpoint_every=2)
    monkeypatch.setattr(loop, "one_step", loop_step)
    resumed, again = train(tokenizer, questions, method=method, scale="resumed", checkpoint_every=2)
    assert_same(numbers(resumed), numbers(straight))
    assert_same(list(again.parameters()), list(policy.parameters()))


def test_several_updates_per_exploration(tokenizer, questions):
    stage, _ = train(tokenizer, questions, updates_per_exploration=3, lr=1e-2)
    rows = stage.read_log("grpo")
    assert any(r["ratio_max"] > 1.001 for r in rows)
    assert all(r["mismatch"] < 1e-12 for r in rows)  # measured before the first update


def test_equal_rewards_raise_the_alarm_and_change_nothing(tokenizer, questions):
    def constant(rollouts, golds):
        return {"odd": [0.5] * len(golds)}

    stage, policy = train(tokenizer, questions, constant, beta=0.0, steps=2, weight_decay=0.0)
    alarms = stage.read_log("grpo.alarm")
    assert [a["step"] for a in alarms] == [1, 2]
    assert "nothing to learn from" in alarms[0]["message"]
    for p, q in zip(policy.parameters(), tiny_policy().parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_loss_that_is_not_a_number_stops_the_run(tokenizer, questions, monkeypatch):
    plain, seen = loop.explore, []

    def counted(*args):
        seen.append(1)
        return plain(*args)

    def log_probs(*args):
        logp, entropy = measured(*args)
        return (replace(logp, old=logp.old * float("nan")) if len(seen) == 3 else logp), entropy

    measured = loop.log_probs
    monkeypatch.setattr(loop, "explore", counted)
    monkeypatch.setattr(loop, "log_probs", log_probs)
    with pytest.raises(NonFiniteLoss, match="step 3 has loss nan") as err:
        train(tokenizer, questions)
    stage = Stage(grpo_params(), "05_grpo")
    assert str(stage.dir / "bad_batch.safetensors") in str(err.value)
    assert (stage.dir / "bad_batch.safetensors").exists()
    kept = sorted(p.name for p in (stage.dir / "checkpoints/grpo").glob("step-*"))
    assert kept[-1] == "step-000002"


def test_bad_parameters():
    with pytest.raises(ParamsError, match="group_size"):
        grpo_params(group_size=1)
    with pytest.raises(ParamsError, match="max_new_tokens"):
        grpo_params(max_new_tokens=0)
    with pytest.raises(ParamsError, match="same length"):
        grpo_params(reward_weights=[1.0, 2.0])
