"""Exercises of 07_simplerl_zero: rewards by rule, advantages, reflection words, groups, sizes of differences."""

import math
from collections.abc import Sequence

from dsmath_lib.exercises.kinds import function, number, open_question


def first_release(right: bool, boxed: bool) -> float:
    """The test for a box is made last and overrules the others."""
    if not boxed:
        return -1.0
    return 1.0 if right else -0.5


function(
    "07.1",
    first_release,
    [(True, True), (True, False), (False, True), (False, False)],
    (
        "What does a right answer without a box get?",
        "Start with the test that overrules the others: no box is −1. Then right 1, wrong −0.5.",
    ),
)

_REWARDS = (1.0, 1.0, -0.5, -1.0)
_MEAN = sum(_REWARDS) / 4
_SQUARES = sum((r - _MEAN) ** 2 for r in _REWARDS)

number(
    "07.2",
    (-1 - _MEAN) / math.sqrt(_SQUARES / 4),
    (
        "Mean first, then the root of the mean squared distance.",
        "The mean is 0.125; the squared distances are 0.7656, 0.7656, 0.3906, 1.2656.",
    ),
    "(−1 − 0.125) / √(3.1875 / 4) = −1.125 / 0.8927",
    tol=2e-3,
    near={(-1 - _MEAN) / math.sqrt(_SQUARES / 3): "that divides the variance by G − 1"},
    otherwise="take the distance from the mean and divide it by the standard deviation",
)


def count_words(text: str, words: Sequence[str]) -> int:
    """Occurrences of all words in the lower-cased text, inside other words too."""
    return sum(text.lower().count(w) for w in words)


function(
    "07.3",
    count_words,
    [
        ("Wait, wait.", ["wait"]),
        ("I await it. However, retry.", ["wait", "however", "retry"]),
        ("", ["wait"]),
    ],
    (
        "Does 'await' count? The authors count plain substrings.",
        "str.lower once, then str.count for each word; add them up.",
    ),
)

number(
    "07.4",
    4,
    (
        "How many points is one problem of 40 worth?",
        "One problem is 100 / 40 = 2.5 points; the scores differ by 10.0 points.",
    ),
    "(62.5 − 52.5) / 2.5 = 4 problems",
    tol=0.05,
    near={10: "10 points, not problems: one problem of 40 is 2.5 points"},
    otherwise="(62.5 − 52.5) points, of 40 problems",
)


def with_signal(groups: list[list[float]]) -> float:
    """Share of groups whose rewards are not all equal."""
    return sum(max(g) > min(g) for g in groups) / len(groups)


function(
    "07.5",
    with_signal,
    [
        ([[1, 0], [1, 1]],),
        ([[-1.0, -1.0, -0.5], [-0.5, -0.5, -0.5]],),
        ([[0.0, 0.0]],),
        ([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 0]],),
    ],
    (
        "A group of wrong answers can have a signal, too: when?",
        "A group has a signal if max(g) > min(g); divide their number by the number of groups.",
    ),
)

number(
    "07.6",
    (2 * 1 + 3 * -0.5 + 3 * -1) / 8,
    (
        "Three kinds of answers, three rewards of the first release.",
        "2 · 1 + 3 · (−0.5) + 3 · (−1), divided by 8.",
    ),
    "(2 − 1.5 − 3) / 8 = −0.3125",
    tol=1e-3,
    near={2 / 8: "that is the share of right answers; the wrong ones count below 0"},
)

open_question(
    "07",
    """Of two named rewards the one that needs less skill rises first: a form can be learnt from nearly every group, a
    right answer only where some answer is right already. Your log shows whether it was so. A lower temperature
    draws answers that are more alike, so more groups are all right or all wrong: their share without signal grows,
    and each step teaches less, though each answer is a little better.""",
)
