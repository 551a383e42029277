"""Layers computed again on the way back: the same gradients, less memory in between."""

import copy

import pytest
import torch

from dsmath_lib.engines.memory import checkpoint_layers
from dsmath_lib.lm.model import Shape, build_model

IDS = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(0))


def tiny(tie: bool = True):
    return build_model(Shape(16, 3, 4, 2, 32, 50, 64), tie=tie, init_std=0.3)


def loss_and_kept(model, ids=IDS) -> tuple[torch.Tensor, int]:
    """Loss with gradient, and how many numbers autograd keeps for the way back."""
    kept = {}

    def pack(x):
        kept[x.untyped_storage().data_ptr()] = x.numel()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    return loss, sum(n for at, n in kept.items() if at not in weights)


@pytest.mark.numeric
@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_equal_and_less_is_kept(tie, training):
    model = tiny(tie).train(training)
    again = copy.deepcopy(model)
    assert checkpoint_layers(again) == checkpoint_layers(again) == 3  # twice is as once
    (loss, kept), (other, fewer) = loss_and_kept(model), loss_and_kept(again)
    loss.backward()
    other.backward()
    assert float(loss.detach()) == pytest.approx(float(other.detach()), rel=1e-12)
    for (name, p), q in zip(model.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-12, atol=1e-14, msg=name)
    assert fewer < kept / 2


@pytest.mark.numeric
def test_dropout_is_drawn_once(monkeypatch):
    """The second pass drops what the first dropped."""
    model = tiny().train()
    model.config.attention_dropout = 0.5
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.5
    again = copy.deepcopy(model)
    checkpoint_layers(again)
    for m in (model, again):
        torch.manual_seed(1)
        m(input_ids=IDS, labels=IDS, use_cache=False).loss.backward()
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.numeric
def test_a_copy_computes_its_own_layers_again():
    """PPO's critic is a copy of the policy: its gradient must not land in the policy's weights."""
    model = tiny()
    checkpoint_layers(model)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.model.layers[0].mlp.up_proj.weight.mul_(2)
    plain = tiny()
    plain.load_state_dict(other.state_dict())
    for m in (other, plain):
        m(input_ids=IDS, labels=IDS, use_cache=False).loss.backward()
    assert all(p.grad is None for p in model.parameters())
    for p, q in zip(other.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.numeric
def test_decoding_with_a_cache_is_left_alone():
    model = tiny()
    want = model.generate(IDS, max_new_tokens=4, do_sample=False)
    checkpoint_layers(model)
    assert torch.equal(model.generate(IDS, max_new_tokens=4, do_sample=False), want)


def test_a_network_without_layers_is_named():
    with pytest.raises(ValueError, match="Linear has no decoder layers"):
        checkpoint_layers(torch.nn.Linear(2, 2))
