"""The loop with an adapter: only it is trained and kept, the reference is the policy without it, it can be resumed."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from dsmath_lib.engines.adapters import AdapterOff, adapter_of
from dsmath_lib.engines.decode import HFSampler
from dsmath_lib.engines.mismatch import mismatch_alarm
from dsmath_lib.rl import loop
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.experiment import Experiment, Players, RunId
from dsmath_lib.rl.loop import train_policy
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.stage.folder import Stage
from tests.rl.conftest import experiment, grpo_params, rewards, tiny_policy
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric
LORA = {"lora_rank": 8, "lora_alpha": 32, "lr": 1e-2, "steps": 4}


@pytest.fixture
def start(tmp_path):
    tiny_policy().save_pretrained(tmp_path / "start")
    return tmp_path / "start"


def made(start, tokenizer, questions, **kw):
    cfg = grpo_params(**LORA | kw)
    e = experiment(cfg, Stage(cfg, "05_grpo"), tokenizer, questions, rewards())
    return replace(e, start=start)


def train(e, method="grpo-os"):
    policy = e.policy()
    critic = Critic(policy) if METHODS[method].needs_critic else None
    players = Players(policy, e.reference(policy), critic)
    train_policy(e, METHODS[method], players, RunId("grpo", e.cfg.seed))
    return players


def rows(e, *kinds):
    return [r for kind in kinds or ("grpo", "grpo.alarm") for r in e.stage.read_log(kind)]


def test_it_learns_and_the_base_stays(start, tokenizer, questions):
    e = made(
        start, tokenizer, questions, steps=45, questions_per_step=4, group_size=8,
        checkpoint_every=0, micro_tokens=2000, lr=3e-2,
    )  # fmt: skip
    players = train(e)
    reward = [r["reward"] for r in rows(e, "grpo")]
    # 0.19 on three processors; 32 answers a step, so the standard error of the difference is at most 0.045
    assert sum(reward[-20:]) / 20 > sum(reward[:5]) / 5 + 0.1
    assert isinstance(players.reference, AdapterOff)
    base = tiny_policy().state_dict()
    for name, t in adapter_of(players.policy).base_weights():
        assert torch.equal(t, base[name])
    last = rows(e, "grpo")[-1]
    assert last["kl"] > 0 and last["mismatch"] < 1e-12 and not rows(e, "grpo.alarm")


@pytest.mark.parametrize("method", ["grpo-os", "ppo", "rft", "dpo"])
def test_a_resumed_run_equals_a_straight_one(start, tokenizer, questions, monkeypatch, method):
    """4 steps, and 2 + kill + 2; a checkpoint holds the adapter (and the critic, all of it) alone."""
    straight = made(start, tokenizer, questions, scale="straight")
    want = train(straight, method)
    step, calls = loop.one_step, 0

    def killed(*args):
        nonlocal calls
        calls += 1
        if calls > 2:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(loop, "one_step", killed)
    e = made(start, tokenizer, questions, scale="resumed", checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(e, method)
    saved = load_file(e.stage.dir / "checkpoints/grpo/step-000002/model.safetensors")
    own = [n for n in saved if not n.startswith("critic.")]
    assert own and all(".lora_" in n for n in own)
    assert (len(own) < len(saved)) == (method == "ppo")
    monkeypatch.setattr(loop, "one_step", step)
    e = made(start, tokenizer, questions, scale="resumed", checkpoint_every=2)
    again = train(e, method)
    assert_same(rows(e), rows(straight))
    assert_same(list(again.modules().parameters()), list(want.modules().parameters()))


def test_the_critic_is_made_of_the_base_and_trained_in_full(start, tokenizer, questions):
    policy = made(start, tokenizer, questions).policy()
    critic = Critic(policy)
    assert all(p.requires_grad for p in critic.parameters())
    base = tiny_policy().base_model.state_dict()
    assert_same(critic.decoder.state_dict(), base)
    assert adapter_of(policy)  # which keeps its own
    policy_names = {n for n, p in policy.named_parameters() if p.requires_grad}
    assert all(".lora_" in n for n in policy_names)


class Stale(HFSampler):
    """A sampler that was not given the adapter since it was made."""

    def __init__(self, model, tokenizer):
        super().__init__(copy.deepcopy(model), tokenizer)


@pytest.mark.parametrize("kind", [HFSampler, Stale])
def test_an_adapter_that_was_not_pushed_is_noticed(start, tokenizer, questions, monkeypatch, kind):
    monkeypatch.setattr(Experiment, "sampler", lambda self, model: kind(model, self.tokenizer))
    e = made(start, tokenizer, questions)
    train(e)
    said = {a["step"]: a["message"] for a in rows(e, "grpo.alarm") if "adapter" in a["message"]}
    # the first step draws from the adapter as it was made, which is the policy's
    assert sorted(said) == ([2, 3, 4] if kind is Stale else [])
    gaps = [r["mismatch"] for r in rows(e, "grpo")]
    assert gaps[0] < 1e-12 and (gaps[-1] > 1e-2) == (kind is Stale)


def test_when_the_alarm_is_raised():
    assert mismatch_alarm(1e-5, math.exp(1e-6), 1.1, "float32") == ""
    assert "old adapter" in mismatch_alarm(2e-3, math.exp(1e-6), 1.1, "float32")
    assert mismatch_alarm(0.5, math.exp(0.02), 1.1, "bfloat16") == ""  # rounding
    assert "the mean is 1.221" in mismatch_alarm(0.5, math.exp(0.2), 1.1, "bfloat16")
    assert mismatch_alarm(9.0, math.exp(9.0), 0.0, "float32") == ""  # switched off
    assert mismatch_alarm(None, None, 1.1, "float32") == ""  # no row to learn from
