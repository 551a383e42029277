"""Rows that hold many documents, read without a (T, T) mask.

A row has tokens that all its documents begin with (a shared prompt; owner 0), tokens of its documents (owner 1, 2, …),
and padding (owner -1). Matrices do not look sideways, so they read the row as it is. Attention does: there each
document is taken out of its row, behind a copy of what it begins with, beside others of like length, and read causally.
The cost of attention is then that of the documents alone, however long the row, and no mask is made; PyTorch's kernels
for plain causal attention do it on every device.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from transformers import AttentionInterface

from dsmath_lib.base.attention import attention_by

NAME = "dsmath_documents"
ALIKE = 0.75  # documents of one batch are at least so long as the longest: less waste, more calls


@dataclass(frozen=True)
class Documents:
    """Where the documents of a batch of rows (R, T) are.

    batches: (S, L) places ``row * T + column`` of S documents of at most L tokens. take: (R * T,) where a place's
    output is among those of all batches, one after the other.
    """

    batches: tuple[torch.Tensor, ...]
    take: torch.Tensor


def documents_of(owner: torch.Tensor, device: torch.device | str = "cpu") -> Documents:
    """The documents of rows, from whose each token is.

    Args:
        owner: (R, T), 0: of all documents of its row; 1, 2, …: of this one; -1: padding. The tokens of all stand
            first, and each document's stand together.
        device: of the result.
    """
    rows, width = owner.shape
    found: list[list[int]] = []  # places of each document, with what it begins with
    begins: list[int] = []  # how many of them are its row's, not its own
    for r, row in enumerate(owner.tolist()):
        ends = [i for i in range(1, width + 1) if i == width or row[i] != row[i - 1]]
        runs = zip([0, *ends], ends, strict=False)
        spans = {row[a]: range(r * width + a, r * width + b) for a, b in runs}
        first = spans.pop(0, range(0))
        spans.pop(-1, None)
        for own in spans.values() or [range(0)]:
            found.append([*first, *own])
            begins.append(len(first))
    order = sorted((i for i in range(len(found)) if found[i]), key=lambda i: -len(found[i]))
    take = [0] * (rows * width)
    seen: set[int] = set()  # rows whose beginning has a place
    batches, at = [], 0
    while order:
        longest = len(found[order[0]])
        now = [i for i in order if len(found[i]) >= ALIKE * longest]
        order = order[len(now) :]
        for i in now:
            places = found[i]
            r = places[0] // width
            for k in range(begins[i] if r in seen else 0, len(places)):
                take[places[k]] = at + k
            seen.add(r)
            at += longest
        padded = [found[i] + found[i][-1:] * (longest - len(found[i])) for i in now]
        batches.append(torch.tensor(padded, device=device))
    return Documents(tuple(batches), torch.tensor(take, device=device))


def hidden_states(
    decoder: torch.nn.Module,
    ids: torch.Tensor,
    positions: torch.Tensor | None = None,
    owner: torch.Tensor | None = None,
) -> torch.Tensor:
    """Last hidden states (R, T, H) of rows of token ids (R, T), right-padded.

    Args:
        decoder: a transformers model without its output layer. positions: (R, T); None: 0, 1, 2, …
        owner: (R, T), see ``documents_of``; None: every row is one document.
    """
    given = {} if positions is None else {"position_ids": positions}
    if owner is None:
        return decoder(input_ids=ids, use_cache=False, **given).last_hidden_state
    given["documents"] = documents_of(owner, ids.device)
    with attention_by(decoder.config, NAME):
        return decoder(input_ids=ids, use_cache=False, **given).last_hidden_state


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    documents: Documents,
    **kwargs,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside each document; query (R, H, T, D), key and value with as many heads or fewer."""
    rows, heads, width, size = query.shape
    flat = [x.transpose(1, 2).reshape(rows * width, -1) for x in (query, key, value)]
    out = []
    for places in documents.batches:
        # an embedding, because its gradient sums equal places fast on every device
        q, k, v = (F.embedding(places, x).unflatten(-1, (-1, size)).transpose(1, 2) for x in flat)
        o = F.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scaling,
            dropout_p=dropout if module.training else 0.0, enable_gqa=q.shape[1] != k.shape[1],
        )  # fmt: skip
        out.append(o.transpose(1, 2).reshape(-1, heads * size))
    taken = F.embedding(documents.take, torch.cat(out))
    return taken.view(rows, width, heads, size), None


AttentionInterface.register(NAME, _attend)
