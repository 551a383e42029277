"""Exercises of 08_evaluation: Pass@K, votes, intervals, extraction rules, pairs."""

import math
from collections.abc import Mapping
from typing import Any

from dsmath_lib.evaluation.metrics import Z, wilson
from dsmath_lib.exercises import Exercise, register
from dsmath_lib.exercises.kinds import function, number, open_question, several


def my_pass_at_k(n: int, right: int, k: int) -> float:
    """One minus the chance that k samples without replacement hold no right one."""
    return 1 - math.comb(n - right, k) / math.comb(n, k)


function(
    "08.1",
    my_pass_at_k,
    [(8, 3, 4), (8, 0, 4), (8, 8, 1), (16, 5, 12), (64, 1, 64)],
    (
        "How many sets of k samples are there, and how many of them hold no right one?",
        "math.comb(n − right, k) of math.comb(n, k) sets hold none; one minus their share.",
    ),
)


def winners(answers: list[str | None]) -> set[str]:
    """The answers with most votes; None casts none."""
    given = [a for a in answers if a is not None]
    most = max((given.count(a) for a in given), default=0)
    return {a for a in given if given.count(a) == most}


function(
    "08.2",
    winners,
    [
        (["7", "8", "8"],),
        (["7", "8"],),
        ([None, None, "7"],),
        ([None, None],),
        (["1", "2", "2", "1", "3"],),
        (["12", "12", "3"],),
    ],
    (
        "What if two answers have the same number of votes? And what does None vote for?",
        "Count each answer that is not None; return the set of all with the highest count.",
    ),
    gives="a set of answers",
)

number(
    "08.3",
    wilson(12, 30)[1] - wilson(12, 30)[0],
    (
        "The library has Wilson's interval: wilson(right, n) gives both ends.",
        "wilson(12, 30) gives 0.246 and 0.577; subtract.",
    ),
    "wilson(12, 30) = (0.246, 0.577)",
    tol=0.01,
    near={
        2
        * Z
        * math.sqrt(
            0.4 * 0.6 / 30
        ): "that is the normal interval; Wilson's is a little narrower here",
        100 * (wilson(12, 30)[1] - wilson(12, 30)[0]): "give the width as a share between 0 and 1",
    },
    otherwise="the width is the upper end minus the lower end, as a share",
)


def _two_rules(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or set(answer) != {"strict", "lenient"}:
        return "give a dict with just the keys 'strict' and 'lenient'"
    for rule, want in (("strict", "7"), ("lenient", "8")):
        got = answer[rule]
        equal = (
            float(got) == float(want) if isinstance(got, int | float) else str(got).strip() == want
        )
        if not equal:
            return f"the rule '{rule}' does not extract {got!r}"
    return None


register(
    Exercise(
        "08.4",
        (
            "One rule reads only boxes, the other the last statement of any kind.",
            "The box holds 7, but the last sentence withdraws it and says 8.",
        ),
        {"strict": "7", "lenient": "8"},
        _two_rules,
        "strict reads the only box, 7; lenient reads the last statement, 8",
    )
)

_GAIN, _ERROR = 20 / 500, math.sqrt((100 - 500 * 0.04**2) / 499 / 500)

several(
    "08.5",
    (_GAIN - Z * _ERROR, _GAIN + Z * _ERROR),
    (
        "Each question gives a difference of +1, −1 or 0. How many of each are there?",
        "60 times +1, 40 times −1, 400 times 0: mean 0.04, variance 100/500 − 0.04²; ± 1.96 · √(variance/500).",
    ),
    "0.04 ± 1.96 · √((0.2 − 0.0016) / 500) = 0.04 ± 0.039",
    2e-3,
    (
        "the lower end: the mean difference is 20/500; its standard error comes from 100 changed questions",
        "the upper end: the mean difference is 20/500; its standard error comes from 100 changed questions",
    ),
    "a pair (low, high) of shares",
)


def wins_and_losses(before: list[bool], after: list[bool]) -> tuple[int, int]:
    """Questions that only the second model answers right, and those that only the first does."""
    pairs = list(zip(before, after, strict=True))
    return sum(a and not b for b, a in pairs), sum(b and not a for b, a in pairs)


function(
    "08.6",
    wins_and_losses,
    [
        ([True, False, False], [True, True, False]),
        ([True, True], [False, False]),
        ([False, True, True, False, False], [True, True, False, False, True]),
        ([], []),
    ],
    (
        "Two questions count for neither model: those both get right, and those both get wrong.",
        "A win: right after and wrong before. A loss: right before and wrong after.",
    ),
    gives="a pair (wins, losses)",
)

open_question(
    "08",
    """Strict pays for the form that was asked for, so a model learns to box its last word; lenient pays for being
    right in any form, so nothing is learnt about form, and a reader that guesses may pay for numbers that were no
    answer. Report both: the gap between them is the part of a gain that is form.""",
)
