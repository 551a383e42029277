"""Exercises of 00_start_here: advantage, clip, KL estimator, groups without signal."""

import math
from collections.abc import Callable, Sequence

from dsmath_lib.exercises import register


def advantages(rewards: Sequence[float]) -> list[float]:
    """z-scores in the group with the population standard deviation; zeros when all are equal."""
    mean = sum(rewards) / len(rewards)
    std = math.sqrt(sum((r - mean) ** 2 for r in rewards) / len(rewards))
    return [(r - mean) / std if std else 0.0 for r in rewards]


@register(
    "00.1",
    "Subtract the mean, divide by the standard deviation. What is the deviation of [1, 1, 1, 1]?",
    advantages,
)
def _(answer: Callable) -> str | None:
    for rewards in ([1, 0, 0, 0], [1, 0, 0, 1], [0, 2, 4], [1, 1, 1, 1], [0.0, 0.0]):
        got, want = list(answer(rewards)), advantages(rewards)
        if len(got) != len(want) or any(abs(g - w) > 1e-3 for g, w in zip(got, want, strict=True)):
            return f"for rewards {rewards} expected {[round(w, 3) for w in want]}, got {got}"
    return None


@register(
    "00.2",
    "Compute both numbers, the plain and the clipped one, then take the smaller. Mind the sign.",
    -1.6,
)
def _(answer: float) -> str | None:
    if abs(answer + 1.2) < 1e-6:
        return "−1.2 is the plain number; the objective takes the minimum of both"
    if abs(answer + 1.6) > 1e-6:
        return "compute 0.6 · (−2) and clip(0.6, 0.8, 1.2) · (−2), then take the minimum"
    return None


def my_k3(logp: float, ref_logp: float) -> float:
    """π_ref/π_θ − log(π_ref/π_θ) − 1."""
    return math.exp(ref_logp - logp) - (ref_logp - logp) - 1


@register("00.3", "Let d = ref_logp − logp. The ratio π_ref/π_θ is exp(d).", my_k3)
def _(answer: Callable) -> str | None:
    for logp, ref_logp in ((-1.0, -1.0), (-1.0, -2.0), (-2.0, -1.0), (-0.1, -3.0)):
        got, want = answer(logp, ref_logp), my_k3(logp, ref_logp)
        if not math.isclose(got, want, abs_tol=1e-6):
            return f"for logp {logp}, ref_logp {ref_logp} expected {want:.4f}, got {got}"
    return None


def my_no_signal(p: float, group_size: int) -> float:
    """Chance that all answers of a group are right, or all wrong."""
    return p**group_size + (1 - p) ** group_size


@register(
    "00.4",
    "All right has probability p · p · … ; all wrong is the other way to get equal rewards.",
    my_no_signal,
)
def _(answer: Callable) -> str | None:
    for p, size in ((0.5, 4), (0.9, 4), (0.05, 64), (1.0, 8), (0.0, 8)):
        got, want = answer(p, size), my_no_signal(p, size)
        if not math.isclose(got, want, abs_tol=1e-9):
            return f"for p = {p} and G = {size} expected {want:.4f}, got {got}"
    return None
