"""The parameters model of each stage, and what a stage stands on."""

import importlib

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.base import Params
from dsmath_lib.rows.stages import STAGES


def params_model(stage: str) -> type[Params]:
    """The parameters model of a stage, e.g. ``"05_grpo"``.

    Raises:
        ParamsError: no model is known for this stage; names the known ones.
    """
    if stage not in STAGES:
        raise ParamsError(f"unknown stage '{stage}' (known: {', '.join(STAGES)})")
    module, name = STAGES[stage].model.split(":")
    return getattr(importlib.import_module(module), name)


def upstream_of(stage: str) -> set[str]:
    """All stages that a stage stands on, directly or through others; none for a stage that is not listed."""
    reads = STAGES[stage].reads if stage in STAGES else ()
    return {*reads, *(s for r in reads for s in upstream_of(r))}
