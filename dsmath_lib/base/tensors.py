"""Tensors by name: one digest for all of them."""

import hashlib
from collections.abc import Iterable

import torch


def tensors_digest(named: Iterable[tuple[str, torch.Tensor]]) -> str:
    """SHA-256 of names, shapes, dtypes and bytes, in hex; the order counts."""
    h = hashlib.sha256()
    for name, t in named:
        h.update(f"{name} {tuple(t.shape)} {t.dtype}\n".encode())
        h.update(t.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return h.hexdigest()
