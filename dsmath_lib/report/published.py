"""The paper's own evidence: its published scores with intervals, judged by the rules that judge ours.

The sources print scores without intervals. Each is a share of right answers among a known number of questions, so its
chance is known; two scores are taken as independent, since which questions were right is not published.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dsmath_lib.evaluation.metrics import Estimate, independent_difference, share_of
from dsmath_lib.rows.benchmarks import BENCHMARKS

_ROWS = Path(__file__).with_name("published.yaml")
# questions of sets that the kit does not score
_ITEMS = {"mmlu": 14_042, "bbh": 6_511, "humaneval": 164, "mbpp": 500}


def published_parts() -> dict[str, list[dict[str, Any]]]:
    """Claim id -> its parts: ``what``, ``estimate``, ``unit`` and the name of the ``rule``."""
    rows = yaml.safe_load(_ROWS.read_text(encoding="utf-8"))
    return {claim: [_part(row) for row in parts] for claim, parts in rows.items()}


def _part(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"what": row["what"], "rule": row.get("rule", "positive")}
    if "rose" in row:
        return kept | {"estimate": share_of(*row["rose"]), "unit": "%"}
    many = [x if isinstance(x, list) else [x] for x in (row["set"], row["a"], row["b"])]
    return kept | {"estimate": mean_gain(*many), "unit": "points"}


def items_of(benchmark: str) -> int:
    """Number of questions; ``a+b``: of both sets together.

    Raises:
        KeyError: no such benchmark.
    """
    names = benchmark.split("+")
    return sum(_ITEMS[n] if n in _ITEMS else BENCHMARKS[n].items for n in names)


def mean_gain(sets: Sequence[str], after: Sequence[float], before: Sequence[float]) -> Estimate:
    """Mean over benchmarks of ``after - before``, both in percent; the estimate is in shares.

    The difference of two published scores adds half-widths in squares, and so does the sum over benchmarks.
    """
    gains = []
    for name, a, b in zip(sets, after, before, strict=True):
        n = items_of(name)
        gains.append(independent_difference(share_of(n * a / 100, n), share_of(n * b / 100, n)))
    k = len(gains)
    value = sum(g.value for g in gains) / k
    down = math.hypot(*(g.value - g.low for g in gains)) / k
    up = math.hypot(*(g.high - g.value for g in gains)) / k
    return Estimate(value, value - down, value + up, sum(g.n for g in gains))
