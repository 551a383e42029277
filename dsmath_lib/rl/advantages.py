"""Advantages: how much better a completion, a step or a token did than expected.

What is expected is the group's mean (GRPO, §4.1.2 outcome and §4.1.3 process supervision), the mean of the others
(leave one out) or a critic's value (PPO).
"""

from collections.abc import Sequence

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


def process_advantages(
    step_rewards: Sequence[Sequence[float]],
    step_ends: Sequence[Sequence[int]],
    lengths: torch.Tensor,
    group: torch.Tensor,
    *,
    ddof: int,
    eps: float | None,
) -> torch.Tensor:
    """Process supervision (§4.1.3): a token's advantage is the sum of r̃ over the steps that end at or after it.

    r̃ is a step's reward, normalised over the set R of *all* step rewards of *all* completions of its group. Tokens
    after the last step have advantage 0, and so has all of a group whose step rewards are equal.

    Args:
        step_rewards: reward of each step of each row. step_ends: its last token, 0-based in the completion.
        lengths: (B,) completion tokens. group, ddof, eps: see ``group_advantages``; eps None: no division.

    Returns:
        (B, T) in the default dtype, T the longest completion; 0 at padding.

    Raises:
        ValueError: a row has other numbers of rewards and ends, an end outside its completion or out of order.
    """
    for i, (r, ends) in enumerate(zip(step_rewards, step_ends, strict=True)):
        inside = all(0 <= e < int(lengths[i]) for e in ends)
        if len(r) != len(ends) or not inside or list(ends) != sorted(set(ends)):
            raise ValueError(f"row {i} has step ends {list(ends)} and rewards {list(r)}")
    counts = torch.tensor([len(r) for r in step_rewards], device=group.device)
    flat = torch.tensor([x for r in step_rewards for x in r], dtype=torch.float64).to(group.device)
    rows = torch.arange(len(counts), device=group.device).repeat_interleave(counts)
    out = torch.zeros(len(counts), max(int(lengths.max()), 1), dtype=torch.float64)
    out = out.to(group.device)
    if len(flat):
        index, n = _groups(group[rows])
        mean = _group_sum(flat, index, n) / n[index]
        deviation = flat - mean
        if eps is not None:
            variance = _group_sum(deviation.square(), index, n) / (n[index] - ddof).clamp(min=1)
            deviation = deviation / (variance.sqrt() + eps)
        flat_group = zero_variance(flat, group[rows])
        ends = torch.tensor([e for row in step_ends for e in row], device=group.device)
        out[rows, ends] = torch.where(flat_group, 0.0, deviation)
    total = out.flip(1).cumsum(1).flip(1)  # Σ over index(j) >= t
    return total.to(torch.get_default_dtype())


def gae(
    rewards: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, *, gamma: float, lam: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generalised advantage estimation: δ_t = r_t + γ V_{t+1} − V_t, A_t = Σ_l (γλ)^l δ_{t+l} (PPO, Eq. 1).

    The value after the last token is 0, also in a truncated completion. Tokens that are masked out, at the end or
    between others (tool output), are stepped over: what they hold has no influence.

    Args:
        rewards, values: (B, T), of the token and of the state it was chosen in. mask: (B, T) bool.

    Returns:
        advantages and returns A + V, both (B, T), 0 where masked.
    """
    advantages = torch.zeros_like(values)
    after, carry = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for t in range(values.shape[1] - 1, -1, -1):
        delta = rewards[:, t] + gamma * after - values[:, t]
        carry = torch.where(mask[:, t], delta + gamma * lam * carry, carry)
        after = torch.where(mask[:, t], values[:, t], after)
        advantages[:, t] = carry.where(mask[:, t], torch.zeros_like(carry))
    return advantages, (advantages + values).masked_fill(~mask, 0.0)


def token_rewards(
    outcome: torch.Tensor, kl: torch.Tensor, mask: torch.Tensor, beta: float
) -> torch.Tensor:
    """Reward per token, Eq. 2: −β log(π/π_ref) at each token, and the outcome at the last one; (B, T).

    Args:
        outcome: (B,). kl: (B, T), ``k1`` under the policy that sampled. mask: (B, T) bool.
    """
    out = (-beta * kl).masked_fill(~mask, 0.0)
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask * places).amax(1)
    some = mask.any(1)
    out[some, last[some]] += outcome[some].to(out.dtype)
    return out


def whiten(x: torch.Tensor, mask: torch.Tensor, eps: float = 1e-8) -> torch.Tensor:
    """``x`` (B, T) with mean 0 and standard deviation 1 over the tokens of ``mask``; 0 elsewhere."""
    kept = x[mask]
    if not len(kept):
        return torch.zeros_like(x)
    return ((x - kept.mean()) / (kept.std(correction=0) + eps)).masked_fill(~mask, 0.0)
