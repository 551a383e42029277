"""The runs of notebook 07 as rows: start, method, reward, prompt."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Run:
    """One row. start: the base model, or the base after long solutions. template: empty: the parameter's."""

    title: str
    start: Literal["base", "warm"]
    method: str
    reward: str
    template: str = ""


RUNS: dict[str, Run] = {
    "zero-grpo": Run("Zero, GRPO, 0/1", "base", "simplerl-zoo", "simplerl-zoo"),
    "zero-ppo": Run("Zero, PPO, +1/−0.5/−1", "base", "simplerl", "simplerl-v0"),
    "zero-grpo-v0": Run("Zero, GRPO, +1/−0.5/−1", "base", "simplerl-zoo", "simplerl-v0"),
    "format": Run("Zero, GRPO, −1 without box", "base", "simplerl-zoo", "zoo-format"),
    "r1-worked": Run("Zero, GRPO, form + accuracy", "base", "simplerl-zoo", "r1-worked"),
    "r1-tags": Run("Zero, GRPO, R1's tags + accuracy", "base", "simplerl-zoo", "r1", "r1-tags"),
    "random": Run("Zero, GRPO, random reward", "base", "simplerl-zoo", "random"),
    "warm-grpo": Run("long CoT, then GRPO, 0/1", "warm", "simplerl-zoo", "simplerl-zoo"),
    "warm-ppo": Run("long CoT, then PPO, +1/−0.5/−1", "warm", "simplerl", "simplerl-v0"),
    "program": Run(
        "Zero, GRPO, programs are run", "base", "simplerl-zoo", "program", "toy-page-program"
    ),
}
