"""What the answers to the toy benchmarks show: scores by level, and the works of ``runs.changes`` of each model."""

from collections.abc import Mapping, Sequence
from typing import Any

from dsmath_lib.base.records import Problem
from dsmath_lib.evaluation.metrics import paired_difference
from dsmath_lib.runs.changes import Works, work_of
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores


def works_of(
    results: BenchmarkScores,
    problems: Mapping[str, Sequence[Problem]],
    models: Sequence[str],
    kind: str,
) -> tuple[list[Problem], dict[str, Works]]:
    """The problems of all benchmarks that all ``models`` answered in this kind of prompt, and what each one's greedy
    answers show."""
    jobs = {(j.model, j.benchmark): j for j in results.rows if j.kind == kind}
    common = [b for b in problems if all((m, b) in jobs for m in models)]
    asked: list[Problem] = []
    seen: dict[str, Works] = {m: [] for m in models}
    for b in common:
        n = min(len(results.rows[jobs[m, b]]) for m in models)
        asked += problems[b][:n]
        for m in models:
            job = jobs[m, b]
            rows = zip(problems[b][:n], results.rows[job], results.graded[job], strict=False)
            seen[m] += [work_of(p, r["greedy"]["text"], g.greedy.correct) for p, r, g in rows]
    return asked, seen if any(w for x in seen.values() for w in x) else {}


def gains_by_level(
    problems: Sequence[Problem], before: Works, after: Works
) -> list[dict[str, Any]]:
    """Rows for a table: of each level the share right before and after, and the paired difference."""
    out = []
    for level in sorted({p.level for p in problems}):
        rows = [i for i, p in enumerate(problems) if p.level == level]
        a, b = ([float(w[i].right) for i in rows if w[i]] for w in (before, after))
        share = [sum(x) / len(x) for x in (a, b)]
        row = {"level": level, "n": len(a), "before": share[0], "after": share[1]}
        out.append(row | {"difference": paired_difference(b, a)})
    return out
