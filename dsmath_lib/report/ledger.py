"""The claims ledger: what the paper claims, what it and this run measured, and a verdict by rule for each.

A claim (``claims.py``) holds parts; a part measures one estimate, from the ``results.json`` files of the stages or from
published scores, and has a rule that turns it into a verdict (``verdict_rules.py``). No person gives a verdict.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsmath_lib.base.folders import scale_folder
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.tags import Html, joined, tag
from dsmath_lib.base.tags import table as html_table
from dsmath_lib.evaluation.metrics import (
    Estimate,
    independent_difference,
    pool,
    read_estimate,
)
from dsmath_lib.report.verdict_rules import (
    ANYTHING,
    NOT_TESTED,
    SYMBOL,
    Enough,
    VerdictRule,
    combined,
    detectable,
)

StageResults = Mapping[str, Mapping[str, Any]]  # stage name -> its results.json
Measure = Callable[[StageResults], Estimate | None]
# what a verdict of ours can be owed to
EARNED_BY = {
    "run": "the run: it could have come out the other way",
    "world": "the world: we built it so that the claim can hold",
    "rule": "a rule or setting of ours, close to what it tests",
    "identity": "mathematics: an identity or a count, checked",
}
ONE_SEED = "One seed: the interval covers the questions, not the luck of the training."


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
    needs: Enough = ANYTHING


@dataclass(frozen=True)
class Claim:
    """One row. ``stage`` is the notebook that speaks about it; no parts: nothing here tests it yet.

    evidence: parts that measure what the source published. earned: a key of ``EARNED_BY``, empty without parts.
    """

    id: str
    claim: str
    paper: str
    stage: str
    caution: str = ""
    parts: tuple[ClaimPart, ...] = ()
    evidence: tuple[ClaimPart, ...] = ()
    earned: str = ""


@dataclass(frozen=True)
class JudgedParts:
    """What was measured for each part, in their order, and the verdicts: each part's and the one of all."""

    parts: tuple[ClaimPart, ...]
    estimates: tuple[Estimate | None, ...]
    verdicts: tuple[str, ...]

    @property
    def verdict(self) -> str:
        return combined(self.verdicts)

    def lines(self) -> list[str]:
        """One line a part: verdict, what, estimate, and the smallest effect that the test could have seen."""
        return [
            f"{SYMBOL[v]} {p.what}: {as_text(e, p.unit)}{_seen(e, p.unit)}{_lacks(p, e)}"
            for p, e, v in zip(self.parts, self.estimates, self.verdicts, strict=True)
        ]

    @property
    def one_seed(self) -> bool:
        """Does a verdict stand on one training alone?"""
        judged_ = zip(self.estimates, self.verdicts, strict=True)
        return any(v != NOT_TESTED and e and e.seeds == 1 and e.low < e.high for e, v in judged_)

    def as_dicts(self) -> list[dict[str, Any]]:
        rows = zip(self.parts, self.estimates, self.verdicts, strict=True)
        return [{"what": p.what, "verdict": v, "estimate": e and e.as_json()} for p, e, v in rows]


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with two verdicts: ``ours`` from the runs, ``published`` from the source's own scores."""

    claim: Claim
    ours: JudgedParts
    published: JudgedParts
    command: str = ""  # that makes the stage's results

    @property
    def verdict(self) -> str:
        return self.ours.verdict


# -- measures: results become an estimate -------------------------------------------------------------
def metric(stage: str, name: str, among: str = "metrics") -> Measure:
    """The metric ``name`` of a stage; None when the stage or the metric is missing or not a number.

    A list is one estimate per seed of the run, and pooled. ``among``: "timings" for what depends on the machine.
    """

    def measure(results: StageResults) -> Estimate | None:
        found = results.get(stage, {}).get(among, {}).get(name)
        each = found if isinstance(found, list) else [found]
        read = [e for x in each if (e := read_estimate(x)) is not None]
        return pool(read) if read and len(read) == len(each) else None

    return measure


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


def mean_of(*measures: Measure) -> Measure:
    """Mean of estimates from different questions: half-widths add in squares. None where one is missing."""

    def measure(results: StageResults) -> Estimate | None:
        found = [e for m in measures if (e := m(results)) is not None]
        if len(found) < len(measures):
            return None
        k, n = len(found), [e.n for e in found]
        value = sum(e.value for e in found) / k
        down = math.hypot(*(e.value - e.low for e in found)) / k
        up = math.hypot(*(e.high - e.value for e in found)) / k
        all_n = None if None in n else sum(n)
        return Estimate(value, value - down, value + up, all_n, min(e.seeds for e in found))

    return measure


def first_of(*measures: Measure) -> Measure:
    """The first measure that finds something, e.g. a paired difference before an unpaired one."""
    return lambda results: next((e for m in measures if (e := m(results)) is not None), None)


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


def judged(parts: Sequence[ClaimPart], runs: Sequence[StageResults]) -> JudgedParts:
    """Measure each part over runs that differ in the seed, and judge the pooled estimate."""
    estimates, verdicts = [], []
    for part in parts:
        found = [e for run in runs if (e := part.measure(run)) is not None]
        e = pool(found) if found else None
        estimates.append(e)
        verdicts.append(part.rule(e) if e and part.needs.for_estimate(e) else NOT_TESTED)
    return JudgedParts(tuple(parts), tuple(estimates), tuple(verdicts))


