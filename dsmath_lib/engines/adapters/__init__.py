"""The adapters' door: LoRA on a model, the model without it, a folder of it, one model of both.

LoRA leaves a matrix W as it is and trains two thin ones beside it: W + (alpha / r) B A, with A (r, in) and B (out, r).
B begins at 0, so the model begins as it was. ``peft`` (an extra) holds A and B; only this module is imported from
outside, and the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.adapters.drift import merge_drift
from dsmath_lib.engines.adapters.export import merged
from dsmath_lib.engines.adapters.lora import (
    ADAPTER_FOLDER,
    RANKS,
    TARGETS,
    Adapter,
    AdapterOff,
    adapter_of,
    with_adapter,
    without_adapter,
)

__all__ = [
    "ADAPTER_FOLDER",
    "RANKS",
    "TARGETS",
    "Adapter",
    "AdapterOff",
    "adapter_of",
    "merge_drift",
    "merged",
    "with_adapter",
    "without_adapter",
]
