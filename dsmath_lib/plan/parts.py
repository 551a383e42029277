"""Bytes of each part of a training or sampling step, by closed formulas. Pure; all sizes in bytes.

Counted from the tensors that the step of this library keeps: ``plan/fake.py`` runs it at full size without memory and
counts them, and ``tests/plan`` compares. A published trainer with fused kernels keeps less (``fused_layer_bytes``).
"""

from dsmath_lib.plan.architecture import Architecture

# Of the logits: they become their own gradient; under mixed precision they pass through bfloat16 on both ways.
LOGIT_COPIES = {"float32": 1.0, "bfloat16": 1.5}
AGAIN = 1.25  # what one layer keeps that is computed again, with the gradients on the way
BYTES_OF = {"float32": 4, "bfloat16": 2}


def layer_bytes(a: Architecture, dtype: str, seen: float = 0.0) -> float:
    """What the backward pass of one layer needs, per token: norms, queries, keys, values, the feed-forward layer.

    Under mixed precision the residual stream and the norms stay float32.

    Args:
        seen: tokens that attention sees for each token of a row, where documents are taken out of their row, each
            behind a copy of the tokens that all begin with; 0: rows are not shared.
    """
    e = BYTES_OF[dtype]
    query, keys = a.heads * a.head_dim, a.kv_heads * a.head_dim
    # residual twice, both normed in float32 (and once more in bfloat16): 6 H
    wide = (24 if dtype == "float32" else 26) * a.hidden
    attention = 2 * (query + keys) * (seen or 1.0) + (query if seen else 0)
    return wide + e * (attention + 4 * a.inner) + 8


def fused_layer_bytes(a: Architecture) -> int:
    """The same of trainers with fused norms and feed-forward layers, in bfloat16."""
    return 2 * (3 * a.inner + 8 * a.hidden)


def activation_bytes(
    a: Architecture,
    tokens: int,
    dtype: str = "float32",
    *,
    seen: float = 0.0,
    checkpointed: bool = False,
    inside: float | None = None,
    residual: int = 4,
) -> int:
    """Of ``tokens`` tokens at once, kept from the forward to the backward pass of all layers, without the output layer.

    Args:
        seen: see ``layer_bytes``.
        checkpointed: only the input of each layer is kept; one layer at a time is computed again.
        inside: then, bytes per token of that layer with its gradients; None: of this library's step.
        residual: bytes of a number of a layer's input.
    """
    own = layer_bytes(a, dtype, seen)
    if not checkpointed:
        return round(a.layers * own * tokens)
    inside = AGAIN * own if inside is None else inside
    return round((a.layers * a.hidden * residual + inside) * tokens)


def way_back_bytes(a: Architecture, tokens: int, dtype: str, seen: float = 0.0) -> int:
    """Gradients inside one layer. They come when those of the logits are gone, so only the larger of both counts."""
    return round(layer_bytes(a, dtype, seen) * tokens)


def logit_bytes(a: Architecture, tokens: int, copies: float, *, frozen: bool = False) -> int:
    """The output layer of ``tokens`` positions at once; on the way back its whole gradient, before it is added.

    ``frozen``: it is not trained (LoRA), so it has no gradient.
    """
    return round(copies * tokens * a.vocab * 4 + (0 if frozen else 4 * a.embedding))


def key_value_bytes(a: Architecture, rows: int, length: int, dtype: str) -> int:
    """Keys and values of ``rows`` sequences of ``length`` tokens."""
    return 2 * a.layers * a.kv_heads * a.head_dim * BYTES_OF[dtype] * rows * length


def draw_bytes(a: Architecture, rows: int) -> int:
    """One token of each row: logits, log-probs and probabilities in float32, their running sums in float64."""
    return rows * a.vocab * (4 + 4 + 4 + 8)
