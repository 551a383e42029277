"""The table of methods: rows, coefficients, closed forms of DPO, the critic's loss."""

from dataclasses import replace

import pytest
import torch

from dsmath_lib.engines.layout import pad
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.coefficients import (
    COEFFICIENTS,
    Scored,
    coefficients,
    overlong_penalty,
    preference_pairs,
)
from dsmath_lib.rl.critic import Critic, value_loss
from dsmath_lib.rl.learn import batches_of, weigh
from dsmath_lib.rl.losses import (
    LOSSES,
    LogProbs,
    Objective,
    likelihood_loss,
    pair_loss,
    token_weights,
)
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS, TITLES, difference, method
from tests.rl.conftest import experiment, grpo_params, odd_steps, players, tiny_policy

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
COMPLETIONS = [[20, 21, 1], [22, 23, 24, 25], [], [1], [30, 2], [30, 31, 33, 1]]
REWARD = torch.tensor([1.0, 0.0, 0.0, 0.25, 0.25, 0.25], dtype=torch.float64)


def rollouts(completions=COMPLETIONS) -> Rollouts:
    r = Rollouts(
        [[0, 5, 6]] * 3 + [[0, 9]] * 3,
        completions,
        [[-4.0] * len(c) for c in completions],
        ["eos", "length", "stop", "eos", "length", "eos"],
        torch.tensor([0, 0, 0, 1, 1, 1]),
        [""] * 6,
        {"odd": REWARD},
    )
    ends, named = odd_steps(r, [])
    return replace(r, step_ends=ends, step_rewards=named)


def test_rows_are_consistent():
    assert set(TITLES) == set(METHODS)
    for name, m in METHODS.items():
        assert m.coefficient in COEFFICIENTS and m.loss in LOSSES, name
        assert m.loss != "pair" or m.coefficient == "pair"
    assert method("ppo").needs_critic and not method("grpo-os").needs_critic
    with pytest.raises(ValueError, match="unknown method 'a2c'"):
        method("a2c")


def test_two_methods_differ_in_few_columns():
    assert difference("rft", "online-rft") == [
        {"column": "data", "rft": "start", "online-rft": "policy"}
    ]
    assert {r["column"] for r in difference("grpo-os", "grpo-ps")} == {"coefficient"}
    assert all(len(difference(a, b)) < 10 for a in METHODS for b in METHODS)


@pytest.mark.parametrize("name", [n for n in METHODS if n != "sft"])
def test_an_empty_completion_is_counted_and_masked(name):
    """It is in the baseline of its group, and no micro-batch holds it."""
    m, them = METHODS[name], players(name)
    e = experiment(grpo_params(), None, None, None)
    x = weigh(e, m, them, rollouts())
    batches = batches_of(e, m, them, x, coefficients(x, m))
    assert len(x.reward) == 6
    used = sorted(i for b in batches for i in b.rows)
    assert 2 not in used and used
    if m.coefficient == "group" and m.kl != "reward":
        full = weigh(e, m, them, rollouts([*COMPLETIONS[:2], [8], *COMPLETIONS[3:]]))
        torch.testing.assert_close(coefficients(x, m), coefficients(full, m), **EXACT)


def scored(**kw) -> Scored:
    r = rollouts()
    mask = torch.arange(4) < r.lengths[:, None]
    kl = torch.full((6, 4), 0.5)
    kw = {"kl": kl, "values": torch.zeros(6, 4), "step_rewards": r.step_rewards["steps"]} | kw
    return Scored(r, REWARD, mask=mask, **kw)


def test_coefficients():
    x = scored(beta=0.1)
    assert COEFFICIENTS["one"](x, METHODS["sft"]).tolist() == [1] * 6
    assert COEFFICIENTS["right"](x, METHODS["rft"]).tolist() == [1, 0, 0, 1, 1, 1]
    assert replace(x, step_rewards=[]).flat.tolist() == [False] * 3 + [True] * 3
    # by steps: every step of group 0 ends in an odd token, and those of group 1 differ
    assert x.flat.tolist() == [True] * 3 + [False] * 3
    a = COEFFICIENTS["group"](x, METHODS["rloo"])
    total = REWARD - 0.1 * 0.5 * x.rollouts.lengths  # KL in the reward: β k1 per token
    want = group_advantages(
        total, x.rollouts.group, ddof=1, eps=0.0, scale=False, leave_one_out=True
    )
    torch.testing.assert_close(a, want, **EXACT)
    a = COEFFICIENTS["gae"](x, METHODS["ppo"])
    assert a[x.mask].mean().abs() < 1e-12  # whitened


def test_pairs():
    group = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
    every = torch.ones(8, dtype=torch.bool)
    reward = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.2, 0.9])
    assert preference_pairs(reward, group, every) == ([0, 7], [1, 6])
    assert preference_pairs(reward, group, torch.arange(8) != 1) == ([7], [6])
    a = COEFFICIENTS["pair"](scored(), METHODS["dpo"])
    assert a.tolist() == [1, -1, 0, 0, 0, 0]  # row 2 is empty, group 1 has no contrast


