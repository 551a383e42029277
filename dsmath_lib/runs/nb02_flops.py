"""Arithmetic work of training, and what share of the machine's speed it reaches."""

import time

import torch
from transformers import PretrainedConfig

from dsmath_lib.lm.model import n_parameters


def flops_per_token(model: torch.nn.Module, context: int) -> float:
    """Floating-point operations to train on one token: ``6 N + 6 L H T``.

    ``N`` weights that multiply (all but a separate input embedding, which is a look-up), 2 operations
    forward and 4 backward each. Attention: scores and weighted sum are 2 x 2 ``H T / 2`` operations per layer
    forward (half of ``T`` under the causal mask), three times that with the backward pass. ``L`` layers,
    ``H`` hidden size, ``T`` context in tokens.
    """
    config: PretrainedConfig = model.config
    n = n_parameters(model)
    if not config.tie_word_embeddings:
        n -= config.vocab_size * config.hidden_size
    return 6.0 * n + 6.0 * config.num_hidden_layers * config.hidden_size * context


def matmul_rate(
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    size: int = 1024,
    seconds: float = 1.0,
) -> float:
    """Measured operations per second of a square matrix product: best of runs over ``seconds``."""
    device = torch.device(device)
    a = torch.randn(size, size, device=device).to(getattr(torch, dtype))
    a @ a  # first call sets up the library
    best, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop:
        _sync(device)
        start = time.perf_counter()
        for _ in range(4):
            a @ a
        _sync(device)
        best = min(best, (time.perf_counter() - start) / 4)
    return 2.0 * size**3 / best


def mfu(tokens_per_s: float, flops_token: float, rate: float) -> float:
    """Model FLOPs utilisation: training operations per second over the measured matrix-product rate."""
    return tokens_per_s * flops_token / rate


def _sync(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
