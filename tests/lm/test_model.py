import pytest
import torch
from safetensors.torch import load_file, save_file

from dsmath_lib.base.hub import ModelError
from dsmath_lib.lm.model import Shape, WeightsError, build_model, load_model

from .conftest import tiny_model

pytestmark = pytest.mark.numeric


def test_build_is_seeded_and_leaves_the_global_rng_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, c = tiny_model(1), tiny_model(1), tiny_model(2)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.model.embed_tokens.weight, c.model.embed_tokens.weight)


def test_sizes_that_do_not_divide_are_errors():
    with pytest.raises(ValueError, match="multiple"):
        build_model(Shape(10, 1, 3, 1, 8, 300, 16))
    with pytest.raises(ValueError, match="kv_heads"):
        build_model(Shape(12, 1, 3, 2, 8, 300, 16))


@pytest.mark.parametrize("tie", [True, False])
def test_save_and_load_gives_the_same_logits(tmp_path, tie):
    model = tiny_model(tie=tie).eval()
    model.save_pretrained(tmp_path)
    ids = torch.arange(3, 13)[None]
    again = load_model(tmp_path).eval()
    for name, p in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], p), name
    torch.testing.assert_close(again(ids).logits, model(ids).logits, atol=1e-12, rtol=1e-9)
    assert (again.lm_head.weight is again.model.embed_tokens.weight) == tie


@pytest.mark.numeric(dtype="float32")
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_loaded_weights_lie_where_torch_aligns_memory(tmp_path, layers):
    """In a file they may lie anywhere, and products of matrices round by address: the run would hang on the file."""
    build_model(Shape(16, layers, 2, 1, 32, 64, 64)).save_pretrained(tmp_path)
    assert {p.data_ptr() % 64 for p in load_model(tmp_path).parameters()} == {0}


def test_pickle_weights_are_refused(tmp_path):
    model = tiny_model()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_model(tmp_path)


@pytest.mark.parametrize("revision", ["", "main", "v1.0", "abc123"])
def test_hub_names_need_a_pinned_commit(revision):
    with pytest.raises(ValueError, match="40-digit commit"):
        load_model("owner/model", revision=revision)


def test_missing_folder_is_not_taken_for_a_hub_name(tmp_path):
    with pytest.raises(ValueError, match="no such model folder"):
        load_model(tmp_path / "nothing")


def changed(folder, change):
    """The weights of a saved model, changed in place."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


NORM, HEAD = "model.norm.weight", "lm_head.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop(NORM), f"missing: {NORM}"),
        (lambda t: t.clear(), r"missing: .* and \d+ more"),
        (lambda t: t.pop("model.embed_tokens.weight"), "missing: .*model.embed_tokens.weight"),
        (lambda t: t.update(x=torch.zeros(2)), "not of this model: x"),
        (lambda t: t.update({NORM: torch.zeros(2)}), f"of another shape: {NORM}"),
        (lambda t: t.update({NORM: torch.full((16,), float("nan"))}), f"not finite: {NORM}"),
        (lambda t: t[NORM].__setitem__(3, float("-inf")), f"not finite: {NORM}"),
        (lambda t: (t.pop(NORM), t.update(x=torch.zeros(2))), f"missing: {NORM}; not of this model: x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tie", [True, False])
def test_weights_that_are_not_the_models_are_named(tmp_path, capfd, change, said, tie):
    """The library fills them with random numbers and prints a table."""
    tiny_model(tie=tie).save_pretrained(tmp_path)
    changed(tmp_path, change)
    before = torch.get_rng_state()
    with pytest.raises(WeightsError, match=said) as err:
        load_model(tmp_path)
    assert str(tmp_path) in str(err.value) and "\n" not in str(err.value)
    assert torch.equal(torch.get_rng_state(), before)
    assert "LOAD REPORT" not in "".join(capfd.readouterr())


def test_one_name_is_enough_for_tied_weights_and_not_for_others(tmp_path):
    tiny_model(tie=True).save_pretrained(tmp_path)
    assert HEAD not in load_file(tmp_path / "model.safetensors")
    load_model(tmp_path)
    tiny_model(tie=False).save_pretrained(tmp_path)
    changed(tmp_path, lambda t: t.pop(HEAD))
    with pytest.raises(WeightsError, match=f"missing: {HEAD}"):
        load_model(tmp_path)


def test_the_angles_that_old_checkpoints_hold_are_no_error(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    changed(tmp_path, lambda t: t.update({name: torch.ones(4)}))
    load_model(tmp_path)


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_files_of_weights_that_were_cut(tmp_path, keep):
    tiny_model().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_model(tmp_path)
