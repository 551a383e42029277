"""The claims as rows (``claims.yaml``): each becomes a claim whose parts say what is measured, and by which rule."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.report.compare import gain
from dsmath_lib.report.ledger import (
    Claim,
    ClaimPart,
    Measure,
    first_of,
    mean_of,
    metric,
    minus,
    over,
)
from dsmath_lib.report.published import published_parts
from dsmath_lib.report.verdict_rules import (
    Enough,
    VerdictRule,
    at_least,
    at_most,
    holds,
    not_raised,
    positive,
)

_ROWS = Path(__file__).with_name("claims.yaml")
_JOINED_BY = {" or ": first_of, " - ": minus, " / ": over}
_LEVELS = {"at_least": at_least, "at_most": at_most, "not_raised": not_raised}


def all_claims(margin: float, k: int) -> tuple[Claim, ...]:
    """All claims, in the order of ``claims.yaml``.

    Args:
        margin: a gain smaller than this (0–1) counts as none, for claims of "no gain".
        k: samples per question of Maj@K and Pass@K in the evaluation.
    """
    rows = yaml.safe_load(_ROWS.read_text(encoding="utf-8").replace("{k}", str(k)))
    published = published_parts()
    return tuple(_claim(row, published.get(row["id"], ()), margin) for row in rows)


def _claim(row: Mapping[str, Any], published: Sequence[Mapping[str, Any]], margin: float) -> Claim:
    stage = row.get("stage", "")
    parts = []
    for part in map(dict, row.get("parts", ())):
        measure = measure_of(part.pop("measure"), stage)
        if needed := part.pop("only_if", None):
            measure = only_if(measure, **needed)
        rule = rule_of(part.pop("rule", "positive"), margin)
        needs = Enough(**part.pop("needs", {}))
        parts.append(ClaimPart(measure=measure, rule=rule, needs=needs, **part))
    evidence = tuple(
        ClaimPart(
            part["what"], _known(part["estimate"]), rule_of(part["rule"], margin), part["unit"]
        )
        for part in published
    )
    return Claim(**{"stage": "", **row, "parts": tuple(parts), "evidence": evidence})


def _known(e: Estimate) -> Measure:
    return lambda results: e


def measure_of(text: str, stage: str) -> Measure:
    """The measure that a row names; see the head of ``claims.yaml``."""
    if text.startswith("mean("):
        names = text.removeprefix("mean(").removesuffix(")").split(", ")
        return mean_of(*(measure_of(n, stage) for n in names))
    for sign, joined in _JOINED_BY.items():
        left, found, right = text.partition(sign)
        if found:
            return joined(measure_of(left, stage), measure_of(right, stage))
    if text.startswith("gain("):
        return gain(*text.removeprefix("gain(").removesuffix(")").split("."))
    if text.startswith("timings."):
        return metric(stage, text.removeprefix("timings."), "timings")
    return metric(stage, text)


def rule_of(text: str, margin: float) -> VerdictRule:
    """The rule that a row names."""
    name, _, level = text.partition(" ")
    return positive if name == "positive" else _LEVELS[name](float(level or margin))


def only_if(
    measure: Measure, stage: str, measured: Mapping[str, Any] | None = None, **params: Any
) -> Measure:
    """``measure`` where a stage ran with these parameters and ``measured`` these metrics (see ``holds``).

    Else nothing: another run would show something else, or has nothing to show.
    """

    def measure_there(results):
        ran = results.get(stage, {})
        about = {
            **ran.get("params", {}),
            **{("metric", k): v for k, v in ran.get("metrics", {}).items()},
        }
        wanted = {**params, **{("metric", k): v for k, v in (measured or {}).items()}}
        return measure(results) if all(holds(w, about.get(k)) for k, w in wanted.items()) else None

    return measure_there
