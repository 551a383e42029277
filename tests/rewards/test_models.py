"""Reward models: where scores are read, what they do not depend on, and what is refused."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from dsmath_lib.lm.model import WeightsError, load_model
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.rewards.models import (
    RewardModelError,
    kind_of,
    load_reward_model,
    logits_at,
    new_reward_model,
    right_pad,
    score_completions,
    score_steps,
    solution_score,
)
from dsmath_lib.rewards.steps import step_ends
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric
PROMPTS = [[0, 5, 6], [0, 7], [0, 8, 9, 10]]
COMPLETIONS = [[20, 21, 22, 1], [30, 1], [40, 41]]


def random_head(model, seed=0):
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.score.parameters():
            p.copy_(torch.randn(p.shape, generator=gen))
    return model


@pytest.fixture
def outcome(lm_folder, tokenizer):
    return random_head(new_reward_model(lm_folder, "outcome", tokenizer))


@pytest.fixture
def process(lm_folder, tokenizer):
    return random_head(new_reward_model(lm_folder, "process", tokenizer))


def test_a_new_model_says_one_half_and_leaves_the_random_state(lm_folder, tokenizer):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    model = new_reward_model(lm_folder, "outcome", tokenizer)
    assert torch.equal(torch.get_rng_state(), before)
    assert score_completions(model, tokenizer, PROMPTS, COMPLETIONS) == [0.5] * 3
    raw = new_reward_model(lm_folder, "outcome", tokenizer, probability=False)
    assert score_completions(raw, tokenizer, PROMPTS, COMPLETIONS) == [0.0] * 3


def test_score_is_the_head_at_the_last_token(outcome, tokenizer):
    got = score_completions(outcome, tokenizer, PROMPTS, COMPLETIONS, batch_size=2)
    for p, c, value in zip(PROMPTS, COMPLETIONS, got, strict=True):
        with torch.no_grad():
            hidden = outcome.model(torch.tensor([p + c])).last_hidden_state[0, -1]
            expected = torch.sigmoid(outcome.score.weight @ hidden).item()
        assert value == pytest.approx(expected, abs=1e-12)


def test_steps_are_read_at_their_ends(process, tokenizer):
    completion = tokenizer(" 1+1=2\n2+2=4\n", add_special_tokens=False)["input_ids"] + [1]
    (got,) = score_steps(process, tokenizer, [[0, 5]], [completion])
    ends = step_ends(completion, tokenizer)
    with torch.no_grad():
        hidden = process.model(torch.tensor([[0, 5, *completion]])).last_hidden_state[0]
        expected = process.score(hidden)[[2 + e for e in ends], 0].sigmoid()
    assert got == pytest.approx(expected.tolist(), abs=1e-12) and len(got) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_neighbours_and_padding_change_nothing(outcome, tokenizer, batch_size):
    alone = [
        score_completions(outcome, tokenizer, [p], [c])[0]
        for p, c in zip(PROMPTS, COMPLETIONS, strict=True)
    ]
    together = score_completions(outcome, tokenizer, PROMPTS, COMPLETIONS, batch_size=batch_size)
    assert together == pytest.approx(alone, abs=1e-12)


def test_pad_may_equal_eos(outcome):
    """The library pools at the last id that is not pad, so with pad = eos it misses eos; a length does not."""
    ids = right_pad([[0, 5, 20, 1], [0, 5, 20, 21, 22, 1]], 1)
    at = torch.tensor([[3], [5]])
    other = right_pad([[0, 5, 20, 1, 9, 9], [0, 5, 20, 21, 22, 1]], 0)
    outcome.config.pad_token_id = 1
    with torch.no_grad():
        ours, same = logits_at(outcome, ids, at), logits_at(outcome, other, at)
        pooled = outcome(input_ids=ids).logits
    torch.testing.assert_close(ours, same, atol=1e-12, rtol=1e-9)
    assert not torch.allclose(pooled, ours, atol=1e-3)


def test_a_later_token_changes_no_earlier_step(process, tokenizer):
    ids = tokenizer(" 1+1=2\n2+2=4\n", add_special_tokens=False)["input_ids"]
    other = [*ids[:-2], 40, 41]
    ends = [step_ends(ids, tokenizer)[:1]] * 2
    a, b = score_steps(process, tokenizer, [[0, 5]] * 2, [ids, other], ends=ends)
    assert a == pytest.approx(b, abs=1e-12)


def test_empty_and_truncated_completions(outcome, process, tokenizer):
    empty, cut = score_completions(outcome, tokenizer, [[0, 5]] * 2, [[], [20, 21]])
    assert math.isfinite(empty) and math.isfinite(cut)
    assert empty == pytest.approx(score_completions(outcome, tokenizer, [[0]], [[5]])[0], abs=1e-12)
    assert score_steps(process, tokenizer, [[0, 5]] * 2, [[], [20, 21]])[0] == []
    assert len(score_steps(process, tokenizer, [[0, 5]], [[20, 21]])[0]) == 1
    assert score_completions(outcome, tokenizer, [], []) == []


def test_another_vocabulary_is_refused(outcome, process, lm_folder, tokenizer):
    same_size = train_tokenizer(["other words entirely, and more of them"] * 5, 320)
    for call, model in ((score_completions, outcome), (score_steps, process)):
        with pytest.raises(RewardModelError, match="another vocabulary"):
            call(model, same_size, PROMPTS, COMPLETIONS)
    larger = train_tokenizer(["many different words make a vocabulary large " * 3] * 5, 400)
    larger.add_tokens([f"<extra{i}>" for i in range(400)])
    with pytest.raises(RewardModelError, match="ids, the reward model knows 320"):
        new_reward_model(lm_folder, "outcome", larger)


def test_the_wrong_kind_and_rows_that_do_not_match(outcome, process, tokenizer):
    with pytest.raises(RewardModelError, match="process model"):
        score_completions(process, tokenizer, PROMPTS, COMPLETIONS)
    with pytest.raises(RewardModelError, match="outcome model"):
        score_steps(outcome, tokenizer, PROMPTS, COMPLETIONS)
    with pytest.raises(RewardModelError, match="3 prompts, 2 completions"):
        score_completions(outcome, tokenizer, PROMPTS, COMPLETIONS[:2])
    with pytest.raises(RewardModelError, match="no tokens"):
        score_completions(outcome, tokenizer, [[]], [[1]])


def test_saved_and_loaded(outcome, process, tokenizer, lm_folder, tmp_path):
    for model, call in ((outcome, score_completions), (process, score_steps)):
        folder = tmp_path / kind_of(model)
        model.save_pretrained(folder)
        assert (folder / "model.safetensors").exists() and not list(folder.glob("*.bin"))
        again = load_reward_model(folder)
        assert kind_of(again) == kind_of(model)
        assert {p.data_ptr() % 64 for p in again.parameters()} == {0}  # not where the file has them
        for name, p in model.state_dict().items():
            assert torch.equal(again.state_dict()[name], p), name
        scores, before = (call(m, tokenizer, PROMPTS, COMPLETIONS) for m in (again, model))
        assert_same(scores, before)
    with pytest.raises(RewardModelError, match="no reward model"):
        load_reward_model(lm_folder)
    with pytest.raises(ValueError, match="unknown kind"):
        new_reward_model(lm_folder, "step", tokenizer)


def test_solution_score():
    assert solution_score([0.9, 0.2, 0.7], "min") == 0.2
    assert solution_score([0.9, 0.2, 0.7], "mean") == pytest.approx(0.6)
    assert solution_score([], "min") == solution_score([], "mean") == 0.0
    with pytest.raises(ValueError, match="unknown solution score"):
        solution_score([1.0], "product")


@pytest.mark.numeric(dtype="float32")
def test_high_scores_do_not_tie(outcome, tokenizer):
    """In float32 sigmoid(20) and sigmoid(25) are both 1; best-of-N must still tell them apart."""
    prompts, done = [[0, i] for i in range(3, 43)], [[30]] * 40
    raw = torch.tensor(score_completions(outcome, tokenizer, prompts, done)).logit()
    with torch.no_grad():
        outcome.score.weight.mul_(25.0 / raw.max())
    scores = score_completions(outcome, tokenizer, prompts, done)
    assert sum(torch.tensor(scores, dtype=torch.float32) == 1) > 1
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("score.weight"), "missing: score.weight"),
        (lambda t: t.pop("model.norm.weight"), "missing: model.norm.weight"),
        (lambda t: t.update({"score.weight": torch.zeros(2, 16)}), "of another shape: score.weight"),
        (lambda t: t["score.weight"].fill_(float("nan")), "not finite: score.weight"),
        (lambda t: t.update(x=torch.zeros(2)), "not of this model: x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["outcome", "process"])
def test_weights_that_are_not_the_models_are_named(
    lm_folder, tokenizer, tmp_path, kind, change, said
):
    """A head that is missing would be drawn at random, and every score with it."""
    new_reward_model(lm_folder, kind, tokenizer).save_pretrained(tmp_path)
    load_reward_model(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    change(tensors)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardModelError, match=said):
        load_reward_model(tmp_path)


def test_a_new_head_needs_the_rest_of_the_weights(lm_folder, outcome, tokenizer, tmp_path):
    outcome.save_pretrained(tmp_path / "reward")
    with pytest.raises(WeightsError, match=r"not of this model: score\.weight"):
        load_model(tmp_path / "reward")
    again = new_reward_model(tmp_path / "reward", "outcome", tokenizer)  # its head goes
    assert not again.score.weight.any()
    load_model(lm_folder).save_pretrained(tmp_path / "lm")
    tensors = load_file(tmp_path / "lm" / "model.safetensors")
    tensors.pop("model.norm.weight")
    save_file(tensors, tmp_path / "lm" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"missing: model\.norm\.weight"):
        new_reward_model(tmp_path / "lm", "outcome", tokenizer)
