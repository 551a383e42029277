"""The claims ledger: what the paper claims, what this run measured, and a verdict by rule.

A claim (``claims.py``) holds parts; a part measures one estimate from the ``results.json`` files of
the stages and has a rule that turns it into a verdict. No person gives a verdict.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsmath_lib.base.folders import scale_folder
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.tags import joined, tag
from dsmath_lib.base.tags import table as html_table
from dsmath_lib.evaluation.metrics import (
    Estimate,
    independent_difference,
    read_estimate,
    students_t,
)

AGREES, DISAGREES = "agrees", "disagrees"
NOISY, NOT_TESTED = "too noisy to tell", "not tested at this scale"
SYMBOL = {AGREES: "✓", DISAGREES: "✗", NOISY: "≈", NOT_TESTED: "–"}

StageResults = Mapping[str, Mapping[str, Any]]  # stage name -> its results.json


Measure = Callable[[StageResults], Estimate | None]
VerdictRule = Callable[[Estimate], str]


@dataclass(frozen=True)
class ClaimPart:
    """One measurable part of a claim: what is measured, how, and the rule. ``unit`` as in ``as_text``.

    ``cell``: id of the notebook cell that shows the number; empty: the section "Paper and ours".
    """

    what: str
    measure: Measure
    rule: VerdictRule
    unit: str = "%"
    cell: str = ""


@dataclass(frozen=True)
class Claim:
    """One row. ``stage`` is the notebook that speaks about it; no parts: nothing here tests it yet."""

    id: str
    claim: str
    paper: str
    stage: str
    caution: str = ""
    parts: tuple[ClaimPart, ...] = ()


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with what was measured for each part, in the order of its parts, and the verdict."""

    claim: Claim
    estimates: tuple[Estimate | None, ...]
    verdicts: tuple[str, ...]
    verdict: str


# -- rules: an estimate becomes a verdict -------------------------------------------------------------
def positive(e: Estimate) -> str:
    """A claimed gain: agrees if the whole interval is above 0, disagrees if it is below 0."""
    if e.low > 0:
        return AGREES
    return DISAGREES if e.high < 0 or e.low == e.high == 0 else NOISY


def at_least(threshold: float) -> VerdictRule:
    """A claimed level: agrees if the interval is at or above the threshold, disagrees if below it."""

    def rule(e: Estimate) -> str:
        if e.low >= threshold:
            return AGREES
        return DISAGREES if e.high < threshold else NOISY

    return rule


def at_most(threshold: float) -> VerdictRule:
    """The mirror of ``at_least``."""

    def rule(e: Estimate) -> str:
        if e.high <= threshold:
            return AGREES
        return DISAGREES if e.low > threshold else NOISY

    return rule


def not_raised(margin: float) -> VerdictRule:
    """A claimed absence of a gain: agrees if the interval ends below ``margin``, disagrees if it
    starts above 0."""

    def rule(e: Estimate) -> str:
        if e.low > 0:
            return DISAGREES
        return AGREES if e.high < margin else NOISY

    return rule


def with_interval(rule: VerdictRule) -> VerdictRule:
    """For a number that is no exact count: without an interval (one run) nothing can be said."""
    return lambda e: NOISY if e.low == e.high else rule(e)


# -- measures: results become an estimate -------------------------------------------------------------
def metric(stage: str, name: str, among: str = "metrics") -> Measure:
    """The metric ``name`` of a stage; None when the stage or the metric is missing or not a number.

    ``among``: "timings" for what depends on the machine (seconds, memory).
    """

    return lambda results: read_estimate(results.get(stage, {}).get(among, {}).get(name))


def minus(a: Measure, b: Measure) -> Measure:
    """``a - b`` of two estimates taken as independent: half-widths add in squares (Newcombe)."""

    def measure(results: StageResults) -> Estimate | None:
        x, y = a(results), b(results)
        return None if x is None or y is None else independent_difference(x, y)

    return measure


def over(a: Measure, b: Measure) -> Measure:
    """``a / b`` of two exact numbers; None where one is missing or ``b`` is 0."""

    def measure(results: StageResults) -> Estimate | None:
        x, y = a(results), b(results)
        if x is None or y is None or not y.value:
            return None
        value = x.value / y.value
        return Estimate(value, value, value)

    return measure


