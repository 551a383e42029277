"""The reward models of notebook 04: each trained once and kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.lm.schedule import constant
from dsmath_lib.lm.train import TrainSettings
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.models import load_reward_model, new_reward_model
from dsmath_lib.rewards.training import label_loss_and_backward, step_batches
from dsmath_lib.runs.jobs import do_job, train_job
from dsmath_lib.runs.kept import Kept, decided_by
from dsmath_lib.stage.folder import Stage


@dataclass(frozen=True)
class RewardTask:
    """What a reward model learns.

    name: "pointwise", "pairwise", "process_hard" or "process_soft"; also the run's and the artifact's name.
    data: digest of the solutions that ``rows`` were made from.
    evaluate: what is looked at now and then.
    """

    name: str
    rows: Sequence
    data: str
    evaluate: Callable[[PreTrainedModel], dict[str, float]] | None = None


def train_reward_model(
    cfg: RewardModelParams,
    stage: Stage,
    task: RewardTask,
    start: str | Path,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device | str = "cpu",
) -> tuple[PreTrainedModel, dict[str, float]]:
    """A new reward model from a language model, or the finished one of the same run; continues from a checkpoint.

    Args:
        start: a language model's folder or Hub name.

    Raises:
        RewardModelError: ``start`` does not know the tokenizer's ids.
    """
    name = task.name
    kept = Kept(stage, name, decided_by(cfg, solutions=task.data), __name__, load_reward_model)
    if found := kept.found(device):
        return found
    new = partial(
        new_reward_model,
        start,
        "process" if name.startswith("process") else "outcome",
        tokenizer,
        probability=name != "pairwise",
        revision=cfg.start_revision if cfg.start_model else "",
    )
    lr = partial(constant, peak=cfg.lr, warmup=cfg.warmup_steps)
    model, numbers = do_job(
        train_job, stage, device, load_reward_model,
        model=new,
        batches=step_batches(task.rows, cfg.batch_size, cfg.seed),
        settings=replace(TrainSettings.of(cfg, cfg.steps, lr), loss=label_loss_and_backward),
        run=name,
        evaluate=task.evaluate,
    )  # fmt: skip
    return kept.keep(model, tokenizer, numbers)
