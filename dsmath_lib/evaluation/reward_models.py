"""How good a reward model is: does it rank, is it calibrated, does choosing by it help (best of N)?

Scores that may be missing (nothing to compare) are None, never a guess. Intervals are by question, as everywhere.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import (
    Estimate,
    Z,
    best_of_k,
    clustered,
    maj_at_k,
    share,
    wilson,
)

RESAMPLES = 200  # bootstrap samples of the questions


def auc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """Chance that a right one scores above a wrong one, ties count half; None when all labels are equal."""
    s, y = np.asarray(scores, float), np.asarray(labels, bool)
    n_right, n_wrong = int(y.sum()), int((~y).sum())
    if not n_right or not n_wrong:
        return None
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    rank = np.cumsum(counts) - (counts - 1) / 2  # mean rank of equal scores, from 1
    return float((rank[inverse][y].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))


def auc_estimate(
    scores: Sequence[float], labels: Sequence[bool], groups: Sequence[object], seed: int = 0
) -> Estimate | None:
    """AUC with a 95 % bootstrap interval over ``groups`` (the questions): solutions of one question go together."""
    value = auc(scores, labels)
    if value is None:
        return None
    rows: dict[object, list[int]] = {}
    for i, g in enumerate(groups):
        rows.setdefault(g, []).append(i)
    index = list(rows.values())
    s, y = np.asarray(scores, float), np.asarray(labels, bool)
    rng = np.random.default_rng(seed_for(seed, "auc"))
    drawn = []
    for _ in range(RESAMPLES):
        pick = np.concatenate([index[g] for g in rng.integers(0, len(index), len(index))])
        drawn.append(auc(s[pick], y[pick]))
    found = [a for a in drawn if a is not None]
    low, high = np.quantile(found, [0.025, 0.975]) if found else (0.0, 1.0)
    if low == high:  # no mistake was seen, or there is one question: that is no certainty
        low, high = wilson(value * len(index), len(index))
    return Estimate(value, min(low, value), max(high, value), len(index))


def pair_accuracy(
    scores: Sequence[float], labels: Sequence[bool], groups: Sequence[object]
) -> Estimate | None:
    """AUC inside each question, averaged over questions with both right and wrong solutions; None without any.

    The question's own difficulty, which moves the plain AUC, plays no part here.
    """
    rows: dict[object, list[int]] = {}
    for i, g in enumerate(groups):
        rows.setdefault(g, []).append(i)
    values = [auc([scores[i] for i in r], [labels[i] for i in r]) for r in rows.values()]
    known = [v for v in values if v is not None]
    return clustered(known) if known else None


def threshold_accuracy(
    probabilities: Sequence[float], labels: Sequence[bool], groups: Sequence[object]
) -> Estimate:
    """Share of labels on the same side of 1/2 as the probability, clustered by question."""
    rows: dict[object, list[float]] = {}
    for p, y, g in zip(probabilities, labels, groups, strict=True):
        rows.setdefault(g, []).append(float((p > 0.5) == bool(y)))
    n = sum(map(len, rows.values()))
    mean = sum(map(sum, rows.values())) / n
    # each question's sum about the mean: a question with many solutions weighs as many
    residual = [sum(r) - mean * len(r) for r in rows.values()]
    m = len(rows)
    half = Z * (m / max(m - 1, 1) * sum(e * e for e in residual)) ** 0.5 / n
    if half < 1e-9:  # all questions are alike, or there is one
        return share(mean, *wilson(mean * m, m), n)
    return share(mean, mean - half, mean + half, n)


def reliability(
    probabilities: Sequence[float], labels: Sequence[float], bins: int = 10
) -> list[dict[str, Any]]:
    """Rows of a reliability table: in each bin of equal width, the mean probability and the share that is right.

    Args:
        labels: 0 or 1, or shares.

    Returns:
        per bin that is not empty ``{"from", "to", "n", "predicted", "right"}``, ``right`` with Wilson's interval.

    Raises:
        ValueError: a probability outside 0..1, or no bins.
    """
    p, y = np.asarray(probabilities, float), np.asarray(labels, float)
    if bins < 1 or (len(p) and not (0 <= p.min() and p.max() <= 1)):
        raise ValueError(
            f"reliability needs probabilities in 0..1 and at least one bin, got {bins}"
        )
    place = np.minimum((p * bins).astype(int), bins - 1)
    rows = []
    for b in range(bins):
        here = place == b
        if n := int(here.sum()):
            right = float(y[here].mean())
            edges = {"from": b / bins, "to": (b + 1) / bins, "n": n}
            right = share(right, *wilson(right * n, n), n)
            rows.append({**edges, "predicted": float(p[here].mean()), "right": right})
    return rows


def calibration_error(table: Sequence[dict]) -> float | None:
    """Expected calibration error: |predicted - right| of a reliability table's bins, weighted by n (0 is best)."""
    total = sum(r["n"] for r in table)
    if not total:
        return None
    return sum(r["n"] * abs(r["predicted"] - r["right"].value) for r in table) / total


def best_of_curve(
    correct: Sequence[Sequence[bool]], scores: Sequence[Sequence[float]], ks: Sequence[int]
) -> list[Estimate]:
    """Share of questions whose best of K solutions by score is right, in expectation over which K of the n are drawn.

    Args:
        correct, scores: per question, its n solutions; n may differ and is at least max(ks).
    """
    return [
        clustered([best_of_k(c, s, k) for c, s in zip(correct, scores, strict=True)]) for k in ks
    ]


def majority_curve(
    correct: Sequence[Sequence[bool]], classes: Sequence[Sequence[int | None]], ks: Sequence[int]
) -> list[Estimate]:
    """Maj@K on the same solutions; n may differ between questions."""
    return [
        clustered([maj_at_k(a, c, k) for a, c in zip(classes, correct, strict=True)]) for k in ks
    ]


VOTE, STEPS, CEILING = "majority", "most steps", "one of K is right"
