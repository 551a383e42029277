"""The policy loss against frozen values of TRL 1.16, hand-made corners and its invariances."""

import math

import pytest
import torch

from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights

pytestmark = pytest.mark.numeric
EXACT = {"atol": 1e-12, "rtol": 1e-9}
LP = [[-1.0, -0.5, -2.0], [-0.3, -1.2, -0.7]]
OLD = torch.tensor([[-1.3, -0.5, -1.5], [-0.3, -1.0, -0.7]], dtype=torch.float64)
REF = torch.tensor([[-0.9, -0.7, -2.2], [-0.5, -1.2, -0.4]], dtype=torch.float64)
MASK = torch.tensor([[True, True, True], [True, True, False]])
LENGTHS = torch.tensor([3, 2])
OUTCOME = torch.tensor([1.0, -0.5], dtype=torch.float64)


def objective(**kw) -> Objective:
    """ε = 0.2 and no KL term, unless something else is asked for."""
    return Objective(**{"beta": 0.0} | kw)


def golden(norm: str, advantages=OUTCOME, **kw) -> tuple[float, torch.Tensor]:
    lp = torch.tensor(LP, requires_grad=True)
    weights = token_weights(LENGTHS, norm, max_length=4)
    loss, _ = policy_loss(LogProbs(lp, OLD, REF), advantages, MASK, weights, objective(**kw))
    loss.backward()
    return loss.item(), lp.grad


@pytest.mark.parametrize(
    ("norm", "plain", "k3", "ratio_k3"),
    [
        ("sequence", -0.240414, -0.239942, -0.239979),
        ("token", -0.379433, -0.378942, -0.378987),
        ("constant", -0.237146, -0.236839, -0.236867),
    ],
)
def test_golden_losses(norm, plain, k3, ratio_k3):
    assert golden(norm)[0] == pytest.approx(plain, abs=1e-6)
    assert golden(norm, beta=0.04)[0] == pytest.approx(k3, abs=1e-6)
    assert golden(norm, beta=0.04, kl_ratio=True)[0] == pytest.approx(ratio_k3, abs=1e-6)


@pytest.mark.parametrize(
    ("norm", "kw", "gradient"),
    [
        ("sequence", {}, [[0, -0.16667, -0.10109], [0.125, 0.10234, 0]]),
        ("token", {}, [[0, -0.2, -0.12131], [0.1, 0.08187, 0]]),
        ("constant", {}, [[0, -0.125, -0.07582], [0.0625, 0.05117, 0]]),
        ("sequence", {"beta": 0.04}, [[-0.0007, -0.16546, -0.09988], [0.12681, 0.10234, 0]]),
        (
            "sequence",
            {"beta": 0.04, "kl_ratio": True},
            [[-0.0009, -0.16533, -0.10028], [0.127, 0.10234, 0]],
        ),
    ],
)
def test_golden_gradients(norm, kw, gradient):
    torch.testing.assert_close(golden(norm, **kw)[1], torch.tensor(gradient), atol=6e-6, rtol=0)


def test_gradients_to_the_last_digit():
    """Eq. 3 by hand: −w Â ρ where the clip is open; + w β (1 − x) from k3."""
    _, g = golden("sequence", beta=0.04)
    e = torch.tensor
    rho, x = torch.exp(e(-1.2 + 1.0)), torch.exp(e(-1.2 + 1.2))
    assert g[1, 1] == pytest.approx((1 / 4 * (0.5 * rho + 0.04 * (1 - x))).item(), abs=1e-12)
    # row 0, token 0: ratio e^0.3 > 1.2 and Â > 0, so only the KL term is left
    x = torch.exp(e(-0.9 + 1.0))
    assert g[0, 0] == pytest.approx((1 / 6 * 0.04 * (1 - x)).item(), abs=1e-12)


