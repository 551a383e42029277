"""vLLM's rollouts: the trainer's log-probs, also after an update, and the behaviour of ``HFSampler`` in all else.

``make test-vllm`` runs this; where vLLM is not installed it is skipped.
"""

import importlib.util
import random

import numpy as np
import pytest
import torch

if importlib.util.find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here: make test-vllm", allow_module_level=True)

from dsmath_lib.base.records import Problem
from dsmath_lib.engines.decode import vllm_engine
from dsmath_lib.engines.decode.protocol import SamplerError
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.decode.vllm_sampler import VLLMSampler
from dsmath_lib.engines.layout import pad, pad_values
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.runs.nb08_evaluation.evaluate import EvalSettings, complete_all

# scope: all tests of one kind follow each other and share an engine
TIES = pytest.mark.parametrize("tie", [False, True], ids=["untied", "tied"], scope="module")
LONG = list(range(3, 67))  # two blocks of the prefix cache and more
PROMPTS = [[0, *LONG, 7], [0, 11], [0, *LONG, 9, 10], [0, 12, 13, 14, 15]]
CONTEXT = 128
# Two float32 forward passes with other kernels, logits of about 10 (spacing 1e-6): up to 3e-6 was measured, and other
# machines sum in other orders. Weights that are one update old differ by 2.5 and more, an old output layer by 0.4.
TOLERANCE = 2e-5


@pytest.fixture(scope="module", autouse=True)
def engine_is_closed():
    yield
    vllm_engine.close_engine()


def model_of(tokenizer, tie=True, seed=0):
    """Heads of 32: vLLM's attention on a CPU takes no smaller ones."""
    size = (64, 2, 2, 1, 128, len(tokenizer), CONTEXT)
    return build_model(Shape(*size), tie=tie, seed=seed, init_std=0.1).eval()


def sampler_of(model, tokenizer):
    return VLLMSampler(model, tokenizer, max_rows=64, cache_gb=0.05)


def draw(sampler, prompts=PROMPTS, **kw):
    args = {"n": 3, "temperature": 1.0, "max_new_tokens": 12, "seed": 7} | kw
    return sampler.sample(prompts, **args)


