"""What a reward model is trained on: solutions become rows with score positions, and batches with their losses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from transformers import PreTrainedModel

from dsmath_lib.base.seeds import questions_of_step
from dsmath_lib.engines.parallel import parts, total
from dsmath_lib.lm.packing import Batch
from dsmath_lib.lm.train import autocast
from dsmath_lib.rewards.labels import NoSignal, Solution, hard, pairs_of
from dsmath_lib.rewards.models import logits_at, right_pad
from dsmath_lib.rewards.reward_losses import pairwise_loss, pointwise_loss

NOT_JUDGED = -1  # a position with no label


@dataclass(frozen=True)
class RewardExample:
    """One row: prompt and solution, the columns to score, and a label in 0..1 for each (none when it is in a pair)."""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    labels: tuple[float, ...] = ()


def outcome_example(s: Solution) -> RewardExample:
    """The whole solution, scored at its last token."""
    ids = (*s.prompt, *s.completion)
    return RewardExample(ids, (len(ids) - 1,), () if s.correct is None else (float(s.correct),))


def process_example(s: Solution, kind: str) -> RewardExample:
    """The solution scored at the end of each judged step; ``kind`` "hard" or "soft"."""
    labels = s.steps if kind == "soft" else tuple(map(hard, s.steps))
    judged = [(len(s.prompt) + e, y) for e, y in zip(s.ends, labels, strict=True) if y is not None]
    return RewardExample(
        (*s.prompt, *s.completion), tuple(at for at, _ in judged), tuple(y for _, y in judged)
    )


def training_rows(
    name: str, solutions: Sequence[Solution], context: int, pairs_per_question: int, seed: int
) -> list[RewardExample] | list[tuple[RewardExample, RewardExample]]:
    """What a model of this name learns from: labelled rows, or pairs of a right and a wrong solution.

    Solutions longer than ``context`` tokens and solutions without a label are left out.

    Raises:
        NoSignal: nothing is left, all labels are equal, or no question has both a right and a wrong solution.
    """
    fits = [s for s in solutions if len(s.prompt) + len(s.completion) <= context]
    if name == "pairwise":
        pairs = pairs_of(fits, pairs_per_question, seed)
        if not pairs:
            raise NoSignal(
                "no question has both a right and a wrong solution, so there are no pairs"
            )
        return [(outcome_example(fits[i]), outcome_example(fits[j])) for i, j in pairs]
    if name == "pointwise":
        rows = [outcome_example(s) for s in fits]
    else:
        rows = [process_example(s, name.removeprefix("process_")) for s in fits if s.steps]
    rows = [r for r in rows if r.labels]
    values = {y for r in rows for y in r.labels}
    if len(values) < 2:
        what = f"all labels are {values.pop():g}" if values else "no solution is labelled"
        raise NoSignal(
            f"{name}: {what}, so there is nothing to learn; sample more, or other questions"
        )
    return rows


def batch_of(rows: Sequence) -> Batch:
    """Tensors of labelled rows or pairs, right-padded.

    Returns:
        ``inputs`` (B, T), ``positions`` (B, S), ``labels`` (B, S); for pairs ``inputs`` (P, 2, T) and ``positions``
        (P, 2, 1), the right solution first.
    """
    if isinstance(rows[0], tuple):
        flat = [r for pair in rows for r in pair]
        inputs = right_pad([r.ids for r in flat], 0)
        positions = right_pad([r.positions for r in flat], NOT_JUDGED)
        return {
            "inputs": inputs.unflatten(0, (-1, 2)),
            "positions": positions.unflatten(0, (-1, 2)),
        }
    labels = torch.zeros(len(rows), max(len(r.labels) for r in rows))
    for b, r in enumerate(rows):
        labels[b, : len(r.labels)] = torch.tensor(r.labels)
    return {
        "inputs": right_pad([r.ids for r in rows], 0),
        "positions": right_pad([r.positions for r in rows], NOT_JUDGED),
        "labels": labels,
    }


def batch_losses(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """(n,) losses of all labels, or of all pairs, of a batch."""
    inputs, positions = batch["inputs"], batch["positions"]
    if "labels" not in batch:
        logits = logits_at(model, inputs.flatten(0, 1), positions.flatten(0, 1))
        chosen, rejected = logits.unflatten(0, (-1, 2))[..., 0].unbind(1)
        return pairwise_loss(chosen, rejected)
    judged = positions != NOT_JUDGED
    return pointwise_loss(logits_at(model, inputs, positions)[judged], batch["labels"][judged])


def label_loss_and_backward(
    model: PreTrainedModel, batch: Batch, micro_batch: int, dtype: str
) -> float:
    """Mean loss per label (or pair) of the whole batch, with its gradient; how rows are cut changes nothing."""
    pairs = "labels" not in batch
    n = len(batch["inputs"]) if pairs else int((batch["positions"] != NOT_JUDGED).sum())
    found = torch.zeros((), device=batch["inputs"].device)
    for part, counts in parts(batch, micro_batch):
        with autocast(found.device, dtype):
            losses = batch_losses(model, part)
        loss = losses.sum() * counts / n
        loss.backward()
        found += loss.detach()
    return float(total(found))


def step_batches(rows: Sequence, batch_size: int, seed: int) -> Callable[[int], Batch]:
    """Step -> batch of rows or pairs (``training_rows``); of ``(seed, step)`` alone, so killed runs resume exactly."""
    return partial(step_batch, rows, batch_size=batch_size, seed=seed)


def step_batch(rows: Sequence, step: int, *, batch_size: int, seed: int) -> Batch:
    """The batch of one step, see ``step_batches``."""
    return batch_of([rows[i] for i in questions_of_step(len(rows), batch_size, step, seed)])
