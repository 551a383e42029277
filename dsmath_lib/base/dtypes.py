"""Number formats by name, and sums in at least float32."""

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def at_least_float32(x: torch.Tensor) -> torch.Tensor:
    """``x`` in float32, or in its own dtype where that is wider: sums of many numbers in bfloat16 would be lost."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
