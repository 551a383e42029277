"""Advantages: how much better than its group a completion did (paper §4.1.2, outcome supervision)."""

import torch


def group_advantages(
    rewards: torch.Tensor,
    group: torch.Tensor,
    *,
    ddof: int,
    eps: float,
    scale: bool = True,
    leave_one_out: bool = False,
) -> torch.Tensor:
    """Â_i = (r_i − mean(r)) / std(r) within each group; 0 throughout a group whose rewards are all equal.

    The paper states neither the kind of standard deviation nor what to do when it is 0.

    Args:
        rewards: (B,). group: (B,) group of each row, any integers; rows need not be neighbours.
        ddof: 1 divides the squared deviations by G − 1 (sample std), 0 by G.
        eps: added to the standard deviation.
        scale: False leaves the division out (Dr. GRPO).
        leave_one_out: the baseline of a row is the mean of the others.

    Returns:
        (B,) in the dtype of ``rewards``.

    Raises:
        ValueError: a group has one row only: nothing to compare it with.
    """
    index, count = _groups(group)
    if (count < 2).any():
        raise ValueError(
            "a group of size 1 has no advantage: use at least 2 completions per question"
        )
    r = rewards.double()
    n = count[index].double()
    mean = _group_sum(r, index, count) / n
    deviation = r - mean
    centred = deviation * n / (n - 1) if leave_one_out else deviation
    if scale:
        variance = _group_sum(deviation.square(), index, count) / (n - ddof)
        centred = centred / (variance.sqrt() + eps)
    # equality, not std: rounding leaves a tiny std in a constant group, and dividing by it makes noise
    return torch.where(zero_variance(rewards, group), 0.0, centred).to(rewards.dtype)


def zero_variance(rewards: torch.Tensor, group: torch.Tensor) -> torch.Tensor:
    """(B,) bool: all rewards of the row's group are equal, so the group says nothing about what is better."""
    index, count = _groups(group)
    base = torch.zeros(len(count), dtype=rewards.dtype, device=rewards.device)
    low = base.scatter_reduce(0, index, rewards, "amin", include_self=False)
    high = base.scatter_reduce(0, index, rewards, "amax", include_self=False)
    return (low == high)[index]


def _groups(group: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Row -> position of its group, (B,), and group sizes (Q,)."""
    _, index, count = group.unique(return_inverse=True, return_counts=True)
    return index, count


def _group_sum(x: torch.Tensor, index: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """(B,) sum over the row's group."""
    return torch.zeros(len(count), dtype=x.dtype, device=x.device).index_add(0, index, x)[index]