def difference(model, prompts, out, temperature=1.0):
    """Largest difference between the sampler's log-probs and the trainer's."""
    n = len(out.ids) // len(prompts)
    rows = [prompts[i // n] for i in range(len(out.ids))]
    tokens = pad(rows, out.ids)
    with torch.no_grad():
        want = completion_logprobs(model, tokens, temperature)[0]
    got = pad_values(out.logprobs)
    assert got.shape == want.shape
    return float((got - want).masked_fill(~tokens.mask, 0.0).abs().max())


def update(model, prompts, out):
    """One step of SGD, large enough to be seen."""
    n = len(out.ids) // len(prompts)
    rows = [prompts[i // n] for i in range(len(out.ids))]
    model.zero_grad()
    completion_logprobs(model, pad(rows, out.ids))[0].sum().backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    torch.optim.SGD(trained, lr=0.5).step()


@TIES
def test_logprobs_are_the_trainers_also_after_an_update(tokenizer, tie):
    model = model_of(tokenizer, tie)
    sampler = sampler_of(model, tokenizer)
    for temperature in (1.0, 0.7, 1.0):
        out = draw(sampler, temperature=temperature)
        assert difference(model, PROMPTS, out, temperature) < TOLERANCE
        sampler.rest()
        update(model, PROMPTS, out)
        assert difference(model, PROMPTS, out, temperature) > 0.1  # the update is one


@TIES
def test_what_was_left_out_is_seen_in_the_logprobs(tokenizer, tie, monkeypatch):
    """No push at all, or a push without emptying the cache: both are far from the trainer."""
    model = model_of(tokenizer, tie)
    sampler = sampler_of(model, tokenizer)
    out = draw(sampler)
    update(model, PROMPTS, out)  # without rest
    assert difference(model, PROMPTS, draw(sampler)) > 0.1
    sampler.rest()
    with monkeypatch.context() as m:
        m.setattr(vllm_engine.Engine, "forget", lambda self: None)
        assert difference(model, PROMPTS, draw(sampler)) > 0.1
    sampler.rest()
    assert difference(model, PROMPTS, draw(sampler)) < TOLERANCE


def test_models_that_take_turns_have_their_own_weights(tokenizer):
    models = [model_of(tokenizer, seed=s) for s in (1, 2)]
    samplers = [sampler_of(m, tokenizer) for m in models]
    for i in (0, 1, 0):
        assert difference(models[i], PROMPTS, draw(samplers[i])) < TOLERANCE
        assert difference(models[1 - i], PROMPTS, draw(samplers[i])) > 0.1


def test_seeds_replay(tokenizer):
    sampler = sampler_of(model_of(tokenizer), tokenizer)
    a = draw(sampler)
    sampler.rest()
    assert draw(sampler) == a  # the cache is empty in both
    assert draw(sampler, seed=8).ids != a.ids
    assert len({tuple(ids) for ids in a.ids[:3]}) == 3  # the samples of a group differ
    assert draw(sampler, PROMPTS[:1]).ids == a.ids[:3]  # alone, or among others
    assert draw(sampler, n=5).ids[:3] == a.ids[:3]  # in a group of 3, or of 5
    vllm_engine.close_engine()
    assert draw(sampler) == a  # also by a new engine


def test_a_group_is_n_samples_of_its_prompt(tokenizer):
    sampler = sampler_of(model_of(tokenizer), tokenizer)
    for n in (1, 4):
        out = draw(sampler, n=n)
        assert len(out.ids) == len(out.logprobs) == len(out.finish) == len(out.texts) == 4 * n
        assert difference(sampler.model, PROMPTS, out) < TOLERANCE  # row p * n + j is of prompt p


def both(tokenizer, model=None, **kw):
    model = model or model_of(tokenizer)
    return draw(HFSampler(model, tokenizer), **kw), draw(sampler_of(model, tokenizer), **kw)


def same(a, b):
    assert (a.ids, a.finish, a.texts) == (b.ids, b.finish, b.texts)
    for x, y in zip(a.logprobs, b.logprobs, strict=True):
        assert x == pytest.approx(y, abs=TOLERANCE)


def test_greedy_is_the_same(tokenizer):
    a, b = both(tokenizer, temperature=0.0, n=2, max_new_tokens=20)
    same(a, b)
    assert set(a.finish) == {"length"} and {len(i) for i in a.ids} == {20}


def test_stop_strings_are_the_same(tokenizer):
    model = model_of(tokenizer)
    how = {"n": 1, "temperature": 0.0, "max_new_tokens": 20}
    texts = draw(HFSampler(model, tokenizer), **how).texts
    parts = [t[i : i + 3] for t in texts for i in range(1, len(t) - 4)]
    parts = [p for p in parts if "\ufffd" not in p]
    for stop in (parts[0], parts[len(parts) // 2], parts[-1]):
        a, b = both(tokenizer, model, stop=(stop, "zzz"), **how)
        same(a, b)
        assert "stop" in a.finish
        assert all(stop in t for t, f in zip(b.texts, b.finish, strict=True) if f == "stop")


def test_eos_and_truncation_are_the_same(tokenizer):
    """Several eos ids, drawn often: a row ends at its first, which is kept."""
    model = model_of(tokenizer)
    model.generation_config.eos_token_id = list(range(0, len(tokenizer), 5))
    eos = set(model.generation_config.eos_token_id) | {tokenizer.eos_token_id}
    same(*both(tokenizer, model, temperature=0.0))
    for out in both(tokenizer, model, n=20):
        for ids, finish in zip(out.ids, out.finish, strict=True):
            assert not eos & set(ids[:-1])
            assert finish == ("eos" if ids[-1] in eos else "length")
            assert finish == "eos" or len(ids) == 12
        assert set(out.finish) == {"eos", "length"}


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.6)])
def test_tokens_are_drawn_as_often_as_they_should(tokenizer, temperature, top_p):
    """4,000 draws: the share of a token has a standard error of at most 0.008."""
    model = model_of(tokenizer)
    how = {"n": 4000, "max_new_tokens": 1, "temperature": temperature, "top_p": top_p}
    for out in both(tokenizer, model, prompts=[[0, 11]], **how):
        with torch.no_grad():
            logits = model(torch.tensor([[0, 11]])).logits[0, -1]
        p = (logits / temperature).softmax(-1)
        ordered, index = p.sort(descending=True)
        p[index[ordered.cumsum(0) - ordered >= top_p]] = 0.0
        p = p / p.sum()
        ids = torch.tensor(out.ids)[:, 0]
        share = torch.bincount(ids, minlength=len(p)) / len(ids)
        assert (share - p).abs().max() < 0.03
        torch.testing.assert_close(
            torch.tensor(out.logprobs)[:, 0], p.log()[ids], atol=TOLERANCE, rtol=0
        )


@pytest.mark.parametrize(
    "bad", [{"n": 0}, {"max_new_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}]
)
def test_bad_arguments(tokenizer, bad):
    sampler = sampler_of(model_of(tokenizer), tokenizer)
    with pytest.raises(ValueError, match=next(iter(bad))):
        draw(sampler, **bad)
    with pytest.raises(ValueError, match="no tokens"):
        draw(sampler, [[0], []])
    with pytest.raises(ValueError, match="empty stop"):
        draw(sampler, stop=("",))
    with pytest.raises(ValueError, match="128 tokens fills the model's context"):
        draw(sampler, [[5] * CONTEXT])


def test_the_context_truncates(tokenizer):
    model = model_of(tokenizer)
    model.generation_config.eos_token_id = None
    out = draw(sampler_of(model, tokenizer), [[5] * (CONTEXT - 4), [0, 5]], n=2)
    assert [len(i) for i in out.ids[:2]] == [4, 4] and out.finish[:2] == ["length"] * 2
    assert draw(sampler_of(model, tokenizer), []).ids == []


def test_starting_the_engine_changes_no_random_state_and_no_threads(tokenizer):
    vllm_engine.close_engine()
    before = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())
    threads = torch.get_num_threads()
    draw(sampler_of(model_of(tokenizer), tokenizer))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]
    assert torch.get_num_threads() == threads
    torch.set_num_threads(threads + 1)
    assert torch.get_num_threads() == threads + 1


def test_the_trainers_autocast_does_not_reach_the_engine(tokenizer):
    model = model_of(tokenizer)
    with torch.autocast("cpu", torch.bfloat16):
        out = draw(sampler_of(model, tokenizer))
    assert difference(model, PROMPTS, out) < TOLERANCE


def test_a_failed_engine_is_closed_and_the_next_one_works(tokenizer, monkeypatch):
    """An interrupt too: what it left unfinished must not come back."""
    sampler = sampler_of(model_of(tokenizer), tokenizer)
    want = draw(sampler)
    for error, raised in ((RuntimeError("worker died"), SamplerError), (KeyboardInterrupt(),) * 2):
        steps = 0
        core = vllm_engine.running().llm.llm_engine
        step = core.step

        def dies(step=step, error=error):
            nonlocal steps
            steps += 1
            if steps > 3:
                raise error
            return step()

        sampler.rest()
        monkeypatch.setattr(core, "step", dies)
        kind = raised if isinstance(raised, type) else type(raised)
        with pytest.raises(kind) as caught:
            draw(sampler)
        if kind is SamplerError:
            assert "RuntimeError: worker died" in str(caught.value)
            assert "same command again" in str(caught.value)
        assert vllm_engine.running() is None
        assert draw(sampler) == want


def test_an_engine_that_cannot_start_names_the_parameters(tokenizer):
    model = model_of(tokenizer)
    with pytest.raises(SamplerError, match=r"sampler_rows = 8 and sampler_cache_gb = 1e-06"):
        draw(VLLMSampler(model, tokenizer, max_rows=8, cache_gb=1e-6))
    assert difference(model, PROMPTS, draw(sampler_of(model, tokenizer))) < TOLERANCE


def test_evaluation_gets_the_same_greedy_answers(tokenizer, tmp_path):
    """Text, and with tools, where the second round asks for the rest of a completion."""
    model = model_of(tokenizer)
    problems = [Problem(f"p{i}", f"What is {i} + 2?", str(i + 2), ()) for i in range(3)]
    for tools in (False, True):
        rows = []
        for kind, sampler in (
            ("hf", HFSampler(model, tokenizer)),
            ("vllm", sampler_of(model, tokenizer)),
        ):
            settings = EvalSettings("toy-cot", 0, tools, 2, 0.7, 1.0, 12, 0, sampler=kind)
            path = tmp_path / f"{kind}-{tools}.jsonl.gz"
            rows.append(complete_all(sampler, tokenizer, problems, settings, path, {"model": "d"}))
        a, b = rows
        assert [r["greedy"] for r in a] == [r["greedy"] for r in b]
        assert all(len(r["samples"]) == 2 for r in b)
