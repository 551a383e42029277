"""Rule rewards as rows of data: which extraction, and what right, wrong and unboxed are worth."""

from typing import NamedTuple

from dsmath_lib.rewards.extract import boxes
from dsmath_lib.rewards.grade import grade


class RewardRule(NamedTuple):
    """The reward is the sum of its named parts; ``no_box``, if not None, replaces the others when no box is there."""

    extraction: str
    right: float
    wrong: float
    no_box: float | None


REWARDS: dict[str, RewardRule] = {
    # 0/1 on the paper's extraction; the paper itself trains on a reward model (§4.1.3)
    "accuracy": RewardRule("paper", 1.0, 0.0, None),
    # 0/1, and the answer must stand in a box: a number that happens to be last earns nothing
    "boxed": RewardRule("strict", 1.0, 0.0, None),
    # SimpleRL's first release (facts §8.1): an unboxed answer gets -1 even when it is right
    "simplerl-v0": RewardRule("simplerl", 1.0, -0.5, -1.0),
}


def reward(rule: str, gold: object, text: str, finish: str) -> dict[str, float]:
    """Reward of one completion by named parts; the total is ``sum(parts.values())``.

    Args:
        rule: a row of ``REWARDS``.
        gold: the right answer.
        text: the completion, decoded without special tokens.
        finish: "eos", "stop" or "length". In a truncated completion only a complete box counts, not the number
            at which it happened to be cut.

    Raises:
        ValueError: unknown rule; names the known ones.
    """
    if rule not in REWARDS:
        raise ValueError(f"unknown reward '{rule}' (known: {', '.join(REWARDS)})")
    row = REWARDS[rule]
    if row.no_box is not None and not boxes(text):
        return {"accuracy": 0.0, "format": row.no_box}
    verdict = grade(gold, text, "strict" if finish == "length" else row.extraction)
    parts = {"accuracy": row.right if verdict.correct else row.wrong}
    return parts if row.no_box is None else parts | {"format": 0.0}
