import pytest

from dsmath_lib.lm.schedule import constant, constant_then_low, multi_step

pytestmark = pytest.mark.numeric
PAPER = {"peak": 5.3e-4, "warmup": 2000, "total": 37_500}  # 150B tokens in batches of 4M


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 5.3e-4 / 2000),
        (999, 5.3e-4 / 2),
        (1999, 5.3e-4),
        (2000, 5.3e-4),
        (29_999, 5.3e-4),
        (30_000, 1.6748e-4),
        (33_749, 1.6748e-4),
        (33_750, 5.3e-5),
        (37_499, 5.3e-5),
    ],
)
def test_multi_step_at_the_papers_values(step, rate):
    assert multi_step(step, **PAPER) == pytest.approx(rate, rel=1e-12)


def test_base_model_rates():
    rates = {multi_step(s, peak=4.2e-4, warmup=2000, total=50_000) for s in (2000, 40_000, 45_000)}
    assert sorted(rates) == pytest.approx([4.2e-5, 1.3272e-4, 4.2e-4], rel=1e-12)


def test_constant():
    assert [constant(s, peak=5e-5) for s in (0, 499)] == [5e-5, 5e-5]
    assert [constant(s, peak=4.0, warmup=4) for s in range(5)] == [1, 2, 3, 4, 4]


def test_constant_then_low():
    rates = [constant_then_low(s, peak=4.0, warmup=2, total=6, low=2) for s in range(6)]
    assert rates == [2, 4, 4, 4, 0.4, 0.4]
    assert constant_then_low(499, peak=5e-5, warmup=0, total=500, low=0) == 5e-5
