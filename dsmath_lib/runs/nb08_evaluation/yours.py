"""A learner's Pass@K and vote on the completions of a real run, beside the library's numbers."""

from collections.abc import Callable, Sequence
from typing import Any

from dsmath_lib.runs.nb08_evaluation.evaluate import Graded
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores, classes_of


def scores_beside_yours(
    results: BenchmarkScores,
    pass_of: Callable[[int, int, int], float],
    winners_of: Callable[[list[str | None]], set[str]],
) -> list[dict[str, Any]]:
    """One row for each score of each job with samples: the library's number and the one by the functions given.

    Args:
        pass_of: samples, right ones, K -> Pass@K. winners_of: answers (None: none) -> those with most votes; it counts
            all samples at once, so it is compared where K is their number.
    """
    out = []
    for job, graded in results.graded.items():
        n = len(graded[0].samples)
        for how, score in results.scores[job].items():
            kind, _, k = how.partition("@")
            if kind == "pass":
                mine = [pass_of(n, sum(v.correct for v in g.samples), int(k)) for g in graded]
            elif kind == "maj" and int(k) == n:
                mine = _votes(graded, winners_of)
            else:
                continue
            row = {"model": job.model, "benchmark": f"{job.title} {job.kind}", "score": how}
            out.append(row | {"library": score.value, "yours": sum(mine) / len(mine)})
    return out


def _votes(graded: Sequence[Graded], winners_of: Callable[[list[str | None]], set[str]]) -> list:
    """Share of the winners that is right, for each question; equal answers have one name."""
    out = []
    for g, classes in zip(graded, classes_of(graded), strict=True):
        names = [None if c is None else str(c) for c in classes]
        right = {name for name, v in zip(names, g.samples, strict=True) if v.correct}
        won = set(winners_of(names))
        out.append(len(won & right) / len(won) if won else 0.0)
    return out
