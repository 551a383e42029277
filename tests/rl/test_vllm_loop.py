"""The RL loop with vLLM's rollouts: no mismatch, a stale cache is noticed, a killed sampler's run goes on.

``make test-vllm`` runs this; where vLLM is not installed it is skipped.
"""

import importlib.util
from functools import partial

import pytest
import torch

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here: make test-vllm", allow_module_level=True)

from dsmath_lib.engines.decode import vllm_engine
from dsmath_lib.engines.decode.protocol import SamplerError
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.experiment import Players, RunId
from dsmath_lib.rl.gallery import FAILURES
from dsmath_lib.rl.loop import train_policy
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.runs.nb05_grpo import greedy_accuracy
from dsmath_lib.stage.folder import Stage
from tests.rl.conftest import experiment, grpo_params
from tests.rounding import assert_same


@pytest.fixture(scope="module", autouse=True)
def engine_is_closed():
    yield
    vllm_engine.close_engine()


@pytest.fixture
def long_questions(questions) -> Questions:
    """All prompts begin with the same 80 tokens, so the prefix cache has something to keep."""
    prompts = [[0, *range(3, 83), *p[-8:]] for p in questions.prompts]
    return Questions(questions.problems, prompts)


def player(seed=0):
    return build_model(Shape(64, 2, 2, 1, 128, 300, 128), seed=seed, init_std=0.1).eval()


def train(tokenizer, questions, method="grpo-os", **kw):
    options = {"sampler": "vllm", "sampler_rows": 32, "sampler_cache_gb": 0.05, "steps": 4}
    cfg = grpo_params(**options | {"lr": 1e-2} | kw)
    stage = Stage(cfg, "05_grpo")
    policy = player()
    e = experiment(cfg, stage, tokenizer, questions)
    run = RunId("grpo", cfg.seed)
    train_policy(e, METHODS[method], Players(policy, player()), run, partial(greedy_accuracy, e))
    return stage, policy


def rows(stage):
    return [r for kind in ("grpo", "grpo.eval") for r in stage.read_log(kind)]


def alarm(stage) -> bool:
    """What the failure gallery says about the run's sampler–trainer mismatch."""
    values = [r["mismatch"] for r in stage.read_log("grpo")]
    return FAILURES["sampler mismatch"].alarm(max(values), values[-1])


def test_every_step_samples_from_the_weights_it_learns_with(tokenizer, long_questions):
    stage, policy = train(tokenizer, long_questions, scale="right")
    assert [r["mismatch"] < 2e-5 for r in stage.read_log("grpo")] == [True] * 4
    assert not alarm(stage)
    moved = max(
        float((p - q).abs().max())
        for p, q in zip(policy.parameters(), player().parameters(), strict=True)
    )
    assert moved > 1e-2


@pytest.mark.parametrize("left_out", ["forget", "push"])
def test_stale_logprobs_raise_the_mismatch(tokenizer, long_questions, monkeypatch, left_out):
    """Without the reset of the prefix cache, or without the weights, the diagnostic says so."""
    monkeypatch.setattr(vllm_engine.Engine, left_out, lambda self, *model: None)
    vllm_engine.close_engine()  # the engine must not know these prompts yet
    if left_out == "push":
        stage, _ = train(tokenizer, long_questions, scale="no-push")
    else:
        stage, _ = train(tokenizer, long_questions, scale="no-reset")
        assert stage.read_log("grpo")[0]["mismatch"] < 2e-5  # nothing is stale yet
    assert stage.read_log("grpo")[-1]["mismatch"] > 0.1
    assert alarm(stage)


def test_offline_data_and_validation_use_one_engine(tokenizer, long_questions):
    """RFT: the start draws the data, the policy answers the validation."""
    stage, _ = train(tokenizer, long_questions, "rft", scale="offline")
    accuracy = stage.read_log("grpo.eval")
    assert [r["step"] for r in accuracy] == [0, 2, 4]
    assert len(list((stage.artifacts / "kept").glob("offline-*"))) == 4


def test_a_killed_samplers_run_goes_on(tokenizer, long_questions, monkeypatch):
    """It stops with a SamplerError; the same command goes on from the checkpoint, with the checkpoint's weights."""
    vllm_engine.close_engine()
    straight, policy = train(tokenizer, long_questions, scale="straight")
    generate, calls = vllm_engine.Engine.generate, 0

    def dies(self, *args):
        nonlocal calls
        calls += 1
        if calls == 5:  # validation, step 1, step 2, validation, step 3
            raise RuntimeError("engine core died")
        return generate(self, *args)

    monkeypatch.setattr(vllm_engine.Engine, "generate", dies)
    with pytest.raises(SamplerError, match=r"engine core died.*same command again"):
        train(tokenizer, long_questions, scale="killed")
    monkeypatch.setattr(vllm_engine.Engine, "generate", generate)
    resumed, again = train(tokenizer, long_questions, scale="killed")
    # the engine computes in float32; a step of training moves weights by 1e-2
    assert_same(rows(resumed), rows(straight), near=1e-4)
    assert all(r["mismatch"] < 2e-5 for r in resumed.read_log("grpo"))
    for p, q in zip(again.parameters(), policy.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-4)
