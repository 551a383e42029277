"""The stages of the chain, in order: the parameters model of each and the stages whose results it reads."""

import importlib
from dataclasses import dataclass

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.base import Params


@dataclass(frozen=True)
class Spec:
    """``model`` is ``module:Class``, imported when asked for; ``reads`` are the stages upstream."""

    model: str
    reads: tuple[str, ...] = ()


STAGES: dict[str, Spec] = {
    "00_start_here": Spec("dsmath_lib.params.start:StartParams"),
    "01_corpus_mining": Spec("dsmath_lib.params.mining:MiningParams"),
    "02_pretraining": Spec(
        "dsmath_lib.params.pretraining:PretrainingParams", ("01_corpus_mining",)
    ),
    "03_sft": Spec("dsmath_lib.params.sft:SFTParams", ("02_pretraining",)),
    "04_reward_model": Spec(
        "dsmath_lib.params.reward_model:RewardModelParams", ("02_pretraining", "03_sft")
    ),
    "05_grpo": Spec("dsmath_lib.params.grpo:GRPOParams", ("03_sft", "04_reward_model")),
    "06_one_gradient": Spec(
        "dsmath_lib.params.methods:MethodsParams", ("03_sft", "04_reward_model")
    ),
    "07_simplerl_zero": Spec(
        "dsmath_lib.params.simplerl:SimpleRLParams", ("01_corpus_mining", "02_pretraining")
    ),
    "08_evaluation": Spec(
        "dsmath_lib.params.evaluation:EvaluationParams",
        ("02_pretraining", "03_sft", "04_reward_model", "05_grpo"),
    ),
    "09_paper_vs_ours": Spec(
        "dsmath_lib.params.claims:ClaimsParams",
        (
            "00_start_here",
            "01_corpus_mining",
            "02_pretraining",
            "03_sft",
            "04_reward_model",
            "05_grpo",
            "08_evaluation",
        ),
    ),
}


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
