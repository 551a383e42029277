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
        question: if given, it decides how several boxes in ``gold`` are read (``gold_answers``).
        timeout: seconds for a symbolic comparison.

    Raises:
        ValueError: unknown rule (a programming error); nothing else, on any input.
    """
    if rule not in RULES:
        raise ValueError(f"unknown extraction rule '{rule}' (known: {', '.join(RULES)})")
    try:
        return _grade(gold_answers(gold, question), str(completion), rule, timeout)
    except (
        Exception,
        RecursionError,
    ) as err:  # a failure of the grader is a verdict, not the end of a training run
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def grade_answer(gold: object, answer: object, *, timeout: float = 0.5) -> Verdict:
    """The same for a bare answer, nothing to extract."""
    try:
        text = unbox(str(answer))
        equal, reason = answers_equal(gold_answers(gold)[0], text, timeout)
        return Verdict(equal, text, reason)
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


_ASKS_SEVERAL = re.compile(
    r"separated by|multiple|all (?:\w+ ){0,4}(?:values?|solutions|roots|numbers|\$)|\b(?:list|angles of)\b",
    re.I,
)
_ASKS_ONE_OF = re.compile(r"only one|not both|any one of")


def gold_answers(gold: object, question: str = "") -> list[str]:
    """The acceptable answers in a gold field: a number, a bare answer, a boxed solution, or ``… #### n``.

    Several boxes are one list when the question asks for several (or is not known), each of them alone when it asks
    for one of them, and else only the last counts: MATH boxes intermediate results and second spellings too.
    """
    text = str(gold).strip()
    found = list(dict.fromkeys(unbox(b) for _, b in boxes(text)))
    if found:
        if _ASKS_ONE_OF.search(question):
            return found
        return [", ".join(found) if not question or _ASKS_SEVERAL.search(question) else found[-1]]
    if "####" in text:
        return [text.rsplit("####", 1)[1].strip()]
    last = text.rsplit("\n", 1)[-1]
    return [last[2:].strip() if "\n" in text and last.startswith("A:") else text]


_LETTER = re.compile(r"\(?([A-J])\)?\.?")


def _grade(golds: list[str], completion: str, rule: str, timeout: float) -> Verdict:
    found = extract(completion, rule)
    if found.text is None:
        return Verdict(False, None, "no answer found")
    reason = ""
    for gold in golds:
        if letter := _LETTER.fullmatch(gold):
            return _grade_letter(letter[1], found.text, found.how)
        equal, reason = answers_equal(gold, found.text, timeout)
        if equal:
            return Verdict(True, found.text, f"{found.how}: {reason}")
        several = (
            _last_boxes(gold, completion[-MAX_CHARS:]) if found.how in ("box", "last") else None
        )
        if several and answers_equal(gold, several, timeout)[0]:
            return Verdict(True, several, f"{found.how}: several boxes make the list")
    return Verdict(False, found.text, f"{found.how}: {reason}")


def _grade_letter(gold: str, answer: str, how: str) -> Verdict:
    """A choice: only a letter that stands alone counts, not any stray capital."""
    letter = choice_letter(answer) if how != "number" else None
    if letter is None:
        return Verdict(False, answer, f"{how}: no choice letter")
    return Verdict(letter == gold, letter, f"{how}: choice")


def _last_boxes(gold: str, completion: str) -> str | None:
    """The last n boxes as a list, if the gold answer is a bare list of n > 1."""
    group = as_group(normalise(gold))
    found = [unbox(b) for _, b in boxes(completion)]
    if group is None or group.brackets or not 1 < len(group.items) <= len(found):
        return None
    return ", ".join(found[-len(group.items) :])
