"""Rows of many documents: the numbers of one mask over the row, without the mask."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import Qwen2Config, Qwen2Model

from dsmath_lib.engines.memory import checkpoint_layers, documents_of, hidden_states
from dsmath_lib.lm.model import Shape, build_model


def owner_row(begin: int, documents: list[int], padding: int) -> list[int]:
    own = [j for j, n in enumerate(documents, 1) for _ in range(n)]
    return [0] * begin + own + [-1] * padding


def dense_mask(owner: torch.Tensor) -> torch.Tensor:
    """(R, 1, T, T): a token sees what its row begins with, and its own document, up to itself."""
    sees = (owner[:, :, None] == owner[:, None, :]) | (owner[:, None, :] == 0)
    return (sees & torch.ones(2 * [owner.shape[1]]).tril().bool())[:, None]


def positions_of(owner: torch.Tensor) -> torch.Tensor:
    """A document goes on where what its row begins with ends."""
    seen = owner[:, :, None] == owner[:, None, :]
    own = (seen & torch.ones(2 * [owner.shape[1]]).tril().bool()).sum(2) - 1
    return own + (owner == 0).sum(1, keepdim=True) * (owner > 0)


def models() -> dict[str, torch.nn.Module]:
    qwen = Qwen2Config(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=50, max_position_embeddings=64, attn_implementation="sdpa",
    )  # fmt: skip
    return {
        "llama": build_model(Shape(16, 2, 4, 2, 32, 50, 64), init_std=0.3).model,
        "no groups": build_model(Shape(16, 2, 2, 2, 32, 50, 64), init_std=0.3).model,
        "qwen2": Qwen2Model(qwen).double(),
    }


def gradients(decoder, run, real: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Hidden states at real tokens, and the gradient of a sum that weighs each of their numbers differently."""
    decoder.zero_grad()
    hidden = run()[real]
    weights = torch.linspace(-1, 1, hidden.numel()).view(hidden.shape)
    (hidden * weights).sum().backward()
    return hidden.detach(), [p.grad.clone() for p in decoder.parameters()]


ROWS = [(3, [4, 1, 6], 0), (1, [2, 2, 2], 7), (5, [9], 0), (2, [3, 7], 2)]


@pytest.mark.numeric
@pytest.mark.parametrize("kind", ["llama", "no groups", "qwen2"])
@pytest.mark.parametrize("again", [False, True], ids=["kept", "checkpointed"])
@pytest.mark.parametrize("begin", [True, False], ids=["shared", "packed"])
def test_values_and_gradients_are_those_of_the_dense_mask(kind, again, begin):
    decoder = models()[kind].eval()
    owner = torch.tensor(
        [owner_row(b if begin else 0, d, p + (0 if begin else b)) for b, d, p in ROWS]
    )
    ids = torch.randint(0, 50, owner.shape, generator=torch.Generator().manual_seed(0))
    positions, real = positions_of(owner), owner >= 0

    def dense():
        given = {"position_ids": positions, "attention_mask": dense_mask(owner)}
        return decoder(input_ids=ids, use_cache=False, **given).last_hidden_state

    want, want_grads = gradients(decoder, dense, real)
    if again:
        checkpoint_layers(decoder)
    got, grads = gradients(decoder, lambda: hidden_states(decoder, ids, positions, owner), real)
    assert decoder.config._attn_implementation == "sdpa"  # put back
    near = 1e-5 if kind == "qwen2" else 1e-11  # its norm passes through float32
    torch.testing.assert_close(got, want, rtol=near, atol=near)
    for a, b in zip(grads, want_grads, strict=True):
        torch.testing.assert_close(a, b, rtol=near, atol=near)


@pytest.mark.numeric
def test_a_document_does_not_see_the_others():
    decoder = models()["llama"].eval()
    owner = torch.tensor([owner_row(2, [3, 4], 1)])
    ids = torch.arange(10)[None] + 5
    other = ids.clone()
    other[0, 2:5] = 40  # the first document
    a, b = (hidden_states(decoder, x, positions_of(owner), owner) for x in (ids, other))
    assert torch.equal(a[0, :2], b[0, :2]) and not torch.equal(a[0, 2:5], b[0, 2:5])
    torch.testing.assert_close(a[0, 5:9], b[0, 5:9], rtol=1e-12, atol=1e-12)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 4)),
        min_size=1,
        max_size=4,
    )
)  # fmt: skip
def test_every_token_has_one_place_behind_what_it_sees(rows):
    width = max(b + sum(d) + p for b, d, p in rows)
    owner = [owner_row(b, d, width - b - sum(d)) for b, d, _ in rows]
    found = documents_of(torch.tensor(owner))
    outputs = [places for batch in found.batches for places in batch.tolist()]
    flat = [(i, k) for i, row in enumerate(outputs) for k in range(len(row))]
    for at, own in enumerate(x for row in owner for x in row):
        if own < 0:
            continue
        i, k = flat[found.take[at]]
        assert outputs[i][k] == at
        r = at // width
        sees = [
            r * width + c for c, o in enumerate(owner[r]) if o in (0, own) and r * width + c <= at
        ]
        assert outputs[i][: k + 1] == sees
    lengths = [len(row) for row in outputs]
    assert len(outputs) == sum(len(d) for _, d, _ in rows) and lengths == sorted(lengths)[::-1]


def test_rows_without_documents_are_one_document_each():
    owner = torch.tensor([[0, 0, 0, -1], [0, 0, -1, -1]])
    assert [b.tolist() for b in documents_of(owner).batches] == [[[0, 1, 2]], [[4, 5]]]
