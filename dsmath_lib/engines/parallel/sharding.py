"""Networks spread over the ranks (PyTorch FSDP2): each holds a part of every matrix, of its gradient and its averages.

Layers are put together when they run and taken apart again. What is not in a layer (embeddings, last norm, output head)
is one group, that of the root: a matrix with two names, as in tied embeddings, is then in one group, which torch asks
for. Gradients are *summed* over the ranks and divided by nothing: the weights of the loss are those of the whole batch.
"""

import copy
import functools
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from dsmath_lib.engines.parallel.group import first_rank, mesh, ranks


def shard(model: torch.nn.Module | None) -> torch.nn.Module | None:
    """Spread a network over the ranks, in place; with one process, or where it is spread already, nothing happens.

    All ranks must have the same weights. Optimizers are made afterwards. Wrappers of layers (checkpointing, adapters)
    come first. Adapters in a frozen layer are a group of their own: they may have another dtype than it.
    """
    if model is None or ranks() == 1 or sharded(model):
        return model
    skeleton = _skeleton(model)
    for layer in _layers(model):
        trained = [m for m in layer.modules() if _own(m) and all(p.requires_grad for p in _own(m))]
        if trained and any(not p.requires_grad for p in layer.parameters()):
            fully_shard(trained, mesh=mesh(), reshard_after_forward=True)
        fully_shard(layer, mesh=mesh(), reshard_after_forward=True)
    # the root too: what stays together after a forward pass would be old after the next update
    fully_shard(model, mesh=mesh(), reshard_after_forward=True)
    for m in model.modules():
        if isinstance(m, FSDPModule):
            m.set_gradient_divide_factor(1.0)
            m.set_force_sum_reduction_for_comms(True)
    model.run_at_root = types.MethodType(_run_at_root, model)
    register_fsdp_forward_method(model, "run_at_root")
    model.whole = (skeleton,)  # in a tuple, so that it is no part of the model
    return model


def load_device(device: torch.device | str) -> torch.device | str:
    """Where a network that will be sharded is loaded: in main memory, from where each layer goes to its place."""
    return device if ranks() == 1 else "cpu"


def sharded(model: torch.nn.Module) -> bool:
    """Is it spread over several ranks?"""
    return hasattr(model, "whole")  # also of one that is seen with its adapter off


def through_root(function: Callable) -> Callable:
    """A function that runs parts of the network that is its first argument: through the root, if that is sharded.

    The parts of the root are put together only while the root runs, and a function that calls decoder and head apart
    goes round it.
    """

    @functools.wraps(function)
    def call(model: torch.nn.Module, *args: Any, **more: Any) -> Any:
        if not sharded(model):
            return function(model, *args, **more)
        return model.run_at_root(function, model, args, more)

    return call


def _run_at_root(
    self: torch.nn.Module, function: Callable, seen: Any, args: tuple, more: dict
) -> Any:
    """``seen``: the network as the caller has it, perhaps with its adapter off."""
    return function(seen, *args, **more)


def _own(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    return list(module.parameters(recurse=False))


def _layers(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """The layers: the entries of the longest list of modules."""
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList)]
    yield from max(lists, key=len, default=())


# -- gradients ------------------------------------------------------------------------------------


def clip(model: torch.nn.Module, limit: float) -> float:
    """Scale the gradients down to a norm of ``limit`` (0: no limit); the norm before, over all ranks."""
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit or math.inf)
    return float(_whole(norm))


# -- whole weights --------------------------------------------------------------------------------


def _whole(t: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor; all ranks take part."""
    return t.full_tensor() if isinstance(t, DTensor) else t


def whole_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The whole tensors in the first rank's main memory, one after another; {} on the others.

    A tensor with two names is gathered once and stays one tensor. With one process they are as they were.
    """
    if ranks() == 1:
        return tensors
    out, seen = {}, {}
    for name, t in tensors.items():
        if id(t) not in seen:
            whole = _whole(t.detach())
            seen[id(t)] = whole.cpu() if first_rank() else None
        if first_rank():
            out[name] = seen[id(t)]
    return out


def whole_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The whole weights by name, on the first rank; {} on the others.

    All ranks gather all of them first; only then may one send them on. In turns the two can wait for each other.
    """
    return whole_tensors(model.state_dict()) if sharded(model) else model.state_dict()


def whole_copy(model: torch.nn.Module) -> torch.nn.Module:
    """A network of this rank alone with the weights as they are now, without gradient."""
    new = copy.deepcopy(model.whole[0])  # tensors without memory
    device = next(model.parameters()).device
    for m in new.modules():
        m._buffers |= {k: b.to(device) for k, b in m._buffers.items() if b is not None}
    for p, mine in zip(list(new.parameters()), model.parameters(), strict=True):
        filled = torch.nn.Parameter(_whole(mine.detach()), requires_grad=False)
        for m in new.modules():
            for name, q in m._parameters.items():
                if q is p:
                    m._parameters[name] = filled
    return new.eval()


def _skeleton(model: torch.nn.Module) -> torch.nn.Module:
    """The network with weights that take no memory; a matrix with two names stays one."""
    empty = {id(p): torch.nn.Parameter(p.detach().to("meta")) for p in model.parameters()}
    return copy.deepcopy(model, dict(empty))
