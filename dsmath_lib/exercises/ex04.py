"""Exercises of 04_reward_model: pairwise loss, step labels, calibration, replay, best-of-N, AUC."""

import math
from collections.abc import Sequence
from typing import Any

from dsmath_lib.exercises import Exercise, register
from dsmath_lib.exercises.kinds import (
    Wrong,
    as_list,
    function,
    number,
    number_in,
    open_question,
)


def my_pair_loss(chosen: float, rejected: float) -> tuple[float, float]:
    """-log σ(s⁺ - s⁻) and its derivative by s⁺."""
    lost = 1 / (1 + math.exp(chosen - rejected))  # chance that the wrong one wins
    return -math.log(1 - lost), -lost


function(
    "04.1",
    my_pair_loss,
    [(0.0, 0.0), (2.0, 1.0), (-1.0, 1.5)],
    (
        "Write the chance p that the right answer wins, by the logistic function of the difference.",
        "p = 1 / (1 + exp(−(chosen − rejected))). The loss is −log p; its derivative by the chosen score is p − 1.",
    ),
    gives="a pair (loss, derivative)",
)

_HARD, _SOFT = [1, 0, 0], [0.25, 0.0, 0.0]


def _three_labels(answer: Any) -> str | None:
    try:
        rows = [
            [number_in(x) for x in as_list(row, 3, "two lists of three numbers")]
            for row in as_list(answer, 2, "two lists of three numbers, (hard, soft)")
        ]
    except Wrong as wrong:
        return str(wrong)
    if rows[0][2] or rows[1][2]:
        return "the third label is the answer's own, and the answer is wrong"
    if rows[0] != _HARD:
        return f"the hard labels are not {rows[0]}: one success in eight is enough, none is not"
    if rows[1] != _SOFT:
        return f"the soft labels are not {rows[1]}: successes divided by completions"
    return None


register(
    Exercise(
        "04.2",
        (
            "Hard: did any completion succeed? Soft: which share did? And what is a whole wrong answer worth?",
            "Hard 1 if at least one of the 8 succeeds; soft = successes / 8; the last step has the answer's own worth.",
        ),
        (_HARD, _SOFT),
        _three_labels,
        "2 of 8: hard 1, soft 0.25. 0 of 8: 0 and 0. The last step ends the answer, which is wrong: 0 and 0",
    )
)


def ece(probabilities: Sequence[float], right: Sequence[int], bins: int) -> float:
    """Mean of |predicted - right| over bins of equal width, weighted by their size."""
    groups: dict[int, list[tuple[float, int]]] = {}
    for p, y in zip(probabilities, right, strict=True):
        groups.setdefault(min(int(p * bins), bins - 1), []).append((p, y))
    gaps = (abs(sum(p for p, _ in g) - sum(y for _, y in g)) for g in groups.values())
    return sum(gaps) / len(probabilities)


function(
    "04.3",
    ece,
    [
        ([0.1, 0.15, 0.9, 1.0], [0, 1, 1, 1], 2),
        ([0.2, 0.8], [1, 0], 10),
        ([0.5] * 4, [1, 0, 1, 0], 5),
        ([0.1, 0.2, 0.3, 0.9], [1, 1, 1, 1], 2),  # three in one bin, one in another
        ([0.85, 0.95], [1, 0], 10),  # two bins
        ([0.95, 1.0], [1, 0], 10),  # 1.0 belongs to the last bin
    ],
    (
        "A bin with three answers must count three times as much as one with a single answer.",
        "Put each p into bin min(int(p · bins), bins − 1). Per bin: |mean p − mean label| times its share of all.",
    ),
)

number(
    "04.4",
    50,
    (
        "A tenth of what: of the new ones, or of the whole mix?",
        "x old ones are a tenth of 450 + x: solve x = 0.1 · (450 + x).",
    ),
    "x = 0.1 · (450 + x), so x = 45 / 0.9 = 50",
    near={45: "45 is 10 % of the new ones; of the mix it is only 9 %"},
    otherwise="of the whole mix, old and new, the old ones must be a tenth",
)


def best_of_n(scores: list[list[float]], right: list[list[bool]]) -> float:
    """Share of questions whose answer with the highest score is right; the first of equal ones is taken."""
    best = [s.index(max(s)) for s in scores]
    return sum(bool(r[i]) for r, i in zip(right, best, strict=True)) / len(scores)


function(
    "04.5",
    best_of_n,
    [
        ([[0.1, 0.9], [0.8, 0.2]], [[False, True], [False, True]]),
        ([[0.1, 0.9], [0.7, 0.2]], [[False, True], [True, False]]),
        ([[0.5, 0.5]], [[True, False]]),
        ([[1.0], [2.0], [3.0]], [[True], [True], [False]]),
    ],
    (
        "For one question: which answer has the highest score, and is it right?",
        "s.index(max(s)) is the number of the best one; look it up in right, and average over the questions.",
    ),
)

number(
    "04.6",
    0.75,
    (
        "AUC counts pairs of one right and one wrong answer.",
        "Four pairs: 0.9 beats 0.6 and 0.1; 0.4 beats 0.1 and loses to 0.6.",
    ),
    "3 of the 4 pairs are in the right order",
    otherwise="in which share of the pairs (right, wrong) has the right one the higher score?",
)

open_question(
    "04",
    """It can learn the length alone: two steps lose, four win, and no step is read. Add wrong solutions of four steps
    and right ones of two, or compare only solutions of equal length, and watch the score against the length.
    Without fine-tuning the model has seen fewer solutions, so expect weaker features of right and wrong steps and a
    lower curve of best-of-N; the run says whether that is so.""",
)
