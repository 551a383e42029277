"""The form in which a network is trained: its weights' dtype, its optimizer, which layers are computed again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from dsmath_lib.base.dtypes import DTYPES
from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.memory.activations import checkpoint_layers
from dsmath_lib.engines.memory.adam import eight_bit_adamw


@dataclass(frozen=True)
class Form:
    """Memory against speed, and with ``weights`` or ``optimizer`` against exactness, too.

    Bytes per parameter for weights, gradient and averages: 16 with float32 and ``adamw``, 10 with float32 and
    ``adamw-8bit``, 6 with bfloat16 and ``adamw-8bit``.
    """

    weights: str = "float32"
    optimizer: str = "adamw"
    layer_checkpointing: bool = False

    @classmethod
    def of(cls, cfg: Any) -> "Form":
        """From the parameters of a stage that trains."""
        return cls(cfg.weight_dtype, cfg.optimizer, cfg.layer_checkpointing)

    def apply(self, network: torch.nn.Module) -> None:
        """Bring a network that is going to be trained into this form, in place."""
        cast(network, self.weights)
        if self.layer_checkpointing:
            checkpoint_layers(network)

    def make(self, groups: list[dict], betas: tuple[float, float]) -> torch.optim.Optimizer:
        """The optimizer of groups of parameters.

        Raises:
            ParamsError: 8-bit averages are asked for, and torchao is not installed.
        """
        if self.optimizer == "adamw-8bit":
            return eight_bit_adamw(groups, betas)
        return torch.optim.AdamW(groups, betas=betas, fused=True)

    def check(self, networks: Iterable[torch.nn.Module]) -> None:
        """What is trained has the dtype that was asked for: small steps are lost in a lower one, without an error.

        Raises:
            StageError: it has not; names a weight.
        """
        for network in networks:
            wanted = "float32" if _part_trained(network) else self.weights
            for name, p in network.named_parameters():
                if p.requires_grad and p.dtype != DTYPES[wanted]:
                    raise StageError(f"{name} is trained in {p.dtype}, not in {wanted}")


def cast(network: torch.nn.Module, dtype: str) -> torch.nn.Module:
    """Weights in ``dtype``, in place; what is trained on frozen ones (an adapter) and buffers stay as they are.

    The angles of rotary positions are a buffer: rounded to bfloat16, far tokens would change places.
    """
    part = _part_trained(network)
    for p in network.parameters():
        if not (part and p.requires_grad) and p.dtype != DTYPES[dtype]:
            p.data = p.data.to(DTYPES[dtype])
    return network


def _part_trained(network: torch.nn.Module) -> bool:
    """Is a part of it trained, and a part frozen?"""
    return len({p.requires_grad for p in network.parameters()}) == 2
