"""From graded completions to named scores: ``<model>.<benchmark>.<kind>.<how>``, all with intervals.

``how`` is greedy, sampled, maj@K, pass@K, greedy-strict (a box or nothing); truncated and no_answer are plain shares.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from dsmath_lib.evaluation.evaluate import Graded, regrade
from dsmath_lib.evaluation.metrics import (
    Estimate,
    accuracy,
    answer_classes,
    maj_at_k,
    mean_maj_at_k,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
    sample_mean,
)
from dsmath_lib.rewards.equality import answers_equal


def classes_of(graded: Sequence[Graded]) -> list[list[int | None]]:
    """Answer classes of the samples of each question; equal answers share a class."""
    return [answer_classes([v.extracted for v in g.samples], _same) for g in graded]


def _same(a: str, b: str) -> bool:
    return answers_equal(a, b)[0]


def _right(graded: Sequence[Graded]) -> list[list[bool]]:
    return [[v.correct for v in g.samples] for g in graded]


def score(rows: Sequence[Mapping[str, Any]], rule: str, ks: Sequence[int]) -> dict[str, Any]:
    """All scores of one model on one benchmark; K beyond the number of samples is left out."""
    graded = regrade(rows, rule)
    strict = regrade([{**r, "samples": []} for r in rows], "strict")
    out: dict[str, Any] = {
        "greedy": accuracy([g.greedy.correct for g in graded]),
        "greedy-strict": accuracy([g.greedy.correct for g in strict]),
        "truncated": _share(r["greedy"]["finish"] == "length" for r in rows),
        "no_answer": _share(g.greedy.extracted is None for g in graded),
    }
    n = len(rows[0]["samples"])
    if n:
        right, classes = _right(graded), classes_of(graded)
        out["sampled"] = sample_mean(right)
        for k in (k for k in ks if k <= n):
            out[f"maj@{k}"] = mean_maj_at_k(classes, right, k)
            out[f"pass@{k}"] = mean_pass_at_k(right, k)
    return out


def per_question(graded: Sequence[Graded], how: str) -> list[float]:
    """One number per question, for paired comparison: ``greedy``, ``sampled``, ``maj@K`` or ``pass@K``."""
    if how == "greedy":
        return [float(g.greedy.correct) for g in graded]
    right = _right(graded)
    if how == "sampled":
        return [sum(r) / len(r) for r in right]
    kind, _, k = how.partition("@")
    if kind == "pass":
        return [pass_at_k(len(r), sum(r), int(k)) for r in right]
    if kind == "maj":
        vote = partial(maj_at_k, k=int(k))
        return [vote(c, r) for c, r in zip(classes_of(graded), right, strict=True)]
    raise ValueError(f"unknown score '{how}' (known: greedy, sampled, maj@K, pass@K)")


def compare(
    after: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    rule: str,
    how: Sequence[str],
) -> dict[str, Estimate]:
    """Paired differences ``after - before`` on the same questions, by score.

    Raises:
        ValueError: the questions differ.
    """
    if [r["id"] for r in after] != [r["id"] for r in before]:
        raise ValueError("a paired comparison needs the same questions in the same order")
    a, b = regrade(after, rule), regrade(before, rule)
    return {h: paired_difference(per_question(a, h), per_question(b, h)) for h in how}


def _share(flags) -> float:
    flags = list(flags)
    return sum(flags) / len(flags)
