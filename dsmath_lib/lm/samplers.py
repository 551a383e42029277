"""One interface for rollouts: the loop over a transformers model (``HFSampler``), or a vLLM engine (``VLLMSampler``).

The parameter ``sampler`` picks one; nothing else changes::

    sampler = make_sampler(cfg, model, tokenizer)
    completions = sampler.sample(prompts, n=16, temperature=1.0, max_new_tokens=96, seed=1)
    sampler.rest()  # before the weights of ``model`` change
"""

from typing import Any, Protocol

import torch

from dsmath_lib.lm.sampler import Completions, HFSampler
from dsmath_lib.runtime import need_vllm


class SamplerError(RuntimeError):
    """The sampler failed, died, or returned another number of completions than asked for."""


class Sampler(Protocol):
    """Draws completions from ``model``; how, is said at ``HFSampler.sample``."""

    model: torch.nn.Module
    tokenizer: Any

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
    ) -> Completions:
        """``n`` completions of each prompt, group-major."""

    def rest(self) -> None:
        """Call it before the weights of ``model`` change: memory is given back, the next ``sample`` takes them anew."""


def make_sampler(cfg, model: torch.nn.Module, tokenizer) -> Sampler:
    """The sampler that the parameters ask for.

    Args:
        cfg: parameters with ``sampler``, ``sampler_rows``, ``sampler_cache_gb`` and ``dtype``.

    Raises:
        ParamsError: vLLM is asked for and not installed.
    """
    if cfg.sampler == "hf":
        return HFSampler(model, tokenizer, max_rows=cfg.sampler_rows)
    need_vllm()
    from dsmath_lib.lm.vllm_sampler import VLLMSampler

    return VLLMSampler(
        model, tokenizer, cfg.sampler_rows, dtype=cfg.dtype, cache_gb=cfg.sampler_cache_gb
    )
