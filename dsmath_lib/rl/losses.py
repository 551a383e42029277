"""The policy loss: GRPO's Eq. 3, and its relatives as data.

    loss = Σ_{i,t} w_{i,t} · ( −min[ρ Â, clip(ρ, 1−ε, 1+ε) Â] + β · KL )

Every method is a choice of advantages Â and weights w. The weights are made once for the whole batch, so the loss of
the batch is the sum over its micro-batches, however it is cut.
"""

import torch

from dsmath_lib.rl.kl import ESTIMATORS, k3

NORMS = ("sequence", "token", "constant")


def token_weights(lengths: torch.Tensor, norm: str, max_length: int = 0) -> torch.Tensor:
    """Weight of each completion's tokens, (B,), for a batch with completion ``lengths`` (B,).

    ``sequence``: 1 / (B |o_i|), mean over a completion, then over completions: the paper's Eq. 3.
    ``token``: 1 / Σ|o_i|, every token counts the same (DAPO).
    ``constant``: 1 / (B · ``max_length``), free of any length (Dr. GRPO).

    Raises:
        ValueError: unknown ``norm``.
    """
    lengths = lengths.float()
    if norm == "sequence":
        return 1.0 / (len(lengths) * lengths.clamp(min=1))
    if norm == "token":
        return torch.ones_like(lengths) / lengths.sum()
    if norm == "constant":
        return torch.full_like(lengths, 1.0 / (len(lengths) * max_length))
    raise ValueError(f"unknown normalisation '{norm}' (known: {', '.join(NORMS)})")


def policy_loss(
    logp: torch.Tensor,
    old_logp: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    *,
    clip_low: float,
    clip_high: float,
    beta: float = 0.0,
    ref_logp: torch.Tensor | None = None,
    kl_estimator: str = "k3",
    kl_ratio: bool = False,
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Clipped policy loss with the KL term inside (Eq. 3 with its sign turned, so that it is minimised).

    Args:
        logp: (B, T) log-probs under the policy, with gradient.
        old_logp: (B, T) under the policy that sampled. Pass ``logp.detach()`` for the first update after exploration:
            the ratio is then 1 in value and its gradient is REINFORCE's.
        advantages: (B,), or (B, T) for per-token advantages (process supervision).
        mask: (B, T) bool, True at completion tokens.
        weights: (B,) from ``token_weights`` of the whole batch.
        clip_low, clip_high: ε on either side of 1.
        beta: weight of the KL term; needs ``ref_logp`` (B, T) when above 0.
        kl_ratio: multiply the KL term by the importance ratio, which mends k3's gradient (off in the paper).

    Returns:
        the loss, a scalar, and sums over tokens for ``summary``: tokens, clipped, kl, ratio extremes.
    """
    if beta and ref_logp is None:
        raise ValueError("beta > 0 needs ref_logp")
    advantages = advantages if advantages.ndim == 2 else advantages[:, None]
    ratio = torch.exp(logp - old_logp)  # ρ
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    per_token = -torch.minimum(ratio * advantages, clipped * advantages)  # min for either sign of Â
    if beta:
        kl = ESTIMATORS[kl_estimator](logp, ref_logp)
        per_token = per_token + beta * (ratio * kl if kl_ratio else kl)
    loss = (per_token * weights[:, None]).masked_fill(~mask, 0.0).sum()
    with torch.no_grad():
        active = (
            clipped * advantages < ratio * advantages
        ) & mask  # the clip took the gradient away
        inside = torch.where(mask, ratio, 1.0)
        stats = {
            "tokens": mask.sum(),
            "clipped": active.sum(),
            "ratio_min": inside.min(),
            "ratio_max": inside.max(),
        }
        if ref_logp is not None:
            stats["kl"] = k3(logp, ref_logp).masked_fill(~mask, 0.0).sum()
    return loss, stats
