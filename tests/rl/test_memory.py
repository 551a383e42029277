"""Memory of RL: what changes no number, and what changes it by how much; sampler and trainer that disagree."""

import math
from dataclasses import replace

import pytest
import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.engines.decode import HFSampler
from dsmath_lib.engines.layout import pad
from dsmath_lib.engines.mismatch import sampler_weights
from dsmath_lib.rl import losses
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rl.kl import k3
from dsmath_lib.rl.learn import MicroBatch, weighed
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.stage.folder import Stage
from tests.rl.conftest import experiment, grpo_params, tiny_policy
from tests.rl.conftest import train as trained
from tests.rounding import assert_same

KEYS = ("loss", "kl", "entropy", "grad_norm", "value_loss", "mismatch_mean", "reward")


def run(tokenizer, questions, method="grpo-os", **changes):
    cfg = grpo_params(steps=3, checkpoint_every=0, **changes)
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions)
    weights = trained(e, method).modules().state_dict()
    return [{k: r.get(k) for k in KEYS} for r in stage.read_log("grpo")], weights, stage


@pytest.mark.numeric
@pytest.mark.parametrize("method", ["grpo-os", "ppo"])
def test_layers_computed_again_change_no_number(tokenizer, questions, method):
    plain, weights, _ = run(tokenizer, questions, method)
    again, same, _ = run(tokenizer, questions, method, layer_checkpointing=True)
    assert_same(again, plain)
    assert_same(same, weights)


@pytest.fixture
def start(tokenizer, tmp_path):
    """A start as stages find it: a folder."""
    tiny_policy(vocab=len(tokenizer)).save_pretrained(tmp_path / "start")
    return tmp_path / "start"


def test_a_reference_in_bfloat16_is_half_as_large_and_near(tokenizer, questions, stage, start):
    """The policy is the reference at the start, so all of this KL is rounding; measured: 1e-4 nats a token."""
    rows = [p for p in questions.prompts for _ in range(2)]
    tokens = pad(rows, [[5, 9, 20, 30, 7, 1]] * len(rows))
    found = {}
    for dtype in ("policy", "bfloat16"):
        cfg = stage.cfg.model_copy(update={"reference_dtype": dtype})
        e = experiment(cfg, stage, tokenizer, questions, start=start)
        policy, reference = e.policy(), e.reference()
        assert reference is e.reference()  # loaded once
        assert {p.dtype for p in policy.parameters()} == {torch.float32}
        assert not any(p.requires_grad for p in reference.parameters())
        with torch.no_grad():
            a, b = (completion_logprobs(m, tokens)[0] for m in (policy, reference))
        size = sum(p.numel() * p.element_size() for p in reference.parameters())
        found[dtype] = float(k3(a, b).mean()), float((a - b).abs().max()), size
    assert found["policy"][0] < 1e-12 and found["bfloat16"][2] * 2 == found["policy"][2]
    assert 0 < found["bfloat16"][0] < 1e-3 and found["bfloat16"][1] < 0.3


# -- sampler and trainer disagree -----------------------------------------------------------------

OLD = torch.tensor([[0.3, 0.1, 0.2]]).log()
SAMPLED = torch.tensor([[0.1, 0.2, 0.2]]).log()  # ratios 3, 1/2, 1


def micro_batch(policy_rows=None) -> MicroBatch:
    mask = torch.ones(1, 3, dtype=torch.bool)
    return MicroBatch([0], None, mask, torch.tensor([0.25]), SAMPLED, torch.tensor([2.0]), old=OLD)


@pytest.mark.numeric
@pytest.mark.parametrize(("how", "first"), [("truncate", 2.0), ("mask", 0.0)])
def test_tokens_count_by_the_ratio_of_trainer_and_sampler_with_a_cap(how, first):
    """cap 2: the ratio 3 counts 2 times, or not at all; 1/2 and 1 count as they are."""
    near = {"rtol": 1e-6, "atol": 1e-7}
    want = torch.tensor([[first, 0.5, 1.0]])
    torch.testing.assert_close(sampler_weights(OLD, SAMPLED, how, 2.0), want.to(OLD), **near)
    cfg = grpo_params(mismatch_fix=how, mismatch_cap=2.0)
    b, method = micro_batch(), METHODS["grpo-os"]
    advantages = weighed(b, method, cfg)
    logp = OLD.clone().requires_grad_()
    both = losses.LogProbs(logp, OLD)
    loss, _ = losses.policy_loss(both, advantages, b.mask, b.weights, losses.Objective(beta=0.0))
    loss.backward()
    # ratio to the old policy 1: loss -Σ w · weight · Â, derivative by each log-prob the same, w = 1/4, Â = 2
    assert loss.item() == pytest.approx(-0.25 * 2 * (first + 0.5 + 1), rel=1e-6)
    torch.testing.assert_close(logp.grad, (-0.5 * want).to(OLD), **near)


