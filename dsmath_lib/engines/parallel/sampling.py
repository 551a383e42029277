"""Sampling from a sharded policy: a whole copy of the weights on every rank, each draws for its own prompts.

Token by token a sharded network would be put together for every token, and ranks whose rows end early would have to go
on. So all ranks gather the weights once, into a network of their own (freed again before learning), and draw without a
word to each other. Row r of a call uses the r-th row of random numbers whatever rank draws it, so the completions are
those of one process. Afterwards all ranks have all of them: rewards, advantages and the weights of the loss are those
of the whole batch, computed by the same code.
"""

from collections.abc import Callable
from typing import Any

import torch

from dsmath_lib.base.records import Completions
from dsmath_lib.base.vocabulary import fit_vocabulary
from dsmath_lib.engines.parallel.group import gathered, gathered_rows, share
from dsmath_lib.engines.parallel.sharding import sharded, whole_copy


def shared_sampler(
    model: torch.nn.Module, tokenizer, make: Callable[[torch.nn.Module], Any]
) -> Any:
    """``make(model)``, or for a sharded model a sampler over all ranks; ``make`` then gets whole copies of it."""
    return SharedSampler(model, tokenizer, make) if sharded(model) else make(model)


class SharedSampler:
    """A sampler (``decode.Sampler``) whose ``sample`` is collective: all ranks pass the same arguments."""

    def __init__(self, model: torch.nn.Module, tokenizer, make: Callable[[torch.nn.Module], Any]):
        fit_vocabulary(model, tokenizer)  # as every sampler does with the model it draws from
        self.model, self.tokenizer, self.make = model, tokenizer, make
        self.own: Any = None  # this rank's sampler, with the weights of the last ``sample``
        self.memory: dict[str, float] = {}  # what that sampler measured of it, if it does

    def sample(self, prompts: list[list[int]], *, n: int, **how: Any) -> Completions:
        """Completions of all prompts, group-major; the prompts of a rank are neighbours, and groups are whole."""
        if self.own is None:
            self.own = self.make(whole_copy(self.model))
        mine = share(len(prompts))
        done = Completions([], [], [], [])
        if prompts[mine]:
            done = self.own.sample(prompts[mine], n=n, first=mine.start * n, **how)
        return _all_completions(done)

    def rest(self) -> None:
        """Weights may change: the copy goes."""
        if self.own is not None:
            self.own.rest()
            self.memory = getattr(self.own, "memory", {})
        self.own = None


def _all_completions(mine: Completions) -> Completions:
    """The completions of all ranks, in the order of the ranks."""
    ids = gathered_rows(torch.tensor([i for row in mine.ids for i in row], dtype=torch.long))
    logprobs = gathered_rows(
        torch.tensor([x for row in mine.logprobs for x in row], dtype=torch.float64)
    )
    rest = gathered([[len(row) for row in mine.ids], mine.finish, mine.texts])
    lengths = [n for row, _, _ in rest for n in row]
    return Completions(
        [x.tolist() for x in torch.cat(ids).split(lengths)],
        [x.tolist() for x in torch.cat(logprobs).split(lengths)],
        [f for _, row, _ in rest for f in row],
        [t for _, _, row in rest for t in row],
    )
