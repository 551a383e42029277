"""Exercises of 09_paper_vs_ours: verdicts by rule, standard errors, sample size, seeds."""

import math
from collections.abc import Callable

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.exercises import register
from dsmath_lib.report.verdict_rules import positive


def verdict(low: float, high: float) -> str:
    """A claimed gain, judged by its interval."""
    return positive(Estimate((low + high) / 2, low, high))


@register(
    "09.1",
    "Above zero, below zero, or both signs possible: three cases, three verdicts.",
    verdict,
)
def _(answer: Callable) -> str | None:
    for low, high in ((0.02, 0.10), (-0.03, 0.05), (-0.2, -0.1), (0.0, 0.1)):
        got, want = answer(low, high), verdict(low, high)
        if got != want:
            return f"for the interval [{low}, {high}] expected '{want}', got {got!r}"
    return None


def standard_errors() -> float:
    """DeepSeekMath's GSM8K gain (82.9 → 88.2, n = 1,319) over its standard error, unpaired."""
    before, after, n = 0.829, 0.882, 1319
    error = math.sqrt(before * (1 - before) / n + after * (1 - after) / n)
    return (after - before) / error


@register(
    "09.2",
    "A share p of n questions has variance p(1 − p)/n. Variances of independent numbers add.",
    standard_errors(),
)
def _(answer: float) -> str | None:
    if abs(answer - (0.053 / math.sqrt(0.829 * 0.171 / 1319))) < 0.02:
        return "that uses the error of one model only; both models were measured"
    if abs(answer - standard_errors()) > 0.05:
        return "divide the gain by the root of the sum of both variances, all as shares"
    return None


@register(
    "09.3",
    "1.96 · sqrt(p(1 − p)/n) is the half-width of the interval. Solve for n at p = 0.5.",
    2401,
)
def _(answer: float) -> str | None:
    if answer == 601:
        return "that is for a half-width of 4 points; the half-width asked for is 2"
    if not 2390 <= answer <= 2410:
        return "check: 1.96 · sqrt(0.25/n) must be 0.02"
    return None


def seed_interval() -> tuple[float, float]:
    """Student's t interval of the mean of 9, 12 and 15 points; t = 4.30 for two degrees of freedom."""
    gains = (9.0, 12.0, 15.0)
    mean = sum(gains) / 3
    spread = math.sqrt(sum((g - mean) ** 2 for g in gains) / 2)
    half = 4.30 * spread / math.sqrt(3)
    return mean - half, mean + half


@register(
    "09.4",
    "Mean ± t · s/√3, where s is the sample standard deviation (divide by 2, not 3).",
    seed_interval(),
)
def _(answer: tuple[float, float]) -> str | None:
    low, high = answer
    want = seed_interval()
    if abs(low - want[0]) > 0.1 or abs(high - want[1]) > 0.1:
        return f"the mean is 12 and s is 3; the half-width is not {(high - low) / 2:.2f}"
    return None
