"""Who does what: rows of a batch, and pieces of an evaluation.

Every rank runs a sharded network equally often, else the others would wait for it for ever: one with less to do runs
some of its work again, and nothing of that counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import torch

from dsmath_lib.engines.parallel.group import gathered, most, rank, ranks, share
from dsmath_lib.engines.parallel.sharding import sharded

_T, _R = TypeVar("_T"), TypeVar("_R")


def parts(
    batch: Mapping[str, torch.Tensor], size: int
) -> Iterator[tuple[dict[str, torch.Tensor], int]]:
    """This rank's rows of a batch, ``size`` at once, each part with the factor of its loss: 1, or 0 if it is empty.

    An empty one holds some row, so that a network can run; there are as many parts on all ranks.
    """
    n = len(next(iter(batch.values())))
    rows = range(n)[share(n)]
    cuts = [
        (rows.start + i, min(rows.start + i + size, rows.stop)) for i in range(0, len(rows), size)
    ]
    empty = most(len(cuts)) - len(cuts)  # asked before the first one runs: the others do the same
    for a, b in cuts:
        yield {k: t[a:b] for k, t in batch.items()}, 1
    for _ in range(empty):
        yield {k: t[:1] for k, t in batch.items()}, 0


def spread(model: torch.nn.Module, things: Sequence[_T], work: Callable[[_T], _R]) -> list[_R]:
    """``work`` of each thing, in order, on all ranks; of a sharded ``model`` each does a part. Results: plain data."""
    if not sharded(model) or not things:
        return [work(x) for x in things]
    turns = -(-len(things) // ranks())
    mine = [things[min(i * ranks() + rank(), len(things) - 1)] for i in range(turns)]
    found = gathered([work(x) for x in mine])
    return [found[i % ranks()][i // ranks()] for i in range(len(things))]
