"""Bytes of each part of a training or sampling step, by closed formulas. Pure; all sizes in bytes.

Counted from the tensors that the step of this library keeps: ``plan/fake.py`` runs it at full size without memory and
counts them, and ``tests/plan`` compares. A published trainer with fused kernels keeps less (``fused_layer_bytes``).
"""

from dataclasses import dataclass

from dsmath_lib.plan.architecture import Architecture

LOGIT_COPIES = 4  # logits, log-probs, and a gradient of each, in float32
WIDTH = {"float32": 4, "bfloat16": 2}


def layer_bytes(a: Architecture, dtype: str, masked: bool) -> int:
    """What the backward pass of one layer needs, per token: norms, queries, keys, values, the feed-forward layer.

    Under mixed precision the residual stream and the norms stay float32. ``masked``: with an attention mask of its own
    the library copies grouped keys and values for every head.
    """
    e = WIDTH[dtype]
    keys = (a.heads if masked else a.kv_heads) * a.head_dim
    query = a.heads * a.head_dim
    # residual twice, both normed in float32 (and once more in bfloat16): 6 H; query, attention's output: 2 Q
    wide = 24 if dtype == "float32" else 26
    return wide * a.hidden + 2 * query * e + 2 * keys * e + 4 * a.inner * e + 8


def fused_layer_bytes(a: Architecture) -> int:
    """The same of trainers with fused norms and feed-forward layers, in bfloat16."""
    return 2 * (3 * a.inner + 8 * a.hidden)


@dataclass(frozen=True)
class Rows:
    """What goes through the model at once: tokens in all, and the length of a row (for the mask)."""

    tokens: int
    length: int
    masked: bool = False


def activation_bytes(
    a: Architecture,
    rows: Rows,
    dtype: str = "float32",
    *,
    checkpointed: bool = False,
    inside: int | None = None,
    residual: int = 4,
) -> int:
    """Kept between the forward and the backward pass of all layers, the output layer left out.

    Args:
        checkpointed: only the input of each layer is kept; one layer at a time is computed again, and the gradients of
            what it keeps need as much once more.
        inside: bytes per token and layer; None: of this library's step.
        residual: bytes of a number of a layer's input.
    """
    inside = layer_bytes(a, dtype, rows.masked) if inside is None else inside
    mask = rows.tokens * rows.length * (1 + WIDTH[dtype]) if rows.masked else 0
    if checkpointed:
        return a.layers * rows.tokens * a.hidden * residual + 2 * inside * rows.tokens + mask
    return a.layers * inside * rows.tokens + mask


def logit_bytes(
    a: Architecture, tokens: int, copies: float = LOGIT_COPIES, *, frozen: bool = False
) -> int:
    """The output layer of ``tokens`` positions at once; on the way back its whole gradient, before it is added.

    ``frozen``: it is not trained (LoRA), so it has no gradient.
    """
    one = tokens * a.vocab * 4
    return round(max(copies * one, 2 * one + (0 if frozen else 4 * a.embedding)))


def cache_bytes(a: Architecture, rows: int, length: int, dtype: str) -> int:
    """Keys and values of ``rows`` sequences of ``length`` tokens."""
    return 2 * a.layers * a.kv_heads * a.head_dim * WIDTH[dtype] * rows * length


def draw_bytes(a: Architecture, rows: int) -> int:
    """One token of each row: logits, log-probs and probabilities in float32, their running sums in float64."""
    return rows * a.vocab * (4 + 4 + 4 + 8)
