"""The seam between the samplers: who is made, what is said when vLLM is not there, sleep and wake in order."""

import importlib.util
from types import SimpleNamespace

import pytest

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.decode.samplers import make_sampler
from dsmath_lib.engines.decode.vllm_sampler import Engine
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import params_model
from dsmath_lib.stage.runtime import setup
from tests.lm.conftest import tiny_model

STAGES = ("04_reward_model", "05_grpo", "06_one_gradient", "07_simplerl_zero", "08_evaluation")


def params(stage, **changes):
    values, sources = stage_values(PARAMS_DIR / "smoke", stage)
    return params_model(stage).check(values | changes, sources)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_with_rollouts_has_a_choice(stage, tokenizer, monkeypatch):
    model = tiny_model(vocab=len(tokenizer))
    cfg = params(stage)
    sampler = make_sampler(cfg, model, tokenizer)
    assert isinstance(sampler, HFSampler)
    assert sampler.max_rows == cfg.sampler_rows
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    cfg = params(stage, sampler="vllm", device="cpu")
    said = r"'sampler' = 'vllm'.*pip install .*\[vllm\]"
    with pytest.raises(ParamsError, match=said):
        setup(cfg)  # in the first cell, before anything is computed
    with pytest.raises(ParamsError, match=said):
        make_sampler(cfg, model, tokenizer)
    with pytest.raises(ParamsError, match="allowed: hf, vllm"):
        params(stage, sampler="tgi")


class Recorder:
    """An engine's LLM that notes what is asked of it."""

    def __init__(self, reset=True):
        self.calls, self.reset = [], reset

    def collective_rpc(self, name, kwargs):
        self.calls.append((name, [n for n, _ in kwargs["weights_iterator"]]))

    def reset_prefix_cache(self):
        self.calls.append("reset")
        return self.reset

    def wake_up(self, tags):
        self.calls.append(("wake", *tags))

    def sleep(self, level):
        self.calls.append(("sleep", level))


def engine(gpu, **kw):
    out = Engine.__new__(Engine)
    out.llm, out.gpu, out.asleep, out.holds = Recorder(**kw), gpu, False, None
    out.base = out.request = None
    return out


def test_on_a_gpu_the_engine_sleeps_while_the_model_learns():
    """The cache wakes after the push: before it, there may be no room."""
    model = SimpleNamespace(state_dict=lambda: {"w": 0, "lm_head.weight": 1})
    e = engine(gpu=True)
    push = ("reload_weights", ["w", "lm_head.weight"])
    e.hold(model, "policy")
    e.hold(model, "policy")  # nothing has changed
    assert e.llm.calls == [push, "reset"]
    e.llm.calls.clear()
    e.rest()
    e.rest()
    e.hold(model, "policy")
    wake = [("wake", "weights"), push, ("wake", "kv_cache"), "reset"]
    assert e.llm.calls == [("sleep", 2), *wake]
    assert not e.asleep


def test_without_a_gpu_nothing_sleeps_and_weights_are_pushed_anew():
    model = SimpleNamespace(state_dict=lambda: {"w": 0})
    push = ("reload_weights", ["w"])
    e = engine(gpu=False)
    for mark in ("policy", "start", "policy"):  # two models take turns
        e.hold(model, mark)
    e.rest()
    e.hold(model, "policy")
    assert e.llm.calls == [push, "reset"] * 4


class Whole:
    """A model with an adapter on it, as far as an engine sees it."""

    rank = 8

    def __init__(self, on=True):
        self.model, self.on, self.saved = self, on, 0

    def base_weights(self):
        return [("w", 0)]


@pytest.mark.parametrize("gpu", [True, False])
def test_the_base_is_pushed_once_and_the_adapter_each_time(gpu, monkeypatch):
    """On a GPU sleep drops the base, so it is pushed again; the adapter comes after the cache is awake."""
    e, adapter = engine(gpu), Whole()
    monkeypatch.setattr(e, "push_adapter", lambda a: e.llm.calls.append("adapter") or object())
    push = ("reload_weights", ["w"])
    e.hold(adapter, "policy", adapter)
    e.hold(adapter, "policy", adapter)  # nothing has changed
    assert e.llm.calls == [push, "adapter", "reset"]
    first = e.request
    e.llm.calls.clear()
    e.rest()
    e.hold(adapter, "policy", adapter)
    if gpu:
        awake = [("wake", "weights"), push, ("wake", "kv_cache")]
        assert e.llm.calls == [("sleep", 2), *awake, "adapter", "reset"]
    else:
        assert e.llm.calls == ["adapter", "reset"]
    assert e.request is not first
    e.llm.calls.clear()
    adapter.on = False  # the reference: the same weights, no adapter
    e.hold(adapter, "reference", adapter)
    assert e.llm.calls == ["reset"] and e.request is None
    other = Whole()
    e.hold(other, "another base", other)
    assert e.llm.calls[1:] == [push, "adapter", "reset"]
    plain = SimpleNamespace(state_dict=lambda: {"v": 0})
    e.hold(plain, "plain")
    assert e.llm.calls[4:] == [("reload_weights", ["v"]), "reset"] and e.request is None
    e.hold(other, "another base", other)  # its base is no longer there
    assert e.llm.calls[6:] == [push, "adapter", "reset"]


def test_without_peft_a_rank_is_refused_in_the_first_cell(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for stage in ("03_sft", "05_grpo", "06_one_gradient", "07_simplerl_zero"):
        with pytest.raises(ParamsError, match=r"peft is not installed here; use 0 .*\[lora\]"):
            setup(params(stage, lora_rank=8, device="cpu"))
        with pytest.raises(ParamsError, match=r"'lora_rank' = 4.*allowed: 0, 1, 8"):
            params(stage, lora_rank=4)


def test_a_cache_that_cannot_be_emptied_is_an_error():
    e = engine(gpu=False, reset=False)
    with pytest.raises(RuntimeError, match="prefix cache"):
        e.hold(SimpleNamespace(state_dict=dict), "policy")
    assert e.holds is None
