"""The stages of the chain, in order, one row each: model of its parameters, what it reads and makes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Spec:
    """A stage. model: of its parameters, ``module:Class``, imported when asked for. reads: the stages upstream.

    title, makes: for the map of the course. paper: the sections it follows.
    """

    model: str
    reads: tuple[str, ...] = ()
    title: str = ""
    makes: str = ""
    paper: str = ""


# fmt: off
STAGES: dict[str, Spec] = {
    "00_start_here": Spec("dsmath_lib.params.start:StartParams", (),
        "Start here", "one GRPO step by hand", "Section 4.1"),
    "01_corpus_mining": Spec("dsmath_lib.params.mining:MiningParams", (),
        "Corpus mining", "a math corpus from a web crawl", "Section 2.1"),
    "02_pretraining": Spec("dsmath_lib.params.pretraining:PretrainingParams", ("01_corpus_mining",),
        "Pre-training", "a base model", "Sections 2.2, 2.3"),
    "03_sft": Spec("dsmath_lib.params.sft:SFTParams", ("02_pretraining",),
        "Fine-tuning", "a model that answers", "Section 3"),
    "04_reward_model": Spec("dsmath_lib.params.reward_model:RewardModelParams",
        ("02_pretraining", "03_sft"),
        "Reward models", "models that score solutions and steps", "Section 4.1"),
    "05_grpo": Spec("dsmath_lib.params.grpo:GRPOParams", ("03_sft", "04_reward_model"),
        "GRPO", "a model improved by its own samples", "Section 4"),
    "06_one_gradient": Spec("dsmath_lib.params.methods:MethodsParams",
        ("03_sft", "04_reward_model"),
        "One gradient", "the whole family on one budget", "Section 5.2"),
    "07_simplerl_zero": Spec("dsmath_lib.params.simplerl:SimpleRLParams",
        ("01_corpus_mining", "02_pretraining"),
        "SimpleRL-Zero", "RL straight from the base model", "SimpleRL, another paper"),
    "08_evaluation": Spec("dsmath_lib.params.evaluation:EvaluationParams",
        ("02_pretraining", "03_sft", "04_reward_model", "05_grpo", "07_simplerl_zero"),
        "Evaluation", "scores with intervals", "Sections 3.2, 4.2, 5.2"),
    "09_paper_vs_ours": Spec("dsmath_lib.params.claims:ClaimsParams",
        ("00_start_here", "01_corpus_mining", "02_pretraining", "03_sft",
         "04_reward_model", "05_grpo", "07_simplerl_zero", "08_evaluation"),
        "Paper and ours", "a verdict per claim", "all"),
}
# fmt: on
