"""Parameters of 03_sft."""

from typing import ClassVar

from dsmath_lib.params.asking import SYSTEM_WORDS, TEMPLATE_WORDS, Template
from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.lora import LoraParams
from dsmath_lib.rows.prompts import PromptStyle


class SFTParams(LoraParams):
    stage: ClassVar[str] = "03_sft"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = LoraParams.DECIDE_NO_RUN | {"format_steps"}

    # data
    dataset: str = par("world", "world, a file below data_dir, or hub:owner/name", paper="§3.1")
    data_dir: str = par("", "folder of data files, from the project root")
    data_revision: str = par("", "commit of a hub: source")
    samples: int = par(30_000, "samples used", paper="776K", ge=2)
    template: Template = par("toy-cot", TEMPLATE_WORDS, paper="deepseek-cot")
    system_prompt: str = par("", SYSTEM_WORDS, paper="none")
    cot_share: float = par(0.7, "share of chain-of-thought samples", paper=OPEN, ge=0, le=1)
    program_share: float = par(0.1, "share of program samples", paper=OPEN, ge=0, le=1)
    tir_share: float = par(0.2, "share of tool-integrated samples", paper=OPEN, ge=0, le=1)
    heldout_n: int = par(200, "problems kept back to measure on", ge=2)
    # model
    base_model: str = par(
        "", "start: folder or Hub name; empty: stage 02", paper="DeepSeekMath-Base 7B"
    )
    base_revision: str = par("", "commit of base_model on the Hub")
    context: int = par(256, "tokens per packed row", paper=4096, ge=8)
    isolate_examples: bool = par(True, "examples in one row do not see each other", paper=OPEN)
    # training
    steps: int = par(800, "optimiser steps", paper=500, ge=1)
    batch_size: int = par(8, "rows per step", paper="256, rows or samples", ge=1)
    micro_batch: int = par(8, "rows at once; changes memory, not the result", ge=1)
    lr: float = par(0.001, "learning rate, constant", paper=5e-5, gt=0, le=1)
    low_lr_steps: int = par(200, "last steps at a tenth of lr", paper=0, ge=0)
    warmup_steps: int = par(20, "steps of linear warm-up", paper=OPEN, ge=0)
    beta1: float = par(0.9, "AdamW: decay of the gradient mean", paper=OPEN, ge=0, lt=1)
    beta2: float = par(0.95, "AdamW: decay of the squared gradient", paper=OPEN, ge=0, lt=1)
    weight_decay: float = par(0.1, "AdamW: weight decay, not on norms", paper=OPEN, ge=0, le=1)
    decay_embeddings: bool = par(True, "weight decay on embeddings too", paper=OPEN)
    grad_clip: float = par(1.0, "largest gradient norm; 0: no clipping", paper=OPEN, ge=0)
    format_steps: int = par(
        0, "steps of words, programs and the mix, each alone; 0: left out", paper="none", ge=0
    )
    # looking and saving
    max_new_tokens: int = par(96, "longest answer in the quick accuracy", ge=1)
    evals: int = par(8, "held-out measurements in the run", ge=1)
    log_every: int = par(10, "steps between log rows", ge=1)
    checkpoint_every: int = par(100, "steps between checkpoints; 0: none", ge=0)

    @property
    def style(self) -> PromptStyle:
        """How questions are asked."""
        return PromptStyle(self.template, self.system_prompt)
