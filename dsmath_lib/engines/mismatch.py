"""Where the sampler's log-probs are not the trainer's: what is done about it, and what is said."""

import torch

# of rounding: on the CPU in float32 both compute the same to about 1e-5
_LARGEST_IN_FLOAT32 = 1e-3


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


def mismatch_alarm(largest: float | None, factor: float | None, limit: float, dtype: str) -> str:
    """Why the completions of a step cannot be the policy's; empty if they can, or if nothing was measured.

    A push that was left out (of weights, or of an adapter) shows here and nowhere else: the reward looks plausible.

    Args:
        largest: of |log-prob by the sampler − log-prob by the trainer| over the tokens, before the first update.
        factor: exp of their mean. limit: of the factor; 0: never say anything.
        dtype: of the arithmetic; in float32 one token that differs is enough.
    """
    if not limit or largest is None or factor is None:
        return ""
    if factor <= limit and (dtype != "float32" or largest <= _LARGEST_IN_FLOAT32):
        return ""
    return (
        f"sampler and trainer disagree by {largest:.2g} in the log-prob of a token; exp of the mean is {factor:.3f} "
        f"(mismatch_limit = {limit:g}): the sampler may hold old weights or an old adapter, or too little precision"
    )
