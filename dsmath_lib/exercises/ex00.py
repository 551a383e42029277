"""Exercises of 00_start_here: advantage, clip, KL estimator, groups without signal."""

import math
from collections.abc import Sequence

from dsmath_lib.exercises.kinds import function, number, open_question


def advantages(rewards: Sequence[float]) -> list[float]:
    """z-scores in the group with the population standard deviation; zeros when all are equal."""
    mean = sum(rewards) / len(rewards)
    std = math.sqrt(sum((r - mean) ** 2 for r in rewards) / len(rewards))
    return [(r - mean) / std if std else 0.0 for r in rewards]


function(
    "00.1",
    advantages,
    [([1, 0, 0, 0],), ([1, 0, 0, 1],), ([0, 2, 4],), ([1, 1, 1, 1],), ([0.0, 0.0],)],
    (
        "What is the standard deviation of [1, 1, 1, 1], and what happens when you divide by it?",
        "Mean, then the root of the mean squared distance. Divide each distance by it, unless it is 0.",
    ),
    gives="one number for each reward",
)

number(
    "00.2",
    -1.6,
    (
        "The objective takes the smaller of two numbers: one with the ratio, one with the clipped ratio.",
        "clip(0.6, 0.8, 1.2) = 0.8. Compare 0.6 · (−2) with 0.8 · (−2), and mind the sign.",
    ),
    "min(0.6 · (−2), 0.8 · (−2)) = min(−1.2, −1.6)",
    near={
        -1.2: "−1.2 is the plain number; the objective takes the minimum of both",
        1.6: "that is the loss; the objective is asked for",
    },
    otherwise="compute 0.6 · (−2) and clip(0.6, 0.8, 1.2) · (−2), then take the minimum",
)


def my_k3(logp: float, ref_logp: float) -> float:
    """π_ref/π_θ − log(π_ref/π_θ) − 1."""
    return math.exp(ref_logp - logp) - (ref_logp - logp) - 1


function(
    "00.3",
    my_k3,
    [(-1.0, -1.0), (-1.0, -2.0), (-2.0, -1.0), (-0.1, -3.0)],
    (
        "Which ratio stands in Eq. 4, and what is its logarithm in your two numbers?",
        "Let d = ref_logp − logp. The ratio π_ref/π_θ is exp(d), its logarithm is d.",
    ),
    say=lambda case, got, want: (
        "that has π_θ/π_ref; in Eq. 4 the reference stands on top"
        if isinstance(got, float) and math.isclose(got, my_k3(*case[::-1]), abs_tol=1e-6)
        else None
    ),
)


def my_no_signal(p: float, group_size: int) -> float:
    """Chance that all answers of a group are right, or all wrong."""
    return p**group_size + (1 - p) ** group_size


function(
    "00.4",
    my_no_signal,
    [(0.5, 4), (0.9, 4), (0.05, 64), (1.0, 8), (0.0, 8)],
    (
        "There are two ways to get equal rewards.",
        "All right has probability p · p · …, G times; all wrong has (1 − p) · (1 − p) · …",
    ),
)


def my_surrogate(ratio: float, advantage: float, eps: float) -> float:
    """min(ρA, clip(ρ, 1 − ε, 1 + ε)A), the token's part of Eq. 3."""
    clipped = min(max(ratio, 1 - eps), 1 + eps)
    return min(ratio * advantage, clipped * advantage)


function(
    "00.5",
    my_surrogate,
    [(1.0, 2.0, 0.2), (1.5, 1.0, 0.2), (1.5, -1.0, 0.2), (0.5, 1.0, 0.2), (0.5, -1.0, 0.1)],
    (
        "Write the clip with min and max first, then the minimum of two products.",
        "clipped = min(max(ratio, 1 − eps), 1 + eps); then min(ratio · A, clipped · A).",
    ),
)

number(
    "00.6",
    3.0,
    (
        "Write down mean and standard deviation for 1, 0, 0, …, 0 with G answers.",
        "The mean is 1/G and the variance 1/G − 1/G². Divide 1 − 1/G by its root, with G = 10.",
    ),
    "(1 − 0.1) / √(0.1 · 0.9) = 0.9 / 0.3",
    tol=0.01,
    near={2.846: "that divides the variance by G − 1; the task divides by G"},
    otherwise="the mean of the ten rewards is 0.1 and their variance 0.1 · 0.9",
)

open_question(
    "00",
    """With ddof 0 the standard deviation divides by G, so it is a little smaller and all advantages grow by the factor
    √(G/(G − 1)): 1.15 for G = 4, 1.008 for G = 64. Their signs, their order and their sum 0 stay, and so does the
    direction of each group's gradient. It acts like a slightly higher learning rate against the KL term.""",
)
