"""What every sampler is: the call, its errors, and the checks before it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import torch

from dsmath_lib.base.prompts import turn_end
from dsmath_lib.base.records import Completions


def check_sampling(
    prompts: list[list[int]], n: int, temperature: float, top_p: float, new: int, context: int
) -> None:
    """Arguments that no sampler takes are a ValueError; ``context``: tokens that the model can read."""
    if n < 1 or new < 1 or temperature < 0 or not 0 < top_p <= 1:
        raise ValueError(f"bad {n=}, max_new_tokens={new}, {temperature=} or {top_p=}")
    if not all(prompts):
        raise ValueError("a prompt has no tokens")
    longest = max(map(len, prompts), default=0)
    if longest >= context:
        raise ValueError(f"a prompt of {longest} tokens fills the model's context of {context}")


def eos_ids(model: torch.nn.Module, tokenizer) -> list[int]:
    """All ids that end a completion: the generation config's (one or several), the tokenizer's, its template's.

    Raises:
        ValueError: there is none, so no completion could end.
    """
    ids = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ids = set(ids if isinstance(ids, list | tuple) else [ids])
    ids = sorted((ids | {tokenizer.eos_token_id, turn_end(tokenizer)}) - {None})
    if not ids:
        raise ValueError("neither tokenizer nor generation config names an end token")
    return ids


class SamplerError(RuntimeError):
    """The sampler failed, died, or returned another number of completions than asked for."""


class LoraAdapter(Protocol):
    """What a sampler with weights of its own must know of an adapter on its model."""

    model: Any  # with the adapter on it
    on: bool  # False: draw from the weights under it
    rank: int

    def base_weights(self) -> Iterable[tuple[str, torch.Tensor]]:
        """The weights under it, named as in the plain model."""

    def save(self, folder: Path) -> None:
        """Write it in peft's format."""


class Sampler(Protocol):
    """Draws completions from ``model``; how, is said at ``HFSampler.sample``."""

    model: torch.nn.Module
    tokenizer: Any
    # GB of the GPU in use: ``awake_gb``, ``asleep_gb``; empty where nothing sleeps
    memory: dict[str, float]

    def sample(
        self,
        prompts: list[list[int]],
        *,
        n: int,
        temperature: float,
        top_p: float = 1.0,
        max_new_tokens: int,
        seed: int,
        stop: tuple[str, ...] = (),
        first: int = 0,
    ) -> Completions:
        """``n`` completions of each prompt, group-major."""

    def rest(self) -> None:
        """Call it before the weights of ``model`` change: memory is given back, the next ``sample`` takes them anew."""
