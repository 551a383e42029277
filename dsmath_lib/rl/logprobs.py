"""Log-probabilities of completion tokens under a model: the one place they are computed for learning."""

import torch
from torch.utils.checkpoint import checkpoint

from dsmath_lib.base.dtypes import at_least_float32
from dsmath_lib.engines.layout import Tokens
from dsmath_lib.engines.parallel import through_root

LOGITS_AT_ONCE = 2**26  # numbers: 256 MB in float32


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
    given = {"position_ids": tokens.positions, "attention_mask": tokens.attention}
    out = model.base_model(
        input_ids=tokens.ids, use_cache=False, **{k: v for k, v in given.items() if v is not None}
    )  # causal, so padding on the right is never seen
    hidden = tokens.before_completions(out.last_hidden_state)  # (N, H)
    target = tokens.at_completions(tokens.ids)  # (N,)
    mask = tokens.mask
    head = model.get_output_embeddings()
    chunk = max(1, logits_at_once // head.weight.shape[0])
    parts = []
    for h, y in zip(hidden.split(chunk), target.split(chunk), strict=True):
        if len(hidden) > chunk and torch.is_grad_enabled():
            picked = checkpoint(_pick, head, h, y, temperature, entropy, use_reentrant=False)
        else:
            picked = _pick(head, h, y, temperature, entropy)
        parts.append(picked)
    logprobs, spread = zip(*parts, strict=True)
    zeros = logprobs[0].new_zeros(mask.shape)
    return (
        zeros.masked_scatter(mask, torch.cat(logprobs)),
        zeros.masked_scatter(mask, torch.cat(spread)) if entropy else None,
    )


def _pick(
    head: torch.nn.Module,
    hidden: torch.Tensor,
    target: torch.Tensor,
    temperature: float,
    entropy: bool,
) -> tuple:
    logits = at_least_float32(head(hidden))  # (N, V)
    if temperature != 1:
        logits = logits / temperature
    logprobs = torch.log_softmax(logits, dim=-1)
    spread = None
    if entropy:
        with torch.no_grad():
            spread = -(logprobs.exp() * logprobs).sum(-1)
    return logprobs.gather(1, target[:, None])[:, 0], spread
