"""Log-probs of given tokens, from hidden states: the output layer in pieces, one (N, V) array instead of four.

Only the log-prob of one word in each row is wanted. Its gradient by the logits is known: g (1 at the word - softmax).
So nothing but the logits is kept for the way back, and there they are overwritten by their own gradient.
"""

import torch
from torch.utils.checkpoint import checkpoint

from dsmath_lib.base.dtypes import at_least_float32

LOGITS_AT_ONCE = 2**26  # numbers: 256 MB in float32
BLOCK = 2**21  # numbers of one block: its sums stay in the processor's cache


def picked_logprobs(
    head: torch.nn.Module,
    hidden: torch.Tensor,
    target: torch.Tensor,
    temperature: float = 1.0,
    entropy: bool = False,
    logits_at_once: int = LOGITS_AT_ONCE,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-probs (N,) of ``target`` (N,) after ``hidden`` (N, H), and entropies (N,) in nats, without gradient.

    At least in float32. Never more than ``logits_at_once`` logits exist at a time; where that takes several pieces,
    they are computed again on the way back.

    Args:
        temperature: logits are divided by it.
        entropy: False leaves it out (None), where nobody looks at it.
    """
    chunk = max(1, logits_at_once // head.weight.shape[0])
    parts = []
    for h, y in zip(hidden.split(chunk), target.split(chunk), strict=True):
        if len(hidden) > chunk and torch.is_grad_enabled():
            parts.append(checkpoint(_pick, head, h, y, temperature, entropy, use_reentrant=False))
        else:
            parts.append(_pick(head, h, y, temperature, entropy))
    logprobs, spread = zip(*parts, strict=True)
    return torch.cat(logprobs), torch.cat(spread) if entropy else None


def _pick(head, hidden, target, temperature, entropy) -> tuple:
    logits = at_least_float32(head(hidden))
    if temperature != 1:
        logits = logits / temperature
    return Picked.apply(logits, target, entropy)


class Picked(torch.autograd.Function):
    """log softmax(logits)[target], and the entropy; the logits are nobody else's, and become their own gradient."""

    @staticmethod
    def forward(ctx, logits: torch.Tensor, target: torch.Tensor, entropy: bool) -> tuple:
        total = logits.new_empty(len(logits))  # log of the sum of exp
        spread = logits.new_empty(len(logits)) if entropy else None
        for rows in _blocks(logits):
            x = logits[rows]
            top = x.amax(-1)
            p = (x - top[:, None]).exp_()
            z = p.sum(-1)
            total[rows] = top + z.log()
            if entropy:
                # rows of no chance at all have p 0 and logit -inf
                mean = p.mul_(x.clamp(min=torch.finfo(x.dtype).min)).sum(-1) / z
                spread[rows] = total[rows] - mean
        ctx.save_for_backward(logits, target, total)
        if entropy:
            ctx.mark_non_differentiable(spread)
        return logits.gather(1, target[:, None])[:, 0] - total, spread

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad: torch.Tensor, _) -> tuple:
        logits, target, total = ctx.saved_tensors
        for rows in _blocks(logits):
            g = grad[rows, None]
            x = logits[rows].sub_(total[rows, None]).exp_().mul_(-g)
            x.scatter_add_(1, target[rows, None], g)
        return logits, None, None


def _blocks(logits: torch.Tensor) -> list[slice]:
    n = max(1, BLOCK // logits.shape[1]) if logits.device.type == "cpu" else len(logits)
    return [slice(i, i + n) for i in range(0, len(logits), max(n, 1))]
