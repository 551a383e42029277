"""The losses, all with one signature: GRPO's Eq. 3 and its relatives.

    policy_loss      Σ w · ( −min[ρ Â, clip(ρ, 1−ε, 1+ε) Â] + β · KL )      PPO, GRPO, REINFORCE, GSPO
    likelihood_loss  Σ w · ( −Â log π + β · KL )                            SFT, RFT, Online RFT
    pair_loss        Σ_pairs −|Â| log σ( β Σ ± w log(π/π_ref) )             DPO

Every method is a choice of loss, advantages Â and weights w. The weights are made once for the whole batch, so the
loss of the batch is the sum over its micro-batches, however it is cut.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from dsmath_lib.rl.kl import ESTIMATORS, k3

NORMS = ("sequence", "token", "constant", "average", "sum")
RATIOS = ("token", "sequence")
Result = tuple[torch.Tensor, dict[str, torch.Tensor]]


def token_weights(lengths: torch.Tensor, norm: str, max_length: int = 0) -> torch.Tensor:
    """Weight of each completion's tokens, (B,), for a batch with completion ``lengths`` (B,).

    ``sequence``: 1 / (B |o_i|), mean over a completion, then over completions: the paper's Eq. 3.
    ``token``: 1 / Σ|o_i|, every token counts the same (DAPO).
    ``constant``: 1 / (B · ``max_length``), free of any length (Dr. GRPO).
    ``average``, ``sum``: 1 / |o_i| or 1, within one completion: for the margin of a pair (DPO).

    Raises:
        ValueError: unknown ``norm``.
    """
    lengths = lengths.to(torch.get_default_dtype())
    if norm == "sequence":
        return 1.0 / (len(lengths) * lengths.clamp(min=1))
    if norm == "token":
        return torch.ones_like(lengths) / lengths.sum()
    if norm == "constant":
        return torch.full_like(lengths, 1.0 / (len(lengths) * max_length))
    if norm == "average":
        return 1.0 / lengths.clamp(min=1)
    if norm == "sum":
        return torch.ones_like(lengths)
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
    ratio_of: str = "token",
) -> Result:
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
        ratio_of: what has a ratio, a ``token`` (Eq. 3) or a whole ``sequence``: exp of the mean of its tokens'
            log-ratios, the same at each of them (GSPO).

    Returns:
        the loss, a scalar, and sums over tokens: tokens, clipped, kl; ratio_min and ratio_max.

    Raises:
        ValueError: beta without ``ref_logp``, an unknown ``ratio_of``, or ``kl_ratio`` with that of a sequence.
    """
    if beta and ref_logp is None:
        raise ValueError("beta > 0 needs ref_logp")
    if ratio_of not in RATIOS:
        raise ValueError(f"unknown ratio_of '{ratio_of}' (known: {', '.join(RATIOS)})")
    if beta and kl_ratio and ratio_of != "token":
        raise ValueError("kl_ratio needs ratio_of token: the ratio of a sequence does not mend k3")
    advantages = advantages if advantages.ndim == 2 else advantages[:, None]
    log_ratio = logp - old_logp
    if ratio_of == "sequence":
        total = log_ratio.masked_fill(~mask, 0.0).sum(1, keepdim=True)
        log_ratio = (total / mask.sum(1, keepdim=True).clamp(min=1)).expand_as(logp)
    ratio = torch.exp(log_ratio)  # ρ
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    per_token = -torch.minimum(ratio * advantages, clipped * advantages)  # min for either sign of Â
    if beta:
        kl = ESTIMATORS[kl_estimator](logp, ref_logp)
        per_token = per_token + beta * (ratio * kl if kl_ratio else kl)
    loss = (per_token * weights[:, None]).masked_fill(~mask, 0.0).sum()
    active = (clipped * advantages < ratio * advantages) & mask  # the clip took the gradient away
    return loss, _stats(logp, ref_logp, mask, ratio.detach(), active)


def likelihood_loss(
    logp: torch.Tensor,
    old_logp: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    *,
    beta: float = 0.0,
    ref_logp: torch.Tensor | None = None,
    kl_estimator: str = "k3",
    **_: float | str,
) -> Result:
    """−Â log π: with Â = 1 the loss of SFT, with Â = 1 for right and 0 for wrong that of RFT (Eq. 10).

    Arguments as in ``policy_loss``; there is no ratio and no clip, so what it says of them is not used, and
    ``old_logp`` only feeds the diagnostics.
    """
    advantages = advantages if advantages.ndim == 2 else advantages[:, None]
    per_token = -advantages * logp
    if beta:
        per_token = per_token + beta * ESTIMATORS[kl_estimator](logp, ref_logp)
    loss = (per_token * weights[:, None]).masked_fill(~mask, 0.0).sum()
    ratio = torch.exp(logp - old_logp).detach()
    return loss, _stats(logp, ref_logp, mask, ratio, torch.zeros_like(mask))


def pair_loss(
    logp: torch.Tensor,
    old_logp: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    *,
    beta: float = 0.0,
    ref_logp: torch.Tensor | None = None,
    **_: float | str,
) -> Result:
    """DPO, −log σ(margin). With weights ``average`` it is the paper's Eq. 12, with ``sum`` the usual one.

    Arguments as in ``policy_loss``, with rows 2k and 2k + 1 a pair: the sign of ``advantages`` (B,) says which is the
    better one, its size is the weight of the pair. ``beta`` scales the margin and must be above 0. There is no ratio,
    clip or KL term.

    Raises:
        ValueError: beta or ``ref_logp`` is missing, or the rows are not pairs of opposite sign.
    """
    if not beta or ref_logp is None:
        raise ValueError("DPO needs beta > 0 and ref_logp")
    if len(logp) % 2 or (advantages[0::2] * advantages[1::2] >= 0).any():
        raise ValueError("rows are not neighbouring pairs of a better and a worse completion")
    log_ratio = ((logp - ref_logp) * weights[:, None]).masked_fill(~mask, 0.0).sum(1)  # (B,)
    margin = beta * (advantages.sign() * log_ratio).view(-1, 2).sum(1)
    loss = -(advantages[0::2].abs() * F.logsigmoid(margin)).sum()
    ratio = torch.exp(logp - old_logp).detach()
    stats = _stats(logp, ref_logp, mask, ratio, torch.zeros_like(mask))
    return loss, stats | {"pairs": torch.tensor(len(margin)), "preferred": (margin > 0).sum()}


LOSSES: dict[str, Callable[..., Result]] = {
    "clip": policy_loss,
    "likelihood": likelihood_loss,
    "pair": pair_loss,
}


@torch.no_grad()
def _stats(
    logp: torch.Tensor,
    ref_logp: torch.Tensor | None,
    mask: torch.Tensor,
    ratio: torch.Tensor,
    clipped: torch.Tensor,
) -> dict[str, torch.Tensor]:
    inside = torch.where(mask, ratio, 1.0)
    out = {
        "tokens": mask.sum(),
        "clipped": clipped.sum(),
        "ratio_min": inside.min(),
        "ratio_max": inside.max(),
    }
    if ref_logp is not None:
        out["kl"] = k3(logp, ref_logp).masked_fill(~mask, 0.0).sum()
    return out