def verdict_of(claim: Claim, runs: Sequence[StageResults]) -> JudgedClaim:
    """Judge a claim twice: by runs that differ in the seed, and by what its source published."""
    parts, evidence = judged(claim.parts, runs), judged(claim.evidence, [{}])
    return JudgedClaim(claim, parts, evidence, command_of(claim.stage, runs))


def command_of(stage: str, runs: Sequence[StageResults]) -> str:
    """The command that made a stage's results in these runs; empty where it ran in none."""
    commands: dict[str, list[str]] = {}
    for found in (r[stage] for r in runs if stage in r):
        ran = found.get("params") or {}
        seed, world = ran.get("seed", 0), ran.get("world", "normal")
        scale = str(found.get("scale", "SCALE")).removesuffix(f"-seed{seed}")
        scale = scale.removesuffix(f"-{world}")
        more = "" if world == "normal" else f" --world {world}"
        commands.setdefault(f"dsmath run {scale} {stage[:2]}{more}", []).append(str(seed))
    plain = {c: s == ["0"] for c, s in commands.items()}
    return "; ".join(c if plain[c] else f"{c} --seeds {','.join(s)}" for c, s in commands.items())


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


def _seen(e: Estimate | None, unit: str) -> str:
    least = None if e is None else detectable(e)
    if least is None:
        return ""
    number = f"{100 * least:.1f}" if unit in ("%", "points") else f"{least:.2g}"
    return f" (sees {number} or more)"


def _lacks(part: ClaimPart, e: Estimate | None) -> str:
    short = e is not None and not part.needs.for_estimate(e)
    return f" (needs {part.needs.words} for a verdict)" if short else ""


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
        """Number of claims per verdict of ours, all four present."""
        return {v: sum(r.verdict == v for r in self.rows) for v in SYMBOL}

    def summary(self) -> list[dict[str, Any]]:
        """One row per verdict: claims by the source's own evidence, by ours, and what ours are owed to."""
        out = []
        for v in SYMBOL:
            ours = [r.claim.earned for r in self.rows if r.verdict == v]
            out.append(
                {
                    "verdict": f"{SYMBOL[v]} {v}",
                    "by the paper's own numbers": sum(r.published.verdict == v for r in self.rows),
                    "by ours": len(ours),
                    **{f"of them by {how}": ours.count(how) for how in EARNED_BY},
                }
            )
        return out

    def as_dicts(self) -> list[dict[str, Any]]:
        """JSON-ready rows for ``results.json``."""
        return [
            {
                "id": r.claim.id,
                "claim": r.claim.claim,
                "paper": r.claim.paper,
                "stage": r.claim.stage,
                "verdict": r.verdict,
                "earned": r.claim.earned,
                "command": r.command,
                "parts": r.ours.as_dicts(),
                "published": {"verdict": r.published.verdict, "parts": r.published.as_dicts()},
            }
            for r in self.rows
        ]

    def _repr_html_(self) -> str:
        names = ("Claim", "The source's own evidence", "Ours")
        style = "text-align:left;vertical-align:top;width:33%"
        return html_table(names, map(_html_cells, self.rows), [style] * len(names))

    def __repr__(self) -> str:
        lines = []
        for r in self.rows:
            lines.append(f"{SYMBOL[r.verdict]} {r.claim.id} {r.claim.claim}: {r.verdict}")
            lines += [f"      {line}" for line in r.ours.lines()]
        return "\n".join(lines)


def _verdict_cell(x: JudgedParts, none: str, *more: object) -> Html:
    """The verdict in a line of its own, then the parts, each in a paragraph."""
    v = x.verdict
    word = none if not x.parts else v
    small = "font-size:90%;margin:0.3em 0"
    return joined(
        [
            tag("b", f"{SYMBOL[v]} {word}"),
            *(tag("p", line, style=small) for line in x.lines()),
            *(tag("p", m, style=small) for m in more),
        ]
    )


def _html_cells(row: JudgedClaim) -> tuple[object, ...]:
    claim, ours = row.claim, row.ours
    small = "font-size:90%;margin:0.3em 0"
    said = [tag("p", f"Printed: {claim.paper}", style=small)]
    if claim.caution:
        said.append(tag("p", f"Caution: {claim.caution}", style=small))
    about = joined([tag("b", f"{claim.id} "), claim.claim, *said])
    more = []
    if ours.parts and ours.verdict != NOT_TESTED:
        measured = zip(ours.parts, ours.verdicts, strict=True)
        cells = dict.fromkeys(p.cell for p, v in measured if v != NOT_TESTED)
        links = [tag("a", claim.stage, href=page_link(claim.stage, cell)) for cell in cells]
        more = [
            f"Owed to {EARNED_BY[claim.earned]}.",
            *([ONE_SEED] if ours.one_seed and claim.earned in ("run", "rule") else []),
            joined(["Measured in ", joined(links, ", "), " by ", tag("code", row.command)]),
        ]
    return (
        about,
        _verdict_cell(row.published, "no numbers to judge"),
        _verdict_cell(ours, "nothing here tests it", *more),
    )
