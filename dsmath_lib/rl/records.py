"""Rollouts: what exploration hands to learning, and how it becomes tensors."""

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Rollouts:
    """B completions, G of each question. Token ids in, token ids out: nothing here is ever tokenised again.

    prompts, completions: token ids of each row; a sampled eos is part of its completion.
    logprobs: the sampler's log-prob of every completion token.
    finish: "eos", "stop" or "length" (truncated).
    group: (B,) question of each row, 0-based within the batch.
    rewards: name -> (B,). They stay what they are; advantages are computed beside them.
    """

    prompts: list[list[int]]
    completions: list[list[int]]
    logprobs: list[list[float]]
    finish: list[str]
    group: torch.Tensor
    texts: list[str]
    rewards: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def lengths(self) -> torch.Tensor:
        """(B,) completion tokens."""
        return torch.tensor([len(c) for c in self.completions])

    @property
    def truncated(self) -> torch.Tensor:
        """(B,) bool: the completion ran out of tokens."""
        return torch.tensor([f == "length" for f in self.finish])

    def total_reward(self, weights: dict[str, float]) -> torch.Tensor:
        """(B,) weighted sum of the named rewards.

        Raises:
            KeyError: a name in ``weights`` is not among the rewards; both are named.
        """
        if missing := weights.keys() - self.rewards.keys():
            raise KeyError(f"no reward named {sorted(missing)}; there are {sorted(self.rewards)}")
        return sum(w * self.rewards[name] for name, w in weights.items())


@dataclass(frozen=True)
class Tokens:
    """Rows as tensors. ``ids`` (B, L) is prompt then completion, right-padded; masks come from lengths, never from ids.

    A pad id may therefore equal eos, and a completion's own eos keeps its loss. Right padding moves no position, so a
    row's numbers do not depend on its neighbours.
    """

    ids: torch.Tensor  # (B, L)
    prompt_lengths: torch.Tensor  # (B,)
    lengths: torch.Tensor  # (B,) completion tokens

    @property
    def mask(self) -> torch.Tensor:
        """(B, T) bool, T = longest completion: which completion tokens exist."""
        width = int(self.lengths.max())
        return torch.arange(width, device=self.lengths.device) < self.lengths[:, None]

    @property
    def completion_ids(self) -> torch.Tensor:
        """(B, T); zeros where ``mask`` is False."""
        return self.at_completions(self.ids, shift=0)

    def at_completions(self, x: torch.Tensor, shift: int) -> torch.Tensor:
        """Columns of ``x`` (B, L, ...) at the completion tokens, moved left by ``shift``: (B, T, ...), zeros as pad."""
        mask = self.mask
        columns = (
            self.prompt_lengths[:, None] + torch.arange(mask.shape[1], device=x.device) - shift
        )
        rows = torch.arange(len(x), device=x.device)[:, None].expand_as(columns)
        out = x.new_zeros(*mask.shape, *x.shape[2:])
        out[mask] = x[rows[mask], columns[mask]]
        return out


def pad(
    prompts: list[list[int]],
    completions: list[list[int]],
    device: torch.device | str = "cpu",
    pad_id: int = 0,
) -> Tokens:
    """Right-padded tensors of rows.

    Raises:
        ValueError: a row has no prompt or no completion tokens.
    """
    if not all(prompts) or not all(completions):
        raise ValueError("a row has an empty prompt or completion")
    rows = [p + c for p, c in zip(prompts, completions, strict=True)]
    width = max(map(len, rows))
    return Tokens(
        ids=torch.tensor([r + [pad_id] * (width - len(r)) for r in rows], device=device),
        prompt_lengths=torch.tensor([len(p) for p in prompts], device=device),
        lengths=torch.tensor([len(c) for c in completions], device=device),
    )


def pad_values(rows: list[list[float]], device: torch.device | str = "cpu") -> torch.Tensor:
    """Per-token numbers (B, T), right-padded with 0."""
    width = max(map(len, rows))
    return torch.tensor([r + [0.0] * (width - len(r)) for r in rows], device=device)
