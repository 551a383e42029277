"""The grader: a pure function from (gold, completion, rule) to a verdict. It never raises, hangs or evaluates text."""

import re
from dataclasses import dataclass

from dsmath_lib.rewards.answers import as_group, normalise
from dsmath_lib.rewards.equality import answers_equal
from dsmath_lib.rewards.extract import MAX_CHARS, RULES, boxes, choice_letter, extract, unbox

VERSION = "1"  # raised whenever a verdict can change; printed next to every score


@dataclass(frozen=True)
class Verdict:
    """``extracted`` is the answer that was compared (None: no answer found); ``reason`` says how it was decided."""

    correct: bool
    extracted: str | None
    reason: str
    version: str = VERSION


def grade(
    gold: object,
    completion: object,
    rule: str = "paper",
    question: str = "",
    *,
    timeout: float = 0.5,
) -> Verdict:
    """Is the answer stated by ``completion`` the gold one?

    Args:
        gold: the answer; a worked solution that ends in a box or in ``#### n`` is reduced to its answer.
        completion: what the model wrote after the prompt.
        rule: an extraction rule of ``extract.RULES``.
        question: if given, several answers are put together only when it asks for several.
        timeout: seconds for a symbolic comparison.

    Raises:
        ValueError: unknown rule (a programming error); nothing else, on any input.
    """
    if rule not in RULES:
        raise ValueError(f"unknown extraction rule '{rule}' (known: {', '.join(RULES)})")
    try:
        return _grade(gold_answer(gold), str(completion), rule, question, timeout)
    except (
        Exception,
        RecursionError,
    ) as err:  # a failure of the grader is a verdict, not the end of a training run
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def grade_answer(gold: object, answer: object, *, timeout: float = 0.5) -> Verdict:
    """The same for a bare answer, nothing to extract."""
    try:
        text = unbox(str(answer))
        equal, reason = answers_equal(gold_answer(gold), text, timeout)
        return Verdict(equal, text, reason)
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def gold_answer(gold: object) -> str:
    """The answer in a gold field: a number, a bare answer, a boxed solution (all boxes), or ``… #### n``."""
    text = str(gold).strip()
    found = boxes(text)
    if found:
        return ", ".join(dict.fromkeys(unbox(b) for _, b in found))
    if "####" in text:
        return text.rsplit("####", 1)[1].strip()
    last = text.rsplit("\n", 1)[-1]
    return last[2:].strip() if "\n" in text and last.startswith("A:") else text


_LETTER = re.compile(r"\(?([A-J])\)?\.?")
_ASKS_SEVERAL = re.compile(
    r"separated by commas|all (?:\w+ ){0,4}(?:values|solutions|roots|numbers)|\b(?:list|enter) ",
    re.I,
)


def _grade(gold: str, completion: str, rule: str, question: str, timeout: float) -> Verdict:
    found = extract(completion, rule)
    if found.text is None:
        return Verdict(False, None, "no answer found")
    letter = _LETTER.fullmatch(gold)
    if letter:
        return _grade_letter(letter[1], found.text, found.how)
    equal, reason = answers_equal(gold, found.text, timeout)
    if not equal and found.how in ("box", "last"):
        several = _last_boxes(gold, completion[-MAX_CHARS:], question)
        if several and answers_equal(gold, several, timeout)[0]:
            return Verdict(True, several, f"{found.how}: several boxes make the list")
    return Verdict(equal, found.text, f"{found.how}: {reason}")


def _grade_letter(gold: str, answer: str, how: str) -> Verdict:
    """A choice: only a letter that stands alone counts, not any stray capital."""
    letter = choice_letter(answer) if how != "number" else None
    if letter is None:
        return Verdict(False, answer, f"{how}: no choice letter")
    return Verdict(letter == gold, letter, f"{how}: choice")


def _last_boxes(gold: str, completion: str, question: str) -> str | None:
    """The last n boxes as a list, if the gold answer is a bare list of n > 1 and the question may ask for it."""
    group = as_group(normalise(gold))
    found = [unbox(b) for _, b in boxes(completion)]
    if group is None or group.brackets or not 1 < len(group.items) <= len(found):
        return None
    if question and not _ASKS_SEVERAL.search(question):
        return None
    return ", ".join(found[-len(group.items) :])
