"""Rule rewards as rows of data: which extraction, what right, wrong and unboxed are worth, which form is asked for."""

import re
from collections.abc import Callable

from dsmath_lib.engines.grader import boxes, grade
from dsmath_lib.rewards.program_tests import Check, passed
from dsmath_lib.rows.rewards import REWARDS

_TAGS = re.compile(
    r"\s*<think>(?!\s*</think>)(?:(?!</?think>|</?answer>).)*</think>\s*"
    r"<answer>(?!\s*</answer>)(?:(?!</?think>|</?answer>).)*</answer>\s*",
    re.DOTALL,
)


def has_tags(text: str) -> bool:
    """DeepSeek-R1's form: reasoning in the tag ``think``, then the answer in the tag ``answer``, nothing else.

    Empty tags have no form: nothing was thought or answered.
    """
    return _TAGS.fullmatch(text) is not None


def is_worked(text: str) -> bool:
    """The same idea for a model that knows no tags: at least one line of work, and a box in the last line."""
    lines = text.strip().split("\n")
    return len(lines) > 1 and bool(boxes(lines[-1]))


TEXT_FORMS: dict[str, Callable[[str], bool]] = {"tags": has_tags, "worked": is_worked}


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
        ValueError: unknown rule (names the known ones), or "random", which has no reward for one completion alone.
    """
    if rule not in REWARDS:
        raise ValueError(f"unknown reward '{rule}' (known: {', '.join(REWARDS)})")
    row = REWARDS[rule]
    if row.extraction == "random":
        raise ValueError(f"the reward '{rule}' is drawn for a batch, it cannot grade an answer")
    if row.no_box is not None and not boxes(text):
        return {"accuracy": 0.0, "format": row.no_box}
    parts = {"accuracy": row.right if _right(row.extraction, gold, text, finish) else row.wrong}
    if row.form:
        has = finish != "length" and TEXT_FORMS[row.form](text)
        return parts | {"format": row.form_value if has else 0.0}
    return parts if row.no_box is None else parts | {"format": 0.0}


def _right(extraction: str, gold: object, text: str, finish: str) -> bool:
    if extraction == "program":
        return finish != "length" and all(passed(text, [Check("", str(gold))]))
    cut = finish == "length" and extraction in _GUESSES
    return grade(gold, text, "strict" if cut else extraction).correct
