"""Group advantages: values by hand, and groups without signal."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.rl.advantages import group_advantages, zero_variance

R = torch.tensor([1.0, 0, 0, 1, 0, 0, 0, 0])
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
    assert torch.equal(group_advantages(R[order], GROUP[order], ddof=1, eps=1e-4), a[order])


def test_a_group_of_one_is_an_error():
    with pytest.raises(ValueError, match="group of size 1"):
        group_advantages(torch.tensor([1.0, 0, 1]), torch.tensor([0, 0, 1]), ddof=1, eps=0.0)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, -1.0]), min_size=4, max_size=40))
def test_groups_have_mean_zero_and_unit_std(values):
    r = torch.tensor(values[: len(values) // 4 * 4])
    group = torch.arange(len(r)) // 4
    a = group_advantages(r, group, ddof=0, eps=0.0).view(-1, 4)
    flat = zero_variance(r, group).view(-1, 4)[:, 0]
    torch.testing.assert_close(a.mean(1), torch.zeros(len(a)), atol=1e-6, rtol=0)
    torch.testing.assert_close(a.std(1, correction=0), (~flat).float(), atol=1e-5, rtol=0)
