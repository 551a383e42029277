"""Packing: training rows of equal length without waste, and a loss only where it belongs.

A batch is a dict of ``(B, T)`` tensors: ``inputs`` (int64), ``targets`` (int64: the token that follows each
input, or -100 for no loss) and, if examples are isolated, ``segments`` (int64: which example a token is of).
Masks come from lengths, never from token values, so pad may equal eos and eos keeps its loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.prompts import answer_form, plain_ids, prompt_ids
from dsmath_lib.base.records import Sample
from dsmath_lib.base.seeds import seed_for

IGNORE = -100
OPEN_ROWS = 64  # first fit looks at this many open rows; more gains little and costs time
Batch = dict[str, torch.Tensor]


def stream_batch(
    tokens: np.ndarray, step: int, batch_size: int, context: int, *, eos: int | None = None
) -> Batch:
    """Batch ``step`` of one long token stream: full rows, every token but the first is a target once.

    Row ``r`` reads tokens ``r T .. (r+1) T - 1`` and predicts ``r T + 1 .. (r+1) T``, so ``steps * B * T + 1``
    tokens make ``steps`` batches. The paper does not say whether documents in a row see each other.

    Args:
        tokens: ``(n,)`` token ids, an array or a memory map.
        eos: id that ends a document; if given, documents are isolated (``segments`` is returned).

    Raises:
        IndexError: the stream is too short for this step.
    """
    rows = np.arange(step * batch_size, (step + 1) * batch_size)[:, None] * context
    index = rows + np.arange(context + 1)[None]
    if index[-1, -1] >= len(tokens):
        raise IndexError(f"step {step} needs token {index[-1, -1]}, the stream has {len(tokens)}")
    block = torch.from_numpy(np.asarray(tokens[index]).astype(np.int64))
    batch = {"inputs": block[:, :-1].contiguous(), "targets": block[:, 1:].contiguous()}
    if eos is not None:
        last = batch["inputs"] == eos
        batch["segments"] = 1 + last.cumsum(1) - last.long()  # eos is of the document it ends
        # The last token of a document has nothing of its own to predict.
        batch["targets"] = batch["targets"].masked_fill(last, IGNORE)
    return batch


@dataclass(frozen=True)
class Example:
    """One tokenised example: ``ids`` and, for each, whether the model is trained to produce it."""

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


def tokenize_samples(
    tokenizer: PreTrainedTokenizerBase, samples: Sequence[Sample]
) -> list[Example]:
    """``prompt + segments + [end]``: prompts and tool output are not trained, the token that ends the answer is.

    Prompt and segments are encoded apart, so that the prompt's ids are those the sampler feeds.
    """
    forms = [answer_form(tokenizer, s.prompt) for s in samples]
    texts = [
        form.lead * (k == 0) + text
        for s, form in zip(samples, forms, strict=True)
        for k, (text, _) in enumerate(s.segments)
    ]
    encoded = iter(plain_ids(tokenizer, texts))
    prompts, out = prompt_ids(tokenizer, [s.prompt for s in samples]), []
    for s, form, ids in zip(samples, forms, prompts, strict=True):
        trained = [False] * len(ids)
        for _, is_trained in s.segments:
            part = next(encoded)
            ids += part
            trained += [is_trained] * len(part)
        out.append(Example((*ids, form.end), (*trained, True)))
    return out


def first_fit(lengths: Sequence[int], capacity: int, order: Sequence[int]) -> list[list[int]]:
    """Put items in the given order into the first open row with room; returns item numbers by row.

    At most ``OPEN_ROWS`` rows are open; the fullest one closes when a new one is needed.

    Raises:
        ValueError: an item is longer than ``capacity``.
    """
    rows: list[list[int]] = []
    open_rows: list[list] = []  # [free, row number], oldest first
    for i in order:
        if lengths[i] > capacity:
            raise ValueError(f"example {i} has {lengths[i]} tokens, the row holds {capacity}")
        slot = next((s for s in open_rows if s[0] >= lengths[i]), None)
        if slot is None:
            if len(open_rows) == OPEN_ROWS:
                open_rows.remove(min(open_rows))
            slot = [capacity, len(rows)]
            rows.append([])
            open_rows.append(slot)
        rows[slot[1]].append(i)
        slot[0] -= lengths[i]
    return rows


class PackedExamples:
    """Examples joined at random into rows of ``context`` tokens, for a given number of rows.

    Each pass over the examples shuffles and packs them anew from ``(seed, pass)``, so row ``r`` is a pure
    function of the examples and the seed. Examples longer than ``context`` are left out and counted in ``dropped``.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        context: int,
        n_rows: int,
        seed: int,
        *,
        isolate: bool,
        pad: int,
    ):
        self.examples = [e for e in examples if len(e.ids) <= context]
        self.dropped = len(examples) - len(self.examples)
        if not self.examples:
            raise ValueError(f"no example fits in a context of {context} tokens")
        self.context, self.isolate, self.pad = context, isolate, pad
        lengths = [len(e.ids) for e in self.examples]
        self.rows: list[list[int]] = []
        self.passes = 0
        while len(self.rows) < n_rows:
            rng = np.random.default_rng(seed_for(seed, "pack", self.passes))
            rows = first_fit(lengths, context, rng.permutation(len(lengths)).tolist())
            # First fit leaves its fullest rows first; a second shuffle makes batches alike.
            self.rows += [rows[j] for j in rng.permutation(len(rows))]
            self.passes += 1
        self.rows = self.rows[:n_rows]

    def batch(self, step: int, batch_size: int) -> Batch:
        """Rows ``step * batch_size`` and on, as a batch of ``(B, context)`` tensors."""
        rows = self.rows[step * batch_size : (step + 1) * batch_size]
        groups = [[self.examples[i] for i in row] for row in rows]
        return pack_rows(groups, self.context, isolate=self.isolate, pad=self.pad)

    def waste(self) -> float:
        """Share of positions that hold padding."""
        used = sum(len(self.examples[i].ids) for row in self.rows for i in row)
        return 1.0 - used / (len(self.rows) * self.context)


