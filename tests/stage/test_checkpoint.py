"""Checkpoints: a resumed run goes on as it would have, damage is said and the one before is used."""

import pytest
import torch

from dsmath_lib import checkpoint
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric


def make(seed=0):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def train(model, optimizer, start, stop):
    for step in range(start, stop):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        noise = torch.randn(5, 1)  # from the global stream, which the checkpoint must restore
        loss = (model(x) + noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_resumed_run_goes_on_as_it_would_have(tmp_path):
    model, optimizer = make()
    train(model, optimizer, 0, 5)
    checkpoint.save(tmp_path, 5, model, optimizer, note="five")
    saved = weights(model)
    train(model, optimizer, 5, 9)
    other, other_optimizer = make(seed=1)
    state = checkpoint.load_latest(tmp_path, other, other_optimizer)
    assert state["step"] == 5 and state["note"] == "five"
    assert torch.equal(weights(other), saved)
    train(other, other_optimizer, 5, 9)
    assert_same(weights(other), weights(model))


def test_none_when_there_is_none(tmp_path):
    assert checkpoint.load_latest(tmp_path / "nothing", *make()) is None


def test_only_the_newest_two_are_kept(tmp_path):
    model, optimizer = make()
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, model, optimizer)
    assert [p.name for p in sorted(tmp_path.glob("step-*"))] == ["step-000002", "step-000003"]
    checkpoint.clear(tmp_path)
    assert checkpoint.load_latest(tmp_path, model, optimizer) is None


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_damage_is_said_and_the_one_before_is_used(tmp_path, name, damage):
    model, optimizer = make()
    train(model, optimizer, 0, 1)
    checkpoint.save(tmp_path, 1, model, optimizer)
    good = weights(model)
    train(model, optimizer, 1, 2)
    path = checkpoint.save(tmp_path, 2, model, optimizer) / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-1] + b"\x00\x01")
    other, other_optimizer = make(seed=1)
    with pytest.warns(UserWarning, match="step-000002 is damaged"):
        state = checkpoint.load_latest(tmp_path, other, other_optimizer)
    assert state["step"] == 1 and torch.equal(weights(other), good)


def test_a_half_written_checkpoint_is_not_seen(tmp_path):
    model, optimizer = make()
    checkpoint.save(tmp_path, 1, model, optimizer)
    (tmp_path / ".tmp-000002").mkdir()
    (tmp_path / ".tmp-000002" / "model.safetensors").write_bytes(b"half")
    assert checkpoint.load_latest(tmp_path, model, optimizer)["step"] == 1


def test_tied_weights_are_saved_once_and_come_back(tmp_path):
    def tied():
        model = torch.nn.Sequential(
            torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4, bias=False)
        )
        model[1].weight = model[0].weight
        return model, torch.optim.AdamW(model.parameters())

    model, optimizer = tied()
    checkpoint.save(tmp_path, 1, model, optimizer)
    other, other_optimizer = tied()
    checkpoint.load_latest(tmp_path, other, other_optimizer)
    assert torch.equal(other[0].weight, model[0].weight) and other[0].weight is other[1].weight
