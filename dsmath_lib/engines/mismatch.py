"""Where the sampler's log-probs are not the trainer's: what is done about it, and what is said."""

import torch


def sampler_weights(old: torch.Tensor, sampled: torch.Tensor, how: str, cap: float) -> torch.Tensor:
    """Weight of each token (B, T): importance sampling with a cap, for tokens that another policy drew.

    The gradient is wanted under the trainer's old policy, and the tokens come from the sampler's: each counts
    π_old / π_sampler times. A few huge weights would drown the rest, so they are cut.

    Args:
        old, sampled: (B, T) log-probs of the trainer before the first update, and of the sampler.
        how: ``truncate``: at most ``cap`` (TIS); ``mask``: 0 above ``cap``.

    Raises:
        ValueError: unknown ``how``.
    """
    ratio = torch.exp(old - sampled).detach()
    if how == "truncate":
        return ratio.clamp(max=cap)
    if how == "mask":
        return ratio.masked_fill(ratio > cap, 0.0)
    raise ValueError(f"unknown mismatch_fix '{how}' (known: truncate, mask)")


def mismatch_alarm(factor: float | None, limit: float) -> str:
    """What is said where exp of the mean difference of log-probs is above the limit; empty: nothing to say."""
    if not limit or factor is None or factor <= limit:
        return ""
    return (
        f"sampler and trainer disagree: exp of their mean difference of log-probs is {factor:.3f}, above "
        f"mismatch_limit = {limit:g}. Does the sampler have the newest weights, and enough precision?"
    )
