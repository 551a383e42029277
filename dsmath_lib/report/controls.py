"""The toy world and its control worlds side by side: what stays true is mechanism, what vanishes was built in.

``dsmath run control --world NAME`` makes one; those that are not there are read from ``reports/reference/control``.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dsmath_lib.base.files import read_json
from dsmath_lib.base.folders import reports_root
from dsmath_lib.base.paths import ROOT
from dsmath_lib.evaluation.metrics import Estimate, independent_difference
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.report.claims import measure_of, rule_of
from dsmath_lib.report.ledger import ClaimPart, StageResults, as_text, command_of, judged
from dsmath_lib.report.verdict_rules import AGREES

SCALE = "control"
KEPT_WORLDS = ROOT / "reports" / "reference" / SCALE
_ROWS = Path(__file__).with_name("controls.yaml")
STAYS, VANISHES = "stays: mechanism", "vanishes: built in"
SHRINKS = "stays, but smaller: built in for a part"
NOTICED = 0.1  # of an effect: less is no loss, also of an exact count
NOTHING, UNCLEAR, MISSING = "no effect in the toy world either", "too noisy to tell", "not run"


def load_controls(kept: Path = KEPT_WORLDS) -> dict[str, list[StageResults]]:
    """World -> its runs, one per seed: of each stage that made here, else the kept one (``<folder>/<stage>.json``)."""
    here = sorted(reports_root().glob(f"{SCALE}*/*/results.json"))
    return _by_world([*sorted(kept.glob("*/*.json")), *here])  # the last of equal ones stays


def _by_world(paths: Iterable[Path]) -> dict[str, list[StageResults]]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for path in paths:
        results = read_json(path)
        ran = results.get("params") or {}
        ours = str(results.get("scale")).partition("-")[0] == SCALE
        if ours and results.get("stage") and results.get("metrics"):
            key = ran.get("world", "normal"), ran.get("seed", 0)
            found.setdefault(key, {})[results["stage"]] = results
    out: dict[str, list[StageResults]] = {}
    for (world, _), run in sorted(found.items(), key=lambda x: (x[0][0] != "normal", x[0])):
        out.setdefault(world, []).append(run)
    return out


def what_happened(normal: Estimate, control: Estimate, agreed: Sequence[str]) -> str:
    """The reading of an effect in both worlds; ``agreed``: its verdict in each, by the rule of the claim.

    Smaller is what surely lost more than a tenth.
    """
    if agreed[0] != AGREES:
        return NOTHING
    less = independent_difference(normal, control).low > NOTICED * abs(normal.value)
    if agreed[1] == AGREES:
        return SHRINKS if less else STAYS
    return VANISHES if less else UNCLEAR


def control_table(
    worlds: Mapping[str, Sequence[StageResults]], margin: float
) -> list[dict[str, Any]]:
    """A row for each effect: in the toy world, in the control world, and what follows from both."""
    rows = yaml.safe_load(_ROWS.read_text(encoding="utf-8"))
    out = []
    for row in rows:
        parts = [
            ClaimPart(
                p["what"],
                measure_of(p["measure"], row["stage"]),
                rule_of(p.get("rule", "positive"), margin),
                p["unit"],
            )
            for p in row["parts"]
        ]
        normal, control = (judged(parts, worlds.get(w, ())) for w in ("normal", row["world"]))
        for i, part in enumerate(parts):
            a, b = normal.estimates[i], control.estimates[i]
            verdicts = normal.verdicts[i], control.verdicts[i]
            said = MISSING if a is None or b is None else what_happened(a, b, verdicts)
            out.append(
                {
                    "control world": f"{row['world']}: {WORLDS[row['world']].title}",
                    "claim": row["claim"],
                    "effect": part.what,
                    "in the toy world": as_text(a, part.unit),
                    "in the control world": as_text(b, part.unit),
                    "so": said,
                    "could be owed to": row["built_in"],
                    "command": command_of(row["stage"], worlds.get(row["world"], ()))
                    or f"dsmath run {SCALE} --world {row['world']}",
                }
            )
    return out