@pytest.mark.numeric
def test_the_kl_term_does_not_count_by_it():
    cfg, b = grpo_params(mismatch_fix="mask"), micro_batch()
    b.advantages = torch.zeros(1)
    objective, ref = losses.Objective(beta=0.1), OLD - 0.3
    both = losses.LogProbs(OLD, OLD, ref)
    loss, _ = losses.policy_loss(
        both, weighed(b, METHODS["grpo-os"], cfg), b.mask, b.weights, objective
    )
    # k3 = exp(-0.3) + 0.3 - 1 at each of three tokens of weight 1/4
    assert loss.item() == pytest.approx(0.1 * 0.25 * 3 * (math.exp(-0.3) + 0.3 - 1), rel=1e-6)


def test_off_by_default_and_off_where_the_policy_did_not_draw_or_rows_are_pairs():
    b = micro_batch()
    assert grpo_params().mismatch_fix == "none"
    assert weighed(b, METHODS["grpo-os"], grpo_params()) is b.advantages
    on = grpo_params(mismatch_fix="truncate")
    for name in ("rft", "dpo"):
        assert weighed(b, METHODS[name], on) is b.advantages
    with pytest.raises(ValueError, match="known: truncate, mask"):
        sampler_weights(OLD, SAMPLED, "clip", 2.0)
    with pytest.raises(ParamsError, match="mismatch_fix needs top_p = 1"):
        grpo_params(mismatch_fix="mask", top_p=0.9)


@pytest.mark.numeric
def test_where_they_agree_it_changes_nothing(tokenizer, questions):
    plain, weights, stage = run(tokenizer, questions)
    fixed, same, _ = run(tokenizer, questions, mismatch_fix="truncate")
    assert_same(fixed, plain)
    assert_same(same, weights)
    rows = stage.read_log("grpo")
    assert all(r["mismatch_factor"] == pytest.approx(1.0, abs=1e-12) for r in rows)
    assert all(0 <= r["mismatch_mean"] <= r["mismatch"] < 1e-12 for r in rows)
    assert not stage.read_log("grpo.alarm")


@pytest.mark.numeric
def test_a_sampler_of_old_weights_raises_the_alarm(tokenizer, questions, monkeypatch):
    """As when new weights never reach the sampler: rewards look as usual, the log-probs give it away."""
    stale = tiny_policy(seed=9)
    monkeypatch.setattr(Experiment, "sampler", lambda e, m: HFSampler(stale, e.tokenizer))
    _, _, stage = run(tokenizer, questions)
    for r in stage.read_log("grpo"):
        assert (
            r["mismatch_factor"] == pytest.approx(math.exp(r["mismatch_mean"]))
            and r["generation_kl"] > 0.01
        )
    alarms = [a["message"] for a in stage.read_log("grpo.alarm")]
    assert len(alarms) == 3 and "(mismatch_limit = 1.1)" in alarms[0]
    _, _, quiet = run(tokenizer, questions, mismatch_limit=0.0)
    assert not quiet.read_log("grpo.alarm")


@pytest.mark.numeric
def test_diagnostics_by_hand():
    """Two tokens, log-probs -1 and -2 to the trainer, -1.5 and -1.8 to the sampler."""
    from types import SimpleNamespace

    from dsmath_lib.rl.diagnostics import Watch

    watch = Watch(SimpleNamespace(update=lambda *_: None), METHODS["grpo-os"], None, None)
    mask = torch.tensor([[True, True, False]])
    old, sampled = torch.tensor([[-1.0, -2.0, 0.0]]), torch.tensor([[-1.5, -1.8, 0.0]])
    b = replace(micro_batch(), mask=mask, sampled=sampled, old=old)
    stats = {"tokens": mask.sum(), "ratio_min": torch.ones(()), "ratio_max": torch.ones(())}
    watch.add(b, torch.zeros(()), stats, torch.zeros(1, 3))
    watch.update(SimpleNamespace(trained=[]), [b], None)
    assert watch.row["mismatch"] == pytest.approx(0.5)
    assert watch.row["mismatch_mean"] == pytest.approx(0.35)
    assert watch.row["mismatch_factor"] == pytest.approx(math.exp(0.35))
    kl = (math.exp(0.5) - 1.5 + math.exp(-0.2) - 0.8) / 2  # x - log x - 1, x = trainer / sampler
    assert watch.row["generation_kl"] == pytest.approx(kl)