@pytest.mark.parametrize("norm", ["average", "sum"])
def test_dpo_closed_form(norm):
    """−log σ(β(s⁺ − s⁻)); gradient −β σ(−margin) w on the better and + on the worse."""
    lp = torch.tensor([[-1.0, -0.5, -2.0], [-0.3, -1.2, 0.0]], requires_grad=True)
    ref = torch.tensor([[-0.9, -0.7, -2.2], [-0.55, -1.2, 7.0]])
    lengths = torch.tensor([3, 2])
    mask = torch.arange(3) < lengths[:, None]
    w = token_weights(lengths, norm)
    three = LogProbs(lp, lp.detach(), ref)
    loss, stats = pair_loss(three, torch.tensor([1.0, -1.0]), mask, w, Objective(beta=0.5))
    loss.backward()
    up, down = (-0.1 + 0.2 + 0.2) * w[0], (0.25 + 0.0) * w[1]
    margin = 0.5 * (up - down)  # averaged below 0, summed above
    assert loss.item() == pytest.approx(-torch.nn.functional.logsigmoid(margin).item(), abs=1e-12)
    slope = 0.5 * torch.sigmoid(-margin)
    want = torch.tensor([[-1.0, -1, -1], [1, 1, 0]]) * slope * w[:, None]
    torch.testing.assert_close(lp.grad, want, **EXACT)
    assert (stats["pairs"], stats["preferred"]) == (1, int(norm == "sum"))


def test_dpo_refuses_rows_that_are_no_pairs():
    lp, mask = torch.zeros(2, 1), torch.ones(2, 1, dtype=torch.bool)
    with pytest.raises(ValueError, match="not neighbouring pairs"):
        pair_loss(LogProbs(lp, lp, lp), torch.ones(2), mask, torch.ones(2), Objective(beta=0.1))
    with pytest.raises(ValueError, match="needs beta"):
        pair_loss(LogProbs(lp, lp), torch.ones(2), mask, torch.ones(2), Objective(beta=0.0))


def test_likelihood_is_negative_log_likelihood():
    lp = torch.log(torch.tensor([[0.5, 0.25], [0.1, 0.9]])).requires_grad_()
    mask = torch.tensor([[True, True], [True, False]])
    w = token_weights(torch.tensor([2, 1]), "token")
    same = LogProbs(lp, lp.detach())
    loss, _ = likelihood_loss(same, torch.tensor([1.0, 1.0]), mask, w, Objective(beta=0.0))
    assert loss.item() == pytest.approx(-(lp[mask].sum() / 3).item())


def test_value_loss_known_values():
    """Old value 0, return 1, clip 0.2: at V = 0.5 the clipped error (0.8²) is larger, so its gradient is 0."""
    one = torch.ones(1)
    for v, want, slope in ((0.5, 0.32, 0.0), (0.1, 0.405, -0.9), (1.5, 0.32, 0.0), (2.0, 0.5, 1.0)):
        values = torch.tensor([[v, 9.0]], requires_grad=True)
        loss = value_loss(
            values,
            torch.zeros(1, 2),
            torch.ones(1, 2),
            torch.tensor([[True, False]]),
            one,
            clip=0.2,
        )
        loss.backward()
        assert loss.item() == pytest.approx(want, abs=1e-12)
        assert values.grad[0].tolist() == pytest.approx([slope, 0.0])
    plain = value_loss(
        torch.tensor([[0.5]]), torch.zeros(1, 1), torch.ones(1, 1), one[None].bool(), one, clip=0.0
    )
    assert plain.item() == pytest.approx(0.125)


def test_the_critic_reads_the_state_before_the_token():
    """V(q, o_<t) must not depend on o_t: changing the last token changes no value."""
    critic = Critic(tiny_policy())
    torch.nn.init.normal_(critic.head.weight, generator=torch.Generator().manual_seed(0))
    a = critic(pad([[0, 5]], [[7, 8, 9]]))
    b = critic(pad([[0, 5]], [[7, 8, 11]]))
    c = critic(pad([[0, 5]], [[7, 12, 9]]))
    torch.testing.assert_close(a, b, **EXACT)
    assert (a - c)[0].abs().gt(1e-6).tolist() == [False, False, True]
    shared = critic(pad([[0, 5]] * 2, [[7, 8, 9], [7, 12]], share=[2]))
    torch.testing.assert_close(shared[0], a[0], **EXACT)
    assert shared[1, 2] == 0  # padding


def test_overlong_penalty():
    lengths = torch.tensor([1, 80, 90, 100])
    assert overlong_penalty(lengths, 100).tolist() == pytest.approx([0, 0, -0.5, -1])
