"""One group of answers seen from inside: what a single update does to the chance of each of them (notebook 05)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from dsmath_lib.base.records import Completions
from dsmath_lib.engines.layout import pad
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.advantages import group_advantages, zero_variance
from dsmath_lib.rl.diagnostics import Watch
from dsmath_lib.rl.experiment import Experiment, Players
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.rl.loop import Loop, one_step, optimizer_of, paid_by, train_settings
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import method

RUN = "one-update"  # its rows in the log


def signal_first(rollouts: Rollouts, rewards: torch.Tensor) -> list[int]:
    """Numbers of two groups: the first with a signal, then the first without one; fewer where a kind is not there."""
    flat = zero_variance(rewards, rollouts.group)
    found = (rollouts.group[flat == kind].tolist()[:1] for kind in (False, True))
    return [g for group in found for g in group]


def of_groups(rollouts: Rollouts, groups: Sequence[int]) -> Rollouts:
    """The rows of some groups, group by group, with all that is known of them; the groups are numbered anew."""
    number = rollouts.group.tolist()
    rows = [i for g in groups for i, n in enumerate(number) if n == g]

    def part(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: part(v) for k, v in x.items()}
        if isinstance(x, torch.Tensor):
            return x[rows]
        return [x[i] for i in rows] if x else x

    picked = {f.name: part(getattr(rollouts, f.name)) for f in fields(rollouts)}
    picked["group"] = torch.tensor([list(groups).index(number[i]) for i in rows])
    return Rollouts(**picked)


@dataclass(frozen=True)
class Update:
    """What one update on one group did. loss: before it; norm: of its gradient, not clipped.

    rewards, advantages: (G,). before, after: (G, T) log-probs of the tokens, 0 where there is none. mask: (G, T).
    """

    rollouts: Rollouts
    rewards: torch.Tensor
    advantages: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor
    mask: torch.Tensor
    loss: float
    norm: float

    @property
    def change(self) -> torch.Tensor:
        """(G,) how much the log-prob of each whole answer rose."""
        return (self.after - self.before).sum(1)

    def rows(self) -> list[dict[str, Any]]:
        """Rows for a table: an answer's chance is the product of those of its tokens."""
        columns = zip(
            self.rollouts.texts, self.rewards, self.advantages,
            self.before.sum(1), self.after.sum(1), strict=True,
        )  # fmt: skip
        return [
            {
                "answer": text.strip(),
                "reward": float(r),
                "advantage": float(a),
                "log-prob before": float(b),
                "after": float(c),
                "chance × ": float((c - b).exp()),
            }
            for text, r, a, b, c in columns
        ]

    def reading(self) -> str:
        """What the table says, in a sentence or two."""
        if not self.advantages.any():
            still = "not a digit of any chance moved" if not self.change.any() else "little moved"
            return f"No signal: all advantages are 0, the gradient's norm is {self.norm:.2g}, and {still}."
        up, down = self.advantages > 0, self.advantages < 0
        ratio = (self.after - self.before)[self.mask].exp()
        return (
            f"The loss was {round(self.loss, 4) + 0.0:.4f} and said nothing; the gradient's norm was {self.norm:.2g}. "
            f"{int((self.change[up] > 0).sum())} of {int(up.sum())} answers with a positive advantage became "
            f"more likely, {int((self.change[down] < 0).sum())} of {int(down.sum())} with a negative one less "
            f"likely. The tokens' ratios are now between {float(ratio.min()):.2f} and {float(ratio.max()):.2f}: "
            "a second update on the same answers would no longer begin at 1."
        )


def one_update(e: Experiment, rollouts: Rollouts, question: Questions) -> Update:
    """A fresh policy makes one update on one group, with the loop's own ``one_step`` and outcome supervision.

    Args:
        rollouts: one group, drawn by the start. question: the question it answers, alone.
    """
    row = method("grpo-os")
    e = replace(e, rewards=paid_by(e, row))
    policy = e.policy().eval()
    drawn = Completions(rollouts.completions, rollouts.logprobs, rollouts.finish, rollouts.texts)
    players = Players(policy, e.reference(policy), source=lambda *_: drawn)
    settings = replace(train_settings(e.cfg), steps=1, lr=lambda step: e.cfg.lr, checkpoint_every=0)
    loop = Loop(e.stage, RUN, policy, optimizer_of(e.cfg, players, settings), settings)
    watch = Watch(loop, row, e.cfg, sampler=None)
    tokens = pad(rollouts.prompts, rollouts.completions, players.device)

    def log_probs() -> torch.Tensor:
        with torch.no_grad():
            return completion_logprobs(policy, tokens, e.cfg.temperature, entropy=False)[0].cpu()

    before = log_probs()
    for _ in loop.steps():
        one_step(e, row, players, watch, question, seed=0)
    rewards = rollouts.total_reward(e.rewards.weights)
    a = group_advantages(rewards, rollouts.group, ddof=e.cfg.std_ddof, eps=e.cfg.std_eps)
    seen = before, log_probs(), tokens.mask.cpu()
    return Update(rollouts, rewards, a, *seen, watch.row["loss"], loop.norms[0])
