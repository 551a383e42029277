"""The formulas of memory: against published peaks, and against the library's own step run without memory."""

import pytest
from transformers import AutoConfig

from dsmath_lib.plan.architecture import Architecture, architecture_of, config_of, known_models
from dsmath_lib.plan.fake import fake_policy, fake_supervised
from dsmath_lib.plan.parts import (
    LOGIT_COPIES,
    activation_bytes,
    fused_layer_bytes,
    logit_bytes,
    way_back_bytes,
)

GIB = 2**30
QWEN3 = {
    "0.6B": Architecture(1024, 28, 16, 8, 128, 3072, 151_936, True, 40_960, head_norms=True),
    "4B": Architecture(2560, 36, 32, 8, 128, 9728, 151_936, True, 40_960, head_norms=True),
}
# prime-rl, benchmarks/results/BENCHMARKS.md (2026-02): one packed row of 16 K or 64 K tokens, peak GiB without vLLM
PUBLISHED = [
    ("0.6B", 0, 16, 12.5),
    ("0.6B", 0, 64, 19.6),
    ("0.6B", 16, 16, 5.1),
    ("0.6B", 16, 64, 11.5),
    ("4B", 16, 16, 23.3),
    ("4B", 16, 64, 42.0),
]


@pytest.mark.parametrize(("model", "rank", "thousand", "peak"), PUBLISHED)
def test_six_published_peaks(model, rank, thousand, peak):
    """float32 master weights, layer checkpointing, an output layer in pieces of 1,024 tokens."""
    a = QWEN3[model]
    learned = a.adapter(rank) if rank else a.parameters
    fixed = 16 * learned + (4 * a.parameters if rank else 0)
    twice = 2 * fused_layer_bytes(a)
    kept = activation_bytes(a, thousand * 1024, checkpointed=True, inside=twice, residual=2)
    planned = fixed + kept + logit_bytes(a, 1024, copies=2, frozen=rank > 0)
    assert planned / GIB == pytest.approx(peak, rel=0.10)


def small(kind: str, hidden: int, layers: int, inner: int, heads: tuple[int, int], vocab: int):
    return AutoConfig.for_model(
        kind,
        hidden_size=hidden,
        num_hidden_layers=layers,
        intermediate_size=inner,
        num_attention_heads=heads[0],
        num_key_value_heads=heads[1],
        vocab_size=vocab,
        max_position_embeddings=1024,
    )


SMALL = [
    small("llama", 256, 4, 768, (8, 8), 2048),
    small("qwen2", 256, 3, 1024, (8, 2), 8192),
    small("llama", 128, 8, 512, (4, 4), 512),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("config", SMALL, ids=["llama", "grouped", "deep"])
def test_the_formulas_are_those_of_our_step(config, dtype):
    """Forward and backward of the steps, run with fake tensors: within 10 %."""
    a, copies = architecture_of(config), LOGIT_COPIES[dtype]
    cast = 0 if dtype == "float32" else 2 * a.parameters
    late = max(logit_bytes(a, 4 * 256, copies), way_back_bytes(a, 4 * 256, dtype))
    planned = activation_bytes(a, 4 * 256, dtype) + cast + late
    assert planned == pytest.approx(fake_supervised(config, 4, 256, dtype), rel=0.10)
    row, seen = 64 + 4 * 96, 4 * (64 + 96) / (64 + 4 * 96)
    late = max(logit_bytes(a, 8 * 96, copies), way_back_bytes(a, 2 * row, dtype, seen))
    planned = activation_bytes(a, 2 * row, dtype, seen=seen) + cast + late
    assert planned == pytest.approx(fake_policy(config, 64, 96, 2, dtype, share=4), rel=0.10)


def test_layer_checkpointing_keeps_one_input_a_layer():
    config = SMALL[2]
    a = architecture_of(config)
    kept = activation_bytes(a, 4 * 256, checkpointed=True)
    planned = kept + logit_bytes(a, 4 * 256, LOGIT_COPIES["float32"])
    found = fake_supervised(config, 4, 256, "float32", checkpointed=True)
    assert planned == pytest.approx(found, rel=0.10)
    assert kept < 0.3 * activation_bytes(a, 4 * 256)


@pytest.mark.parametrize("config", SMALL, ids=["llama", "grouped", "deep"])
def test_parameters_are_counted_exactly(config):
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert architecture_of(config).parameters == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", 0.494032768),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 0.134515008),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", 0.361821120),
        ("Qwen/Qwen2.5-7B-Instruct", 7.6156),
        ("deepseek-ai/deepseek-math-7b-base", 6.9104),
    ],
)
def test_known_models_have_their_published_number_of_weights(name, billions):
    a = architecture_of(config_of(name, known_models()[name]["commit"]))
    assert a.parameters / 1e9 == pytest.approx(billions, rel=1e-4)
