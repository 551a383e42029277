"""An adapter: it begins as the base, the base is there with it off, one plain model has both."""

import importlib.util
import json

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.engines.adapters import (
    ADAPTER_FOLDER,
    RANKS,
    TARGETS,
    AdapterOff,
    adapter_of,
    merge_drift,
    merged,
    with_adapter,
    without_adapter,
)
from dsmath_lib.engines.decode import HFSampler
from dsmath_lib.engines.layout import pad
from dsmath_lib.engines.memory import Form
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.tokenizer import load_tokenizer
from dsmath_lib.rl.logprobs import completion_logprobs
from tests.engines.adapters.conftest import lora, moved, plain
from tests.lm.conftest import tokenizer  # noqa: F401

pytestmark = pytest.mark.numeric
NEAR = {"rtol": 0, "atol": 1e-12}


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids).logits


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("rank", [1, 8, 64])
def test_it_begins_as_the_base(ids, kind, rank):
    model = with_adapter(plain(), lora(rank, kind))
    assert torch.equal(logits(model, ids), logits(plain(), ids))
    layers = [name.split(".")[-2] for name, _, _ in adapter_of(model).layers()]
    assert sorted(layers) == sorted(TARGETS[kind] * 2)  # in both blocks, nowhere else
    assert adapter_of(model).rank == rank


def test_only_the_adapter_is_trained(adapted, ids):
    adapted(input_ids=ids).logits.square().sum().backward()
    for name, p in adapted.named_parameters():
        assert (p.grad is not None and bool(p.grad.any())) == (".lora_" in name), name


def test_a_is_drawn_from_the_seed_and_nothing_else_moves(ids):
    first, again, other = (
        [a for _, a, _ in adapter_of(with_adapter(plain(), lora(seed=s))).layers()]
        for s in (1, 1, 2)
    )
    assert all(map(torch.equal, first, again)) and not torch.equal(first[0], other[0])
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with_adapter(plain(), lora())
    assert torch.equal(torch.get_rng_state(), before)


def test_off_is_the_base_and_on_again_is_the_policy(adapted, ids):
    policy = logits(adapted, ids)
    off = AdapterOff(adapted)
    base = logits(plain(), ids)
    torch.testing.assert_close(logits(off, ids), base, **NEAR)
    assert (policy - base).abs().max() > 0.1
    assert torch.equal(logits(adapted, ids), policy)
    names = {n for n, p in adapted.named_parameters() if p.requires_grad}
    assert all(".lora_" in n for n in names) and len(names) == 2 * 7 * 2
    own = {p.data_ptr() for p in adapted.parameters()}
    assert {t.data_ptr() for t in off.state_dict().values()} <= own  # no second copy
    assert off.state_dict().keys() == plain().state_dict().keys()
    assert adapter_of(off) and not adapter_of(off).on and adapter_of(plain()) is None


def test_an_error_with_the_adapter_off_leaves_it_on(adapted, ids):
    policy = logits(adapted, ids)
    with pytest.raises(ValueError), adapter_of(adapted).switched_off():
        raise ValueError
    assert torch.equal(logits(adapted, ids), policy)


def test_log_probs_of_policy_and_reference(adapted):
    """As learning takes them; a look at the reference does not change the policy's gradient."""
    tokens = pad([[0, 5, 6], [0, 7]], [[8, 9, 1], [10, 11]])
    want, _ = completion_logprobs(plain(), tokens)
    alone, _ = completion_logprobs(adapted, tokens)
    alone.sum().backward()
    gradients = [p.grad.clone() for p in adapted.parameters() if p.requires_grad]
    adapted.zero_grad()
    logp, _ = completion_logprobs(adapted, tokens)
    ref, _ = completion_logprobs(AdapterOff(adapted), tokens)
    logp.sum().backward()
    torch.testing.assert_close(ref, want.detach(), **NEAR)
    assert not ref.requires_grad and (logp - ref).abs().max() > 0.1
    again = [p.grad for p in adapted.parameters() if p.requires_grad]
    assert all(map(torch.equal, again, gradients))


