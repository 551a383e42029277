"""Which parameters model belongs to which stage. Models are imported when asked for."""

import importlib

from dsmath_lib.params.base import Params, ParamsError

MODELS: dict[str, tuple[str, str]] = {
    "00_start_here": ("start", "StartParams"),
    "01_corpus_mining": ("mining", "MiningParams"),
    "02_pretraining": ("pretraining", "PretrainingParams"),
    "03_sft": ("sft", "SFTParams"),
    "05_grpo": ("grpo", "GRPOParams"),
    "08_evaluation": ("evaluation", "EvaluationParams"),
    "09_paper_vs_ours": ("claims", "ClaimsParams"),
}


def params_model(stage: str) -> type[Params]:
    """The parameters model of a stage, e.g. ``"05_grpo"``.

    Raises:
        ParamsError: no model is known for this stage; names the known ones.
    """
    if stage not in MODELS:
        raise ParamsError(f"no parameters model for stage '{stage}' (known: {', '.join(MODELS)})")
    module, name = MODELS[stage]
    return getattr(importlib.import_module(f"dsmath_lib.params.{module}"), name)
