"""Losses of reward models. The paper states none; these are those of the works it builds on."""

import torch
import torch.nn.functional as F


def pointwise_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    r"""Binary cross-entropy, -y log σ(s) - (1 - y) log(1 - σ(s)); its gradient in s is σ(s) - y.

    For outcome models y says whether the answer is right, for process models whether the step can lead to a right one
    (Math-Shepherd; hard y in {0, 1} or soft y in [0, 1]).

    Args:
        logits, labels: same shape.

    Returns:
        losses in nats, same shape; at least the entropy of y.
    """
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def pairwise_loss(chosen: torch.Tensor, rejected: torch.Tensor) -> torch.Tensor:
    r"""Bradley-Terry, -log σ(s⁺ - s⁻); its gradient in s⁺ is -σ(s⁻ - s⁺), in s⁻ the opposite.

    Only differences count: a constant added to all scores changes nothing.

    Args:
        chosen, rejected: (P,) scores of the right and of the wrong solution to one question.

    Returns:
        (P,) losses in nats.
    """
    return F.softplus(rejected - chosen)
