import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.base.records import Prompt, Sample
from dsmath_lib.engines.memory import hidden_states
from dsmath_lib.lm.packing import (
    IGNORE,
    Example,
    PackedExamples,
    first_fit,
    model_inputs,
    pack_rows,
    stream_batch,
    tokenize_samples,
)
from dsmath_lib.lm.tokenizer import encode

from .conftest import tiny_model


def example_of(n: int, first: int = 3, prompt: int = 1) -> Example:
    return Example(tuple(range(first, first + n)), (False,) * prompt + (True,) * (n - prompt))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
def test_stream_uses_every_token_once(steps, batch_size, context):
    tokens = np.arange(steps * batch_size * context + 1, dtype=np.int32)
    batches = [stream_batch(tokens, k, batch_size, context) for k in range(steps)]
    inputs = torch.cat([b["inputs"].flatten() for b in batches])
    targets = torch.cat([b["targets"].flatten() for b in batches])
    assert torch.equal(inputs, torch.arange(len(tokens) - 1))
    assert torch.equal(targets, torch.arange(1, len(tokens)))


def test_stream_too_short_is_an_error():
    with pytest.raises(IndexError, match="step 1"):
        stream_batch(np.arange(9), 1, 2, 4)


def test_stream_isolated_documents():
    tokens = np.array([0, 5, 6, 1, 0, 7, 1, 0, 8])
    batch = stream_batch(tokens, 0, 1, 8, eos=1)
    assert batch["segments"].tolist() == [[1, 1, 1, 1, 2, 2, 2, 3]]
    assert batch["targets"].tolist() == [[5, 6, 1, IGNORE, 7, 1, IGNORE, 8]]
    plain = stream_batch(np.array([5, 6, 1, 7, 1, 8, 9]), 0, 1, 6, eos=1)  # no bos
    assert plain["segments"].tolist() == [[1, 1, 1, 2, 2, 3]]
    assert plain["targets"].tolist() == [[6, 1, IGNORE, 1, IGNORE, 9]]


def test_samples_train_answers_and_eos_but_no_prompt_or_tool_output(tokenizer):
    segments = (("12+3=", True), ("15", False), (" \\boxed{15}", True))
    prompt = Prompt("12+3?", "User: ", "\n\nAssistant:")
    (e,) = tokenize_samples(tokenizer, [Sample(prompt, segments)])
    assert e.ids[0] == tokenizer.bos_token_id and e.ids[-1] == tokenizer.eos_token_id
    trained = [i for i, t in zip(e.ids, e.trained, strict=True) if t]
    expected = encode(tokenizer, " 12+3=") + encode(tokenizer, " \\boxed{15}") + [1]
    assert trained == expected
    assert tokenizer.decode(e.ids[1:-1]) == "User: 12+3?\n\nAssistant: 12+3=15 \\boxed{15}"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 16), min_size=1, max_size=120), st.integers(0, 3))
def test_packing_holds_every_example_once_and_fits(lengths, seed):
    order = np.random.default_rng(seed).permutation(len(lengths)).tolist()
    rows = first_fit(lengths, 16, order)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in row) <= 16 for row in rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 8), st.integers(1, 7)), min_size=1, max_size=4))
def test_labels_are_right(shapes):
    group = [example_of(n, first=10 * k, prompt=min(p, n)) for k, (n, p) in enumerate(shapes, 1)]
    batch = pack_rows([group], 32, isolate=True, pad=0)
    used = sum(len(e.ids) for e in group)
    assert batch["inputs"][0, :used].tolist() == [i for e in group for i in e.ids]
    assert batch["segments"][0].tolist().count(0) == 32 - used
    wanted = [i for e in group for i, t in zip(e.ids, e.trained, strict=True) if t]
    targets = batch["targets"][0]
    assert targets[targets != IGNORE].tolist() == wanted
    # A target always is the very next token of the row.
    at = (targets != IGNORE).nonzero().flatten()
    assert torch.equal(targets[at], batch["inputs"][0, at + 1])


def test_random_packing_is_seeded_differs_by_pass_and_counts():
    examples = [example_of(3 + i % 5, first=3 + i) for i in range(20)] + [example_of(40)]
    make = lambda seed: PackedExamples(examples, 16, 30, seed, isolate=False, pad=2)  # noqa: E731
    a, b, c = make(0), make(0), make(1)
    assert a.rows == b.rows != c.rows
    assert a.dropped == 1 and a.passes > 1 and len(a.rows) == 30
    first = [i for row in a.rows for i in row][:20]
    assert sorted(first) == list(range(20))  # a pass holds each example once
    assert 0 <= a.waste() < 0.4
    assert a.batch(2, 4)["inputs"].shape == (4, 16)
    with pytest.raises(ValueError, match="context of 2"):
        PackedExamples(examples, 2, 1, 0, isolate=False, pad=2)


def logits_of(model, batch):
    return model.lm_head(hidden_states(model.model, **model_inputs(batch)))


@pytest.mark.numeric
def test_isolated_examples_do_not_see_each_other():
    model = tiny_model().eval()
    group = [example_of(5, 3), example_of(7, 20), example_of(4, 40)]
    with torch.no_grad():
        packed = logits_of(model, pack_rows([group], 20, isolate=True, pad=2))[0]
        joined = logits_of(model, pack_rows([group], 20, isolate=False, pad=2))[0]
        at = 0
        for k, e in enumerate(group):
            alone = model(torch.tensor([e.ids])).logits[0]
            mine = slice(at, at + len(e.ids))
            torch.testing.assert_close(packed[mine], alone, atol=1e-12, rtol=1e-9)
            assert torch.allclose(joined[mine], alone, atol=1e-12, rtol=1e-9) == (k == 0)
            at += len(e.ids)