@pytest.mark.parametrize("norm", ["sequence", "token", "constant"])
@pytest.mark.parametrize(
    "a", [[[1.0] * 3, [-0.5] * 3], [[1.0, 0.5, -0.5], [-0.5, 0.2, 0.0]]], ids=["outcome", "steps"]
)
@pytest.mark.parametrize("kw", [{}, {"beta": 0.04}, {"beta": 0.04, "kl_ratio": True}], ids=str)
def test_every_golden_gradient_by_hand(norm, a, kw):
    """The table has five digits. Here its arithmetic: d/d log π of Eq. 3 and 4, token by token.

    −w Â ρ, 0 where the clip has it; k3 = x − log x − 1 adds w β (1 − x), times the ratio w β ρ (k3 + 1 − x).
    """
    _, got = golden(norm, torch.tensor(a), **kw)
    beta = kw.get("beta", 0.0)
    for i, n in enumerate((3, 2)):
        w = {"sequence": 1 / (2 * n), "token": 1 / 5, "constant": 1 / (2 * 4)}[norm]
        for t in range(3):
            rho = math.exp(LP[i][t] - OLD[i, t].item())
            log_x = REF[i, t].item() - LP[i][t]
            x = math.exp(log_x)
            shut = rho > 1.2 if a[i][t] > 0 else rho < 0.8
            want = 0.0 if shut else -w * a[i][t] * rho
            k3 = x - log_x - 1
            want += w * beta * (rho * (k3 + 1 - x) if kw.get("kl_ratio") else 1 - x)
            assert got[i, t].item() == pytest.approx(want if t < n else 0.0, abs=1e-12)


def test_advantages_per_token():
    value, gradient = golden("sequence", torch.tensor([[1.0, 0.5, -0.5], [-0.5, 0.2, 0.0]]))
    assert value == pytest.approx(-0.132603, abs=1e-6)
    expected = torch.tensor([[0, -0.08333, 0], [0.125, -0.04094, 0]])
    torch.testing.assert_close(gradient, expected, atol=6e-6, rtol=0)


def test_sequence_level_ratio():
    """The row of GSPO: frozen values, and the arithmetic of row 0: s = e^{(0.3 + 0 − 0.5) / 3}."""
    value, gradient = golden("sequence", ratio_of="sequence")
    assert value == pytest.approx(-0.241544, abs=1e-6)
    expected = torch.tensor([[-0.15592] * 3, [0.1131, 0.1131, 0]])
    torch.testing.assert_close(gradient, expected, atol=6e-6, rtol=0)
    first = math.exp(-0.2 / 3)
    second = math.exp(-0.2 / 2)
    assert value == pytest.approx(-(first - 0.5 * second) / 2, abs=1e-12)
    want = torch.tensor([[-first / 6] * 3, [0.5 * second / 4] * 2 + [0]])
    torch.testing.assert_close(gradient, want, **EXACT)


def test_a_sequence_is_clipped_as_a_whole():
    """All tokens of a completion, or none: e^{0.3} > 1.2 at the mean, although one token has ratio 1."""
    lp = torch.tensor([[0.6, 0.0], [0.1, 0.0]], requires_grad=True)
    mask = torch.ones(2, 2, dtype=torch.bool)
    two, whole = LogProbs(lp, torch.zeros(2, 2)), objective(ratio_of="sequence")
    loss, stats = policy_loss(two, torch.ones(2), mask, torch.ones(2), whole)
    loss.backward()
    assert lp.grad[0].tolist() == [0, 0]
    assert lp.grad[1].tolist() == pytest.approx([-math.exp(0.05)] * 2)
    assert stats["clipped"] == 2


def test_gspo_is_grpo_while_all_ratios_are_1():
    a, b = (golden_at_old(ratio_of=x) for x in ("token", "sequence"))
    torch.testing.assert_close(a, b, **EXACT)
    with pytest.raises(ValueError, match="unknown ratio_of 'word'"):
        golden("sequence", ratio_of="word")
    with pytest.raises(ValueError, match="kl_ratio needs ratio_of token"):
        golden("sequence", ratio_of="sequence", kl_ratio=True, beta=0.1)


def golden_at_old(**kw) -> torch.Tensor:
    lp = OLD.clone().requires_grad_()
    weights = token_weights(LENGTHS, "sequence")
    policy_loss(LogProbs(lp, OLD), OUTCOME, MASK, weights, objective(**kw))[0].backward()
    return lp.grad


