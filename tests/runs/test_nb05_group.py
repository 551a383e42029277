"""One update on one group: a signal moves every answer its way, none moves nothing."""

from dataclasses import replace

import pytest
import torch

from dsmath_lib.rl.explore import explore, live, sampling_of
from dsmath_lib.runs.nb05_group import Update, of_groups, one_update, signal_first
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment, grpo_params, rewards, tiny_policy

questions, tokenizer, stage = fixtures.questions, fixtures.tokenizer, fixtures.stage

pytestmark = pytest.mark.numeric


def paid(values):
    """A rule that pays row by row what is written here."""
    return rewards(lambda rollouts, golds: {"odd": values[: len(golds)]})


@pytest.fixture
def made(tokenizer, questions, stage, tmp_path):
    tiny_policy(len(tokenizer)).save_pretrained(tmp_path)
    cfg = grpo_params(beta=0.04, lr=1e-3)
    return experiment(cfg, stage, tokenizer, questions, start=tmp_path)


def group(made, values):
    e = replace(made, rewards=paid(values))
    source, how = live(e.sampler(e.plain())), sampling_of(e.cfg)
    return e, explore(source, e.questions[:1], how, e.rewards, seed=1)


def test_a_signal_moves_answers_by_the_sign_of_their_advantage(made):
    e, rollouts = group(made, [1.0, 0.0, 0.0, 1.0])
    seen = one_update(e, rollouts, e.questions[:1])
    assert abs(seen.loss) < 1e-6 < seen.norm
    right = torch.tensor([True, False, False, True])
    assert seen.change[right].sum() > 0 > seen.change[~right].sum()
    assert [r["reward"] for r in seen.rows()] == [1, 0, 0, 1]
    assert "2 with a negative one" in seen.reading()


def test_a_group_without_signal_moves_nothing(made):
    e, rollouts = group(made, [1.0] * 4)
    seen = one_update(e, rollouts, e.questions[:1])
    assert not seen.advantages.any() and seen.norm == 0
    assert torch.equal(seen.before, seen.after)
    assert seen.reading().startswith("No signal") and "not a digit" in seen.reading()


def test_the_log_before_is_the_samplers(made):
    e, rollouts = group(made, [1.0, 0.0, 0.0, 1.0])
    seen = one_update(e, rollouts, e.questions[:1])
    drawn = torch.tensor([sum(row) for row in rollouts.logprobs])
    assert torch.allclose(seen.before.sum(1), drawn, atol=1e-4)


def test_groups_are_picked_with_all_that_is_known_of_them(made):
    e = replace(made, rewards=paid([0.0] * 4 + [1.0, 0.0, 0.0, 0.0] + [1.0] * 4))
    source, how = live(e.sampler(e.plain())), sampling_of(e.cfg)
    seen = explore(source, e.questions[:3], how, e.rewards, seed=1)
    picked = signal_first(seen, seen.rewards["odd"])
    assert picked == [1, 0]
    two = of_groups(seen, picked)
    assert two.group.tolist() == [0] * 4 + [1] * 4
    assert two.completions == seen.completions[4:8] + seen.completions[:4]
    assert two.rewards["odd"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert two.step_ends == seen.step_ends[4:8] + seen.step_ends[:4]
    assert signal_first(two, torch.zeros(8)) == [0] and signal_first(two, torch.arange(8.0)) == [0]


def test_a_reading_counts_what_went_the_other_way(made):
    _, rollouts = group(made, [1.0, 0.0, 0.0, 1.0])
    before, mask = torch.zeros(4, 2), torch.ones(4, 2, dtype=torch.bool)
    after = torch.tensor([[0.1, 0.1], [0.2, 0.2], [-0.1, 0.0], [-0.1, 0.0]])
    a = torch.tensor([1.0, -1, -1, 1])
    seen = Update(rollouts, rollouts.rewards["odd"], a, before, after, mask, 0.0, 1.0)
    assert "1 of 2 answers with a positive" in seen.reading()
    assert "1 of 2 with a negative" in seen.reading() and "0.90 and 1.22" in seen.reading()
