"""Rollouts: the same tokens as ``generate``, the same log-probs as the trainer, replay, stop rules."""

import pytest
import torch

from dsmath_lib.base.prompts import turn_end
from dsmath_lib.base.vocabulary import VocabularyError
from dsmath_lib.engines.decode.protocol import eos_ids
from dsmath_lib.engines.decode.sampler import HFSampler, cache_bytes, pick_tokens
from dsmath_lib.engines.layout import pad, pad_values
from dsmath_lib.rl.logprobs import completion_logprobs
from tests.lm.conftest import tiny_model
from tests.tokenizers import tokenizer_of

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
PROMPTS = [[0, 5, 6, 7, 8, 9, 10], [0, 11], [0, 5, 6, 7], [0, 12, 13, 14, 15]]


def sample(model, tokenizer, prompts=PROMPTS, max_rows=1024, **kw):
    args = {"n": 3, "temperature": 1.0, "max_new_tokens": 12, "seed": 7} | kw
    return HFSampler(model, tokenizer, max_rows=max_rows).sample(prompts, **args)


def trainer_logprobs(model, prompts, completions, temperature=1.0):
    with torch.no_grad():
        return completion_logprobs(model, pad(prompts, completions), temperature)[0]


@pytest.mark.parametrize("prompts", [PROMPTS, [PROMPTS[0]] * 2], ids=["padded", "not padded"])
@pytest.mark.parametrize("tie", [True, False], ids=["tied", "untied"])
def test_logprobs_are_the_trainers_also_after_an_update(tokenizer, tie, prompts):
    model = tiny_model(vocab=len(tokenizer), tie=tie)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for temperature in (1.0, 0.7):
        out = sample(model, tokenizer, prompts, temperature=temperature)
        rows = [prompts[i // 3] for i in range(len(out.ids))]
        got = pad_values(out.logprobs)
        want = trainer_logprobs(model, rows, out.ids, temperature)
        torch.testing.assert_close(got, want, **EXACT)
        loss = completion_logprobs(model, pad(rows, out.ids))[0].sum()
        before = [p.clone() for p in model.parameters()]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        assert any((p != q).any() for p, q in zip(model.parameters(), before, strict=True))


def test_greedy_equals_generate(tokenizer):
    model = tiny_model(vocab=len(tokenizer))
    out = sample(model, tokenizer, n=1, temperature=0.0, max_new_tokens=20)
    for prompt, ids in zip(PROMPTS, out.ids, strict=True):
        ref = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)
        assert ids == ref[0, len(prompt) :].tolist()


def test_replay(tokenizer):
    model = tiny_model(vocab=len(tokenizer))
    a = sample(model, tokenizer)
    again = sample(model, tokenizer)
    assert (again.ids, again.finish, again.texts) == (a.ids, a.finish, a.texts)
    torch.testing.assert_close(pad_values(again.logprobs), pad_values(a.logprobs), **EXACT)
    assert sample(model, tokenizer, seed=8).ids != a.ids
    assert (
        sample(model, tokenizer, max_rows=5).ids == a.ids
    )  # other batches, the same random numbers
    assert len({tuple(ids) for ids in a.ids[:3]}) > 1  # the samples of a group differ


def test_rows_that_finish_leave_without_a_trace(tokenizer):
    """With an eos that is drawn often, rows end all the time; what is left must not change."""
    model = tiny_model(vocab=len(tokenizer))
    whole = sample(model, tokenizer, n=20)
    model.generation_config.eos_token_id = list(range(0, len(tokenizer), 5))  # several eos ids
    eos = set(model.generation_config.eos_token_id) | {tokenizer.eos_token_id}
    cut = sample(model, tokenizer, n=20)
    for ids, logprobs, finish, full, full_logprobs in zip(
        cut.ids, cut.logprobs, cut.finish, whole.ids, whole.logprobs, strict=True
    ):
        end = next((i + 1 for i, t in enumerate(full) if t in eos), len(full))
        assert ids == full[:end]
        assert logprobs == pytest.approx(full_logprobs[:end], rel=1e-9, abs=1e-12)
        assert finish == ("eos" if ids[-1] in eos else "length")
    assert {"eos", "length"} == set(cut.finish)


def test_what_the_cache_holds_is_decoded_at_once_and_changes_nothing(tokenizer, monkeypatch):
    """2 layers × 1 head × 8 numbers, keys and values, in float64: 256 bytes a token."""
    model = tiny_model(vocab=len(tokenizer))
    assert cache_bytes(model) == 2 * 2 * 1 * 8 * 8
    want, sizes, decode = sample(model, tokenizer), [], HFSampler._decode
    note = lambda self, prompts, *a: sizes.append(len(prompts)) or decode(self, prompts, *a)  # noqa: E731
    monkeypatch.setattr(HFSampler, "_decode", note)
    # rows of 2, 4, 5 and 7 prompt tokens, three each, with 12 more
    for tokens, cut in ((1000, [12]), (64, [4, 3, 3, 2]), (48, [3, 3, 2, 2, 2]), (1, [1] * 12)):
        sampler = HFSampler(model, tokenizer, cache_gb=tokens * 256 / 2**30)
        got = sampler.sample(PROMPTS, n=3, temperature=1.0, max_new_tokens=12, seed=7)
        assert (sizes, got.ids, got.finish) == (cut, want.ids, want.finish)
        torch.testing.assert_close(pad_values(got.logprobs), pad_values(want.logprobs), **EXACT)
        sizes.clear()


def test_stop_strings(tokenizer):
    model = tiny_model(vocab=len(tokenizer))
    text = sample(model, tokenizer, n=1, temperature=0.0, max_new_tokens=20).texts
    parts = (t[i : i + 3] for t in text for i in range(1, len(t) - 4))
    stop = next(p for p in parts if "\ufffd" not in p)
    out = sample(model, tokenizer, n=1, temperature=0.0, max_new_tokens=20, stop=(stop, "zzz"))
    for full, got, ids, finish in zip(text, out.texts, out.ids, out.finish, strict=True):
        if stop in full:
            assert finish == "stop"
            assert stop in got
            assert stop not in tokenizer.decode(ids[:-1])
        else:
            assert got == full


def test_stop_strings_across_tokens_and_characters(tokenizer):
    """A Chinese character can be several tokens; the stop is seen when its last byte is there."""
    from dsmath_lib.engines.decode.sampler import _Stops

    text = "a 答龘b"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    stops = _Stops(tokenizer, ("龘",))
    rows, seen = torch.tensor([0]), []
    for t in range(len(ids)):
        seen.append(bool(stops.hits(torch.tensor([ids[t]]), rows, torch.tensor([ids]), t)))
    assert seen.index(True) == next(
        i for i in range(len(ids)) if "龘" in tokenizer.decode(ids[: i + 1])
    )


def test_frequencies_follow_the_model():
    logits = torch.tensor([[1.0, 0.0, -1.0, 2.0]]).expand(20000, -1)
    u = torch.rand(20000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for temperature in (1.0, 0.5):
        token, logprob = pick_tokens(logits, u, temperature)
        p = (logits[0] / temperature).softmax(0)
        assert (torch.bincount(token, minlength=4) / 20000 - p).abs().max() < 0.012
        torch.testing.assert_close(logprob, p.log()[token], **EXACT)


def test_nucleus():
    logits = torch.log(torch.tensor([[0.5, 0.1, 0.3, 0.1]])).expand(1000, -1)
    u = torch.linspace(0, 0.999999, 1000, dtype=torch.float64)
    token, logprob = pick_tokens(logits, u, 1.0, top_p=0.6)
    assert set(token.tolist()) == {0, 2}  # 0.5 alone is short of 0.6
    assert logprob[token == 0][0].exp().item() == pytest.approx(0.625, abs=1e-12)
    token, logprob = pick_tokens(logits, u, 1.0, top_p=0.45)
    assert set(token.tolist()) == {0}
    assert logprob.abs().max() < 1e-12


def test_extreme_random_numbers_never_draw_an_impossible_token():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]).expand(2, -1)
    u = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    token, _ = pick_tokens(logits, u, 1.0)
    assert token.tolist() == [1, 3]


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"max_new_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}]
)
def test_bad_arguments(tokenizer, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        sample(tiny_model(vocab=len(tokenizer)), tokenizer, **bad)
    with pytest.raises(ValueError, match="no tokens"):
        sample(tiny_model(vocab=len(tokenizer)), tokenizer, prompts=[[0], []])


def test_grouped_keys_and_the_models_state(tokenizer):
    """Two query heads share a key head here; mode and attention of the model are as before."""
    model = tiny_model(vocab=len(tokenizer)).train()
    before = model.config._attn_implementation
    sample(model, tokenizer)
    assert model.training
    assert model.config._attn_implementation == before


def test_rows_without_a_token_are_never_drawn_and_have_no_probability(tokenizer):
    model = tiny_model(vocab=len(tokenizer) + 300)  # a padded embedding: random rows like any other
    with torch.no_grad():
        plain = model(torch.tensor([PROMPTS[0]])).logits[0, -1].softmax(-1)
    assert plain[len(tokenizer) :].sum() > 0.2
    out = sample(model, tokenizer, n=50)
    assert max(i for ids in out.ids for i in ids) < len(tokenizer)
    rows = [PROMPTS[i // 50] for i in range(len(out.ids))]
    torch.testing.assert_close(
        pad_values(out.logprobs), trainer_logprobs(model, rows, out.ids), **EXACT
    )
    HFSampler(model, tokenizer)  # once more changes nothing
    _, entropy = completion_logprobs(model, pad(rows[:1], out.ids[:1]))
    assert torch.isfinite(entropy).all() and len(model.get_output_embeddings()._forward_hooks) == 1


def test_a_tokenizer_with_more_ids_than_the_model_is_one_line(tokenizer):
    with pytest.raises(VocabularyError, match="vocabulary holds 100: they are not of one model"):
        HFSampler(tiny_model(vocab=100), tokenizer)


def test_the_context_ends_a_completion_and_refuses_a_prompt(tokenizer):
    model = tiny_model(vocab=len(tokenizer))
    model.generation_config.eos_token_id = None
    context = model.config.max_position_embeddings
    prompts = [[0] + [5] * (context - 4), [0, 5]]  # room for 3
    out = sample(model, tokenizer, prompts, n=8, max_new_tokens=10)
    alone = sample(model, tokenizer, prompts[1:], n=8, max_new_tokens=10)
    assert {len(i) for i, f in zip(out.ids[:8], out.finish, strict=False) if f == "length"} == {3}
    assert max(map(len, out.ids[8:])) == max(map(len, alone.ids)) == 10
    with pytest.raises(ValueError, match=f"a prompt of {context} tokens fills"):
        sample(model, tokenizer, [[5] * context])


@pytest.mark.parametrize("kind", ["qwen2", "qwen2-base", "llama3", "gemma"])
def test_every_end_of_a_turn_ends_a_completion(kind):
    """The generation config's ids, the tokenizer's, and the one that ends a turn in its template."""
    tok = tokenizer_of(kind)
    model = tiny_model(vocab=len(tok))
    model.generation_config.eos_token_id = [7, 9]
    ends = eos_ids(model, tok)
    assert ends == sorted({7, 9, tok.eos_token_id, turn_end(tok)})
    out = sample(model, tok, n=100, max_new_tokens=40)
    seen = {ids[-1] for ids, f in zip(out.ids, out.finish, strict=True) if f == "eos"}
    assert seen == set(ends) and not any(i in ends for ids in out.ids for i in ids[:-1])
