"""What merging back and forth does to weights: the lesson's demonstration (trl#6688)."""

from collections.abc import Sequence

import torch


def merge_drift(
    weight: torch.Tensor,
    dtype: torch.dtype,
    cycles: Sequence[int],
    rank: int = 8,
    size: float = 0.1,
) -> dict[int, float]:
    """Largest change of a matrix after an adapter was added to it and taken off again so many times.

    In exact arithmetic it is 0. Each cycle has another adapter, as each step of training has; its B A has entries of
    ``size`` times the matrix's standard deviation.

    Args:
        weight: (out, in). dtype: in which it is kept, and in which both sums are rounded. cycles: when to look.

    Returns:
        cycles -> largest absolute difference, over the standard deviation of ``weight``.
    """
    weight = weight.detach()
    start = weight.to(dtype)
    g, w, spread, found = torch.Generator().manual_seed(0), start.clone(), weight.std(), {}
    for i in range(1, max(cycles) + 1):
        b, a = (torch.randn(n, rank, generator=g, dtype=torch.float32) for n in weight.shape)
        change = (size * spread * (b @ a.T) / rank**0.5).to(dtype)
        w += change
        w -= change
        if i in cycles:
            found[i] = float((w.double() - start.double()).abs().max() / spread)
    return found
