"""Weights and optimizer state of a sharded run as those of one process, and back.

A checkpoint holds whole tensors, so it fits any number of processes. The first rank gathers them one by one in its main
memory (12 bytes per parameter in float32) and writes; on the way back each rank takes its own part.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from dsmath_lib.engines.parallel.group import ranks
from dsmath_lib.engines.parallel.sharding import whole_tensors


def whole_state(
    weights: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights and the optimizer's ``state_dict()`` with whole tensors, on the first rank; the others take part and get
    no tensors."""
    moments = optimizer.state_dict()
    if ranks() == 1:
        return weights, moments
    flat = {f"{i}.{k}": t for i, s in moments["state"].items() for k, t in s.items()}
    found = whole_tensors({k: t for k, t in flat.items() if isinstance(t, torch.Tensor)})
    state: dict[Any, dict[str, Any]] = {}
    for i, s in moments["state"].items():
        state[i] = {k: found.get(f"{i}.{k}", v) for k, v in s.items()}
    return whole_tensors(weights), moments | {"state": state}


def placed_weights(
    model: torch.nn.Module, whole: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Whole weights as ``model.load_state_dict`` takes them: this rank's parts where the model is sharded."""
    own = model.state_dict()
    return {name: _like(t, own.get(name)) for name, t in whole.items()}


def placed_moments(
    optimizer: torch.optim.Optimizer, state: Mapping[int, Mapping[str, torch.Tensor]]
) -> dict[int, dict[str, torch.Tensor]]:
    """Whole tensors of an optimizer's state as its ``load_state_dict`` takes them."""
    weights = [p for g in optimizer.param_groups for p in g["params"]]
    return {
        i: {k: _like(t, weights[i] if t.shape == weights[i].shape else None) for k, t in s.items()}
        for i, s in state.items()
    }


def _like(whole: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
    """This rank's part of a whole tensor that all ranks have; nothing is sent."""
    if not isinstance(own, DTensor):
        return whole
    mesh = own.device_mesh
    return distribute_tensor(
        whole.to(device=own.device, dtype=own.dtype if whole.is_floating_point() else None),
        mesh,
        own.placements,
        src_data_rank=None,
    )


def local_part(t: torch.Tensor) -> torch.Tensor:
    """What this rank holds of a tensor."""
    return t.to_local() if isinstance(t, DTensor) else t
