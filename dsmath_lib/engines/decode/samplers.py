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
    cfg, model: torch.nn.Module, tokenizer, adapter: LoraAdapter | None = None
) -> Sampler:
    """The sampler that the parameters ask for.

    Args:
        cfg: parameters with ``sampler``, ``sampler_rows``, ``sampler_cache_gb`` and ``dtype``.
        adapter: that of ``model``, if it has one; vLLM gets it apart from the weights under it.

    Raises:
        ParamsError: vLLM is asked for and not installed.
    """
    if cfg.sampler == "hf":
        return HFSampler(model, tokenizer, max_rows=cfg.sampler_rows)
    need_vllm()
    from dsmath_lib.engines.decode.vllm_sampler import VLLMSampler

    return VLLMSampler(
        model,
        tokenizer,
        cfg.sampler_rows,
        dtype=cfg.dtype,
        cache_gb=cfg.sampler_cache_gb,
        adapter=adapter,
    )
