"""The losses, all with one signature: GRPO's Eq. 3 and its relatives.

    policy_loss      Σ w · ( −min[ρ Â, clip(ρ, 1−ε, 1+ε) Â] + β · KL )      PPO, GRPO, REINFORCE, GSPO
    likelihood_loss  Σ w · ( −Â log π + β · KL )                            SFT, RFT, Online RFT
    pair_loss        Σ_pairs −|Â| log σ( β Σ ± w log(π/π_ref) )             DPO

Every method is a choice of loss, advantages Â and weights w. The weights are made once for the whole batch, so the
loss of the batch is the sum over its micro-batches, however it is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from dsmath_lib.rl.kl import ESTIMATORS, k3

NORMS = ("sequence", "token", "constant", "average", "sum")
RATIOS = ("token", "sequence")
LossAndStats = tuple[torch.Tensor, dict[str, torch.Tensor]]


@dataclass(frozen=True)
class LogProbs:
    """Log-probs (B, T) of the same tokens under three policies; 0 at padding.

    policy: the one that learns, with gradient. old: the one that sampled; ``policy.detach()`` for the first update
    after exploration: the ratio is then 1 in value and its gradient is REINFORCE's. reference: None where not needed.
    """

    policy: torch.Tensor
    old: torch.Tensor
    reference: torch.Tensor | None = None


@dataclass(frozen=True)
class Objective:
    """What is minimised: the choices of the loss and of ``token_weights``. The defaults are GRPO's (Eq. 3).

    clip_low, clip_high: ε on either side of 1. beta: weight of the KL term in the loss, or of DPO's margin.
    kl_ratio: multiply the KL term by the importance ratio, which mends k3's gradient (off in the paper).
    ratio_of: what has a ratio, a ``token`` (Eq. 3) or a whole ``sequence``: exp of the mean of its tokens' log-ratios,
    the same at each of them (GSPO). norm, max_length: of ``token_weights``.
    """

    loss: str = "clip"
    clip_low: float = 0.2
    clip_high: float = 0.2
    beta: float = 0.04
    kl_estimator: str = "k3"
    kl_ratio: bool = False
    ratio_of: str = "token"
    norm: str = "sequence"
    max_length: int = 0


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
    logp: LogProbs,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    o: Objective,
) -> LossAndStats:
    """Clipped policy loss with the KL term inside (Eq. 3 with its sign turned, so that it is minimised).

    Args:
        advantages: (B,), or (B, T) for per-token advantages (process supervision).
        mask: (B, T) bool, True at completion tokens.
        weights: (B,) from ``token_weights`` of the whole batch.

    Returns:
        the loss, a scalar, and sums over tokens: tokens, clipped, kl; ratio_min and ratio_max.

    Raises:
        ValueError: beta without a reference, an unknown ``ratio_of``, or ``kl_ratio`` with that of a sequence.
    """
    if o.beta and logp.reference is None:
        raise ValueError("beta > 0 needs the log-probs of a reference")
    if o.ratio_of not in RATIOS:
        raise ValueError(f"unknown ratio_of '{o.ratio_of}' (known: {', '.join(RATIOS)})")
    if o.beta and o.kl_ratio and o.ratio_of != "token":
        raise ValueError("kl_ratio needs ratio_of token: the ratio of a sequence does not mend k3")
    advantages = _per_token(advantages)  # (B, 1) or (B, T)
    log_ratio = logp.policy - logp.old  # (B, T)
    if o.ratio_of == "sequence":
        total = log_ratio.masked_fill(~mask, 0.0).sum(1, keepdim=True)  # (B, 1)
        log_ratio = (total / mask.sum(1, keepdim=True).clamp(min=1)).expand_as(mask)
    ratio = torch.exp(log_ratio)  # ρ (B, T)
    clipped = ratio.clamp(1 - o.clip_low, 1 + o.clip_high)
    # min for either sign of Â
    per_token = -torch.minimum(ratio * advantages, clipped * advantages)  # (B, T)
    if o.beta:
        kl = ESTIMATORS[o.kl_estimator](logp.policy, logp.reference)  # (B, T)
        per_token = per_token + o.beta * (ratio * kl if o.kl_ratio else kl)
    loss = (per_token * weights[:, None]).masked_fill(~mask, 0.0).sum()
    # where the clip took the gradient away
    active = (clipped * advantages < ratio * advantages) & mask
    return loss, _stats(logp, mask, ratio.detach(), active)


def likelihood_loss(
    logp: LogProbs,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    o: Objective,
) -> LossAndStats:
    """−Â log π: with Â = 1 the loss of SFT, with Â = 1 for right and 0 for wrong that of RFT (Eq. 10).

    Arguments as in ``policy_loss``; there is no ratio and no clip, and ``logp.old`` only feeds the diagnostics.
    """
    per_token = -_per_token(advantages) * logp.policy  # (B, T)
    if o.beta:
        per_token = per_token + o.beta * ESTIMATORS[o.kl_estimator](logp.policy, logp.reference)
    loss = (per_token * weights[:, None]).masked_fill(~mask, 0.0).sum()
    return loss, _stats(logp, mask)


def pair_loss(
    logp: LogProbs,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    o: Objective,
) -> LossAndStats:
    """DPO, −log σ(margin). With weights ``average`` it is the paper's Eq. 12, with ``sum`` the usual one.

    Arguments as in ``policy_loss``, with rows 2k and 2k + 1 a pair: the sign of ``advantages`` (B,) says which is the
    better one, its size is the weight of the pair. ``beta`` scales the margin and must be above 0. There is no ratio,
    clip or KL term.

    Raises:
        ValueError: beta or the reference is missing, or the rows are not pairs of opposite sign.
    """
    if not o.beta or logp.reference is None:
        raise ValueError("DPO needs beta > 0 and the log-probs of a reference")
    if len(mask) % 2 or (advantages[0::2] * advantages[1::2] >= 0).any():
        raise ValueError("rows are not neighbouring pairs of a better and a worse completion")
    log_ratio = (logp.policy - logp.reference) * weights[:, None]  # (B, T)
    log_ratio = log_ratio.masked_fill(~mask, 0.0).sum(1)  # (B,)
    margin = o.beta * (advantages.sign() * log_ratio).view(-1, 2).sum(1)  # (B / 2,)
    loss = -(advantages[0::2].abs() * F.logsigmoid(margin)).sum()
    pairs = {"pairs": torch.tensor(len(margin)), "preferred": (margin > 0).sum()}
    return loss, _stats(logp, mask) | pairs


def _per_token(advantages: torch.Tensor) -> torch.Tensor:
    return advantages if advantages.ndim == 2 else advantages[:, None]


LOSSES: dict[str, Callable[..., LossAndStats]] = {
    "clip": policy_loss,
    "likelihood": likelihood_loss,
    "pair": pair_loss,
}


@torch.no_grad()
def _stats(
    logp: LogProbs,
    mask: torch.Tensor,
    ratio: torch.Tensor | None = None,
    clipped: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """Sums over the tokens. ``ratio`` (B, T): None: of each token. ``clipped`` (B, T): None: no token is."""
    ratio = torch.exp(logp.policy - logp.old) if ratio is None else ratio
    inside = torch.where(mask, ratio, 1.0)
    out = {
        "tokens": mask.sum(),
        "clipped": mask.new_zeros(()) if clipped is None else clipped.sum(),
        "ratio_min": inside.min(),
        "ratio_max": inside.max(),
    }
    if logp.reference is not None:
        out["kl"] = k3(logp.policy, logp.reference).masked_fill(~mask, 0.0).sum()
    return out
