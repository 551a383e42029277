"""The grader: a pure function from (gold, completion, rule) to a verdict. It never raises, hangs or evaluates text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dsmath_lib.engines.grader.answers import as_number, normalise
from dsmath_lib.engines.grader.boxed import alternatives, boxes, unbox
from dsmath_lib.engines.grader.choice import (
    LETTERS,
    choice_letters,
    gold_letters,
    option_letter,
    option_texts,
    stated_letters,
)
from dsmath_lib.engines.grader.equality import BUDGET, answers_equal
from dsmath_lib.engines.grader.find import MAX_CHARS, only_number, sentence_numbers, stated
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.rules import (
    DEFAULT_RULE,
    RULES,
    Extraction,
    Rule,
    before,
    found_by,
    rule_named,
)
from dsmath_lib.engines.grader.scripts import COMPARE

VERSION = "3"  # raised whenever a verdict can change; printed next to every score
NO_ANSWER = "no answer found"


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
    rule: str = DEFAULT_RULE,
    question: str = "",
    *,
    choices: Sequence[str] = (),
    output: str | None = None,
    tolerance: float = 0.0,
    timeout: float = BUDGET,
) -> Verdict:
    """Is the answer that ``rule`` finds in a completion the gold one? Pure; nothing is run.

    Args:
        gold: the answer; a worked solution that ends in a box or in ``#### n`` is reduced to its answer.
        completion: what the model wrote after the prompt.
        rule: a name of ``rules.RULES``.
        question: if given, it decides how several boxes in ``gold`` are read (``gold_answers``).
        choices: texts of the options A, B, …: an answer that repeats the text of one option chooses it.
        output: what the completion's program printed (rule "program"; None: no program ran cleanly).
        tolerance: absolute error the benchmark allows (OlympiadBench's ``error``).
        timeout: seconds for a symbolic comparison.

    Raises:
        ValueError: unknown rule (a programming error); nothing else, on any input.
    """
    row = rule_named(rule)
    try:
        text = (output or "") if row.output else str(completion)
        text = before(text, row.stop) if row.stop else text
        verdict = _by_script(row, str(gold), text, timeout) if row.compare else None
        if verdict is None:
            row = RULES[row.fallback] if row.fallback else row
            verdict = _grade(gold_answers(gold, question), text, row, choices, timeout)
        if tolerance and not verdict.correct and _near(gold, verdict.extracted, tolerance):
            return Verdict(True, verdict.extracted, f"within {tolerance:g}")
        return verdict
    # a verdict, not the end of a training run
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def _by_script(row: Rule, gold: str, text: str, timeout: float) -> Verdict | None:
    """The verdict of a published script; None where the row's fallback has the word."""
    found = found_by(row, text)
    if found.text is None:
        return None if row.fallback else Verdict(False, None, NO_ANSWER)
    equal, reason = COMPARE[row.compare](gold, found.text, timeout)
    return Verdict(equal, found.text, f"{found.how}: {reason}")


def _near(gold: object, answer: str | None, tolerance: float) -> bool:
    try:
        return abs(float(gold) - float((answer or "").strip(" $%\\"))) <= tolerance * (1 + 1e-9)
    except ValueError:
        return False


def grade_answer(
    gold: object,
    answer: object,
    question: str = "",
    *,
    choices: Sequence[str] = (),
    timeout: float = BUDGET,
) -> Verdict:
    """The same for a bare answer: nothing to extract, unless it says itself where its answer is."""
    try:
        text = str(answer)
        golds, own = gold_answers(gold, question), RULES[DEFAULT_RULE]
        if stated(text):
            return _grade(golds, text, own, choices, timeout)
        verdict = _compare(golds, text, "answer", choices, timeout)
        if not verdict.correct and len(re.findall(r"[A-Za-z]{2,}", text)) > 4 and "$" in text:
            # a sentence around a formula
            said = _grade(golds, text, own, choices, timeout)
            return said if said.correct else verdict
        if not verdict.correct and (number := only_number(text)) and as_number(normalise(golds[0])):
            return _compare(golds, number, "sentence", choices, timeout)
        return verdict
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


_ASKS_SEVERAL = re.compile(
    r"separated by|multiple (?:answers|values|solutions)|all (?:\w+ ){0,4}(?:values?|solutions|roots|numbers|\$)"
    r"|\b(?:list|angles of)\b",
    re.I,
)
_ASKS_ONE_OF = re.compile(r"only one|not both|any one of")


def gold_answers(gold: object, question: str = "") -> list[str]:
    """The acceptable answers in a gold field: a number, a bare answer, a boxed solution, or ``… #### n``.

    Several boxes are one list when the question asks for several (or is not known), each of them alone when it asks
    for one of them, and else only the last counts: MATH boxes intermediate results and second spellings too.
    """
    if isinstance(gold, list | tuple):
        gold = ", ".join(map(str, gold))
    text = str(gold)[-MAX_CHARS:].strip()
    if text.isdecimal():
        return [text]
    found = list(dict.fromkeys(unbox(b) for _, b in boxes(text)))
    if found:
        if _ASKS_ONE_OF.search(question):
            return found
        return [", ".join(found) if not question or _ASKS_SEVERAL.search(question) else found[-1]]
    if "####" in text:
        return [text.rsplit("####", 1)[1].strip()]
    last = text.rsplit("\n", 1)[-1]
    if "\n" in text and last.startswith("A:"):
        return [last[2:].strip()]
    text = text.lstrip("# ")
    if text.endswith("}") and text.count("}") == text.count("{") + 1:
        text = text[:-1]
    if _OTHERWISE.search(text):
        return [part for part in _OTHERWISE.split(text) if part]
    numbered = _NUMBERED.split(text)
    if len(numbered) > 2 and not numbered[0].strip():
        return [", ".join(_EDGES.sub("", part) for part in numbered[1:])]
    return [stated(text) or text]


_OTHERWISE = re.compile(r"(?<=\S)\s*\\?#\s*\\?#\s*(?=\S)")  # Gaokao papers: one spelling ## another
_EDGES = re.compile(r"^(?:[\s;,.$、；]|\\q?quad\b)+|(?:[\s;,.$、；]|\\q?quad\b)+$")
_NUMBERED = re.compile(r"\(\d\)\s*[.．、:：]\s*|[①②③④]\s*")  # (1). … (2). …


def _grade(
    golds: list[str], completion: str, rule: Rule, choices: Sequence[str], timeout: float
) -> Verdict:
    found = found_by(rule, completion)
    letters = gold_letters(golds[0]) if len(golds) == 1 else None
    if letters and (verdict := _grade_letters(letters, found, completion, rule, choices, timeout)):
        return verdict
    if found.text is None:
        return Verdict(False, None, NO_ANSWER)
    verdict = _compare(golds, found.text, found.how, choices, timeout)
    if found.how == "tail" and not verdict.correct and "=" in found.text:
        return _compare(golds, found.text.rpartition("=")[2].strip(), "tail", choices, timeout)
    if verdict.correct and found.how in ("box", "last"):
        other = [b for b in alternatives(completion[-MAX_CHARS:]) if b != found.text]
        if other and not all(_compare(golds, b, "box", choices, timeout).correct for b in other):
            return Verdict(False, ", ".join([*other, found.text]), f"{found.how}: alternatives")
    if found.how.endswith("number") and not verdict.correct:
        return _last_numbers(golds, completion, timeout) or verdict
    if verdict.correct or found.how not in ("box", "last"):
        return verdict
    for gold in golds:
        several = _last_boxes(gold, completion[-MAX_CHARS:])
        if several and answers_equal(gold, several, timeout)[0]:
            return Verdict(True, several, f"{found.how}: several boxes make the list")
    return verdict


def _compare(
    golds: list[str], answer: str, how: str, choices: Sequence[str], timeout: float
) -> Verdict:
    reason = ""
    for gold in golds:
        letters = gold_letters(gold)
        said = choice_letters(answer) if letters else None
        if said:
            return Verdict(said == letters, said, f"{how}: choice")
        if letters and choices and (said := option_letter(answer, choices, timeout)):
            return Verdict(said == letters, said, f"{how}: text of an option")
        equal, reason = answers_equal(gold, answer, timeout)
        if equal:
            return Verdict(True, answer, f"{how}: {reason}")
    letter = choice_letters(answer)
    # the gold is the text of an option
    if choices and letter and len(letter) == 1 and not gold_letters(golds[0]):
        picked = option_texts(choices)[LETTERS.index(letter) :][:1]
        if picked and answers_equal(golds[0], picked[0], timeout)[0]:
            return Verdict(True, answer, f"{how}: letter of the right option")
    return Verdict(False, answer, f"{how}: {reason}")


def _grade_letters(
    gold: str,
    found: Extraction,
    completion: str,
    rule: Rule,
    choices: Sequence[str],
    timeout: float,
) -> Verdict | None:
    """A choice: only a letter that is stated counts, not any stray capital."""
    said = (
        choice_letters(found.text)
        if found.text and not found.how.endswith(("number", "tail"))
        else None
    )
    how = found.how
    if said is None and rule is RULES["lenient"]:
        said, how = stated_letters(completion[-MAX_CHARS:]), "words"
    if said is None and choices and found.text:
        said, how = option_letter(found.text, choices, timeout), "text of an option"
    if said is None:
        return Verdict(False, found.text, "no choice letter" if found.text else NO_ANSWER)
    return Verdict(said == gold, said, f"{how}: choice")


def _last_numbers(golds: list[str], completion: str, timeout: float) -> Verdict | None:
    """``The roots are 2 and 3.`` for a list of two numbers: all numbers of the last sentence, or None."""
    for gold in golds:
        group = as_group(normalise(gold))
        if group and group.brackets in ("", "{}") and len(group.items) > 1:
            said = sentence_numbers(completion)
            if len(said) == len(group.items) and answers_equal(gold, ", ".join(said), timeout)[0]:
                return Verdict(True, ", ".join(said), "numbers of the last sentence")
    return None


def _last_boxes(gold: str, completion: str) -> str | None:
    """The last n boxes as a list, if the gold answer is a bare list of n > 1."""
    group = as_group(normalise(gold))
    found = [unbox(b) for _, b in boxes(completion)]
    if group is None or group.brackets not in ("", "{}") or not 1 < len(group.items) <= len(found):
        return None
    return ", ".join(found[-len(group.items) :])