def first_of(*measures: Measure) -> Measure:
    """The first measure that finds something, e.g. a paired difference before an unpaired one."""
    return lambda results: next((e for m in measures if (e := m(results)) is not None), None)


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of runs with different seeds.

    Two intervals are possible: the one within the runs (half-widths in squares over the number of
    runs) and Student's t between the runs. The wider of both is taken, because a small number of
    runs estimates its own spread badly.
    """
    k = len(estimates)
    if k == 1:
        return estimates[0]
    mean = sum(e.value for e in estimates) / k
    down = math.sqrt(sum((e.value - e.low) ** 2 for e in estimates)) / k
    up = math.sqrt(sum((e.high - e.value) ** 2 for e in estimates)) / k
    spread = math.sqrt(sum((e.value - mean) ** 2 for e in estimates) / (k - 1))
    between = students_t(k - 1) * spread / math.sqrt(k)
    n = sum(e.n for e in estimates) if all(e.n is not None for e in estimates) else None
    low, high = mean - max(down, between), mean + max(up, between)
    return Estimate(mean, low, high, n, sum(e.seeds for e in estimates))


# -- the ledger ---------------------------------------------------------------------------------------
def load_results(scale: str) -> dict[str, dict[str, Any]]:
    """All finished stages of one scale. A stage without a readable ``results.json`` is left out."""
    out = {}
    for path in sorted(scale_folder(scale).glob("*/results.json")):
        try:
            out[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return out


def verdict_of(claim: Claim, runs: Sequence[StageResults]) -> JudgedClaim:
    """Measure one claim over runs that differ in the seed, and give its verdict.

    One part that disagrees makes the claim disagree. A claim agrees when every part agrees. A part
    that nothing measured leaves the claim untested.
    """
    estimates, verdicts = [], []
    for part in claim.parts:
        found = [e for run in runs if (e := part.measure(run)) is not None]
        estimates.append(pool(found) if found else None)
        verdicts.append(part.rule(estimates[-1]) if found else NOT_TESTED)
    order = (DISAGREES, NOT_TESTED, NOISY, AGREES)
    verdict = next((v for v in order if v in verdicts), NOT_TESTED)
    return JudgedClaim(claim, tuple(estimates), tuple(verdicts), verdict)


def ledger(claims: Sequence[Claim], runs: Sequence[StageResults]) -> "Ledger":
    """Judge all claims."""
    return Ledger([verdict_of(c, runs) for c in claims])


def as_text(e: Estimate | None, unit: str = "%") -> str:
    """``+12.0 [+8.1, +15.9] points, n = 500, 3 seeds``; an exact count has no interval.

    Shares in the units ``%`` and ``points`` (a difference, signed) are shown times 100.
    """
    if e is None:
        return "–"
    form = {"%": lambda v: f"{100 * v:.1f}", "points": lambda v: f"{100 * v:+.1f}"}
    number = form.get(unit, lambda v: f"{v:.3g}")
    text = number(e.value)
    if e.low < e.high:
        text += f" [{number(e.low)}, {number(e.high)}]"
    text += f" {unit}" if unit else ""
    text += "" if e.n is None else f", n = {e.n:,}"
    return text + ("" if e.seeds == 1 else f", {e.seeds} seeds")


def page_link(stage: str, cell: str = "") -> str:
    """Where a stage's measurement is shown, relative to a page of the same report.

    Points at the cell of this id, else at the section "Paper and ours" of the stage's page when its notebook has one.
    """
    if cell:
        return f"../{stage}/{stage}.html#cell-id={cell}"
    path = ROOT / "notebooks" / f"{stage}.ipynb"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    heading = re.search(r'"#+ (Paper and ours[^"\\]*)', text)
    anchor = "#" + heading[1].replace(" ", "-") if heading else ""
    return f"../{stage}/{stage}.html{anchor}"


class Ledger:
    """Judged rows with an HTML table for a notebook and a plain one for a log."""

    def __init__(self, rows: Sequence[JudgedClaim]):
        self.rows = list(rows)

    def where(self, *verdicts: str) -> "Ledger":
        """Only the rows with one of these verdicts."""
        return Ledger([r for r in self.rows if r.verdict in verdicts])

    def counts(self) -> dict[str, int]:
        """Number of claims per verdict, all four present."""
        return {v: sum(r.verdict == v for r in self.rows) for v in SYMBOL}

    def as_dicts(self) -> list[dict[str, Any]]:
        """JSON-ready rows for ``results.json``."""
        return [
            {
                "id": r.claim.id,
                "claim": r.claim.claim,
                "paper": r.claim.paper,
                "stage": r.claim.stage,
                "verdict": r.verdict,
                "parts": [
                    {"what": p.what, "verdict": v, "estimate": e and e.as_json()}
                    for p, e, v in zip(r.claim.parts, r.estimates, r.verdicts, strict=True)
                ],
            }
            for r in self.rows
        ]

    def _repr_html_(self) -> str:
        names = ("Id", "Claim", "Paper", "Ours", "Verdict", "Caution")
        style = "text-align:left;vertical-align:top"
        return html_table(names, map(_html_cells, self.rows), [style] * len(names))

    def __repr__(self) -> str:
        lines = []
        for r in self.rows:
            lines.append(f"{SYMBOL[r.verdict]} {r.claim.id} {r.claim.claim}: {r.verdict}")
            lines += [f"      {line}" for line in _ours(r)]
        return "\n".join(lines)


def _ours(row: JudgedClaim) -> list[str]:
    parts = zip(row.claim.parts, row.estimates, row.verdicts, strict=True)
    return [f"{SYMBOL[v]} {p.what}: {as_text(e, p.unit)}" for p, e, v in parts]


def _html_cells(row: JudgedClaim) -> tuple[object, ...]:
    claim = row.claim
    measured = zip(claim.parts, row.verdicts, strict=True)
    cells = dict.fromkeys(p.cell for p, v in measured if v != NOT_TESTED)
    links = [tag("a", claim.stage, href=page_link(claim.stage, cell)) for cell in cells]
    ours = joined([*(_ours(row) or "–"), *links], "<br>")
    verdict = joined((tag("b", SYMBOL[row.verdict]), f" {row.verdict}"))
    return claim.id, claim.claim, claim.paper, ours, verdict, claim.caution
