"""Parameters of 03_sft."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import Params, par


class SFTParams(Params):
    stage: ClassVar[str] = "03_sft"

    # data
    dataset: str = par(
        "world, a file below data_dir, or hub:owner/name",
        "§3.1",
    )
    data_dir: str = par("folder of data files, from the project root")
    data_revision: str = par("commit of a hub: source")
    samples: int = par("samples used", "776K", ge=2)
    template: Literal["toy-cot", "deepseek-cot"] = par(
        "prompt of chain-of-thought questions", "deepseek-cot"
    )
    cot_share: float = par("share of chain-of-thought samples", "not stated", ge=0, le=1)
    program_share: float = par("share of program samples", "not stated", ge=0, le=1)
    tir_share: float = par("share of tool-integrated samples", "not stated", ge=0, le=1)
    heldout_n: int = par("problems kept back to measure on", ge=2)
    # model
    base_model: str = par("start: folder or Hub name; empty: stage 02", "DeepSeekMath-Base 7B")
    base_revision: str = par("commit of base_model on the Hub")
    context: int = par("tokens per packed row", 4096, ge=8)
    isolate_examples: bool = par("examples in one row do not see each other", "not stated")
    # training
    steps: int = par("optimiser steps", 500, ge=1)
    batch_size: int = par("rows per step", "256, rows or samples", ge=1)
    micro_batch: int = par("rows at once; changes memory, not the result", ge=1)
    lr: float = par("learning rate, constant", 5e-5, gt=0, le=1)
    low_lr_steps: int = par("last steps at a tenth of lr", 0, ge=0)
    warmup_steps: int = par("steps of linear warm-up", "not stated", ge=0)
    beta1: float = par("AdamW: decay of the gradient mean", "not stated", ge=0, lt=1)
    beta2: float = par("AdamW: decay of the squared gradient", "not stated", ge=0, lt=1)
    weight_decay: float = par("AdamW: weight decay, not on norms", "not stated", ge=0, le=1)
    decay_embeddings: bool = par("weight decay on embeddings too", "not stated")
    grad_clip: float = par("largest gradient norm; 0: no clipping", "not stated", ge=0)
    dtype: Literal["float32", "bfloat16"] = par("arithmetic; weights stay float32", "not stated")
    # looking and saving
    max_new_tokens: int = par("longest answer in the quick accuracy", ge=1)
    evals: int = par("held-out measurements in the run", ge=1)
    log_every: int = par("steps between log rows", ge=1)
    checkpoint_every: int = par("steps between checkpoints; 0: none", ge=0)
