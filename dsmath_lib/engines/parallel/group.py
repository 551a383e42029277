"""The group of processes ("ranks") of one run: joining it, and the few exchanges that a run needs.

Plain data goes round as JSON in byte tensors, never as pickle. All exchanges are collective: every rank calls them in
the same order. One that waits longer than the group's time limit fails, and so does one whose neighbour is gone.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from dsmath_lib.base.errors import StageError

_T = TypeVar("_T")


@dataclass(frozen=True)
class _Group:
    rank: int
    size: int
    mesh: DeviceMesh


class FirstRankError(StageError):
    """The first rank failed at what it does for all; said on the others."""


_group: _Group | None = (
    None  # not torch's own state: a sampler's engine in the same process may set that
)


def join(number: int, size: int, device: torch.device, seconds: float = 1800.0) -> None:
    """Become rank ``number`` of ``size``; MASTER_ADDR and MASTER_PORT say where the others are (as for torchrun).

    gloo on a CPU; on GPUs nccl for tensors there, and gloo for what stays on the CPU.

    Args:
        seconds: how long an exchange may wait for the others.
    """
    global _group
    gpu = device.type == "cuda"
    if gpu:
        torch.cuda.set_device(device)
    backend, limit = ("cpu:gloo,cuda:nccl" if gpu else "gloo"), timedelta(seconds=seconds)
    dist.init_process_group(backend, rank=number, world_size=size, timeout=limit)
    # on a machine with GPUs torch would take them for a CPU run too: the mesh is said
    _group = _Group(number, size, init_device_mesh(device.type, (size,)))


def leave() -> None:
    """Leave the group."""
    global _group
    if _group is not None:
        _group = None
        dist.destroy_process_group()


def ranks() -> int:
    """Number of processes of this run; 1 outside a group."""
    return 1 if _group is None else _group.size


def rank() -> int:
    """Number of this process, from 0."""
    return 0 if _group is None else _group.rank


def first_rank() -> bool:
    """Is this the process that writes?"""
    return rank() == 0


def mesh() -> DeviceMesh:
    """The processes in a row, for sharding."""
    return _group.mesh


def share(n: int) -> slice:
    """This rank's part of ``n`` things in order; parts differ by one at most, and together they are all."""
    return slice(n * rank() // ranks(), n * (rank() + 1) // ranks())


# -- exchanges ------------------------------------------------------------------------------------


def gathered(value: _T) -> list[_T]:
    """The plain data of every rank, in their order, on all of them."""
    if ranks() == 1:
        return [value]
    data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
    return [json.loads(t.numpy().tobytes()) for t in gathered_rows(data)]


def gathered_rows(values: torch.Tensor) -> list[torch.Tensor]:
    """The 1-D CPU tensor of every rank, of any length, on all of them."""
    if ranks() == 1:
        return [values]
    sizes = [torch.zeros((), dtype=torch.long) for _ in range(ranks())]
    dist.all_gather(sizes, torch.tensor(len(values)))
    room = values.new_zeros(max(1, int(max(sizes))))
    room[: len(values)] = values
    found = [torch.empty_like(room) for _ in sizes]
    dist.all_gather(found, room)
    return [t[: int(n)] for t, n in zip(found, sizes, strict=True)]


def total(value: _T) -> _T:
    """The sum over the ranks of a number or of a tensor (which changes in place); None stays None."""
    if ranks() == 1 or value is None:
        return value
    if not isinstance(value, torch.Tensor):
        return sum(gathered(value))
    dist.all_reduce(value)
    return value


def most(n: int) -> int:
    """The largest ``n`` of all ranks."""
    return max(gathered(n))


def merged_numbers(
    numbers: Mapping[str, float], how: Mapping[str, Callable[..., float]] | None = None
) -> dict[str, float]:
    """Numbers by name, put together over the ranks that have them: summed, or by ``how[name]`` (``min``, ``max``)."""
    rows = gathered(dict(numbers))
    names = dict.fromkeys(k for row in rows for k in row)
    how = how or {}
    return {k: how.get(k, sum)([row[k] for row in rows if k in row]) for k in names}


def agreed(work: Callable[[], _T]) -> _T:
    """What ``work()`` returns on the first rank (plain data), on all of them; the others do nothing.

    Raises:
        whatever ``work`` raises, on the first rank; FirstRankError with its message on the others.
    """
    if ranks() == 1:
        return work()
    failure, value = None, None
    if first_rank():
        try:
            value = work()
        except Exception as err:  # said to all, and raised below
            failure = err
    said = gathered([value, None if failure is None else f"{failure}"])[0]
    if failure is not None:
        raise failure
    if said[1] is not None:
        raise FirstRankError(said[1])
    return said[0]
