"""What 03_sft is made of: samples from the toy world or from rows, one run, a quick look at accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.vocabulary import fit_vocabulary
from dsmath_lib.engines.adapters import with_adapter
from dsmath_lib.lm.model import load_model
from dsmath_lib.lm.packing import Example, PackedExamples
from dsmath_lib.lm.schedule import constant_then_low
from dsmath_lib.lm.train import TrainSettings, score_examples
from dsmath_lib.params.sft import SFTParams
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept, decided_by
from dsmath_lib.runs.read_questions import shuffled, solved
from dsmath_lib.stage.data import read_rows
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.habits import sft_samples
from dsmath_lib.world.problems import cot, sample_problems


@dataclass(frozen=True)
class SFTData:
    """Training samples, and held-out problems with their reference samples in the same order."""

    train: list[Sample]
    problems: list[Problem]
    references: list[Sample]


def load_sft_data(cfg: SFTParams) -> SFTData:
    """Samples and held-out problems of ``cfg.dataset``; no question is in both.

    Raises:
        StageError: the source is missing or too small.
    """
    if cfg.dataset == "world":
        shares = {
            "cot_share": cfg.cot_share,
            "program_share": cfg.program_share,
            "tir_share": cfg.tir_share,
        }
        samples = sft_samples(
            cfg.samples, cfg.seed, cfg.style, **shares, guessing=WORLDS[cfg.world].guessing
        )
        families = [f for f in FAMILIES if f != HELD_OUT]
        problems = sample_problems(
            cfg.heldout_n, split="val", seed=seed_for(cfg.seed, "sft-heldout"), families=families
        )
        references = [
            Sample(make_prompt(cfg.style, p.question, p.lang), ((cot(p), True),)) for p in problems
        ]
        return SFTData(samples, problems, references)
    rows = read_rows(cfg.dataset, data_dir=cfg.data_dir, revision=cfg.data_revision)
    rows = shuffled(rows, cfg.dataset, cfg.seed, "sft-rows")
    if len(rows) <= cfg.heldout_n:
        raise StageError(
            f"'{cfg.dataset}' has {len(rows)} questions, heldout_n = {cfg.heldout_n} leaves none"
        )
    some = rows[: cfg.heldout_n + cfg.samples]
    pairs = [solved(row, cfg.style, where) for where, row in some]
    held, kept = pairs[: cfg.heldout_n], pairs[cfg.heldout_n :]
    return SFTData([s for _, s in kept], [p for p, _ in held], [s for _, s in held])


def finetune(
    stage: Stage,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    packed: PackedExamples,
    heldout: Sequence[Example],
    device: torch.device | str = "cpu",
    *,
    cfg: SFTParams | None = None,
    run: str = "sft",
) -> tuple[PreTrainedModel, dict[str, float]]:
    """Train the model of ``start``, or an adapter on it, on packed rows; or load the finished model.

    Args:
        cfg: settings of this run, where they are not the stage's.
    """
    cfg = cfg or stage.cfg
    rates = {"peak": cfg.lr, "warmup": cfg.warmup_steps, "total": cfg.steps}
    lr = partial(constant_then_low, **rates, low=cfg.low_lr_steps)
    kept = Kept(stage, run, decided_by(cfg), __name__)
    if found := kept.found(device):
        return found
    model, numbers = do_job(
        train_job, stage, device,
        model=partial(sft_start, cfg, start, tokenizer),
        batches=partial(PackedExamples.batch, packed, batch_size=cfg.batch_size),
        settings=TrainSettings.of(cfg, cfg.steps, lr),
        run=run,
        evaluate=partial(heldout_loss, list(heldout), cfg.micro_batch, cfg.dtype),
    )  # fmt: skip
    return kept.keep(model, tokenizer, numbers)


def heldout_loss(
    heldout: Sequence[Example], batch_size: int, dtype: str, model: PreTrainedModel
) -> dict[str, float]:
    """What a run looks at now and then: loss and accuracy of the held-out solutions' tokens."""
    s = score_examples(model, heldout, batch_size=batch_size, dtype=dtype)
    return {"heldout_loss": s.loss, "heldout_accuracy": s.accuracy}


def sft_start(
    cfg: SFTParams,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str = "cpu",
) -> PreTrainedModel:
    """The model of ``start`` as it is fine-tuned: all of it, or (``lora_rank``) an adapter on it."""
    model = load_model(start, revision=cfg.base_revision, device=device)
    fit_vocabulary(model, tokenizer)
    return with_adapter(model, cfg, start, cfg.base_revision)


def example_html(tokenizer: PreTrainedTokenizerBase, example: Example) -> str:
    """One example as HTML: trained tokens are framed and marked, all others are plain.

    The frame, not only the colour, carries the meaning.
    """
    import html

    spans = []
    for i, trained in zip(example.ids, example.trained, strict=True):
        piece = html.escape(tokenizer.decode([i])).replace("$", "<span>$</span>")
        piece = piece.replace("\\", "<span>\\</span>").replace("\n", "⏎<br>")
        style = "background:#cfe3f1;border-bottom:2px solid #006BA4" if trained else "color:#595959"
        spans.append(f'<span style="{style};margin-right:2px">{piece}</span>')
    return '<div style="font-family:monospace;line-height:1.8">' + "".join(spans) + "</div>"
