"""The seam between the samplers: who is made, what is said when vLLM is not there, sleep and wake in order."""

import contextlib
import importlib.util
from types import SimpleNamespace

import pytest

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.engines.decode import SamplerError, vllm_engine, vllm_sampler
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.decode.samplers import make_sampler
from dsmath_lib.engines.decode.vllm_engine import Engine
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
    assert (sampler.max_rows, sampler.cache_gb) == (cfg.sampler_rows, cfg.sampler_cache_gb)
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


def test_on_a_gpu_the_engine_sleeps_while_the_model_learns(gpu):
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


# -- memory ---------------------------------------------------------------------------------------


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 10 GB, of which ``used`` GB are in use; notes when PyTorch's spare memory is given back."""
    state = SimpleNamespace(used=4.0, given_back=[])
    free = lambda: (int((10 - state.used) * 2**30), 10 * 2**30)  # noqa: E731
    monkeypatch.setattr(vllm_engine.torch.cuda, "mem_get_info", free)
    monkeypatch.setattr(vllm_engine, "give_back", lambda: state.given_back.append(True))
    return state


@pytest.fixture
def started(monkeypatch):
    """Settings with which engines were started: stand-ins that draw one token for each row."""
    found = []

    class Fake(Engine):
        def __init__(self, model, tokenizer, settings):
            found.append(settings)
            self.llm, self.gpu, self.asleep, self.holds = Recorder(), True, False, None

        def generate(self, rows, params):
            return [([7], [-1.0], False) for _ in rows]

        def close(self):
            found.append("closed")

    monkeypatch.setattr(vllm_engine, "Engine", Fake)
    monkeypatch.setattr(vllm_sampler, "_apart", lambda device: contextlib.nullcontext())
    yield found
    vllm_engine.close_engine()


def draw(sampler, lengths, new=4):
    sampler.sample([[5] * n for n in lengths], n=1, temperature=1.0, max_new_tokens=new, seed=0)


def vllm_of(tokenizer, **kw):
    return vllm_sampler.VLLMSampler(tiny_model(vocab=len(tokenizer)), tokenizer, 8, **kw)


def test_an_engine_is_as_long_as_the_longest_prompt_with_its_completion(tokenizer, started, gpu):
    """The model's context is 64; one known to need 30 tokens is not started for 64."""
    sampler = vllm_of(tokenizer, longest=30)
    draw(sampler, [3, 10])
    draw(sampler, [26])  # 26 + 4
    assert [s.longest for s in started] == [30]
    draw(sampler, [28])  # does not fit: the engine is closed, and started anew
    draw(sampler, [3])
    assert [getattr(s, "longest", s) for s in started] == [
        30,
        "closed",
        64,
    ]  # in steps of 256, and never longer than the context
    draw(vllm_of(tokenizer, longest=1000), [3])
    assert started[-1].longest == 64
    draw(vllm_of(tokenizer), [60], new=20)
    assert started[-1].longest == 64


def test_memory_is_measured_awake_and_asleep(tokenizer, started, gpu):
    sampler = vllm_of(tokenizer)
    draw(sampler, [3])
    gpu.used = 1.5
    sampler.rest()
    assert sampler.memory == {"awake_gb": 4.0, "asleep_gb": 1.5} and not gpu.given_back
    draw(sampler, [3])  # the trainer's spare memory goes first, then vLLM takes its own
    assert gpu.given_back == [True]


def test_more_memory_than_the_limit_while_it_sleeps_is_one_clear_line(tokenizer, started, gpu):
    sampler = vllm_of(tokenizer, sleep_gb=2.0)
    draw(sampler, [3])
    gpu.used = 2.0
    sampler.rest()
    gpu.used = 2.3
    with pytest.raises(SamplerError, match=r"^2\.3 GB of the GPU .* sampler_sleep_gb = 2: ") as err:
        sampler.rest()
    assert "\n" not in str(err.value)


def test_nothing_sleeps_on_a_cpu(tokenizer):
    sampler = HFSampler(tiny_model(vocab=len(tokenizer)), tokenizer)
    sampler.rest()
    assert sampler.memory == {}
