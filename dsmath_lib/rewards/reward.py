"""Rule rewards as rows of data: which extraction, what right, wrong and unboxed are worth, which form is asked for."""

import re
from collections.abc import Callable
from typing import NamedTuple

from dsmath_lib.rewards.boxes import boxes
from dsmath_lib.rewards.grade import grade
from dsmath_lib.rewards.program_tests import Check, passed

_TAGS = re.compile(
    r"\s*<think>(?:(?!</?think>|</?answer>).)*</think>\s*<answer>(?:(?!</?think>|</?answer>).)*</answer>\s*",
    re.DOTALL,
)


def has_tags(text: str) -> bool:
    """DeepSeek-R1's form: reasoning in the tag ``think``, then the answer in the tag ``answer``, nothing else."""
    return _TAGS.fullmatch(text) is not None


def is_worked(text: str) -> bool:
    """The same idea for a model that knows no tags: at least one line of work, and a box in the last line."""
    lines = text.strip().split("\n")
    return len(lines) > 1 and bool(boxes(lines[-1]))


FORMS: dict[str, Callable[[str], bool]] = {"tags": has_tags, "worked": is_worked}


class RewardRule(NamedTuple):
    """The reward is the sum of its named parts; ``no_box``, if not None, replaces the others when no box is there.

    extraction: a rule of ``extract.RULES``, or "program": run the program and compare what it prints.
    form, form_value: a name in ``FORMS``, and the reward ``format`` of a completion that has it.
    """

    extraction: str
    right: float
    wrong: float
    no_box: float | None
    form: str = ""
    form_value: float = 0.0


REWARDS: dict[str, RewardRule] = {
    # 0/1 on the paper's extraction; the paper itself trains on a reward model (§4.1.3)
    "accuracy": RewardRule("paper", 1.0, 0.0, None),
    # 0/1, and the answer must stand in a box: a number that happens to be last earns nothing
    "boxed": RewardRule("strict", 1.0, 0.0, None),
    # SimpleRL's first release (facts §8.1): an unboxed answer gets -1 even when it is right
    "simplerl-v0": RewardRule("simplerl", 1.0, -0.5, -1.0),
    # SimpleRL-Zoo (facts §8.3): 0/1 and no term for the form
    "simplerl-zoo": RewardRule("simplerl", 1.0, 0.0, None),
    # what Zoo compares it with (its Figure 6): the same, and -1 without a box
    "zoo-format": RewardRule("simplerl", 1.0, 0.0, -1.0),
    # DeepSeek-R1-Zero: accuracy plus form; the sizes of the two are not stated there
    "r1": RewardRule("tag", 1.0, 0.0, None, "tags", 1.0),
    "r1-worked": RewardRule("strict", 1.0, 0.0, None, "worked", 1.0),
    # the program format: the program is run
    "program": RewardRule("program", 1.0, 0.0, None),
}
_GUESSES = ("paper", "simplerl", "lenient")  # rules that fall back to the last number


def reward(rule: str, gold: object, text: str, finish: str) -> dict[str, float]:
    """Reward of one completion by named parts; the total is ``sum(parts.values())``.

    Args:
        rule: a row of ``REWARDS``.
        gold: the right answer.
        text: the completion, decoded without special tokens.
        finish: "eos", "stop" or "length". In a truncated completion only a complete box counts, not the number
            at which it happened to be cut, and it has no form.

    Raises:
        ValueError: unknown rule; names the known ones.
    """
    if rule not in REWARDS:
        raise ValueError(f"unknown reward '{rule}' (known: {', '.join(REWARDS)})")
    row = REWARDS[rule]
    if row.no_box is not None and not boxes(text):
        return {"accuracy": 0.0, "format": row.no_box}
    parts = {"accuracy": row.right if _right(row.extraction, gold, text, finish) else row.wrong}
    if row.form:
        has = finish != "length" and FORMS[row.form](text)
        return parts | {"format": row.form_value if has else 0.0}
    return parts if row.no_box is None else parts | {"format": 0.0}


def _right(extraction: str, gold: object, text: str, finish: str) -> bool:
    if extraction == "program":
        return finish != "length" and all(passed(text, [Check("", str(gold))]))
    cut = finish == "length" and extraction in _GUESSES
    return grade(gold, text, "strict" if cut else extraction).correct
