"""A scale again, with other seeds or in a control world: one report folder each, pooled by 09 at the end.

    dsmath run claims --seeds 0,1,2            reports/claims, reports/claims-seed1, reports/claims-seed2
    dsmath run control --world no-guessing     reports/control-no-guessing

Pieces are stages. Before each its cost is printed, from runs with the same parameters here or in ``reports/reference``,
else from the plan. What is finished is skipped, and an interrupted piece goes on where it stopped.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.app.runner import OK, StageRun, planned_stages, run_stages
from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.files import read_json
from dsmath_lib.base.folders import reports_root, scale_folder
from dsmath_lib.base.paths import ROOT
from dsmath_lib.params.registry import params_model
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.plan.scale import duration, plan_stages

LEDGER = "09_paper_vs_ours"
LONG = 3 * 3600  # seconds: what takes longer should be cut into pieces
# parameters that say whose run it is, or where it lies, and nothing of its size
_WHO = ("seed", "scale", "world", "resume", "artifacts_dir", "data_dir", "other_seeds")


def report_name(scale: str, seed: int, world: str = "normal") -> str:
    """The report folder of a variant; seed 0 in the normal world is the scale's own."""
    name = scale if world == "normal" else f"{scale}-{world}"
    return name if seed == 0 else f"{name}-seed{seed}"


def seeds_of(text: str) -> list[int]:
    """``0,1,2`` as numbers.

    Raises:
        ParamsError: it is no list of different whole numbers from 0 on.
    """
    parts = [p.strip() for p in text.split(",")]
    if not all(p.isdigit() for p in parts) or len(set(map(int, parts))) < len(parts):
        raise ParamsError(f"--seeds {text!r}: give different whole numbers, e.g. 0,1,2")
    return [int(p) for p in parts]


def run_variants(
    scale: str,
    stages: Sequence[str],
    overrides: Sequence[tuple[str, str]],
    seeds: Sequence[int],
    world: str = "normal",
) -> int:
    """Run the stages once per seed, the ledger last and once, over all of them. Returns the code of ``run_stages``.

    Raises:
        ParamsError: bad input, also an unknown world; nothing has run.
    """
    if world not in WORLDS:
        raise ParamsError(f"unknown world '{world}' (known: {', '.join(WORLDS)})")
    if bad := {"seed", "world", "other_seeds"} & {name for name, _ in overrides}:
        raise ParamsError(f"-p {min(bad)}: --seeds and --world set it")
    names = [report_name(scale, s, world) for s in seeds]
    last: list[StageRun] = []
    for seed, name in zip(seeds, names, strict=True):
        own = [*overrides, ("seed", str(seed)), ("world", world)]
        jobs = planned_stages(scale, stages, own, into=name)
        costs = dict(estimated(jobs))
        last = [j for j in jobs if j.stage == LEDGER]
        for job in (j for j in jobs if j.stage != LEDGER):
            print(f"{job.stage}, {name}: {costs[job.stage]}", flush=True)
            code = run_stages(scale, [job.stage], own, into=name)
            if code != OK:
                return code
    if last:
        # no digest of its own knows the other seeds' results: it is made again, in seconds
        (scale_folder(names[0]) / LEDGER / "digest.json").unlink(missing_ok=True)
        others = json.dumps(names[1:])
        own = [*overrides, ("seed", str(seeds[0])), ("world", world), ("other_seeds", others)]
        return run_stages(scale, [LEDGER], own, into=names[0])
    return OK


def estimated(jobs: Sequence[StageRun]) -> Iterator[tuple[str, str]]:
    """(stage, what it will cost, in words) for each job."""
    cfgs = {j.stage: params_model(j.stage).check(j.params, j.stage) for j in jobs}
    planned = {}
    if len(cfgs) > 1 or not {LEDGER} >= cfgs.keys():
        planned = _planned(cfgs)
    for job in jobs:
        found = measured_seconds(job)
        if found is not None:
            seconds, words = found, f"about {duration(found)}, as a run before"
        elif planned.get(job.stage):
            seconds = planned[job.stage]
            words = f"{duration(seconds)} by the plan, without evaluation"
        else:
            seconds, words = 0.0, "cost unknown"
        long = (
            "; over 3 h: stop it when you must, the same command goes on" if seconds > LONG else ""
        )
        yield job.stage, words + long


def _planned(cfgs: Mapping[str, Any]) -> dict[str, float | None]:
    try:
        return {p.memory.stage: p.seconds for p in plan_stages(cfgs)}
    except (ParamsError, StageError):  # a part of a chain, or a model that is not on this machine
        return {}


def measured_seconds(job: StageRun, reference: Path | None = None) -> float | None:
    """Seconds of a finished run with the same parameters but seed and place; the longest of those found."""
    reference = reference or ROOT / "reports" / "reference"
    paths = [
        *reports_root().glob(f"*/{job.stage}/results.json"),
        *reference.glob(f"*/*/{job.stage}.json"),
    ]
    default = params_model(job.stage).default_values()
    times = []
    for path in paths:
        found = read_json(path)
        ran = default | (found.get("params") or {})
        same = all(ran.get(k) == v for k, v in job.params.items() if k not in _WHO)
        if found.get("seconds") and same:
            times.append(float(found["seconds"]))
    return max(times, default=None)
