"""LoRA in the parameters: what a stage that trains a language model may train instead of all weights."""

from typing import Literal

from dsmath_lib.params.base import par
from dsmath_lib.params.trained import TrainedParams


class LoraParams(TrainedParams):
    """Of stages that fine-tune: 03, 05, 06, 07."""

    # adapter
    lora_rank: Literal[0, 1, 8, 16, 32, 64, 128, 256, 320, 512] = par(
        0, "LoRA: rank r of the adapter; 0: all weights are trained", paper=0
    )
    lora_alpha: int = par(32, "LoRA: the adapter counts alpha / r", ge=1)
    lora_targets: Literal["attention", "mlp", "all-linear"] = par(
        "all-linear", "LoRA: layers with an adapter"
    )
