"""Exercises of 09_paper_vs_ours: verdicts by rule, standard errors, sample size, seeds, many verdicts."""

import math

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.exercises.kinds import function, number, open_question, several
from dsmath_lib.report.verdict_rules import positive


def verdict(low: float, high: float) -> str:
    """A claimed gain, judged by its interval."""
    return positive(Estimate((low + high) / 2, low, high))


function(
    "09.1",
    verdict,
    [(0.02, 0.10), (-0.03, 0.05), (-0.2, -0.1), (0.0, 0.1), (-0.1, 0.0)],
    (
        "An interval that touches 0 is not wholly on one side of it.",
        "low > 0: agrees. high < 0: disagrees. Else: too noisy to tell.",
    ),
)

_ERROR = math.sqrt((0.829 * 0.171 + 0.882 * 0.118) / 1319)

number(
    "09.2",
    0.053 / _ERROR,
    (
        "A share p of n questions has variance p(1 − p)/n. What happens to the variances of a difference?",
        "Variances of independent numbers add: √(0.829 · 0.171/1319 + 0.882 · 0.118/1319) = 0.0137.",
    ),
    "0.053 / 0.0137 = 3.88 standard errors",
    tol=0.05,
    near={
        0.053 / math.sqrt(0.829 * 0.171 / 1319): (
            "that uses the error of one model only; both models were measured"
        ),
        0.053 / math.sqrt(0.882 * 0.118 / 1319): (
            "that uses the error of one model only; both models were measured"
        ),
    },
    otherwise="divide the gain by the root of the sum of both variances, all as shares",
)

number(
    "09.3",
    2401,
    (
        "Which formula gives the half-width of the interval? Set it to 0.02.",
        "1.96 · √(0.25 / n) = 0.02: solve for n.",
    ),
    "n = (1.96 / 0.02)² · 0.25 = 2,401 (a few more do no harm)",
    tol=0.2,
    above=9,
    near={601: "that is for a half-width of 4 points; the half-width asked for is 2"},
    otherwise="1.96 · √(0.25/n) must be just below 0.02, and no question more than needed",
)

_HALF = 4.30 * 3 / math.sqrt(3)

several(
    "09.4",
    (12 - _HALF, 12 + _HALF),
    (
        "Mean ± t · s / √3: which standard deviation is s, that with 3 or that with 2?",
        "The mean is 12; s = √((9 + 0 + 9) / 2) = 3; the half-width is 4.30 · 3 / √3.",
    ),
    "12 ± 4.30 · 3/√3 = 12 ± 7.45",
    0.1,
    (
        "the lower end: the mean is 12 and s is 3 (divide by 2); the half-width is t · s / √3",
        "the upper end: the mean is 12 and s is 3 (divide by 2); the half-width is t · s / √3",
    ),
    "a pair (low, high)",
)


def half_width(p: float, n: int) -> float:
    """1.96 standard errors of a share."""
    return 1.96 * math.sqrt(p * (1 - p) / n)


function(
    "09.5",
    half_width,
    [(0.5, 100), (0.882, 1319), (0.333, 30), (1.0, 50)],
    (
        "What is the variance of a single right-or-wrong answer with chance p?",
        "1.96 · √(p · (1 − p) / n).",
    ),
    say=lambda case, got, want: (
        "use 1.96 standard errors"
        if isinstance(got, float) and want and math.isclose(got, want / 1.96, rel_tol=1e-6)
        else None
    ),
)

number(
    "09.6",
    1.2,
    (
        "A 95 % interval misses on two sides. On which side does a false gain lie?",
        "Each part without an effect shows a gain with chance 2.5 %: 48 · 0.025.",
    ),
    "48 · 0.025 = 1.2 false gains",
    tol=0.01,
    near={2.4: "half of the 5 % that miss lie on the side of a loss"},
)

open_question(
    "09",
    """For example C37, few-shot examples do not help the tuned model: ask the SFT and the RL model the same 500
    questions with and without two examples before each, greedy. The rule not_raised judges the paired difference,
    few minus none: it agrees if the interval ends below the margin, disagrees if it starts above 0. It can say
    both, so it is a test.""",
)
