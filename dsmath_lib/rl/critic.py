"""PPO's critic: a second network that predicts the reward still to come, and its clipped loss (paper §4.1.1)."""

import copy

import torch

from dsmath_lib.base.dtypes import at_least_float32
from dsmath_lib.engines.adapters import without_adapter
from dsmath_lib.engines.layout import Tokens
from dsmath_lib.engines.memory import hidden_states


class Critic(torch.nn.Module):
    """V(q, o_<t): a copy of the policy's decoder with one number per token instead of logits.

    The head starts at 0, so the first advantages are the rewards themselves. Of a policy with an adapter the weights
    under it are copied, and all of them are trained.
    """

    def __init__(self, policy: torch.nn.Module):
        super().__init__()
        self.decoder = without_adapter(copy.deepcopy(policy.base_model))
        self.head = torch.nn.Linear(policy.config.hidden_size, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.to(next(policy.parameters()).device).requires_grad_(True)

    def forward(self, tokens: Tokens) -> torch.Tensor:
        """Value of the state in which each completion token was chosen, (B, T), at least float32; 0 at padding."""
        hidden = hidden_states(self.decoder, tokens.ids, tokens.positions, tokens.owner)
        values = at_least_float32(self.head(tokens.before_completions(hidden))[:, 0])
        mask = tokens.mask
        return values.new_zeros(mask.shape).masked_scatter(mask, values)


def value_loss(
    values: torch.Tensor,
    old_values: torch.Tensor,
    returns: torch.Tensor,
    mask: torch.Tensor,
    weights: torch.Tensor,
    *,
    clip: float,
) -> torch.Tensor:
    """½ max[(V − R)², (clip(V, V_old ± ε) − R)²], weighted like the policy's tokens; a scalar.

    The maximum stops a step that would gain by moving further than ε from the old value. ``clip`` 0: no clipping.

    Args:
        values (with gradient), old_values, returns: (B, T). mask: (B, T) bool. weights: (B,) as in ``policy_loss``.
    """
    error = (values - returns).square()
    if clip:
        near = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns).square())
    return (0.5 * error * weights[:, None]).masked_fill(~mask, 0.0).sum()
