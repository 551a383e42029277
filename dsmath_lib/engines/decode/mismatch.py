"""Are completions the policy's own? Told by the log-probs that the sampler and the trainer give their tokens."""

from typing import Any

# float32 leaves a largest difference of about 1e-5; at a mean of 0.1, which bfloat16 does not reach either, a
# probability is off by a factor of 1.1
_LARGEST_IN_FLOAT32, _MEAN = 1e-3, 0.1


def another_policy(largest: float | None, mean: float | None, cfg: Any) -> str:
    """Why the completions of a step cannot be the policy's; empty if they can, or if nothing was measured.

    A push that was left out (of weights, or of an adapter) shows here and nowhere else: the reward looks plausible.

    Args:
        largest, mean: of |log-prob by the sampler − log-prob by the trainer| over the tokens, before the first update.
        cfg: parameters with ``dtype`` and ``top_p``; log-probs over a nucleus are others, so below 1 nothing is told.
    """
    if largest is None or mean is None or cfg.top_p < 1:
        return ""
    if mean <= _MEAN and (cfg.dtype != "float32" or largest <= _LARGEST_IN_FLOAT32):
        return ""
    return (
        f"sampler and trainer differ by {largest:.2g} in the log-prob of a token, by {mean:.2g} on average: "
        "the sampler may hold old weights or an old adapter"
    )
