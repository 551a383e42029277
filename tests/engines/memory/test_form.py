"""Weights and averages in fewer bits: how far from AdamW in float32, and that nothing is lost on the way."""

import importlib.util

import pytest
import torch

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.engines.memory import Form, cast
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.stage import checkpoint

IDS = torch.randint(0, 64, (4, 16), generator=torch.Generator().manual_seed(0))
EIGHT = Form("float32", "adamw-8bit")
HALF = Form("bfloat16", "adamw-8bit")


def trained(form: Form, steps: int, model=None, optimizer=None):
    """A small model after some steps of AdamW in this form; goes on where ``model`` and ``optimizer`` are."""
    if model is None:
        model, optimizer = started(form)
    for _ in range(steps):
        model(input_ids=IDS, labels=IDS).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model, optimizer


def started(form: Form):
    model = build_model(Shape(64, 2, 2, 2, 128, 64, 32), init_std=0.1)
    form.apply(model)
    optimizer = form.make([{"params": list(model.parameters()), "weight_decay": 0.1}], (0.9, 0.99))
    for g in optimizer.param_groups:
        g["lr"] = 1e-3
    return model, optimizer


def vector(model) -> torch.Tensor:
    return torch.cat([p.detach().double().flatten() for p in model.parameters()])


@pytest.mark.parametrize(("form", "near"), [(EIGHT, 0.03), (HALF, 0.2)])
def test_the_way_is_that_of_adamw_nearly(form, near):
    """Relative distance of the movement of all weights after 8 steps; measured: 0.015 and 0.12."""
    start = vector(started(form)[0])
    want = vector(trained(Form(), 8)[0]) - vector(started(Form())[0])
    got = vector(trained(form, 8)[0]) - start
    assert 0 < (got - want).norm() / want.norm() < near


@pytest.mark.parametrize("form", [EIGHT, HALF])
def test_averages_take_two_bytes_a_weight(form):
    model, optimizer = trained(form, 1)
    state = optimizer.state_dict()["state"]
    n = sum(p.numel() for p in model.parameters())
    size = sum(t.numel() * t.element_size() for s in state.values() for t in s.values())
    assert 2 * n < size < 2.1 * n
    assert all(type(t) is torch.Tensor for s in state.values() for t in s.values())
    vectors = [s for s in state.values() if "exp_avg" in s]
    assert vectors and all(s["exp_avg_sq"].dtype == torch.float32 for s in vectors)


@pytest.mark.parametrize("form", [EIGHT, HALF])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(form, tmp_path):
    model, optimizer = trained(form, 2)
    torch.manual_seed(3)
    checkpoint.save(tmp_path, 2, model, optimizer)
    trained(form, 2, model, optimizer)
    again, resumed = started(form)
    assert checkpoint.load_latest(tmp_path, again, resumed)["step"] == 2
    trained(form, 2, again, resumed)
    torch.testing.assert_close(vector(again), vector(model), rtol=1e-6, atol=1e-7)
    rates = [g["lr"] for g in resumed.param_groups]
    assert rates == [1e-3]  # a number, as JSON has it


def test_the_checkpoint_of_another_optimizer_is_passed_over(tmp_path):
    checkpoint.save(tmp_path, 2, *trained(EIGHT, 1))
    with pytest.warns(UserWarning, match="another optimizer"):
        assert checkpoint.load_latest(tmp_path, *started(Form())) is None
    model, optimizer = trained(EIGHT, 1)
    state = optimizer.state_dict()
    state["state"][0]["exp_avg.scale"] = torch.zeros(3)  # of another block size
    optimizer.state_dict = lambda: state
    checkpoint.save(tmp_path, 3, model, optimizer)
    with pytest.warns(UserWarning, match=r"exp_avg\.scale"):
        assert checkpoint.load_latest(tmp_path, *started(EIGHT))["step"] == 2


def test_small_steps_add_up_in_bfloat16():
    """Weights of 1 and 1,000 steps of 1e-5: together 0.01, of which rounding to the nearest keeps nothing."""
    weight = torch.nn.Parameter(torch.ones(64, 64, dtype=torch.bfloat16))
    optimizer = HALF.make([{"params": [weight], "weight_decay": 0.0}], (0.9, 0.99))
    optimizer.param_groups[0]["lr"] = 1e-5
    assert torch.equal(weight - 1e-5, torch.ones_like(weight))
    torch.manual_seed(0)
    for _ in range(100):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    # 4,096 weights of spacing 2^-8 below 1: the mean is known to about 2^-8 × sqrt(0.25 / 4096) = 3e-5
    assert weight.double().mean().item() == pytest.approx(1 - 100e-5, abs=1.5e-4)


def test_without_torchao_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ParamsError, match=r"torchao is not installed.*\[adam8bit\]") as err:
        started(EIGHT)
    assert "\n" not in str(err.value)


def test_without_a_compiler_it_runs_uncompiled_and_says_so(monkeypatch):
    from dsmath_lib.engines.memory import adam

    def fails(*_):
        raise RuntimeError("no C++ compiler\nlong trace")

    monkeypatch.setattr(torch, "compile", fails)
    adam.compiler_works.cache_clear()
    with pytest.warns(UserWarning, match=r"uncompiled.*no C\+\+ compiler\)$"):
        assert not adam.compiler_works(torch.device("cpu"))
    adam.compiler_works.cache_clear()


def test_casting_leaves_the_angles_of_positions_alone():
    model = build_model(Shape(64, 2, 2, 2, 128, 64, 32))
    cast(model, "bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert {b.dtype for b in model.buffers()} == {torch.float32}
    assert model.lm_head.weight is model.model.embed_tokens.weight  # still tied


def test_another_dtype_than_asked_for_is_an_error():
    model = build_model(Shape(64, 2, 2, 2, 128, 64, 32))
    Form().check([model])
    model.model.norm.to(torch.bfloat16)
    with pytest.raises(StageError, match=r"model.norm.weight is trained in torch.bfloat16, not in"):
        Form().check([model])
    model.model.norm.requires_grad_(False)
    Form().check([model])  # frozen weights may be smaller
