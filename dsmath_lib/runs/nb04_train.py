"""The reward models of notebook 04: each trained once and kept."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import TrainSettings
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.models import load_reward_model, new_reward_model
from dsmath_lib.rewards.training import fit
from dsmath_lib.runs.kept import train_once
from dsmath_lib.stage.folder import Stage


def train_reward_model(
    cfg: RewardModelParams,
    stage: Stage,
    name: str,
    start: str | Path,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence,
    data: str,
    device: torch.device | str = "cpu",
    evaluate: Callable[[PreTrainedModel], dict[str, float]] | None = None,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """A new reward model from a language model, or the finished one of the same run; continues from a checkpoint.

    Args:
        name: "pointwise", "pairwise", "process_hard" or "process_soft"; also the run's and the artifact's name.
        start: a language model's folder or Hub name.
        data: digest of the solutions that ``rows`` were made from.

    Raises:
        RewardModelError: ``start`` does not know the tokenizer's ids.
    """
    settings = TrainSettings.of(
        cfg, cfg.steps, lambda step: constant(step, peak=cfg.lr, warmup=cfg.warmup_steps)
    )

    def make() -> tuple[PreTrainedModel, dict[str, float]]:
        kind = "process" if name.startswith("process") else "outcome"
        model = new_reward_model(
            start,
            kind,
            tokenizer,
            probability=name != "pairwise",
            revision=cfg.start_revision if cfg.start_model else "",
            device=device,
        )
        how = {"batch_size": cfg.batch_size, "seed": cfg.seed, "evaluate": evaluate}
        return model, fit(model, rows, settings, stage, name, **how)

    made_with = cfg.model_dump(
        exclude={"resume", "artifacts_dir", "scale", "threads", "log_every", "models"}
    )
    # apart: "data" is a parameter, too
    key = {"parameters": made_with, "data": data}
    return train_once(stage, name, key, tokenizer, make, device, load=load_reward_model)
