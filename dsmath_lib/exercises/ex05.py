"""Exercises of 05_grpo: baselines, token weights, the clip's gradient, groups without signal."""

import math
from collections.abc import Callable, Sequence

from dsmath_lib.exercises import register


def leave_one_out(rewards: Sequence[float]) -> list[float]:
    """Each reward minus the mean of the others."""
    n, total = len(rewards), sum(rewards)
    return [r - (total - r) / (n - 1) for r in rewards]


@register(
    "05.1",
    "The mean of the others is (sum − own reward) / (G − 1).",
    leave_one_out,
)
def _(answer: Callable) -> str | None:
    for rewards in ([1, 0, 0, 1], [1.0, 0.0], [0.5, -1.0, 2.0], [1, 1, 1]):
        got, want = list(answer(rewards)), leave_one_out(rewards)
        close = len(got) == len(want) and all(
            math.isclose(g, w, abs_tol=1e-6) for g, w in zip(got, want, strict=True)
        )
        if not close:
            return f"for rewards {rewards} expected {[round(w, 3) for w in want]}, got {got}"
    return None


@register(
    "05.2",
    "sequence: each answer has weight 1/3, whatever its length. token: each token has the same weight.",
    (1 / 3, 10 / 16),
)
def _(answer: Sequence[float]) -> str | None:
    a, b = answer
    if not math.isclose(a, 1 / 3, abs_tol=5e-3):
        return (
            f"(a) is {a}: within an answer the weights are 1/(G·|o|); add them up over its tokens"
        )
    if not math.isclose(b, 10 / 16, abs_tol=5e-3):
        return f"(b) is {b}: every token of the batch has the same weight; how many are there?"
    return None


@register(
    "05.3",
    "The ratio is exp(−0.5) = 0.61, below 1 − ε. For a bad token, what does the minimum take there?",
    0.0,
)
def _(answer: float) -> str | None:
    if math.isclose(abs(answer), math.exp(-0.5), abs_tol=1e-2):
        return "that is the derivative without the clip; ratio · Â = −0.61 and clipped −0.8: take the smaller"
    if answer != 0:
        return "the clipped value does not depend on the log-probability"
    return None


def smallest_group(p: float = 0.1, share: float = 0.1) -> int:
    """The smallest G with p^G + (1 − p)^G <= share."""
    g = 2
    while p**g + (1 - p) ** g > share:
        g += 1
    return g


@register(
    "05.4",
    "No signal: all right or all wrong, p^G + (1 − p)^G. Try some G.",
    22,
)
def _(answer: int) -> str | None:
    want = smallest_group()
    if answer != want:
        share = 0.1**answer + 0.9**answer
        return f"with G = {answer} the share is {share:.3f}; find the smallest G with at most 0.1"
    return None
