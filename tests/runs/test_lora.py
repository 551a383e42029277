"""Runs with an adapter: what is kept is a plain model that later stages read, and the adapter; resumed is straight."""

import json
from dataclasses import replace

import pytest
import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.adapters import ADAPTER_FOLDER, adapter_of
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.packing import PackedExamples, tokenize_samples
from dsmath_lib.lm.train import Loop
from dsmath_lib.rl.experiment import RunId
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.runs.nb03_sft import finetune, load_sft_data
from dsmath_lib.runs.nb05_grpo import make_policy
from dsmath_lib.runs.policy_run import train_run
from dsmath_lib.stage.folder import Stage
from tests.lm.conftest import tiny_model
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment, grpo_params, rewards, tiny_policy
from tests.rounding import assert_same
from tests.runs.test_nb03_sft import config

pytestmark = pytest.mark.numeric
questions, tokenizer = fixtures.questions, fixtures.tokenizer
LORA = {"lora_rank": 8, "lora_alpha": 16}
IDS = torch.arange(3, 40).view(1, -1)


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


@pytest.fixture
def sft(tokenizer, tmp_path):
    """``sft(**parameters)`` fine-tunes an adapter on one base, in 4 steps."""
    tiny_model(vocab=len(tokenizer)).save_pretrained(tmp_path / "base")

    def run(start="base", **kw):
        kw = LORA | {"samples": 30, "heldout_n": 4, "steps": 4, "context": 160, "evals": 2} | kw
        cfg = config(**kw)
        data, stage = load_sft_data(cfg), Stage(cfg, "03_sft")
        examples, held = (tokenize_samples(tokenizer, s) for s in (data.train, data.references))
        rows = cfg.steps * cfg.batch_size
        packed = PackedExamples(examples, 400, rows, 0, isolate=True, pad=2)
        model, _ = finetune(stage, tmp_path / start, tokenizer, packed, held)
        return stage, model

    return run


def kill_after(monkeypatch, steps):
    """The process dies as it begins the step after ``steps``."""
    update = Loop.update

    def dies(self, *args):
        if self.done > steps:
            raise KeyboardInterrupt
        update(self, *args)

    monkeypatch.setattr(Loop, "update", dies)
    return lambda: monkeypatch.setattr(Loop, "update", update)


def test_fine_tuning_keeps_one_plain_model_and_the_adapter_beside(sft, tmp_path, monkeypatch):
    from dsmath_lib.runs import kept

    seen, merged = [], kept.merged
    monkeypatch.setattr(kept, "merged", lambda a, p: seen.append(logits(a.model)) or merged(a, p))
    stage, model = sft()
    folder = stage.artifacts / "sft"
    base = load_model(tmp_path / "base")
    assert adapter_of(model) is None
    assert_same(logits(model), seen[0], near=1e-9)  # as it computed with the adapter on
    assert (logits(model) - logits(base)).abs().max() > 1e-3
    assert_same(logits(load_model(folder)), logits(model))  # what later stages read
    left = set(base.state_dict()) - {
        n for n, t in model.state_dict().items() if not torch.equal(t, base.state_dict()[n])
    }
    assert all("embed" in n or "norm" in n or "lm_head" in n for n in left) and left
    config_of = json.loads((folder / ADAPTER_FOLDER / "adapter_config.json").read_text())
    assert (config_of["r"], config_of["lora_alpha"]) == (8, 16)
    assert (folder / ADAPTER_FOLDER / "adapter_model.safetensors").is_file()
    with pytest.raises(ValueError, match="holds an adapter"):
        load_model(folder / ADAPTER_FOLDER)
    _, again = sft()  # finished: loaded
    assert len(seen) == 1
    assert_same(again.state_dict(), model.state_dict())


def test_fine_tuning_killed_and_resumed_equals_a_straight_run(sft, monkeypatch):
    """4 steps, and 2 + kill + 2."""
    straight, want = sft(scale="straight", checkpoint_every=2)
    alive = kill_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        sft(scale="killed", checkpoint_every=2)
    alive()
    resumed, got = sft(scale="killed", checkpoint_every=2)
    assert_same(got.state_dict(), want.state_dict())
    assert_same(resumed.read_log("sft.eval"), straight.read_log("sft.eval"))


def test_a_start_that_the_adapter_was_merged_into_is_refused(sft, tmp_path, monkeypatch):
    """Else the adapter would be added to it again (ms-swift#8233)."""
    _, model = sft(scale="first")
    alive = kill_after(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        sft(scale="second", checkpoint_every=2)
    alive()
    model.save_pretrained(tmp_path / "base")
    with pytest.raises(StageError, match=r"merged into this one.*resume: false"):
        sft(scale="second", checkpoint_every=2)


def test_a_start_that_changes_during_the_run_is_refused_and_the_adapter_is_kept(
    sft, tmp_path, monkeypatch
):
    from dsmath_lib.runs import jobs

    train = jobs.train_model

    def trained(*args, **how):
        numbers = train(*args, **how)
        tiny_model(vocab=300, seed=5).save_pretrained(tmp_path / "base")
        return numbers

    monkeypatch.setattr(jobs, "train_model", trained)
    with pytest.raises(StageError, match="not the matrix that the adapter was trained on"):
        sft()
    stage = Stage(config(**LORA), "03_sft")
    assert list(stage.dir.parent.rglob("adapter_model.safetensors"))


@pytest.mark.parametrize("method", ["grpo-os", "ppo"])
def test_a_run_of_rl_keeps_a_plain_policy(tokenizer, questions, tmp_path, method):
    tiny_policy(len(tokenizer)).save_pretrained(tmp_path / "start")
    cfg = grpo_params(**LORA, steps=2, lr=1e-2, eval_every=0)
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions, rewards())
    e = replace(e, start=tmp_path / "start")

    def evaluate(e, sampler):
        return {"x": 1.0}

    evaluate.__module__ = "dsmath_lib.runs.nb05_grpo"
    seen = []
    policy, _ = train_run(
        e, METHODS[method], RunId("p", 0), evaluate, measure=lambda m: seen.append(logits(m)) or {}
    )
    assert adapter_of(policy) is None
    assert_same(logits(policy), seen[0], near=1e-9)
    assert_same(logits(load_model(stage.artifacts / "p")), logits(policy))
    assert (logits(policy) - logits(load_model(tmp_path / "start"))).abs().max() > 1e-3


def test_rounds_begin_where_the_merged_policy_of_the_round_before_ended(
    tokenizer, questions, tmp_path
):
    tiny_policy(len(tokenizer)).save_pretrained(tmp_path / "start")
    cfg = grpo_params(**LORA, steps=2, lr=1e-2, eval_every=0, iterations=2, questions_per_step=2)
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions, rewards(), tmp_path / "start")
    policy, _ = make_policy(e)
    kl = [r["kl"] for r in stage.read_log("grpo")]
    assert [kl[0], kl[2]] == pytest.approx([0, 0], abs=1e-12) and min(kl[1], kl[3]) > 1e-9
    config_of = json.loads((stage.artifacts / "policy/adapter/adapter_config.json").read_text())
    assert config_of["base_model_name_or_path"] == str(stage.artifacts / "policy-round1")
    again, _ = make_policy(replace(e, stage=Stage(cfg, "05_grpo")))
    assert_same(again.state_dict(), policy.state_dict())
