"""Checkpoints: a resumed run goes on as it would have, damage is said and the one before is used."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import file_digest
from dsmath_lib.stage import checkpoint
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


def rewrite(path, name, change):
    """Change a file of a checkpoint, with its digest in the manifest: what no digest tells."""
    file = path / name
    if name.endswith("safetensors"):
        content = load_file(file)
        change(content)
        save_file(content, file)
    else:
        content = json.loads(file.read_text())
        file.write_text(json.dumps(content if change(content) is None else change(content)))
    manifest = json.loads((path / "MANIFEST.json").read_text())
    (path / "MANIFEST.json").write_text(json.dumps(manifest | {name: file_digest(file)}))


MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
UNUSABLE = {
    "weight missing": (MODEL, lambda t: t.pop("0.bias"), "model.safetensors lacks 0.bias"),
    "no weights": (MODEL, lambda t: t.clear(), "lacks 0.bias, 0.weight, 1.bias, 1.weight"),
    "one too many": (MODEL, lambda t: t.update(x=torch.zeros(1)), "another model .*x"),
    "other shape": (MODEL, lambda t: t.update({"0.bias": torch.zeros(9)}), r"0.bias: \(9,\) float"),
    "other kind": (MODEL, lambda t: t.update({"0.bias": torch.zeros(4).half()}), "float16, not"),
    "moment missing": (OPTIMIZER, lambda t: t.pop("3.exp_avg"), "lacks 3.exp_avg"),
    "no moments": (OPTIMIZER, lambda t: t.clear(), "lacks 0.exp_avg"),
    "moment too many": (OPTIMIZER, lambda t: t.update({"4.step": torch.zeros(())}), "another optimizer"),
    "moment of none": (OPTIMIZER, lambda t: t.update({"x": torch.zeros(())}), "another optimizer"),
    "moment's shape": (OPTIMIZER, lambda t: t.update({"0.exp_avg": torch.zeros(7)}), r"0.exp_avg: \(7,\)"),
    "no random state": (OPTIMIZER, lambda t: t.pop("rng.cpu"), "lacks rng.cpu"),
    "random state": (OPTIMIZER, lambda t: t.update({"rng.cpu": torch.zeros(3)}), "random state"),
    "list for state": (STATE, lambda s: [1], "names no step"),
    "no step": (STATE, lambda s: {}, "names no step"),
    "no groups": (STATE, lambda s: s.pop("param_groups") and None, "lacks param_groups"),
    "other groups": (STATE, lambda s: s.update(param_groups=[]), "groups of weights differ"),
    "groups of text": (STATE, lambda s: s.update(param_groups="ab"), "groups of weights differ"),
    "group without": (STATE, lambda s: s["param_groups"][0].pop("lr") and None, "groups of weights"),
    "not needed": (STATE, lambda s: s.pop("note") and None, "lacks note"),
}  # fmt: skip


def two(tmp_path):
    """Two checkpoints; the second's folder, and the weights of the first."""
    model, optimizer = make()
    train(model, optimizer, 0, 1)
    checkpoint.save(tmp_path, 1, model, optimizer, note="one")
    good = weights(model)
    train(model, optimizer, 1, 2)
    return checkpoint.save(tmp_path, 2, model, optimizer, note="two"), good


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_is_not_whole_or_does_not_fit_is_passed_over(tmp_path, name):
    path, good = two(tmp_path)
    file, change, said = UNUSABLE[name]
    rewrite(path, file, change)
    other, other_optimizer = make(seed=1)
    with pytest.warns(UserWarning, match=f"step-000002 is .*{said}.*; using the one before"):
        state = checkpoint.load_latest(tmp_path, other, other_optimizer, ("note",))
    assert state["step"] == 1 and torch.equal(weights(other), good)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{}", "does not name model.safetensors, optimizer.safetensors, state.json"),
     ("[1]", "does not name"), ("1", "does not name"), ("", "damaged"), ("[" * 100_000, "damaged"),
     ('{"model.safetensors": 1}', "does not name optimizer"), ("\\udcff", "damaged")],
)  # fmt: skip
def test_a_manifest_that_names_nothing_is_not_whole(tmp_path, text, said):
    path, good = two(tmp_path)
    (path / "MANIFEST.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    other, other_optimizer = make(seed=1)
    with pytest.warns(UserWarning, match=f"step-000002 is .*{said}"):
        state = checkpoint.load_latest(tmp_path, other, other_optimizer)
    assert state["step"] == 1 and torch.equal(weights(other), good)


@pytest.mark.parametrize("name", UNUSABLE)
def test_nothing_is_loaded_from_one_that_is_passed_over(tmp_path, name):
    path, _ = two(tmp_path)
    file, change, _ = UNUSABLE[name]
    rewrite(path, file, change)
    checkpoint.shutil.rmtree(tmp_path / "step-000001")
    other, other_optimizer = make(seed=1)
    before, state, rng = weights(other), other_optimizer.state_dict(), torch.get_rng_state()
    with pytest.warns(UserWarning):
        assert checkpoint.load_latest(tmp_path, other, other_optimizer, ("note",)) is None
    assert torch.equal(weights(other), before) and other_optimizer.state_dict() == state
    assert torch.equal(torch.get_rng_state(), rng)


def test_a_checkpoint_of_another_model_is_passed_over(tmp_path):
    two(tmp_path)
    wide = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 1))
    with pytest.warns(UserWarning, match="another model"):
        assert checkpoint.load_latest(tmp_path, wide, torch.optim.AdamW(wide.parameters())) is None
    model, _ = make()
    with pytest.warns(UserWarning, match="another optimizer"):
        assert checkpoint.load_latest(tmp_path, model, torch.optim.SGD(model.parameters())) is None


