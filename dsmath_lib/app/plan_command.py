"""``dsmath plan SCALE``: the table of memory and time, and what to change where it does not fit."""

from collections.abc import Sequence

from dsmath_lib.app.runner import planned_stages
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import params_model
from dsmath_lib.plan.scale import StagePlan, plan_notes, plan_stages
from dsmath_lib.report.notebook import table


def checked_params(scale: str, overrides: Sequence[tuple[str, str]] = ()) -> dict[str, Params]:
    """Stage -> its parameters at a scale; ParamsError as ``planned_stages``."""
    jobs = planned_stages(scale, [], overrides)
    return {j.stage: params_model(j.stage).check(j.params, j.stage) for j in jobs}


def plan_rows(plans: Sequence[StagePlan]) -> list[dict[str, str]]:
    """Rows of the table, without the columns in which no stage has anything."""
    rows = [p.row() for p in plans]
    empty = {k for r in rows for k in r} - {k for r in rows for k, v in r.items() if v != "–"}
    return [{k: v for k, v in r.items() if k not in empty} for r in rows]


def print_plan(
    scale: str, gpu_gb: float, processes: int, overrides: Sequence[tuple[str, str]]
) -> int:
    """Print the plan; returns 1 if a stage does not fit, else 0."""
    plans = plan_stages(checked_params(scale, overrides), gpu_gb, processes)
    print(repr(table(plan_rows(plans), f"plan of {scale}")))
    print("\n".join(plan_notes(plans)))
    return 0 if all(p.fits for p in plans) else 1
