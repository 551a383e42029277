"""One interface for rollouts: the loop over a transformers model (``HFSampler``), or a vLLM engine (``VLLMSampler``).

The parameter ``sampler`` picks one; nothing else changes::

    sampler = make_sampler(cfg, model, tokenizer)
    completions = sampler.sample(prompts, n=16, temperature=1.0, max_new_tokens=96, seed=1)
    sampler.rest()  # before the weights of ``model`` change
"""

import torch

from dsmath_lib.base.machine import need_vllm
from dsmath_lib.engines.decode.protocol import LoraAdapter, Sampler
from dsmath_lib.engines.decode.sampler import HFSampler


def make_sampler(
    cfg,
    model: torch.nn.Module,
    tokenizer,
    adapter: LoraAdapter | None = None,
    longest: int = 0,
) -> Sampler:
    """The sampler that the parameters ask for.

    Args:
        cfg: parameters with ``sampler``, ``sampler_rows``, ``sampler_cache_gb`` and ``dtype``.
        adapter: that of ``model``, if it has one; vLLM gets it apart from the weights under it.
        longest: tokens of the longest prompt with its completion, if known: a vLLM engine is made for it.

    Raises:
        ParamsError: vLLM is asked for and not installed.
    """
    if cfg.sampler == "hf":
        return HFSampler(model, tokenizer, cfg.sampler_rows, cfg.sampler_cache_gb)
    need_vllm()
    from dsmath_lib.engines.decode.vllm_sampler import VLLMSampler

    return VLLMSampler(
        model,
        tokenizer,
        cfg.sampler_rows,
        dtype=cfg.dtype,
        cache_gb=cfg.sampler_cache_gb,
        adapter=adapter,
        longest=longest,
        sleep_gb=getattr(cfg, "sampler_sleep_gb", 0.0),
    )