def pack_rows(
    groups: Sequence[Sequence[Example]], context: int, *, isolate: bool, pad: int
) -> Batch:
    """Lay groups of examples side by side: group ``b`` fills row ``b`` of ``(B, context)``.

    A token is a target at the position before it, inside its own example only: the first token of an example
    is never predicted from the example before. ``segments`` counts 1, 2, … in a row; padding is 0.
    """
    shape = (len(groups), context)
    inputs = torch.full(shape, pad)
    targets = torch.full(shape, IGNORE)
    segments = torch.zeros(shape, dtype=torch.long)
    for b, group in enumerate(groups):
        at = 0
        for k, e in enumerate(group, 1):
            n = len(e.ids)
            ids = torch.tensor(e.ids)
            inputs[b, at : at + n] = ids
            segments[b, at : at + n] = k
            wanted = torch.tensor(e.trained[1:], dtype=torch.bool)
            targets[b, at : at + n - 1] = ids[1:].masked_fill(~wanted, IGNORE)
            at += n
    batch = {"inputs": inputs, "targets": targets}
    return batch | ({"segments": segments} if isolate else {})


def model_inputs(batch: Batch) -> Batch:
    """What ``hidden_states`` takes: ``ids`` and, when isolated, ``positions`` from 0 in each segment and ``owner``.

    All (B, T). Padding is a segment of its own, which nobody reads.
    """
    out = {"ids": batch["inputs"]}
    if "segments" not in batch:
        return out
    seg = batch["segments"]
    t = torch.arange(seg.shape[1], device=seg.device)
    start = torch.ones_like(seg, dtype=torch.bool)
    start[:, 1:] = seg[:, 1:] != seg[:, :-1]
    positions = t - torch.where(start, t, 0).cummax(1).values
    return out | {"positions": positions, "owner": seg + 1}
