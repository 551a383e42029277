"""Layer checkpointing: a layer keeps its input and is computed again on the way back.

Memory of activations falls from all that is inside the layers to one input per layer and one layer's inside; the time
of a step grows by one forward pass of the layers. The numbers are the same: the same operations on the same inputs.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from dsmath_lib.base.attention import attention_by


def checkpoint_layers(module: torch.nn.Module) -> int:
    """Let every decoder layer inside ``module`` be computed again on the way back; returns how many there are.

    transformers' own switch works in training mode only, and RL keeps its networks in evaluation mode, so that nothing
    is dropped out. Calling it twice does nothing more.

    Raises:
        ValueError: no layer of transformers' is inside.
    """
    layers = [m for m in module.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise ValueError(f"{type(module).__name__} has no decoder layers to be computed again")
    for layer in layers:
        if not isinstance(layer.forward, _Again):
            layer.forward = _Again(layer)
    return len(layers)


class _Again:
    """The forward of a layer, under a checkpoint where gradients are wanted and nothing is cached."""

    def __init__(self, layer: torch.nn.Module):
        self.layer = layer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        forward = type(self.layer).forward
        if not torch.is_grad_enabled() or kwargs.get("past_key_values") is not None:
            return forward(self.layer, *args, **kwargs)
        config = self.layer.self_attn.config
        name = config._attn_implementation

        def contexts() -> tuple:
            return nullcontext(), attention_by(config, name)

        return checkpoint(
            forward, self.layer, *args, use_reentrant=False, context_fn=contexts, **kwargs
        )
