"""Group advantages: values by hand, and groups without signal."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.rl.advantages import (
    gae,
    group_advantages,
    process_advantages,
    token_rewards,
    whiten,
    zero_variance,
)

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
R = torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 0], dtype=torch.float64)
GROUP = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("kw", "value"),
    [
        ({"ddof": 1, "eps": 1e-4}, 0.8659),
        ({"ddof": 0, "eps": 1e-4}, 0.9998),
        ({"ddof": 0, "eps": 0.0}, 1.0),
        ({"ddof": 1, "eps": 0.0, "scale": False}, 0.5),
        ({"ddof": 1, "eps": 0.0, "scale": False, "leave_one_out": True}, 2 / 3),
    ],
)
def test_the_group_1001(kw, value):
    expected = [value, -value, -value, value, 0, 0, 0, 0]
    assert group_advantages(R, GROUP, **kw).tolist() == pytest.approx(expected, abs=5e-5)


def test_constant_groups_are_exactly_zero():
    """0.1 three times has a mean that differs from 0.1 in the last bit: equality decides, not the std."""
    r = torch.tensor([0.1, 0.1, 0.1, 0.7, 0.7, 0.7])
    group = torch.tensor([3, 3, 3, 9, 9, 9])
    for leave_one_out in (False, True):
        a = group_advantages(r, group, ddof=1, eps=0.0, leave_one_out=leave_one_out)
        assert a.tolist() == [0.0] * 6
    assert zero_variance(r, group).all()


def test_rows_of_a_group_need_not_be_neighbours():
    order = torch.tensor([4, 0, 6, 3, 1, 7, 2, 5])
    a = group_advantages(R, GROUP, ddof=1, eps=1e-4)
    moved = group_advantages(R[order], GROUP[order], ddof=1, eps=1e-4)
    torch.testing.assert_close(moved, a[order], **EXACT)


def test_a_group_of_one_is_an_error():
    with pytest.raises(ValueError, match="group of size 1"):
        group_advantages(torch.tensor([1.0, 0, 1]), torch.tensor([0, 0, 1]), ddof=1, eps=0.0)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, -1.0]), min_size=4, max_size=40))
def test_groups_have_mean_zero_and_unit_std(values):
    r = torch.tensor(values[: len(values) // 4 * 4])
    group = torch.arange(len(r)) // 4
    a = group_advantages(r, group, ddof=0, eps=0.0).view(-1, 4)
    flat = zero_variance(r, group).view(-1, 4)[:, 0]
    torch.testing.assert_close(a.mean(1), torch.zeros(len(a)), **EXACT)
    torch.testing.assert_close(a.std(1, correction=0), (~flat).to(a), **EXACT)


def process(rewards, ends, lengths, group, **kw):
    kw = {"ddof": 0, "eps": 0.0} | kw
    return process_advantages(rewards, ends, torch.tensor(lengths), torch.tensor(group), **kw)


def test_process_advantages_by_hand():
    """R = {1, 0, 1, 0, 0, 1}: mean 1/2, std 1/2, so r̃ = ±1. A token sums the steps that end at or after it."""
    rewards = [[1.0, 0.0, 1.0], [0.0], [0.0, 1.0]]
    ends = [[1, 3, 4], [2], [0, 2]]
    a = process(rewards, ends, [5, 3, 4], [7, 7, 7])
    assert a.tolist() == [
        [1, 1, 0, 0, 1],  # 1 − 1 + 1, −1 + 1, 1
        [-1, -1, -1, 0, 0],
        [0, 1, 1, 0, 0],  # the last token comes after the last step
    ]
    sample = process(rewards, ends, [5, 3, 4], [7, 7, 7], ddof=1)
    torch.testing.assert_close(sample, a * (5 / 6) ** 0.5, **EXACT)
    assert process(rewards, ends, [5, 3, 4], [7, 7, 7], eps=None)[1, 0] == -0.5


def test_one_step_per_completion_is_outcome_supervision():
    r = [1.0, 0.0, 0.0, 1.0, 0.3]
    group = torch.zeros(5, dtype=torch.long)
    got = process([[x] for x in r], [[3]] * 5, [4] * 5, [0] * 5, ddof=1, eps=1e-4)
    want = group_advantages(torch.tensor(r), group, ddof=1, eps=1e-4)
    torch.testing.assert_close(got, want[:, None].expand(5, 4), **EXACT)


def test_process_groups_do_not_mix_and_equal_steps_are_zero():
    rewards = [[0.1, 0.1], [0.1], [1.0], [0.0], []]
    a = process(rewards, [[0, 2], [1], [1], [0], []], [3, 2, 2, 1, 4], [0, 0, 1, 1, 1])
    assert a.abs()[:2].max() == 0
    assert a[2].tolist() == [1, 1, 0, 0]
    assert a[3].tolist() == [-1, 0, 0, 0]
    assert a[4].tolist() == [0] * 4  # no step, no advantage


@pytest.mark.parametrize(
    ("rewards", "ends"), [([[1.0]], [[3]]), ([[1.0, 0.0]], [[1, 1]]), ([[1.0, 0.0]], [[0]])]
)
def test_bad_step_ends_are_named(rewards, ends):
    with pytest.raises(ValueError, match="row 0 has step ends"):
        process(rewards, ends, [3], [0])


def test_gae_known_values():
    """γ = 0.9, λ = 0.8, by hand: δ = (1 + 0.9·0.4 − 0.5, 0.9·0.3 − 0.4, 2 − 0.3)."""
    rewards = torch.tensor([[1.0, 0.0, 2.0]])
    values = torch.tensor([[0.5, 0.4, 0.3]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    a, returns = gae(rewards, values, mask, gamma=0.9, lam=0.8)
    third = 1.7
    second = -0.13 + 0.72 * third
    first = 0.86 + 0.72 * second
    torch.testing.assert_close(a, torch.tensor([[first, second, third]]), **EXACT)
    torch.testing.assert_close(returns, a + values, **EXACT)


def test_gae_limits():
    rewards, values = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.2, 0.7, 0.1]])
    mask = torch.ones(1, 3, dtype=torch.bool)
    a, _ = gae(rewards, values, mask, gamma=0.0, lam=0.0)
    torch.testing.assert_close(a, rewards - values, **EXACT)
    a, returns = gae(rewards, values, mask, gamma=1.0, lam=1.0)
    torch.testing.assert_close(returns, torch.tensor([[1.0, 1.0, 0.0]]), **EXACT)  # Monte Carlo
    a, _ = gae(rewards, values, mask, gamma=1.0, lam=0.0)
    torch.testing.assert_close(a, torch.tensor([[0.5, 0.4, -0.1]]), **EXACT)  # one-step errors


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_gae_steps_over_gaps(keep, gamma, lam):
    """Masked tokens may hold anything: the result is that of the kept tokens alone."""
    g = torch.Generator().manual_seed(len(keep))
    rewards, values = torch.randn(1, len(keep), generator=g), torch.randn(1, len(keep), generator=g)
    mask = torch.tensor([keep])
    values[~mask], rewards[~mask] = 1e9, -1e9
    a, returns = gae(rewards, values, mask, gamma=gamma, lam=lam)
    if not any(keep):
        assert a.abs().max() == returns.abs().max() == 0
        return
    dense = torch.ones(1, sum(keep), dtype=torch.bool)
    want, _ = gae(rewards[mask][None], values[mask][None], dense, gamma=gamma, lam=lam)
    torch.testing.assert_close(a[mask], want[0], **EXACT)
    assert a[~mask].abs().sum() == returns[~mask].abs().sum() == 0


def test_token_rewards_eq_2():
    kl = torch.tensor([[0.5, -0.25, 9.0], [1.0, 1.0, 1.0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    r = token_rewards(torch.tensor([1.0, -0.5]), kl, mask, beta=0.1)
    torch.testing.assert_close(r, torch.tensor([[-0.05, 1.025, 0.0], [-0.1, -0.1, -0.6]]), **EXACT)
    empty = token_rewards(torch.ones(1), torch.ones(1, 2), torch.zeros(1, 2, dtype=torch.bool), 0.1)
    assert empty.abs().max() == 0  # an empty completion has no token to hold its reward


def test_whiten():
    x = torch.tensor([[1.0, 2.0, 100.0], [3.0, 100.0, 100.0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    w = whiten(x, mask)
    assert w[~mask].abs().max() == 0
    std = (2 / 3) ** 0.5 + 1e-8
    torch.testing.assert_close(w[mask], torch.tensor([-1.0, 0.0, 1.0]) / std, **EXACT)
    assert whiten(x, torch.zeros_like(mask)).abs().max() == 0
