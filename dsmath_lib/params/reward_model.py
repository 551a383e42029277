"""Parameters of 04_reward_model."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.params.base import Params, par

NAMES = ("pointwise", "pairwise", "process_hard", "process_soft")


class RewardModelParams(Params):
    stage: ClassVar[str] = "04_reward_model"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = Params.DECIDE_NO_RUN | {"models"}

    # solutions
    data: Literal["rollouts", "annotators", "labelled"] = par(
        "who solved: the policy, the world's annotators, or files", "rollouts"
    )
    question_source: str = par("world, a file below data_dir, or hub:owner/name", "not stated")
    labelled_files: list[str] = par("files below data_dir with labelled steps, or hub: names")
    data_dir: str = par("folder of data files, from the project root")
    data_revision: str = par("commit of a hub: source")
    questions: int = par("training questions", "not stated", ge=1)
    eval_questions: int = par("test questions", "not stated", ge=2)
    test_share: float = par("share of test questions in labelled data", "not stated", gt=0, lt=1)
    levels: list[Literal[1, 2, 3, 4, 5]] = par("levels of the world's problems", min_length=1)
    langs: list[Literal["en", "zh"]] = par("languages of the world's problems", min_length=1)
    question_template: Literal["toy-cot", "deepseek-cot"] = par("prompt", "deepseek-cot")
    sft_model: str = par("who solves and completes: folder or Hub name; empty: stage 03")
    sft_revision: str = par("commit of sft_model on the Hub")
    samples: int = par("solutions per training question", "not stated", ge=1)
    eval_samples: int = par("solutions per test question, the largest N of best-of-N", ge=2, le=64)
    temperature: float = par("of sampling", "not stated", gt=0, le=2)
    top_p: float = par("nucleus of sampling", "below 1, not stated", gt=0, le=1)
    max_new_tokens: int = par("longest solution", 1024, ge=1)
    sampler: Literal["hf", "vllm"] = par(
        "draws completions: hf (transformers), or vllm (an extra, for GPUs)"
    )
    sampler_rows: int = par("rows decoded at once; changes memory, not the result", ge=1)
    sampler_cache_gb: float = par(
        "vllm: GB of its key-value cache; changes memory, not the result", gt=0
    )
    reward_rule: str = par("rule that labels answers", "answer correctness")
    save_every: int = par("questions between saved pieces of data", ge=1)
    # step labels
    step_solutions: int = par("solutions per question whose steps are labelled", ge=1)
    completions: int = par("completions of each step, N", "not stated; Math-Shepherd: 8", ge=1)
    # models
    models: list[Literal["pointwise", "pairwise", "process_hard", "process_soft"]] = par(
        "reward models to train", min_length=1
    )
    start_stage: Literal["02_pretraining", "03_sft"] = par("stage to start from", "the base model")
    start_model: str = par("start: folder or Hub name; empty: start_stage", "DeepSeekMath-Base 7B")
    start_revision: str = par("commit of start_model on the Hub")
    pairs_per_question: int = par("pairs of a right and a wrong solution per question", ge=1)
    context: int = par("longest prompt with solution in training, tokens", 4096, ge=8)
    # training
    steps: int = par("optimiser steps of each model", "not stated", ge=1)
    batch_size: int = par("solutions, or pairs, per step", "not stated", ge=1)
    micro_batch: int = par("of them at once; changes memory, not the result", ge=1)
    lr: float = par("learning rate, constant", 2e-5, gt=0, le=1)
    warmup_steps: int = par("steps of linear warm-up", "not stated", ge=0)
    beta1: float = par("AdamW: decay of the gradient mean", "not stated", ge=0, lt=1)
    beta2: float = par("AdamW: decay of the squared gradient", "not stated", ge=0, lt=1)
    weight_decay: float = par("AdamW: weight decay, not on norms", "not stated", ge=0, le=1)
    decay_embeddings: bool = par("weight decay on embeddings too", "not stated")
    grad_clip: float = par("largest gradient norm; 0: no clipping", "not stated", ge=0)
    dtype: Literal["float32", "bfloat16"] = par("arithmetic; weights stay float32", "not stated")
    # looking and saving
    bins: int = par("bins of the reliability table", ge=1, le=100)
    evals: int = par("looks at the test solutions in a run", ge=1)
    log_every: int = par("steps between log rows", ge=1)
    checkpoint_every: int = par("steps between checkpoints; 0: none", ge=0)

    @model_validator(mode="after")
    def _sources_fit(self) -> Self:
        if self.data == "labelled" and not self.labelled_files:
            raise ValueError("data = labelled needs labelled_files")
        if self.data == "annotators" and self.question_source != "world":
            raise ValueError("annotators live in the world: question_source must be world")
        return self
