"""Parameters of 04_reward_model."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.params.asking import SYSTEM_WORDS, TEMPLATE_WORDS, Template
from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.trained import TrainedParams
from dsmath_lib.rows.prompts import PromptStyle

NAMES = ("pointwise", "pairwise", "process_hard", "process_soft")


class RewardModelParams(TrainedParams):
    stage: ClassVar[str] = "04_reward_model"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = TrainedParams.DECIDE_NO_RUN | {"models"}

    # solutions
    data: Literal["rollouts", "annotators", "labelled"] = par(
        "rollouts", "who solved: the policy, the world's annotators, or files", paper="rollouts"
    )
    question_source: str = par(
        "world", "world, a file below data_dir, or hub:owner/name", paper=OPEN
    )
    labelled_files: list[str] = par([], "files below data_dir with labelled steps, or hub: names")
    data_dir: str = par("", "folder of data files, from the project root")
    data_revision: str = par("", "commit of a hub: source")
    questions: int = par(300, "training questions", paper=OPEN, ge=1)
    eval_questions: int = par(100, "test questions", paper=OPEN, ge=2)
    test_share: float = par(0.2, "share of test questions in labelled data", paper=OPEN, gt=0, lt=1)
    levels: list[Literal[1, 2, 3, 4, 5]] = par(
        [1, 2, 3], "levels of the world's problems", min_length=1
    )
    langs: list[Literal["en", "zh"]] = par(
        ["en"], "languages of the world's problems", min_length=1
    )
    question_template: Template = par("toy-cot", TEMPLATE_WORDS, paper="deepseek-cot")
    system_prompt: str = par("", SYSTEM_WORDS, paper="none")
    sft_model: str = par("", "who solves and completes: folder or Hub name; empty: stage 03")
    sft_revision: str = par("", "commit of sft_model on the Hub")
    samples: int = par(8, "solutions per training question", paper=OPEN, ge=1)
    eval_samples: int = par(
        16, "solutions per test question, the largest N of best-of-N", ge=2, le=64
    )
    temperature: float = par(1.0, "of sampling", paper=OPEN, gt=0, le=2)
    top_p: float = par(1.0, "nucleus of sampling", paper="below 1, not stated", gt=0, le=1)
    max_new_tokens: int = par(96, "longest solution", paper=1024, ge=1)
    sampler: Literal["hf", "vllm"] = par(
        "hf", "draws completions: hf (transformers), or vllm (an extra, for GPUs)"
    )
    sampler_rows: int = par(1024, "rows decoded at once; changes memory, not the result", ge=1)
    sampler_cache_gb: float = par(
        1.0, "GB of keys and values at once; changes memory, not the result", gt=0
    )
    reward_rule: str = par("accuracy", "rule that labels answers", paper="answer correctness")
    save_every: int = par(100, "questions between saved pieces of data", ge=1)
    # step labels
    step_solutions: int = par(4, "solutions per question whose steps are labelled", ge=1)
    completions: int = par(
        4, "completions of each step, N", paper="not stated; Math-Shepherd: 8", ge=1
    )
    # models
    models: list[Literal["pointwise", "pairwise", "process_hard", "process_soft"]] = par(
        ["pointwise", "pairwise", "process_hard", "process_soft"],
        "reward models to train",
        min_length=1,
    )
    start_stage: Literal["02_pretraining", "03_sft"] = par(
        "03_sft", "stage to start from", paper="the base model"
    )
    start_model: str = par(
        "", "start: folder or Hub name; empty: start_stage", paper="DeepSeekMath-Base 7B"
    )
    start_revision: str = par("", "commit of start_model on the Hub")
    pairs_per_question: int = par(16, "pairs of a right and a wrong solution per question", ge=1)
    context: int = par(256, "longest prompt with solution in training, tokens", paper=4096, ge=8)
    # training
    steps: int = par(90, "optimiser steps of each model", paper=OPEN, ge=1)
    batch_size: int = par(24, "solutions, or pairs, per step", paper=OPEN, ge=1)
    micro_batch: int = par(24, "of them at once; changes memory, not the result", ge=1)
    lr: float = par(0.001, "learning rate, constant", paper=2e-5, gt=0, le=1)
    warmup_steps: int = par(10, "steps of linear warm-up", paper=OPEN, ge=0)
    beta1: float = par(0.9, "AdamW: decay of the gradient mean", paper=OPEN, ge=0, lt=1)
    beta2: float = par(0.95, "AdamW: decay of the squared gradient", paper=OPEN, ge=0, lt=1)
    weight_decay: float = par(0.1, "AdamW: weight decay, not on norms", paper=OPEN, ge=0, le=1)
    decay_embeddings: bool = par(True, "weight decay on embeddings too", paper=OPEN)
    grad_clip: float = par(1.0, "largest gradient norm; 0: no clipping", paper=OPEN, ge=0)
    # looking and saving
    bins: int = par(10, "bins of the reliability table", ge=1, le=100)
    evals: int = par(4, "looks at the test solutions in a run", ge=1)
    log_every: int = par(10, "steps between log rows", ge=1)
    checkpoint_every: int = par(30, "steps between checkpoints; 0: none", ge=0)

    @property
    def style(self) -> PromptStyle:
        """How questions are asked."""
        return PromptStyle(self.question_template, self.system_prompt)

    @model_validator(mode="after")
    def _sources_fit(self) -> Self:
        if self.data == "labelled" and not self.labelled_files:
            raise ValueError("data = labelled needs labelled_files")
        if self.data == "annotators" and self.question_source != "world":
            raise ValueError("annotators live in the world: question_source must be world")
        return self
