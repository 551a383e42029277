"""Exercises of 02_pretraining."""

import math
from typing import Any

from dsmath_lib.exercises import register


def lr_at(step: int, peak: float, warmup: int, total: int) -> float:
    """The paper's multi-step schedule; steps count from 0, the warm-up is linear from peak / warmup."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if step >= 0.9 * total:
        return peak * 0.10
    if step >= 0.8 * total:
        return peak * 0.316
    return peak


@register(
    "02.1",
    "Four cases: before the warm-up ends, and below 80 %, below 90 % and above. Both factors multiply the peak.",
    lr_at,
)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (step, peak, warmup, total)"
    for step in (0, 9, 10, 79, 80, 89, 90, 99):
        got, want = answer(step, 1.0, 10, 100), lr_at(step, 1.0, 10, 100)
        if not isinstance(got, int | float) or not math.isclose(got, want, rel_tol=1e-9):
            return (
                f"at step {step} of 100 with peak 1.0 and warm-up 10 it gives {got!r}, not {want}"
            )
    return None


@register(
    "02.2",
    "The model read 500B tokens, 56 % of them from a corpus of 120.2B tokens.",
    0.56 * 500 / 120.2,
)
def _(answer: Any) -> str | None:
    if not isinstance(answer, int | float):
        return "expected a number"
    want = 0.56 * 500 / 120.2
    return (
        None
        if abs(answer - want) < 0.02
        else "tokens taken from the corpus over tokens in the corpus"
    )


def padding_share(lengths: list[int], context: int) -> float:
    """Share of positions that are padding when every document has its own row of ``context`` tokens."""
    return 1 - sum(lengths) / (len(lengths) * context)


@register("02.3", "Positions in all rows, minus positions that hold a token.", padding_share)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (lengths, context)"
    for lengths, context, want in (([3, 5], 8, 0.5), ([8], 8, 0.0), ([1, 1, 2], 10, 1 - 4 / 30)):
        got = answer(lengths, context)
        if not isinstance(got, int | float) or not math.isclose(got, want, abs_tol=1e-9):
            return f"for lengths {lengths} and context {context} it gives {got!r}, not {want:.4f}"
    return None


@register("02.4", "About 6 operations per weight and token (2 forward, 4 backward).", 1.17e21)
def _(answer: Any) -> str | None:
    if not isinstance(answer, int | float):
        return "expected a number"
    return (
        None
        if abs(answer / (6 * 1.3e9 * 150e9) - 1) < 0.05
        else "6 times weights times tokens; 1.3B weights and 150B tokens"
    )
