"""vLLM with an adapter: its log-probs are the trainer's after each update, beside the model under it."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here: make test-vllm", allow_module_level=True)

from dsmath_lib.engines.adapters import AdapterOff, adapter_of, with_adapter
from dsmath_lib.engines.decode import vllm_engine
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.decode.vllm_sampler import VLLMSampler
from tests.engines.decode import test_vllm_sampler as plain

PROMPTS, TIES, TOLERANCE = plain.PROMPTS, plain.TIES, plain.TOLERANCE
difference, draw, model_of, update = plain.difference, plain.draw, plain.model_of, plain.update
engine_is_closed = plain.engine_is_closed


def adapted(tokenizer, tie=True, rank=8, targets="all-linear"):
    """A model with a new adapter: B is 0."""
    how = {"lora_rank": rank, "lora_alpha": 16, "lora_targets": targets, "seed": 0}
    return with_adapter(model_of(tokenizer, tie), SimpleNamespace(**how))


def adapter_sampler(model, tokenizer):
    return VLLMSampler(model, tokenizer, max_rows=64, cache_gb=0.05, adapter=adapter_of(model))


@TIES
def test_an_adapters_logprobs_are_the_trainers_also_after_updates(tokenizer, tie):
    model = adapted(tokenizer, tie)
    sampler = adapter_sampler(model, tokenizer)
    base = [t.clone() for _, t in adapter_of(model).base_weights()]
    numbers = []
    for temperature in (1.0, 0.7, 1.0):
        out = draw(sampler, temperature=temperature)
        assert difference(model, PROMPTS, out, temperature) < TOLERANCE
        numbers.append(vllm_engine.running().request.lora_int_id)
        sampler.rest()
        update(model, PROMPTS, out)
        assert difference(model, PROMPTS, out, temperature) > 0.05  # the update is one
    assert numbers == sorted(set(numbers))  # a new one each time
    folders = list(Path(vllm_engine.running().folder.name).glob("adapter-*"))
    assert [f.name for f in folders] == [f"adapter-{numbers[-1]}"]
    after = [t for _, t in adapter_of(model).base_weights()]
    assert all(map(torch.equal, after, base))  # never merged


def test_an_adapter_that_was_not_pushed_is_seen_in_the_logprobs(tokenizer, monkeypatch):
    model = adapted(tokenizer)
    sampler = adapter_sampler(model, tokenizer)
    out = draw(sampler)
    update(model, PROMPTS, out)  # without rest
    assert difference(model, PROMPTS, draw(sampler)) > 0.05
    sampler.rest()
    with monkeypatch.context() as m:
        m.setattr(vllm_engine.Engine, "push_adapter", lambda self, adapter: self.request)
        assert difference(model, PROMPTS, draw(sampler)) > 0.05
    sampler.rest()
    assert difference(model, PROMPTS, draw(sampler)) < TOLERANCE


def test_policy_and_reference_take_turns_in_one_engine(tokenizer):
    model = adapted(tokenizer)
    update(model, PROMPTS, draw(HFSampler(model, tokenizer)))
    base = model_of(tokenizer)
    policy = adapter_sampler(model, tokenizer)
    reference = adapter_sampler(AdapterOff(model), tokenizer)
    draw(policy)
    engine = vllm_engine.running()
    for _ in range(2):
        assert difference(base, PROMPTS, draw(reference)) < TOLERANCE
        assert difference(model, PROMPTS, draw(policy)) < TOLERANCE
        assert difference(base, PROMPTS, draw(policy)) > 0.05
    assert vllm_engine.running() is engine


@pytest.mark.parametrize(("rank", "targets"), [(1, "attention"), (32, "mlp"), (64, "all-linear")])
def test_ranks_and_targets_are_those_of_vllm(tokenizer, rank, targets):
    model = adapted(tokenizer, rank=rank, targets=targets)
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, _, b in adapter_of(model).layers():
            b.copy_(0.2 * torch.randn(b.shape, generator=g) / rank**0.5)
    out = draw(adapter_sampler(model, tokenizer))
    assert difference(model, PROMPTS, out) < TOLERANCE
    assert difference(model_of(tokenizer), PROMPTS, out) > 0.05
