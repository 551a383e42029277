"""KL estimators on a categorical distribution, where every expectation is a sum."""

import pytest
import torch

from dsmath_lib.report.methods_pictures import clinic
from dsmath_lib.rl.kl import k1, k2, k3

pytestmark = pytest.mark.numeric
THETA = (0.3, -0.2, 0.5, 0.1, -0.7)
REF = torch.tensor((0.1, 0.4, -0.3, 0.2, -0.1), dtype=torch.float64).log_softmax(0)
REVERSE = [0.0181, -0.1099, 0.2047, -0.0463, -0.0666]  # grad KL(pi||ref)
FORWARD = [0.0468, -0.1219, 0.1687, -0.0196, -0.0740]  # grad KL(ref||pi)


def gradient(value) -> torch.Tensor:
    """d/dθ of ``value(log π)`` summed over the five tokens."""
    theta = torch.tensor(THETA, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(value(theta.log_softmax(0)), theta)[0]


def expected(estimator, with_ratio: bool = False) -> torch.Tensor:
    """E over tokens drawn from π of the estimator's gradient: the sampling itself carries none."""

    def value(logp):
        ratio = torch.exp(logp - logp.detach()) if with_ratio else 1.0
        return (logp.detach().exp() * ratio * estimator(logp, REF)).sum()

    return gradient(value)


def test_gradients_of_the_estimators():
    reverse = gradient(lambda lp: (lp.exp() * (lp - REF)).sum())
    forward = gradient(lambda lp: (REF.exp() * (REF - lp)).sum())
    assert reverse.tolist() == pytest.approx(REVERSE, abs=6e-5)
    assert forward.tolist() == pytest.approx(FORWARD, abs=6e-5)
    for got, want in (
        (expected(k1), torch.zeros(5, dtype=torch.float64)),
        (expected(k2), reverse),
        (expected(k3), forward),
        (expected(k3, with_ratio=True), reverse),
    ):
        torch.testing.assert_close(got, want, atol=1e-12, rtol=0)


def test_values():
    logp = torch.tensor(THETA, dtype=torch.float64).log_softmax(0)
    p = logp.exp()
    kl = (p * (logp - REF)).sum()
    assert (p * k1(logp, REF)).sum() == pytest.approx(kl.item(), abs=1e-12)
    assert (p * k3(logp, REF)).sum() == pytest.approx(kl.item(), abs=1e-12)
    assert (k3(logp, REF) >= 0).all()
    assert (k2(logp, REF) >= 0).all()
    assert (k1(logp, REF) < 0).any()


@pytest.mark.parametrize("r", [1e-3, 1e-6, -1e-6, 1e-8, 0.0])
def test_k3_is_right_near_zero_in_float32(r):
    got = k3(*torch.tensor([0.0, r], dtype=torch.float32))
    assert 0 <= got.item() <= 0.51 * r * r + 2e-13  # the naive form gives -1e-7 or +1e-7 here


@pytest.mark.parametrize("distance", [0.2, 3.0])
def test_clinic(distance):
    """Values and directions, exactly; far away k3 no longer points along the KL it is named after."""
    c = clinic(distance)
    assert c["k1"]["mean"] == pytest.approx(c["k1"]["kl"], abs=1e-12)
    assert c["k3"]["mean"] == pytest.approx(c["k3"]["kl"], abs=1e-12)
    assert c["k1"]["cos named"] == 0
    for name in ("k2", "ratio · k3"):
        assert c[name]["cos named"] == pytest.approx(1, abs=1e-9)
    assert c["k3"]["cos other"] == pytest.approx(1, abs=1e-9)
    assert c["k3"]["cos named"] < 1 - 1e-6
    assert c["k3"]["std"] < c["k1"]["std"] or distance > 1
