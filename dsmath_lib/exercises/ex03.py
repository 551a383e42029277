"""Exercises of 03_sft."""

import math
from typing import Any

from dsmath_lib.exercises import register


def targets_of(ids: list[int], trained: list[bool]) -> list[int]:
    """At each position the next token if the model is trained to write it, else -100."""
    after = zip(ids[1:], trained[1:], strict=True)
    return [*(i if t else -100 for i, t in after), -100]


@register(
    "03.1",
    "Position t predicts token t + 1: ask whether token t + 1 is trained. The last one predicts nothing.",
    targets_of,
)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (ids, trained)"
    for ids, trained in (
        ([0, 5, 6, 7, 1], [False, False, True, True, True]),
        ([0, 5, 1], [False, True, True]),
        ([0, 5, 6, 7, 8, 1], [False, True, False, False, True, True]),
    ):
        got, want = answer(ids, trained), targets_of(ids, trained)
        if not isinstance(got, list | tuple) or list(got) != want:
            return f"for ids {ids} and trained {trained} it gives {got!r}, not {want}"
    return None


@register("03.2", "500 steps of 256 rows with at most 4,096 tokens each.", 500 * 256 * 4096)
def _(answer: Any) -> str | None:
    if not isinstance(answer, int | float):
        return "expected a number"
    return None if abs(answer / (500 * 256 * 4096) - 1) < 0.01 else "steps times rows times tokens"


def sees(segments: list[int], query: int, key: int) -> bool:
    """Whether position ``query`` may attend to position ``key`` in a packed row."""
    return key <= query and segments[query] == segments[key]


@register("03.3", "Two conditions: not from the future, and of the same example.", sees)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (segments, query, key)"
    segments = [1, 1, 2, 2, 2, 3]
    for q in range(6):
        for k in range(6):
            got = answer(segments, q, k)
            if got not in (True, False) or bool(got) != sees(segments, q, k):
                return f"for segments {segments}, query {q}, key {k} it gives {got!r}"
    return None


def joint_mean(sums: list[float], counts: list[int]) -> float:
    """Mean loss per token over micro-batches with loss sums and token counts."""
    return sum(sums) / sum(counts)


@register("03.4", "A mean of means weighs a token in a short micro-batch more.", joint_mean)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (sums, counts)"
    for sums, counts in (([6.0, 4.0], [2, 8]), ([1.0], [4]), ([2.0, 2.0, 2.0], [1, 2, 3])):
        got, want = answer(sums, counts), joint_mean(sums, counts)
        if not isinstance(got, int | float) or not math.isclose(got, want):
            return f"for sums {sums} and counts {counts} it gives {got!r}, not {want}"
    return None
