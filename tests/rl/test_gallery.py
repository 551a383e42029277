"""Every failure of the gallery breaks, its healthy twin does not, and the stated number tells them apart."""

from dataclasses import replace

import pytest
import torch

from dsmath_lib.rl.gallery import FAILURES, LENGTH, at, ends, logits_of, sample_tokens, train_small
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("name", FAILURES)
def test_the_diagnostic_gives_it_away(name):
    f = FAILURES[name]
    healthy, broken = train_small(f.healthy), train_small(f.broken)
    assert not f.alarm(*ends(healthy, f.shows))
    assert f.alarm(*ends(broken, f.shows))
    if name in ("learning rate", "no KL", "zero variance", "eos masked out", "stale reference"):
        assert ends(healthy, "accuracy")[1] > ends(broken, "accuracy")[1] + 0.1


def test_changes_as_text_name_functions():
    assert FAILURES["format reward"].change_text.startswith("reward = right_or_boxed, start = (")


def test_it_replays():
    short = replace(FAILURES["sampler mismatch"].broken, steps=3)
    assert_same(train_small(short), train_small(short))


def test_hacking_raises_the_reward_and_not_the_accuracy():
    rows = train_small(FAILURES["format reward"].broken)
    (r0, r1), (a0, a1) = ends(rows, "reward"), ends(rows, "accuracy")
    assert r1 > r0 + 0.2 and a1 < a0 + 0.1


def test_samples_follow_the_table():
    table = logits_of((-4.0, 0.0, 0.0, 0.0, 0.0), -1.0)
    ids, lengths = sample_tokens(table, 4000, 1.0, torch.Generator().manual_seed(0))
    p = at(table, ids)[0, 0].exp()
    share = torch.bincount(ids[:, 0], minlength=5) / 4000
    torch.testing.assert_close(share, p, atol=0.03, rtol=0)
    assert ((lengths == LENGTH) | (ids.gather(1, lengths[:, None] - 1)[:, 0] == 0)).all()
