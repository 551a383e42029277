"""What a step of RL measures, as a row of the log, and how such rows are read.

All rows of a run have the same keys. Where a step had nothing to measure the value is None: no row to learn from has no
entropy, a run without a reference no KL. Readers skip None and never guess.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.mismatch import mismatch_alarm
from dsmath_lib.engines.parallel import merged_numbers, most, total
from dsmath_lib.lm.train import Loop
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rl.coefficients import Scored
from dsmath_lib.rl.experiment import Players
from dsmath_lib.rl.kl import k3
from dsmath_lib.rl.learn import MicroBatch
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import Method

# what an update measures: ``kl`` with a reference, ``entropy`` in nats and ``clip_fraction`` are means over the tokens
# learned from; between sampler and trainer, before the first update: ``mismatch`` is the largest difference of
# log-probs, ``mismatch_mean`` the mean, ``mismatch_factor`` its exp, ``generation_kl`` the trainer's KL (k3)
MEASURED = (
    "loss",
    "kl",
    "entropy",
    "clip_fraction",
    "ratio_min",
    "ratio_max",
    "mismatch",
    "mismatch_mean",
    "mismatch_factor",
    "generation_kl",
    "value_loss",
    "pairs",
    "preferred",
)
# those that are means over tokens, and what they are sums of
MEANS = {
    "kl": "kl",
    "entropy": "entropy",
    "clip_fraction": "clipped",
    "mismatch_mean": "gap",
    "generation_kl": "generation_kl",
}
BETWEEN = ("mismatch", "mismatch_mean", "mismatch_factor", "generation_kl")
LogRows = Sequence[Mapping[str, Any]]


def measured(rows: LogRows, key: str) -> list[float]:
    """The values of ``key`` in the order of the rows, without those that were not measured."""
    return [r[key] for r in rows if r.get(key) is not None]


def newest(rows: LogRows, key: str) -> float | None:
    """The value of the last row that measured ``key``; None if none did."""
    found = measured(rows, key)
    return found[-1] if found else None


def mean(rows: LogRows, key: str) -> float | None:
    """Mean over the rows that measured ``key``; None if none did."""
    found = measured(rows, key)
    return sum(found) / len(found) if found else None


class Watch:
    """What is seen of the steps of a run, and logged: clocks, samples, alarms, diagnostics. It changes no result."""

    def __init__(self, loop: Loop, method: Method, cfg: RLParams, sampler: Sampler):
        self.loop, self.method, self.cfg, self.sampler = loop, method, cfg, sampler
        self.row: dict[str, float | None] = {}
        self.sums: dict[str, float] = {}
        self.begin()

    def begin(self) -> None:
        """A step begins."""
        self.begun = self.explored_at = time.perf_counter()

    def explored(self, rollouts: Rollouts) -> None:
        """Exploration is over."""
        self.rollouts, self.explored_at = rollouts, time.perf_counter()

    def compared(self, x: Scored, batches: Sequence[MicroBatch]) -> None:
        """Log samples, and an alarm where nothing can be learned."""
        self.scored, self.batches = x, batches
        self._log(".samples", samples(x.rollouts, x.reward))
        if not most(any(bool(b.advantages.any()) for b in batches if b.rows)):
            value = sorted(set(x.reward.tolist()))
            why = f"no group has rewards that differ (values {value[:5]}): nothing to learn from"
            self._log(".alarm", {"message": why})

    def add(
        self,
        b: MicroBatch,
        loss: torch.Tensor,
        stats: Mapping[str, torch.Tensor],
        entropy: torch.Tensor,
    ) -> None:
        """Sum up what a micro-batch of an update showed; ``stats`` of its loss, ``entropy`` (b, T)."""
        if not b.rows:
            return
        s = self.sums
        gap = (b.old - b.sampled).masked_fill(~b.mask, 0.0)
        s["mismatch"] = max(s.get("mismatch", 0.0), float(gap.abs().max()))
        s["ratio_min"] = min(s.get("ratio_min", math.inf), float(stats["ratio_min"]))
        s["ratio_max"] = max(s.get("ratio_max", -math.inf), float(stats["ratio_max"]))
        more = {k: v for k, v in stats.items() if k not in ("ratio_min", "ratio_max")}
        more |= {"loss": loss.detach(), "entropy": entropy.sum(), "gap": gap.abs().sum()}
        more["generation_kl"] = k3(b.sampled, b.old).masked_fill(~b.mask, 0.0).sum()
        for name, value in more.items():
            s[name] = s.get(name, 0.0) + float(value)

    def update(
        self, players: Players, batches: Sequence[MicroBatch], value_loss: float | None
    ) -> None:
        """An update is summed up, and the optimizer steps.

        Raises:
            NonFiniteLoss: see ``Loop.update``.
        """
        row = dict.fromkeys(MEASURED) | {"loss": 0.0}
        self.sums = merged_numbers(self.sums, {"mismatch": max, "ratio_min": min, "ratio_max": max})
        if self.method.loss == "pair":
            row |= {"pairs": 0.0, "preferred": 0.0}
        row |= {k: v for k, v in self.sums.items() if k in MEASURED}
        row["value_loss"] = value_loss
        for name, key in MEANS.items():
            if key in self.sums:
                row[name] = self.sums[key] / self.sums["tokens"]
        if row["mismatch_mean"] is not None:
            row["mismatch_factor"] = math.exp(row["mismatch_mean"])
        self.row, self.sums = row, {}
        losses = measured([row], "loss") + measured([row], "value_loss")
        self.loop.update(players.trained, losses, lambda: _tensors(batches))

    def log(self, lr: float) -> None:
        """A step is over: its diagnostics and its timing; both speeds count completion tokens only."""
        row = self.row | {
            "grad_norm": self.loop.norms[0]
        }  # of the last update, where the clip may act
        if self.method.data != "policy":
            row |= dict.fromkeys(BETWEEN)  # the data is not the policy's
        why = mismatch_alarm(
            row["mismatch"], row["mismatch_factor"], self.cfg.mismatch_limit, self.cfg.dtype
        )
        if why and self.cfg.top_p == 1:  # a nucleus changes the sampler's log-probs
            self._log(".alarm", {"message": why})
        row |= step_summary(self.rollouts, self.scored.reward, self.scored.flat)
        explored, learnt = self.explored_at - self.begun, time.perf_counter() - self.explored_at
        learned = total(sum(int(b.tokens.lengths.sum()) for b in self.batches if b.rows))
        self._log("", row | {"lr": lr})
        timing = {
            "rollout_seconds": explored,
            "learn_seconds": learnt,
            "rollout_tokens_per_s": int(self.rollouts.lengths.sum()) / explored,
            "learn_tokens_per_s": learned / learnt,
        }
        self._log(".timing", timing | self.sampler.memory)

    def _log(self, kind: str, row: Mapping[str, Any]) -> None:
        loop = self.loop
        loop.stage.log(loop.run + kind, loop.after + loop.done, **row)


def step_summary(
    rollouts: Rollouts, reward: torch.Tensor, flat: torch.Tensor
) -> dict[str, float | None]:
    """What the completions of a step looked like. ``flat`` (B,): rows of groups without signal.

    None: not measured, as the spread of one row or the step rewards of completions without a step.
    """
    lengths = rollouts.lengths.float()
    out = {
        "reward": reward.mean(),
        "reward_std": reward.std() if len(reward) > 1 else None,
        "zero_variance": flat.float().mean(),
        "length": lengths.mean(),
        "truncated": rollouts.truncated.float().mean(),
        "empty": (lengths == 0).float().mean(),
        **{f"reward.{name}": values.mean() for name, values in rollouts.rewards.items()},
    }
    for name, rows in rollouts.step_rewards.items():
        values = [v for r in rows for v in r]
        out[f"reward.{name}"] = sum(values) / len(values) if values else None
    if "accuracy" in rollouts.rewards:
        out["accuracy"] = (rollouts.rewards["accuracy"] > 0).float().mean()
    return {name: None if value is None else float(value) for name, value in out.items()}


def samples(rollouts: Rollouts, reward: torch.Tensor, most: int = 4) -> dict[str, list]:
    """The first completions of a step with their rewards, to be looked at while it runs."""
    return {"texts": rollouts.texts[:most], "rewards": reward[:most].tolist()}


def _tensors(batches: Sequence[MicroBatch]) -> dict[str, torch.Tensor]:
    """Micro-batches as named tensors, to be saved."""
    parts = {}
    for i, b in enumerate(batches):
        row = {
            "ids": b.tokens.ids,
            "row": b.tokens.row,
            "start": b.tokens.start,
            "lengths": b.tokens.lengths,
            "advantages": b.advantages,
            "old_logprobs": b.old,
        }
        parts |= {f"{i}.{k}": v for k, v in row.items() if v is not None}
    return parts
