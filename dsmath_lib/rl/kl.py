"""Estimators of KL(π‖π_ref) from one sampled token, given log-probs under both.

With x = π_ref / π and tokens drawn from π, all three have a useful value but different gradients:

======  =================  ==================  =================================
name    value              expected value      expected gradient
======  =================  ==================  =================================
``k1``  −log x             KL(π‖π_ref)         0
``k2``  (log x)² / 2       about KL(π‖π_ref)   that of KL(π‖π_ref)
``k3``  x − log x − 1      KL(π‖π_ref)         that of KL(π_ref‖π)
======  =================  ==================  =================================

The paper uses k3 (Eq. 4). Times the importance ratio π / π_old, k3 has the gradient of KL(π‖π_ref).
"""

from collections.abc import Callable

import torch


def k1(logp: torch.Tensor, ref_logp: torch.Tensor) -> torch.Tensor:
    """log π − log π_ref; any shape. Unbiased, of either sign."""
    return logp - ref_logp


def k2(logp: torch.Tensor, ref_logp: torch.Tensor) -> torch.Tensor:
    """Half the squared log-ratio; any shape. Biased, never negative."""
    return (ref_logp - logp).square() / 2


def k3(logp: torch.Tensor, ref_logp: torch.Tensor) -> torch.Tensor:
    """x − log x − 1 (Eq. 4); any shape. Unbiased, never negative.

    ``expm1`` keeps it so near 0: in float32 exp(r) − r − 1 is wrong in sign at r = 1e-6.
    """
    r = ref_logp - logp
    return torch.expm1(r) - r


ESTIMATORS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "k1": k1,
    "k2": k2,
    "k3": k3,
}
