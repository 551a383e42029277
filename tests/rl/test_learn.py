"""One update: however the batch is cut, the gradient is that of the plain objective."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.layout import micro_batches
from dsmath_lib.rl.advantages import group_advantages, zero_variance
from dsmath_lib.rl.diagnostics import Watch
from dsmath_lib.rl.experiment import Players
from dsmath_lib.rl.learn import Cut, assign, clear_gradients, cut_rows, log_probs
from dsmath_lib.rl.losses import NORMS, Objective, policy_loss
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import METHODS
from tests.rl.conftest import tiny_policy
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
PROMPTS = [[0, 5, 6, 7, 8]] * 3 + [[0, 9]] * 3
COMPLETIONS = [[20, 21, 1], [22, 23, 24, 25, 26], [1], [30, 2], [30, 31, 32, 33, 34, 1], [40]]
REWARDS = torch.tensor([1.0, 0, 0, 1, 1, 1], dtype=torch.float64)  # the second group has no signal


@pytest.fixture
def rollouts():
    return Rollouts(
        PROMPTS,
        COMPLETIONS,
        [[-4.0] * len(c) for c in COMPLETIONS],
        ["eos", "length", "eos", "length", "eos", "length"],
        torch.tensor([0, 0, 0, 1, 1, 1]),
        [""] * 6,
        {"accuracy": REWARDS},
    )


def advantages(rollouts):
    return group_advantages(REWARDS, rollouts.group, ddof=1, eps=1e-4)


def batches_of(rollouts, objective, micro_tokens=10_000, share=1, keep=None, a=None):
    batches = cut_rows(rollouts, objective, Cut(micro_tokens, share), keep)
    assign(batches, advantages(rollouts) if a is None else a)
    return batches


def update(policy, reference, batches, objective, temperature=1.0):
    """The parts of a step's update, without the optimizer: what was measured; gradients stay in the parameters."""
    cfg = SimpleNamespace(temperature=temperature, dtype="float32")
    players = Players(policy, reference)
    watch = Watch(SimpleNamespace(update=lambda *_: None), METHODS["grpo-os"], None, None)
    clear_gradients(players)
    for b in batches:
        logp, entropy = log_probs(players, b, cfg, objective)
        loss, stats = policy_loss(logp, b.advantages, b.mask, b.weights, objective)
        loss.backward()
        watch.add(b, loss, stats, entropy)
    watch.update(players, batches, None)
    return watch.row


def gradient(policy, rollouts, objective, *args, temperature=1.0, **kw):
    batches = batches_of(rollouts, objective, *args, **kw)
    stats = update(policy, tiny_policy(seed=1), batches, objective, temperature)
    return stats, torch.cat([p.grad.flatten() for p in policy.parameters()])


@pytest.mark.parametrize("norm", NORMS)
def test_micro_batches_change_nothing(rollouts, norm):
    objective = Objective(norm=norm, max_length=6, beta=0.1)
    policy = tiny_policy()
    stats, whole = gradient(policy, rollouts, objective, temperature=0.8)
    for micro_tokens, share in ((1, 1), (12, 1), (25, 1), (1, 2), (30, 2), (10_000, 3)):
        cut = micro_tokens, share
        part_stats, part = gradient(policy, rollouts, objective, *cut, temperature=0.8)
        torch.testing.assert_close(part, whole, **EXACT)
        assert_same(part_stats, stats)


def test_the_gradient_is_the_papers(rollouts):
    """Eq. 3 and 4 written out row by row with autograd, no masks, no padding."""
    policy, ref, beta = tiny_policy(), tiny_policy(seed=1), 0.04
    _, got = gradient(policy, rollouts, Objective(beta=beta))

    def logp(model, p, c):
        logits = model(torch.tensor([p + c])).logits[0, len(p) - 1 : -1]
        return logits.log_softmax(-1)[torch.arange(len(c)), torch.tensor(c)]

    total = 0.0
    for p, c, a in zip(PROMPTS, COMPLETIONS, advantages(rollouts), strict=True):
        new, r = logp(policy, p, c), logp(ref, p, c).detach()
        rho = torch.exp(new - new.detach())
        x = torch.exp(r - new)
        total = total + (rho * a - beta * (x - torch.log(x) - 1)).mean() / 6
    policy.zero_grad()
    (-total).backward()
    want = torch.cat([p.grad.flatten() for p in policy.parameters()])
    torch.testing.assert_close(got, want, **EXACT)


def test_rows_without_signal(rollouts):
    """At beta 0 leaving them out is exact; with beta their KL term is lost."""
    keep = ~zero_variance(REWARDS, rollouts.group)
    policy = tiny_policy()
    for beta, equal in ((0.0, True), (0.1, False)):
        objective = Objective(beta=beta)
        whole = gradient(policy, rollouts, objective)[1]
        kept = gradient(policy, rollouts, objective, keep=keep)[1]
        assert torch.allclose(kept, whole, **EXACT) == equal


def test_constant_rewards_give_no_gradient(rollouts):
    objective = Objective(beta=0.0)
    none = torch.zeros(6)
    assert gradient(tiny_policy(), rollouts, objective, a=none)[1].abs().max() == 0
    nobody = torch.zeros(6, dtype=torch.bool)
    stats, grad = gradient(tiny_policy(), rollouts, objective, a=none, keep=nobody)
    assert grad.abs().max() == 0  # zeros, not None: the optimizer's averages go on
    assert stats["loss"] == 0


def test_second_update_uses_the_old_policy(rollouts):
    policy, objective = tiny_policy(), Objective(beta=0.0)
    batches = batches_of(rollouts, objective, 20)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.01)
    first = update(policy, None, batches, objective)
    assert (first["ratio_min"], first["ratio_max"], first["clip_fraction"]) == (1.0, 1.0, 0.0)
    assert first["loss"] == pytest.approx(0.0, abs=1e-12)
    optimizer.step()
    second = update(policy, None, batches, objective)
    assert second["ratio_min"] < 0.999
    assert second["ratio_max"] > 1.001
    assert second["loss"] < -1e-4  # the step went the right way
    narrow = update(policy, None, batches, Objective(beta=0.0, clip_low=1e-4, clip_high=1e-4))
    assert narrow["clip_fraction"] > 0
    assert second["kl"] is None


def test_eos_has_a_gradient(rollouts):
    """A completion that is only eos pushes the eos logit."""
    objective = Objective(beta=0.0)
    a = torch.tensor([0.0, 0, 1, 0, 0, 0])
    assert gradient(tiny_policy(), rollouts, objective, a=a)[1].abs().max() > 1e-4


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 200))
def test_micro_batches_hold_every_row_once_within_the_budget(lengths, budget):
    parts = list(micro_batches(lengths, budget))
    assert sorted(i for p in parts for i in p) == list(range(len(lengths)))
    for p in parts:
        assert len(p) == 1 or len(p) * max(lengths[i] for i in p) <= budget


def test_sharing_changes_no_number(rollouts):
    policy, objective = tiny_policy(), Objective(beta=0.1)
    _, whole = gradient(policy, rollouts, objective)
    for share in (1, 2, 3):
        batches = cut_rows(rollouts, objective, Cut(10_000, share))
        assign(batches, advantages(rollouts))
        assert sorted(i for b in batches for i in b.rows) == list(range(6))
        update(policy, tiny_policy(seed=1), batches, objective)
        part = torch.cat([p.grad.flatten() for p in policy.parameters()])
        torch.testing.assert_close(part, whole, **EXACT)
    assert max(len(b.tokens.ids) for b in batches) == 2  # one row for each group