def test_ratio_one_gives_the_reinforce_gradient():
    lp = torch.log(torch.rand(4, 5, generator=torch.Generator().manual_seed(0))).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 0.3, -0.3])
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 4])[:, None]
    weights = token_weights(mask.sum(1), "sequence")
    same = LogProbs(lp, lp.detach())
    loss, stats = policy_loss(same, advantages, mask, weights, objective())
    reinforce = -(weights * advantages * (lp * mask).sum(1)).sum()
    got, want = torch.autograd.grad(loss, lp)[0], torch.autograd.grad(reinforce, lp)[0]
    torch.testing.assert_close(got, want, **EXACT)
    assert stats["clipped"] == 0
    assert stats["ratio_min"] == stats["ratio_max"] == 1
    # advantages sum to 0: a loss of 0 is normal, its gradient is not
    assert loss.item() == pytest.approx(0.0, abs=1e-12)
    assert got.abs().max() > 0.01


@pytest.mark.parametrize(
    ("advantage", "ratio", "loss", "gradient"),
    [
        (1.0, 1.5, -1.2, 0.0),  # good and already more likely: stop
        (1.0, 0.5, -0.5, -0.5),  # good but less likely: go on
        (-1.0, 1.5, 1.5, 1.5),  # bad and more likely: push down, never clipped
        (-1.0, 0.5, 0.8, 0.0),  # bad and already less likely: stop
    ],
)
def test_clip_corners(advantage, ratio, loss, gradient):
    lp = torch.log(torch.tensor([[ratio]])).requires_grad_()
    logp, mask = LogProbs(lp, torch.zeros(1, 1)), torch.ones(1, 1, dtype=torch.bool)
    got, stats = policy_loss(logp, torch.tensor([advantage]), mask, torch.ones(1), objective())
    got.backward()
    assert got.item() == pytest.approx(loss)
    assert lp.grad.item() == pytest.approx(gradient)
    assert stats["clipped"] == (gradient == 0)


@pytest.mark.parametrize("norm", ["sequence", "token", "constant"])
def test_micro_batches_and_padding_change_nothing(norm):
    g = torch.Generator().manual_seed(3)
    lp, old, ref = (-torch.rand(6, 7, generator=g) for _ in range(3))
    advantages = torch.randn(6, generator=g)
    lengths = torch.tensor([7, 2, 1, 5, 3, 4])
    mask = torch.arange(7) < lengths[:, None]
    weights = token_weights(lengths, norm, max_length=9)

    def gradient(cuts, width=7, fill=0.0):
        leaf = lp.clone().requires_grad_()
        total = 0.0
        for rows in torch.arange(6).split(cuts):
            pads = [
                torch.nn.functional.pad(x[rows], (0, width - 7), value=fill)
                for x in (leaf, old, ref)
            ]
            wide = torch.nn.functional.pad(mask[rows], (0, width - 7))
            part = LogProbs(*pads), advantages[rows], wide, weights[rows]
            total += policy_loss(*part, objective(beta=0.1))[0]
        total.backward()
        return total.item(), leaf.grad

    value, full = gradient(6)
    for cuts, width, fill in ((1, 7, 0.0), (2, 7, 0.0), (4, 12, 0.0), (6, 12, -50.0)):
        v, part = gradient(cuts, width, fill)
        assert v == pytest.approx(value, rel=1e-9, abs=1e-12)
        torch.testing.assert_close(part, full, **EXACT)


def test_asymmetric_clip():
    lp = torch.log(torch.tensor([[1.25]])).requires_grad_()
    logp, mask = LogProbs(lp, torch.zeros(1, 1)), torch.ones(1, 1, dtype=torch.bool)
    for high, want in ((0.28, -1.25), (0.2, -1.2)):
        loss, _ = policy_loss(logp, torch.ones(1), mask, torch.ones(1), objective(clip_high=high))
        assert loss.item() == pytest.approx(want)


def test_errors_are_named():
    with pytest.raises(ValueError, match="unknown normalisation 'mean'"):
        token_weights(LENGTHS, "mean")
    with pytest.raises(ValueError, match="needs the log-probs of a reference"):
        policy_loss(LogProbs(OLD, OLD), OUTCOME, MASK, torch.ones(2), objective(beta=0.1))