def test_the_sampler_draws_from_both(tokenizer):  # noqa: F811
    base = plain(vocab=len(tokenizer))
    adapted = moved(with_adapter(plain(vocab=len(tokenizer)), lora()))

    def draw(model):
        how = {"n": 3, "temperature": 1.0, "max_new_tokens": 8, "seed": 1}
        return HFSampler(model, tokenizer).sample([[0, 5, 6], [0, 7]], **how)

    assert draw(AdapterOff(adapted)).ids == draw(base).ids != draw(adapted).ids


def test_a_model_seen_without_its_adapter_cannot_be_changed(adapted):
    for name in ("to", "requires_grad_", "load_state_dict"):
        with pytest.raises(AttributeError, match="no weights of its own"):
            getattr(AdapterOff(adapted), name)


@pytest.mark.numeric(dtype="float32")
def test_the_adapter_of_a_bfloat16_model_is_float32(ids):
    model = moved(with_adapter(plain().bfloat16(), lora()))
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    whole = merged(adapter_of(model), plain().bfloat16().float())
    assert whole.dtype == torch.bfloat16
    # bfloat16 has 8 bits: the same sums in another order differ by some of its steps
    torch.testing.assert_close(logits(whole, ids), logits(model, ids), rtol=0.1, atol=0.1)


@pytest.mark.numeric(dtype="float32")
def test_weights_in_bfloat16_are_those_of_the_base(ids):
    """The parameter ``weights`` is of what is frozen; the adapter is trained in float32."""
    form = Form(weights="bfloat16")
    model = with_adapter(plain(), lora())
    form.apply(model)
    form.check([model])
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    assert {p.dtype for p in model.parameters() if not p.requires_grad} == {torch.bfloat16}
    whole = merged(adapter_of(moved(model)), plain())
    assert whole.dtype == torch.bfloat16
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).data = torch.zeros(8, 16).bfloat16()
    with pytest.raises(StageError, match=r"is trained in torch\.bfloat16, not in float32"):
        form.check([model])


# -- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lora(rank=7), r"'lora_rank' = 7.*known: 0, 1, 8"),
        (lora(rank=1024), "'lora_rank' = 1024"),
        (lora(targets="lm_head"), r"'lora_targets' = 'lm_head'.*known: attention, mlp"),
        (lora(targets="embed_tokens"), "no such kind"),
    ],
)
def test_what_is_outside_the_set(how, message):
    with pytest.raises(ParamsError, match=message):
        with_adapter(plain(), how)


def test_a_second_adapter(adapted):
    with pytest.raises(ParamsError, match="has an adapter already"):
        with_adapter(adapted, lora())


SMALL = {"vocab_size": 30, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
SMALL |= {"num_attention_heads": 1, "num_key_value_heads": 1, "pad_token_id": 0}


def test_other_kinds_of_models():
    """Layers under other names, or two in one, are refused; biases of the base are no matter."""
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=30, n_embd=8, n_layer=1, n_head=1))
    phi3 = Phi3ForCausalLM(Phi3Config(**SMALL))
    for model in (gpt2, phi3):
        with pytest.raises(ParamsError, match=r"one linear layer q_proj in each of its 1 blocks"):
            with_adapter(model, lora())
        assert all(p.requires_grad for p in model.parameters())  # as it was
    qwen = with_adapter(Qwen2ForCausalLM(Qwen2Config(**SMALL)), lora())
    assert adapter_of(qwen).rank == 8


def test_without_peft_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ParamsError, match=r"peft is not installed here; use 0.*\[lora\]"):
        with_adapter(plain(), lora())
    with_adapter(plain(), lora(rank=0))  # needs none


# -- folder and export ------------------------------------------------------------------------------


