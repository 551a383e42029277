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
    step_ends: of each row, the last token of each step, 0-based in the completion. Empty: steps are not looked at.
    step_rewards: name -> the rewards of each row's steps, as many as it has step ends.
    """

    prompts: list[list[int]]
    completions: list[list[int]]
    logprobs: list[list[float]]
    finish: list[str]
    group: torch.Tensor
    texts: list[str]
    rewards: dict[str, torch.Tensor] = field(default_factory=dict)
    step_ends: list[list[int]] = field(default_factory=list)
    step_rewards: dict[str, list[list[float]]] = field(default_factory=dict)

    @property
    def lengths(self) -> torch.Tensor:
        """(B,) completion tokens."""
        return torch.tensor([len(c) for c in self.completions])

    @property
    def truncated(self) -> torch.Tensor:
        """(B,) bool: the completion ran out of tokens."""
        return torch.tensor([f == "length" for f in self.finish])

    def part(self, rows: slice) -> "Rollouts":
        """Some rows, without rewards; their groups keep their numbers."""
        names = ("prompts", "completions", "logprobs", "finish", "group", "texts")
        return Rollouts(**{name: getattr(self, name)[rows] for name in names})

    def total_reward(self, weights: dict[str, float]) -> torch.Tensor:
        """(B,) weighted sum of the named rewards.

        Raises:
            KeyError: a name in ``weights`` is not among the rewards; both are named.
        """
        if missing := weights.keys() - self.rewards.keys():
            raise KeyError(f"no reward named {sorted(missing)}; there are {sorted(self.rewards)}")
        return sum(w * self.rewards[name] for name, w in weights.items())

    def total_step_rewards(self, weights: dict[str, float]) -> list[list[float]]:
        """Weighted sum of the named step rewards of each row; a reward of the whole completion counts at its last step.

        Raises:
            KeyError: a name in ``weights`` is neither a step reward nor a reward.
        """
        out = [[0.0] * len(ends) for ends in self.step_ends]
        for name, w in weights.items():
            if name in self.step_rewards:
                for row, values in zip(out, self.step_rewards[name], strict=True):
                    row[:] = [a + w * b for a, b in zip(row, values, strict=True)]
                continue
            if name not in self.rewards:
                known = sorted([*self.step_rewards, *self.rewards])
                raise KeyError(f"no reward named '{name}'; there are {known}")
            for row, value in zip(out, self.rewards[name].tolist(), strict=True):
                if row:
                    row[-1] += w * value
        return out
