"""What a step of RL measures, as a row of the log, and how such rows are read.

All rows of a run have the same keys. Where a step had nothing to measure the value is None: no row to learn from has no
entropy, a run without a reference no KL. Readers skip None and never guess.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MEASURED = (  # what ``learn.update`` returns, in the order of its docstring
    "loss",
    "kl",
    "entropy",
    "clip_fraction",
    "ratio_min",
    "ratio_max",
    "mismatch",
    "value_loss",
    "pairs",
    "preferred",
)
Rows = Sequence[Mapping[str, Any]]


def measured(rows: Rows, key: str) -> list[float]:
    """The values of ``key`` in the order of the rows, without those that were not measured."""
    return [r[key] for r in rows if r.get(key) is not None]


def newest(rows: Rows, key: str) -> float | None:
    """The value of the last row that measured ``key``; None if none did."""
    found = measured(rows, key)
    return found[-1] if found else None


def mean(rows: Rows, key: str) -> float | None:
    """Mean over the rows that measured ``key``; None if none did."""
    found = measured(rows, key)
    return sum(found) / len(found) if found else None