def test_peft_reads_the_folder(adapted, ids, tmp_path):
    adapter_of(adapted).save(tmp_path / "a")
    again = PeftModel.from_pretrained(plain(), str(tmp_path / "a")).eval()
    torch.testing.assert_close(logits(again, ids), logits(adapted, ids), **NEAR)
    config = json.loads((tmp_path / "a/adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["bias"]) == (8, 16, "none")
    assert config["target_modules"] == sorted(TARGETS["all-linear"])
    assert not config["use_dora"] and not config["modules_to_save"]
    tensors = load_file(tmp_path / "a/adapter_model.safetensors")
    assert len(tensors) == 2 * 7 * 2 and all(n.startswith("base_model.model.") for n in tensors)
    adapter_of(adapted).save(tmp_path / "b")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("tie", [True, False], ids=["tied", "untied"])
def test_the_merged_model_computes_as_the_adapted_one(ids, tie):
    model = moved(with_adapter(plain(tie=tie), lora(32)))
    before = [t.clone() for _, t in adapter_of(model).base_weights()]
    whole = merged(adapter_of(model), plain(tie=tie))
    torch.testing.assert_close(logits(whole, ids), logits(model, ids), **NEAR)
    assert adapter_of(whole) is None
    after = [t for _, t in adapter_of(model).base_weights()]
    assert all(map(torch.equal, after, before))  # the trained model's own weights are as they were


def test_merging_twice_or_into_another_base_is_refused(adapted):
    whole = merged(adapter_of(adapted), plain())
    for base in (whole, plain(seed=1)):
        with pytest.raises(StageError, match="not the matrix that the adapter was trained on"):
            merged(adapter_of(adapted), base)


def test_a_base_that_was_changed_in_memory_is_noticed_at_export(adapted):
    with torch.no_grad():
        adapted.model.layers[1].mlp.up_proj.base_layer.weight += 1e-9
    with pytest.raises(StageError, match=r"layers\.1\.mlp\.up_proj\.weight"):
        merged(adapter_of(adapted), plain())


def test_taken_out_the_plain_layers_are_left(adapted, ids):
    assert torch.equal(logits(without_adapter(adapted), ids), logits(plain(), ids))


def test_a_folder_with_an_adapter_is_no_model(adapted, tmp_path):
    """Alone, or beside weights: with peft there, transformers would put it on them."""
    adapter_of(adapted).save(tmp_path / "a")
    plain().save_pretrained(tmp_path / "b")
    adapter_of(adapted).save(tmp_path / "b")
    for name in "ab":
        with pytest.raises(ValueError, match=r"holds an adapter.*the merged model"):
            load_model(tmp_path / name)
        with pytest.raises(ValueError, match="holds an adapter"):
            load_tokenizer(tmp_path / name)  # the first that a notebook opens
    plain().save_pretrained(tmp_path / "c")
    adapter_of(adapted).save(tmp_path / "c" / ADAPTER_FOLDER)
    whole = load_model(tmp_path / "c")
    assert adapter_of(whole) is None


@pytest.mark.numeric(dtype="float32")
def test_merging_back_and_forth_drifts_in_bfloat16():
    """trl#6688. bfloat16 keeps 8 bits, float32 24: the rounding of one cycle differs by a factor of 2^16."""
    weight = 0.02 * torch.randn(96, 96, generator=torch.Generator().manual_seed(0))
    cycles = (1, 10, 100)
    short, long = (merge_drift(weight, d, cycles) for d in (torch.bfloat16, torch.float32))
    assert 1e-3 < short[1] < short[10] < short[100]
    assert short[100] > 2.5 * short[1]
    assert all(long[c] < 1e-3 * short[c] for c in cycles)
    assert merge_drift(weight, torch.bfloat16, (100,), size=0.0) == {100: 0.0}


def test_ranks_are_those_of_the_parameters():
    from dsmath_lib.params.base import schema_of
    from dsmath_lib.params.grpo import GRPOParams

    assert schema_of(GRPOParams, "lora_rank")["enum"] == [0, *RANKS]
    assert schema_of(GRPOParams, "lora_targets")["enum"] == list(TARGETS)
