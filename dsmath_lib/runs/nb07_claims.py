"""What the runs of 07_simplerl_zero say about SimpleRL's claims, as numbers with intervals where there can be one."""

from collections.abc import Mapping, Sequence
from typing import Any

from dsmath_lib.evaluation.metrics import (
    Estimate,
    Z,
    accuracy,
    independent_difference,
    paired_difference,
    pass_at_k,
    standard_error,
)
from dsmath_lib.runs.nb07_simplerl import Look

Log = Sequence[Mapping[str, Any]]  # validation rows of a run: step, accuracy, length, …
# runs that differ in one thing: start, reward, questions, or who wrote the solutions
_PAIRS = (
    ("warm-grpo", "zero-grpo"),
    ("zero-grpo", "format"),
    ("r1-worked", "zero-grpo"),
    ("zero-grpo", "short-grpo"),
    ("zero-grpo", "easy"),
    ("zero-grpo", "hard"),
    ("zero-grpo", "sft"),
)
LENGTHS = (("r1-worked", "zero-grpo"),)


def claim_metrics(main: str, looks: Mapping[str, tuple[Look, Look]], logs: Mapping[str, Log]):
    """The numbers that the claims ledger reads.

    Args:
        main: name of the main run. looks: run -> its start and its end. logs: run -> its validation rows.

    Returns:
        flat names -> estimates or plain numbers; what the runs cannot tell is left out.
    """
    before, after = looks[main]
    n = len(after.greedy)
    out = {
        "main_gain": paired_difference(after.shares, before.shares),
        "main_pass_gain": pass_gain(before, after),
        "main_reflecting_gain": paired_difference(_shares(after), _shares(before)),
        "reflecting_minus_plain": reflecting_minus_plain(after),
    }
    out |= {f"main_{k}": v for k, v in turn(logs[main]).items()}
    out |= {f"main_start_{k}": before.behaviour.get(k) for k in ("code", "reflecting")}
    out |= {f"main_{k}": after.behaviour[k] for k in ("length_right", "length_wrong")}
    for a, b in _PAIRS:
        if a in logs and b in logs:
            out[f"{a}_minus_{b}"] = at_equal_steps(logs[a], logs[b], n)
            out[f"{a}_minus_{b}_steps"] = steps_in_common(logs[a], logs[b])
    for a, b in LENGTHS:
        rows = _equal_steps(logs[a], logs[b]) if a in logs and b in logs else None
        if rows:
            out[f"{a}_length_minus_{b}"] = length_difference(*rows)
    return {k: v for k, v in out.items() if v is not None}


def pass_gain(before: Look, after: Look) -> Estimate:
    """Pass@K after minus before on the same questions, K all samples of a question."""

    def shares(x: Look) -> list[float]:
        return [pass_at_k(len(r), sum(r), len(r)) for r in x.sampled]

    return paired_difference(shares(after), shares(before))


def _shares(x: Look) -> list[float]:
    """Share of samples with a reflection word, per question."""
    return [sum(r) / len(r) for r in x.reflecting]


def reflecting_minus_plain(x: Look) -> Estimate | None:
    """Right answers among samples with a reflection word minus those without, in questions that have both kinds."""
    pairs = []
    for right, flags in zip(x.sampled, x.reflecting, strict=True):
        kinds = [
            [r for r, f in zip(right, flags, strict=True) if f == want] for want in (True, False)
        ]
        if all(kinds):
            pairs.append([sum(k) / len(k) for k in kinds])
    return paired_difference(*zip(*pairs, strict=True)) if pairs else None


def turn(log: Log) -> dict[str, float]:
    """How far the mean length falls from the first look to the lowest, and rises from there to the last.

    Returns:
        ``length_fall`` and ``length_rise`` as shares of the first length; {} with fewer than three looks.
    """
    lengths = [r["length"] for r in log]
    if len(lengths) < 3:
        return {}
    low = min(lengths)
    return {
        "length_fall": (lengths[0] - low) / lengths[0],
        "length_rise": (lengths[-1] - low) / lengths[0],
    }


def at_equal_steps(a: Log, b: Log, n: int) -> Estimate | None:
    """Validation accuracy of one run minus another's at the last step that both looked at; None: there is none.

    Both looked at the same ``n`` questions. Where the rows say which were right, the difference is paired; else it is
    taken as one of independent questions, whose interval is wider.
    """
    rows = _equal_steps(a, b)
    if not rows:
        return None
    if all("right" in r for r in rows):
        return paired_difference(rows[0]["right"], rows[1]["right"])
    right = [round(r["accuracy"] * n) for r in rows]
    shares = [accuracy([True] * k + [False] * (n - k)) for k in right]
    return independent_difference(*shares)


def steps_in_common(a: Log, b: Log) -> int | None:
    """The last step that both runs looked at."""
    rows = _equal_steps(a, b)
    return rows[0]["step"] if rows else None


def length_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> Estimate | float:
    """Tokens of an answer, the row ``a`` minus ``b``: paired where the rows hold the length of each answer."""
    value = a["length"] - b["length"]
    if "lengths" not in a or "lengths" not in b:
        return value
    each = [x - y for x, y in zip(a["lengths"], b["lengths"], strict=True)]
    half = Z * standard_error(each)
    return Estimate(value, value - half, value + half, len(each))


def _equal_steps(a: Log, b: Log) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The rows of the last step after the start that both logs have."""
    left, right = ({r["step"]: r for r in x if r["step"]} for x in (a, b))
    common = left.keys() & right.keys()
    return (left[max(common)], right[max(common)]) if common else None
