import pytest
import torch

from dsmath_lib.lm.flops import flops_per_token, matmul_rate, mfu
from dsmath_lib.lm.model import build_model, load_model, n_parameters

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
        build_model(10, 1, 3, 1, 8, 300, 16)
    with pytest.raises(ValueError, match="kv_heads"):
        build_model(12, 1, 3, 2, 8, 300, 16)


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
    build_model(16, layers, 2, 1, 32, 64, 64).save_pretrained(tmp_path)
    assert {p.data_ptr() % 64 for p in load_model(tmp_path).parameters()} == {0}


def test_pickle_weights_are_refused(tmp_path):
    model = tiny_model()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_model(tmp_path)


@pytest.mark.parametrize("revision", ["", "main", "v1.0", "abc123"])
def test_hub_names_need_a_pinned_commit(revision):
    with pytest.raises(ValueError, match="40-digit commit"):
        load_model("owner/model", revision=revision)


def test_missing_folder_is_not_taken_for_a_hub_name(tmp_path):
    with pytest.raises(ValueError, match="no such model folder"):
        load_model(tmp_path / "nothing")


def test_flops_by_hand():
    model = tiny_model()
    per_layer = 16 * 16 + 2 * 16 * 8 + 16 * 16 + 3 * 16 * 32 + 2 * 16  # q, k v, o, mlp, norms
    n = 64 * 16 + 2 * per_layer + 16
    assert n_parameters(model) == n
    assert flops_per_token(model, 64) == 6 * n + 6 * 2 * 16 * 64
    untied = tiny_model(tie=False)
    assert flops_per_token(untied, 64) == flops_per_token(model, 64)
    assert mfu(100.0, 5.0, 1000.0) == 0.5
    assert matmul_rate(size=64, seconds=0.01) > 0
