"""Time of a stage, from operations and bytes moved: an estimate to plan by, not a promise."""

from dataclasses import dataclass
from typing import Any

from dsmath_lib.plan.architecture import Architecture
from dsmath_lib.plan.parts import BYTES_OF, key_value_bytes
from dsmath_lib.plan.stages import Machine, prompt_tokens

# Share of the peak that training reaches: prime-rl's table has 21.7 % for a 4 B model with LoRA on an H100.
TRAINING_SHARE = 0.2
DRAWING_SHARE = 0.4  # of the memory's speed, in decoding
MEAN_LENGTH = 0.45  # of the longest completion: 144 k tokens a step of 320 rollouts of at most 1,024 in peers' logs


@dataclass(frozen=True)
class DataSheet:
    """Peak operations a second (dense bfloat16) and bytes a second of a device, by its data sheet."""

    name: str
    flops: float
    bandwidth: float


CPU = DataSheet(
    "2 CPU cores", 1.75e11 / TRAINING_SHARE * 0.4, 2e10
)  # reports/reference/bench/training-1thread.json
CARDS = (
    (24, DataSheet("24 GB card (A10 class)", 1.25e14, 6e11)),
    (48, DataSheet("48 GB card (L40S class)", 3.6e14, 8.6e11)),
    (1000, DataSheet("80 GB card (H100 class)", 9.9e14, 3.35e12)),
)


def card_of(machine: Machine, gpu_gb: float) -> DataSheet:
    """The card of a size; without one, an H100 on a GPU."""
    if machine.device == "cpu":
        return CPU
    return next(c for most, c in CARDS if (gpu_gb or 80) <= most)


def training_seconds(a: Architecture, tokens: float, card: DataSheet, passes: float = 3) -> float:
    """Forward (1) and backward (2) ``passes`` over tokens: 2 operations for each weight."""
    weights = a.parameters - (0 if a.tied else a.embedding)
    return 2 * passes * weights * tokens / (TRAINING_SHARE * card.flops)


def drawing_seconds(
    a: Architecture, rows: int, at_once: int, new: int, card: DataSheet, dtype: str
) -> float:
    """Decoding moves weights once a token of a batch, and the keys and values of each row."""
    rounds = -(-rows // at_once)
    batch = -(-rows // rounds)
    moved = BYTES_OF[dtype] * a.parameters + key_value_bytes(a, batch, new // 2 + 128, dtype)
    work = 2 * a.parameters * batch / (TRAINING_SHARE * card.flops)
    return rounds * new * max(moved / (DRAWING_SHARE * card.bandwidth), work)


def stage_seconds(
    stage: str, cfg: Any, a: Architecture, card: DataSheet, processes: int
) -> float | None:
    """Seconds of the main run of a stage; None for those that mostly evaluate."""
    if stage == "02_pretraining":
        return training_seconds(a, cfg.tokens_in_all, card) / processes
    if stage == "03_sft":
        return training_seconds(a, cfg.steps * cfg.batch_size * cfg.context, card) / processes
    if stage in ("05_grpo", "06_one_gradient", "07_simplerl_zero"):
        return _policy_seconds(stage, cfg, a, card, processes)
    return None


def _policy_seconds(
    stage: str, cfg: Any, a: Architecture, card: DataSheet, processes: int
) -> float:
    rows = -(-cfg.questions_per_step * cfg.group_size // processes)
    tokens = rows * (prompt_tokens(cfg) / cfg.share_prompt + MEAN_LENGTH * cfg.max_new_tokens)
    passes = 3 + (1 if cfg.beta else 0)  # the reference reads forward only
    if stage == "07_simplerl_zero" or cfg.updates_per_exploration > 1:
        passes += 3 * (cfg.updates_per_exploration - 1)
    at_once = min(rows, cfg.sampler_rows)
    drawn = drawing_seconds(a, rows, at_once, cfg.max_new_tokens, card, cfg.dtype)
    runs, rest = 1, 0
    if stage == "06_one_gradient":
        runs = len(cfg.methods) * len(cfg.seeds)
    if stage == "07_simplerl_zero":
        rest = (len(cfg.runs) - 1) * cfg.compare_steps
    if stage == "05_grpo":
        runs, rest = cfg.iterations, 3 * cfg.compare_steps
    return (runs * cfg.steps + rest) * (drawn + training_seconds(a, tokens, card, passes))