def test_one_without_a_list_of_its_tensors_is_still_read(tmp_path):
    """As those are that were written before the list was."""
    path, _ = two(tmp_path)
    rewrite(path, STATE, lambda s: s.pop("tensors") and None)
    assert checkpoint.load_latest(tmp_path, *make())["step"] == 2


def test_weights_without_a_gradient_have_no_moments(tmp_path):
    model, optimizer = make()
    model[0].bias.requires_grad_(False)
    train(model, optimizer, 0, 2)
    model[0].bias.requires_grad_(True)
    checkpoint.save(tmp_path, 2, model, optimizer)
    other, other_optimizer = make(seed=1)
    assert checkpoint.load_latest(tmp_path, other, other_optimizer) == {"step": 2}
    assert torch.equal(weights(other), weights(model))


def frozen(seed=0):
    """The first layer is the base, the second is trained."""
    model, _ = make(seed)
    model[0].requires_grad_(False)
    return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)


def test_what_is_not_trained_is_not_saved_and_must_be_the_same(tmp_path):
    model, optimizer = frozen()
    train(model, optimizer, 0, 2)
    path = checkpoint.save(tmp_path, 2, model, optimizer)
    assert set(load_file(path / "model.safetensors")) == {"1.weight", "1.bias"}
    same, same_optimizer = frozen()
    assert checkpoint.load_latest(tmp_path, same, same_optimizer) == {"step": 2}
    assert torch.equal(weights(same), weights(model))
    merged, merged_optimizer = frozen()
    with torch.no_grad():
        merged[0].weight.add_(1e-6)
    before = weights(merged)
    for base, base_optimizer in (frozen(seed=1), (merged, merged_optimizer)):
        with pytest.raises(StageError, match=r"another base model.*resume: false"):
            checkpoint.load_latest(tmp_path, base, base_optimizer)
    assert torch.equal(weights(merged), before)
    assert path.exists()  # nothing is lost


def test_all_trained_and_part_trained_do_not_fit(tmp_path):
    whole, whole_optimizer = make()
    train(whole, whole_optimizer, 0, 1)
    checkpoint.save(tmp_path, 1, whole, whole_optimizer)
    with pytest.warns(UserWarning, match="of another optimizer"):
        assert checkpoint.load_latest(tmp_path, *frozen()) is None


def test_checkpoints_are_in_the_order_of_their_numbers(tmp_path):
    model, optimizer = make()
    for step in (999_998, 999_999, 1_000_000):
        checkpoint.save(tmp_path, step, model, optimizer)
    left = sorted(p.name for p in tmp_path.glob("step-*"))
    assert left == ["step-1000000", "step-999999"]
    (tmp_path / "step-last").mkdir()  # not one of ours
    assert checkpoint.load_latest(tmp_path, model, optimizer)["step"] == 1_000_000
    checkpoint.save(tmp_path, 1_000_001, model, optimizer)
    left = sorted(p.name for p in tmp_path.glob("step-*"))
    assert left == ["step-1000000", "step-1000001", "step-last"]
