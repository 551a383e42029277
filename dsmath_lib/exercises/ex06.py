"""Exercises of 06_one_gradient: coefficients, process advantages, memory, GAE."""

import math

import torch

from dsmath_lib.exercises.kinds import function, number, open_question, several, words

number(
    "06.1",
    0.48,
    (
        "Eq. 21 has two parts: the advantage, and β times something that is 0 where both policies agree.",
        "x = π_ref / π_θ = 0.2 / 0.4; the second part is β (x − 1).",
    ),
    "0.5 + 0.04 · (0.2/0.4 − 1) = 0.5 − 0.02",
    near={
        0.5 + 0.04 * (0.4 / 0.2 - 1): "that is with x = π / π_ref; Eq. 21 has the reference on top"
    },
    otherwise="GC = Â + β (π_ref/π − 1); put the numbers in",
)


def process(rewards: list[float], ends: list[int], length: int) -> list[float]:
    """Each token: the sum of the rewards of the steps that end at or after it."""
    return [sum(r for r, e in zip(rewards, ends, strict=True) if e >= t) for t in range(length)]


function(
    "06.2",
    process,
    [([1.0, -2.0], [1, 3], 4), ([0.5], [0], 3), ([1, 1, 1], [0, 1, 2], 3)],
    (
        "Which steps can a token still change: those that ended before it, or those that end later?",
        "For token t add the rewards of all steps whose end e has e >= t.",
    ),
    gives="one number for each token",
)

several(
    "06.3",
    (126.0, 238.0),
    (
        "Count bytes for each parameter: 4 a weight, 4 a gradient, 8 for two averages; 2 for a weight in bfloat16.",
        "(a) 16 trained + 2 frozen bytes, times 7 billion. (b) the critic is trained too: another 16.",
    ),
    "(a) 7e9 · (16 + 2) = 126e9 bytes; (b) 7e9 · (16 + 16 + 2) = 238e9 bytes",
    1.0,
    (
        "(a) one trained network has 16 bytes a parameter, the frozen reference in bfloat16 has 2",
        "(b) PPO trains a second network of the same size, another 16 bytes a parameter",
    ),
    "a pair (a, b) of GB",
)

words(
    "06.4",
    "online RFT",
    ("OnlineRFT",),
    (
        "Which rows of Table 10 have a coefficient that is never below 0? And which of them ask the live policy?",
        "SFT, RFT and Online RFT have coefficients 1 or 0. One of them draws from the policy as it is now.",
    ),
    "coefficients 0 and 1 only raise; of SFT, RFT and Online RFT only the last draws its answers live",
    "its coefficient must never be negative, and its answers must come from the live policy",
)

number(
    "06.5",
    1 / (1 + math.exp(0.3)),
    (
        "Eq. 14: a logistic function of β times a difference; the wrong answer's log-ratio comes first.",
        "σ(0.1 · (−1 − 2)) = σ(−0.3).",
    ),
    "σ(β · (log-ratio of o⁻ − log-ratio of o⁺)) = σ(−0.3) = 0.426",
    tol=2e-3,
    near={
        1
        / (
            1 + math.exp(-0.3)
        ): "the signs: a pair that is already in the right order gets the smaller push",
        1 / (1 + math.exp(3.0)): "β scales the difference before the logistic function",
    },
)


def my_gae(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """δ_t = r_t + γ V_{t+1} − V_t, with 0 after the end; A_t = δ_t + γ λ A_{t+1}."""
    out, later = [0.0] * len(rewards), 0.0
    for t in reversed(range(len(rewards))):
        after = values[t + 1] if t + 1 < len(values) else 0.0
        later = rewards[t] + gamma * after - values[t] + gamma * lam * later
        out[t] = later
    return out


function(
    "06.6",
    my_gae,
    [
        ([0.0, 0.0, 1.0], [0.5, 0.5, 0.5], 1.0, 1.0),
        ([0.0, 0.0, 1.0], [0.2, 0.4, 0.9], 1.0, 0.95),
        ([1.0, -1.0], [0.3, 0.1], 0.9, 0.0),
        ([2.0], [0.5], 1.0, 0.5),
    ],
    (
        "Go from the last token to the first: each advantage needs the one after it.",
        "δ = r[t] + γ · V[t + 1] − V[t] (V after the end is 0); A[t] = δ + γ · λ · A[t + 1].",
    ),
    gives="one number for each token",
)


def my_coefficient(rewards: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """Online RFT: (B,) rewards -> (B,) 1 where an answer was paid, else 0, whatever its group did."""
    return (rewards > 0).to(rewards)


_PAID = torch.tensor([1.0, 0.0, -0.5, 0.3, 1.0, 1.0], dtype=torch.float64)
function(
    "06.7",
    my_coefficient,
    [
        (_PAID, torch.tensor([0, 0, 0, 1, 1, 1])),
        (_PAID[4:], torch.tensor([0, 0])),
        (-_PAID, torch.tensor([0, 1, 0, 1, 0, 1])),
    ],
    (
        "Which of the two arguments does Eq. 10 look at?",
        "1 where the reward is above 0, else 0, as numbers: (rewards > 0).to(rewards). The group plays no part.",
    ),
    gives="one number for each reward",
)

open_question(
    "06",
    """One file, dsmath_lib/rows/methods.py, and one row: the data and the loss of Online RFT, and a coefficient of 1
    for right and −0.2 for wrong answers. If no kind of coefficient gives that, a function of a few lines in
    dsmath_lib/rl/coefficients.py is the second place. The check against autograd then holds for the new row as
    well.""",
)
