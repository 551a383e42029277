"""Log-probabilities of completion tokens under a model: the one place they are computed for learning."""

import torch

from dsmath_lib.engines.layout import Tokens
from dsmath_lib.engines.memory import LOGITS_AT_ONCE, hidden_states, picked_logprobs
from dsmath_lib.engines.parallel import through_root


@through_root
def completion_logprobs(
    model: torch.nn.Module,
    tokens: Tokens,
    temperature: float = 1.0,
    logits_at_once: int = LOGITS_AT_ONCE,
    entropy: bool = True,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """log π(o_t | q, o_<t) of every completion token, and the entropy of the distribution it came from.

    Only positions that predict a completion token go through the output layer, and never more than ``logits_at_once``
    logits exist at a time (on the way back they are computed again), so no (B, T, V) tensor is made.

    Args:
        temperature: logits are divided by it, as in sampling. It must be the same for policy, old and reference.
        entropy: False leaves it out (None), where nobody looks at it.

    Returns:
        log-probs (B, T) with gradient, and entropies (B, T) in nats without; both at least float32 and 0 at padding.
    """
    hidden = hidden_states(model.base_model, tokens.ids, tokens.positions, tokens.owner)
    hidden = tokens.before_completions(hidden)  # (N, H)
    target = tokens.at_completions(tokens.ids)  # (N,)
    mask = tokens.mask
    head = model.get_output_embeddings()
    logp, spread = picked_logprobs(head, hidden, target, temperature, entropy, logits_at_once)
    zeros = logp.new_zeros(mask.shape)
    return (
        zeros.masked_scatter(mask, logp),
        zeros.masked_scatter(mask, spread) if entropy else None,
    )
