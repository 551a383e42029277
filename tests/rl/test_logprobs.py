"""Per-token log-probs: against the plain formula, and the same however rows are padded, cut or chunked."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.layout import pad, pad_values
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.rollouts import Rollouts

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
PROMPTS = [[0, 5, 6, 7], [0, 8], [0, 9, 10, 11, 12, 13]]
COMPLETIONS = [[20, 21, 1], [22, 23, 24, 25, 26], [1]]  # 1 is eos


@pytest.fixture
def model():
    return build_model(Shape(16, 2, 2, 1, 32, 64, 64), seed=1, init_std=0.3).eval()


def by_hand(model, prompt, completion, temperature):
    logits = model(torch.tensor([prompt + completion])).logits[0] / temperature
    logp = logits.log_softmax(-1)
    at = torch.arange(len(completion)) + len(prompt) - 1
    entropy = -(logp.exp() * logp).sum(-1)
    return logp[at, torch.tensor(completion)], entropy[at]


@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.7])
def test_equals_the_plain_formula_row_by_row(model, temperature):
    logp, entropy = completion_logprobs(model, pad(PROMPTS, COMPLETIONS), temperature)
    assert logp.shape == (3, 5)
    for i, (p, c) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        want, want_entropy = by_hand(model, p, c, temperature)
        torch.testing.assert_close(logp[i, : len(c)], want, **EXACT)
        torch.testing.assert_close(entropy[i, : len(c)], want_entropy, **EXACT)
        assert (logp[i, len(c) :] == 0).all()
    assert not entropy.requires_grad


def test_chunks_change_neither_value_nor_gradient(model):
    def run(logits_at_once):
        model.zero_grad()
        logp, entropy = completion_logprobs(model, pad(PROMPTS, COMPLETIONS), 0.8, logits_at_once)
        (logp * torch.linspace(-1, 1, 15).view(3, 5)).sum().backward()
        return logp, entropy, [p.grad.clone() for p in model.parameters()]

    whole = run(2**26)
    for logits_at_once in (1, 64 * 2, 64 * 4):
        part = run(logits_at_once)
        torch.testing.assert_close(part, whole, **EXACT)


def test_entropy_may_be_left_out(model):
    both, entropy = completion_logprobs(model, pad(PROMPTS, COMPLETIONS), 0.7)
    for logits_at_once in (2**26, 64 * 2):
        alone, nothing = completion_logprobs(
            model, pad(PROMPTS, COMPLETIONS), 0.7, logits_at_once, entropy=False
        )
        torch.testing.assert_close(alone, both, **EXACT)
        assert nothing is None and entropy is not None


@pytest.mark.parametrize("pad_id", [0, 1, 2, 63])
def test_pad_may_be_any_token_also_eos(model, pad_id):
    """Masks come from lengths: a pad that equals eos hides no eos, and eos keeps its loss."""
    tokens = pad(PROMPTS, COMPLETIONS, pad_id=pad_id)
    assert tokens.mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5, [True] + [False] * 4]
    logp, _ = completion_logprobs(model, tokens)
    assert logp[0, 2] != 0
    assert logp[2, 0] != 0  # a completion that is eos alone
    want, _ = completion_logprobs(model, pad(PROMPTS, COMPLETIONS))
    torch.testing.assert_close(logp, want, **EXACT)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_wider_padding_changes_nothing(model, dtype):
    model = build_model(Shape(16, 2, 2, 1, 32, 64, 64), seed=1, init_std=0.3).to(dtype).eval()
    tokens = pad(PROMPTS, COMPLETIONS)
    wide = replace(tokens, ids=torch.nn.functional.pad(tokens.ids, (0, 9), value=3))
    a, b = (completion_logprobs(model, t)[0] for t in (tokens, wide))
    atol = 1e-12 if dtype == torch.float64 else 2e-2  # bf16 kernels block sums by width
    torch.testing.assert_close(a, b, atol=atol, rtol=0)
    alone = completion_logprobs(model, pad(PROMPTS[2:], COMPLETIONS[2:]))[0]
    torch.testing.assert_close(a[2:, :1], alone, atol=atol, rtol=0)


def test_padding_helpers():
    tokens = pad(PROMPTS, COMPLETIONS)
    assert tokens.at_completions(tokens.ids).tolist() == [t for c in COMPLETIONS for t in c]
    assert tokens.before_completions(tokens.ids).tolist() == [7, 20, 21, 8, 22, 23, 24, 25, 13]
    assert pad_values([[1.0], [2.0, 3.0]]).tolist() == [[1, 0], [2, 3]]
    with pytest.raises(ValueError, match="empty prompt or completion"):
        pad([[0], [0]], [[1], []])


GROUPS = st.lists(  # per prompt: its length and the lengths of its completions
    st.tuples(st.integers(1, 5), st.lists(st.integers(1, 4), min_size=1, max_size=3)),
    min_size=1,
    max_size=3,
)


@given(GROUPS, st.integers(0, 9))
def test_a_shared_prompt_changes_nothing(groups, seed):
    """Completions that follow one copy of their prompt do not see each other and keep their positions."""
    model = build_model(Shape(16, 2, 2, 1, 32, 64, 64), seed=1, init_std=0.3).eval()
    g = torch.Generator().manual_seed(seed)

    def draw(n):
        return torch.randint(3, 64, (n,), generator=g).tolist()

    prompts, completions = [], []
    for length, sizes in groups:
        prompt = draw(length)
        prompts += [prompt] * len(sizes)
        completions += [draw(n) for n in sizes]
    alone = pad(prompts, completions)
    shared = pad(prompts, completions, share=[len(sizes) for _, sizes in groups])
    assert torch.equal(shared.mask, alone.mask)
    for x, y in zip(
        completion_logprobs(model, shared), completion_logprobs(model, alone), strict=True
    ):
        torch.testing.assert_close(x, y, **EXACT)


def test_only_equal_prompts_share():
    with pytest.raises(ValueError, match="different prompts cannot share"):
        pad([[0], [3]], [[1], [1]], share=[2])


def test_rollouts_keep_rewards_by_name():
    r = Rollouts(
        PROMPTS,
        COMPLETIONS,
        [[-1.0] * len(c) for c in COMPLETIONS],
        ["eos", "length", "eos"],
        torch.tensor([0, 0, 1]),
        ["a", "b", "c"],
        {"accuracy": torch.tensor([1.0, 0, 1]), "format": torch.tensor([0.0, -1, 0])},
    )
    assert r.total_reward({"accuracy": 1.0}).tolist() == [1, 0, 1]
    assert r.total_reward({"accuracy": 2.0, "format": 0.5}).tolist() == [2, -0.5, 2]
    assert r.truncated.tolist() == [False, True, False]
    with pytest.raises(KeyError, match=r"no reward named \['speed'\]"):
        r.total_reward({"speed": 1.0})
