"""A tiny model with an adapter, and inputs for it."""

from types import SimpleNamespace

import pytest
import torch

from dsmath_lib.engines.adapters import adapter_of, with_adapter
from dsmath_lib.lm.model import Shape, build_model


def lora(rank=8, targets="all-linear", alpha=16, seed=0):
    return SimpleNamespace(lora_rank=rank, lora_alpha=alpha, lora_targets=targets, seed=seed)


def plain(seed=0, tie=True, vocab=60):
    return build_model(Shape(16, 2, 2, 1, 32, vocab, 64), tie=tie, seed=seed, init_std=0.3).eval()


def moved(model, size=0.3):
    """An adapter as it is after some training: B is no longer 0."""
    g = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for _, _, b in adapter_of(model).layers():
            b.copy_(size * torch.randn(b.shape, generator=g))
    return model


@pytest.fixture
def ids():
    return torch.randint(0, 60, (3, 9), generator=torch.Generator().manual_seed(3))


@pytest.fixture
def adapted():
    return moved(with_adapter(plain(), lora()))
