"""The runs of notebook 07 as rows: start, method, reward, prompt."""

from dataclasses import dataclass
from typing import Literal, NamedTuple


@dataclass(frozen=True)
class Run:
    """One row.

    start: the base model, or the base after long or short solutions. template: empty: the parameter's. levels: of the
    questions to train on; none: the parameters'.
    """

    title: str
    start: Literal["base", "warm", "short"]
    method: str
    reward: str
    template: str = ""
    levels: tuple[int, ...] = ()


class Base(NamedTuple):
    """A base model of the toy's zoo: its width and depth as shares of stage 02's, what it read, and its seed."""

    width: float
    depth: float
    corpus: str = "mined"
    seed: int = 0


# ten, as in SimpleRL-Zoo: three widths, two depths, two corpora of mathematics and one with code, other first weights
BASES: dict[str, Base] = {
    "wide-deep": Base(1, 1),
    "wide-flat": Base(1, 0.5),
    "middle-deep": Base(0.75, 1),
    "middle-flat": Base(0.75, 0.5),
    "narrow-deep": Base(0.5, 1),
    "narrow-flat": Base(0.5, 0.5),
    "seed-pages": Base(1, 1, "seed"),
    "with-code": Base(1, 1, "math_code"),
    "unfiltered": Base(1, 1, "web"),
    "other-weights": Base(1, 1, seed=1),
}

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
    "short-grpo": Run("short CoT, then GRPO, 0/1", "short", "simplerl-zoo", "simplerl-zoo"),
    "sft": Run("SFT on the same questions", "base", "sft", "simplerl-zoo"),
    "easy": Run("Zero, GRPO, level 1", "base", "simplerl-zoo", "simplerl-zoo", levels=(1,)),
    "hard": Run("Zero, GRPO, levels 4, 5", "base", "simplerl-zoo", "simplerl-zoo", levels=(4, 5)),
    "program": Run(
        "Zero, GRPO, programs are run", "base", "simplerl-zoo", "program", "toy-page-program"
    ),
}
