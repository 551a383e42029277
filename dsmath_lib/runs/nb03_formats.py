"""Fine-tuning on one form of solution, and on the mix of three, with the same number of tokens (Section 3.1)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from dsmath_lib.engines.decode import HFSampler
from dsmath_lib.evaluation.metrics import Estimate, accuracy, paired_difference
from dsmath_lib.lm.packing import PackedExamples, tokenize_samples
from dsmath_lib.params.sft import SFTParams
from dsmath_lib.rewards.ask import Sampling, ask, flat
from dsmath_lib.rewards.questions import as_prompts
from dsmath_lib.runs.nb03_sft import SFTData, finetune
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.habits import sft_samples

# name -> shares of solutions in words, as programs, with tools; None: the parameters' mix
ALONE: dict[str, tuple[float, float, float] | None] = {
    "words": (1.0, 0.0, 0.0),
    "programs": (0.0, 1.0, 0.0),
    "mixed": None,
}
ASKED = {"words": ("cot", "paper"), "programs": ("program", "program")}  # form, rule that grades
Right = dict[str, dict[str, list[bool]]]  # trained on -> asked for -> right, one per question


def compare_formats(
    cfg: SFTParams,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    data: SFTData,
    stage: Stage,
    device: torch.device,
) -> Right:
    """Train on words, on programs and on the mix, ``format_steps`` steps each from the same start; ask for words and
    for programs, greedily. {} if ``format_steps`` is 0 or the samples are not the world's."""
    heldout = tokenize_samples(tokenizer, data.references)
    right: Right = {}
    for name, shares in ALONE.items() if cfg.format_steps and cfg.dataset == "world" else ():
        own = format_params(cfg, shares)
        split = {k: getattr(own, k) for k in ("cot_share", "program_share", "tir_share")}
        samples = sft_samples(cfg.samples, cfg.seed, cfg.style, **split)
        packed = PackedExamples(
            tokenize_samples(tokenizer, samples), cfg.context, own.steps * cfg.batch_size, cfg.seed,
            isolate=cfg.isolate_examples, pad=tokenizer.pad_token_id,
        )  # fmt: skip
        given = (stage, start, tokenizer, packed, heldout, device)
        model, _ = finetune(*given, cfg=own, run=f"format-{name}")
        room = model.config.max_position_embeddings - cfg.max_new_tokens
        sampler = HFSampler(model, tokenizer)
        right[name] = {}
        for asked_for, (form, rule) in ASKED.items():
            asked = as_prompts(tokenizer, data.problems, cfg.style.of_form(form), room)
            found = ask(sampler, asked, Sampling(cfg.max_new_tokens), cfg.seed, rule)
            right[name][asked_for] = flat(found.correct)
    return right


def format_params(cfg: SFTParams, shares: tuple[float, float, float] | None) -> SFTParams:
    """The parameters of one training: its shares, ``format_steps`` steps, a quarter of them at the low rate."""
    change: dict[str, Any] = {"steps": cfg.format_steps, "low_lr_steps": cfg.format_steps // 4}
    if shares:
        change |= dict(zip(("cot_share", "program_share", "tir_share"), shares, strict=True))
    return cfg.model_copy(update=change)


def formats_table(right: Right) -> list[dict[str, Any]]:
    """Rows for a table: what a model was trained on, and its share right when asked for each form."""
    return [
        {"trained on": name} | {f"asked for {a}": accuracy(r) for a, r in found.items()}
        for name, found in right.items()
    ]


def format_metrics(right: Mapping[str, Mapping[str, Sequence[bool]]]) -> dict[str, Estimate]:
    """``format.X.Y``: right of those trained on X and asked for Y. ``mixed_minus_Y``: the mix minus Y alone, asked for
    Y, paired."""
    out = {f"format.{n}.{a}": accuracy(r) for n, found in right.items() for a, r in found.items()}
    for name in ("words", "programs") if right else ():
        pair = right["mixed"][name], right[name][name]
        out[f"mixed_minus_{name}"] = paired_difference(*pair)
    return out
