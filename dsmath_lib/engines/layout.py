"""Rollouts as padded tensors, and micro-batches in which completions share the forward pass of a prompt."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch


def micro_batches(lengths: list[int], budget: int) -> Iterator[list[int]]:
    """Row indices, longest first, cut so that rows × longest row <= ``budget`` tokens (at least one row).

    Rows of like length share a micro-batch, so little of it is padding.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    while order:
        n = max(1, budget // lengths[order[0]])
        yield order[:n]
        order = order[n:]


@dataclass(frozen=True)
class Tokens:
    """B completions as R <= B rows of token ids, right-padded. Masks come from lengths, never from ids.

    A pad id may therefore equal eos, and a completion's own eos keeps its loss. Right padding moves no position, so a
    row's numbers do not depend on its neighbours. Where completions share a row, they follow one copy of their prompt,
    each sees the prompt and itself, and has the positions it would have alone.
    """

    ids: torch.Tensor  # (R, L)
    row: torch.Tensor  # (B,) row of each completion
    start: torch.Tensor  # (B,) column of its first token
    before: torch.Tensor  # (B,) column that predicts it: the last of its prompt
    lengths: torch.Tensor  # (B,) completion tokens
    positions: torch.Tensor | None = None  # (R, L); None: 0, 1, 2, …
    # (R, L) on the CPU: 0 at the prompt, j at the row's j-th completion, -1 at padding; None: rows are not shared
    owner: torch.Tensor | None = None

    @property
    def mask(self) -> torch.Tensor:
        """(B, T) bool, T = longest completion: which completion tokens exist."""
        width = int(self.lengths.max())
        return torch.arange(width, device=self.lengths.device) < self.lengths[:, None]

    def at_completions(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` (R, L, ...) at all N completion tokens, completion by completion: (N, ...)."""
        return self._pick(x, self._columns())

    def before_completions(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` (R, L, ...) at the tokens that predict the completion tokens: (N, ...)."""
        columns = self._columns() - 1
        columns[:, 0] = self.before
        return self._pick(x, columns)

    def _columns(self) -> torch.Tensor:
        return self.start[:, None] + torch.arange(int(self.lengths.max()), device=self.start.device)

    def _pick(self, x: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        mask = self.mask
        return x[self.row[:, None].expand_as(columns)[mask], columns[mask]]


def pad(
    prompts: list[list[int]],
    completions: list[list[int]],
    device: torch.device | str = "cpu",
    pad_id: int = 0,
    share: list[int] | None = None,
) -> Tokens:
    """Right-padded tensors of completions.

    Args:
        share: sizes of runs of neighbours with equal prompts that share one row; they sum to B. None: a row each.

    Raises:
        ValueError: a completion or its prompt is empty, or a run has different prompts.
    """
    if not all(prompts) or not all(completions):
        raise ValueError("a row has an empty prompt or completion")
    shared = share is not None and max(share) > 1
    rows: list[list[int]] = []
    owner: list[list[int]] = []  # 0: prompt, j: j-th completion of the row
    places: list[tuple[int, int, int]] = []
    at = 0
    for size in share or [1] * len(prompts):
        prompt = prompts[at]
        if any(p != prompt for p in prompts[at : at + size]):
            raise ValueError("completions with different prompts cannot share a row")
        ids, own = list(prompt), [0] * len(prompt)
        for j, c in enumerate(completions[at : at + size], 1):
            places.append((len(rows), len(ids), len(prompt) - 1))
            ids, own = ids + c, own + [j] * len(c)
        rows.append(ids)
        owner.append(own)
        at += size
    width = max(map(len, rows))
    row, start, before = torch.tensor(places, device=device).unbind(1)
    ids = torch.tensor([r + [pad_id] * (width - len(r)) for r in rows], device=device)
    lengths = torch.tensor([len(c) for c in completions], device=device)
    tokens = Tokens(ids, row, start, before, lengths)
    if not shared:
        return tokens
    own = torch.tensor([o + [-1] * (width - len(o)) for o in owner])
    # how far an owner is moved
    moved = torch.zeros(len(rows), max(share) + 1, dtype=torch.long, device=device)
    j = torch.cat([torch.arange(1, n + 1, device=device) for n in share])
    moved[row, j] = start - (before + 1)  # undone, every completion follows its prompt
    back = moved.gather(1, own.clamp(min=0).to(device))
    return replace(tokens, positions=torch.arange(width, device=device) - back, owner=own)


def pad_values(rows: list[list[float]], device: torch.device | str = "cpu") -> torch.Tensor:
    """Per-token numbers (B, T), right-padded with 0."""
    width = max(map(len, rows))
    return torch.tensor([r + [0.0] * (width - len(r)) for r in rows], device=device)
