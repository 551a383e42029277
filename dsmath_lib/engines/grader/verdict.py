"""The grader: a pure function from (gold, completion, rule) to a verdict. It never raises, hangs or evaluates text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dsmath_lib.engines.grader.answers import as_number
from dsmath_lib.engines.grader.boxed import boxes, strip_boxes, unbox
from dsmath_lib.engines.grader.choice import (
    HEDGE,
    LETTERS,
    Choices,
    gold_letters,
    letters_in,
    option_label,
    options_of,
    stated_letters,
)
from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.find import MAX_CHARS, formal_answer, stated
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.rules import (
    DEFAULT_RULE,
    RULES,
    Extraction,
    Rule,
    before,
    found_by,
    rule_named,
    spoken,
)
from dsmath_lib.engines.grader.scripts import COMPARE
from dsmath_lib.engines.grader.sentence import only_number
from dsmath_lib.engines.grader.spelling import normalise
from dsmath_lib.engines.grader.units import named_in, unit_behind

VERSION = "5"  # raised whenever a verdict can change; printed next to every score
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
    choices: Choices = (),
    output: str | None = None,
    tolerance: float = 0.0,
) -> Verdict:
    """Is the answer that ``rule`` finds in a completion the gold one? Pure; nothing is run.

    Args:
        gold: the answer; a worked solution that ends in a box or in ``#### n`` is reduced to its answer.
        completion: what the model wrote after the prompt.
        rule: a name of ``rules.RULES``.
        question: if given, it decides how several boxes in ``gold`` are read (``gold_answers``), and an answer may
            leave out only a unit that it names.
        choices: the options, in a form of ``choice.options_of``: an answer that repeats the text of one chooses it.
        output: what the completion's program printed (rule "program"; None: no program ran cleanly).
        tolerance: absolute error the benchmark allows (OlympiadBench's ``error``).

    Raises:
        ValueError: unknown rule (a programming error); nothing else, on any input.
    """
    row = rule_named(rule)
    try:
        text = (output or "") if row.output else str(completion)
        text = before(text, row.stop) if row.stop else text
        verdict = _by_script(row, str(gold), text) if row.compare else None
        if verdict is None:
            row = RULES[row.fallback] if row.fallback else row
            task = _Task(gold_answers(gold, question), question, options_of(choices))
            verdict = _grade(task, text, row)
        if tolerance and not verdict.correct and _near(gold, verdict.extracted, tolerance):
            return Verdict(True, verdict.extracted, f"within {tolerance:g}")
        return verdict
    # a verdict, not the end of a training run
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def _by_script(row: Rule, gold: str, text: str) -> Verdict | None:
    """The verdict of a published script; None where the row's fallback has the word."""
    found = found_by(row, text)
    if found.text is None:
        return None if row.fallback else Verdict(False, None, NO_ANSWER)
    equal, reason = COMPARE[row.compare](gold, found.text)
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
    choices: Choices = (),
) -> Verdict:
    """The same for a bare answer: nothing to extract, unless it says itself where its answer is."""
    try:
        text, own = str(answer), RULES[DEFAULT_RULE]
        task = _Task(gold_answers(gold, question), question, options_of(choices))
        if stated(spoken(text)):
            return _grade(task, text, own)
        verdict = _compare(task, text, "answer")
        if not verdict.correct and len(re.findall(r"[A-Za-z]{2,}", text)) > 4 and "$" in text:
            # a sentence around a formula
            said = _grade(task, text, own)
            return said if said.correct else verdict
        if (
            not verdict.correct
            and (number := only_number(text))
            and as_number(normalise(task.golds[0]))
        ):
            return _compare(task, number, "sentence")
        return verdict
    except (Exception, RecursionError) as err:
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


@dataclass(frozen=True)
class _Task:
    """What an answer is compared with: the acceptable answers, the question ("": unknown), label -> text of options."""

    golds: list[str]
    question: str
    options: Mapping[str, str]

    @cached_property
    def labels(self) -> str:
        """The labels that an answer may name: those of the options where each is one sign, else A to J."""
        if not self.options:
            return LETTERS
        own = "".join(self.options)
        return own if own.isalnum() and len(own) == len(self.options) > 1 else LETTERS

    @cached_property
    def letters(self) -> str | None:
        """The labels of the gold answer; None where it is no choice."""
        return gold_letters(self.golds[0], self.labels) if len(self.golds) == 1 else None


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


_SAYS = re.compile(r"\s*(yes|no)[,.;:!]", re.IGNORECASE)


def _grade(task: _Task, completion: str, rule: Rule) -> Verdict:
    found = found_by(rule, completion)
    if task.letters:
        return _grade_letters(task, found, completion, rule)
    if (found.text is None or found.how.endswith("number")) and (m := _SAYS.match(completion)):
        if task.golds[0].strip(" .").lower() in ("yes", "no"):  # Yes, because 7 is prime
            found = Extraction(m[1], "first word")
    if found.text is None:
        return Verdict(False, None, NO_ANSWER)
    verdict = _compare(task, found.text, found.how)
    if verdict.correct:
        return verdict
    if found.how == "tail" and "=" in found.text and " or " not in found.text:
        return _compare(task, found.text.rpartition("=")[2].strip(), "tail")
    if found.how in ("box", "last", "last box"):
        return _boxes_apart(task, completion, found) or verdict
    return verdict


def _compare(task: _Task, answer: str, how: str) -> Verdict:
    reason = ""
    for gold in task.golds:
        if task.letters and (said := letters_in(answer, task.labels)):
            return Verdict(
                said == task.letters, answer if said == HEDGE else said, f"{how}: choice"
            )
        if task.letters and task.options and (said := option_label(answer, task.options)):
            return Verdict(said == task.letters, said, f"{how}: text of an option")
        equal, reason = answers_equal(gold, answer) if gold else (False, "no gold answer")
        if equal and task.question and _unit_is_missing(gold, answer, task.question):
            equal, reason = False, "no unit"
        if equal:
            return Verdict(True, answer, f"{how}: {reason}")
    if task.options and not task.letters:  # the gold is the text of an option
        picked = task.options.get(letters_in(answer, task.labels) or "")
        if picked and answers_equal(task.golds[0], picked)[0]:
            return Verdict(True, answer, f"{how}: letter of the right option")
    return Verdict(False, answer, f"{how}: {reason}")


def _unit_is_missing(gold: str, answer: str, question: str) -> bool:
    unit = unit_behind(normalise(gold))
    return unit is not None and not unit_behind(normalise(answer)) and not named_in(unit, question)


def _grade_letters(task: _Task, found: Extraction, completion: str, rule: Rule) -> Verdict:
    """A choice: only a letter that is stated counts, not any stray capital; what is stated last counts."""
    text, said, how = found.text, None, found.how
    if rule is RULES["lenient"]:
        whole = spoken(completion)
        formal, words = formal_answer(whole), stated_letters(whole, task.labels)
        if formal and (letters := letters_in(formal[1], task.labels)):
            said, text = letters, formal[1]
        if words and (said is None or words[0] > formal[0]):
            said, how = words[1], "words"
    elif text and not how.endswith(("number", "tail")):
        said = letters_in(text, task.labels)
    if said is None and task.options and text:
        said, how = option_label(text, task.options), "text of an option"
    if said is None:
        return Verdict(False, text, "no choice letter" if text else NO_ANSWER)
    return Verdict(said == task.letters, text if said == HEDGE else said, f"{how}: choice")


def _boxes_apart(task: _Task, completion: str, found: Extraction) -> Verdict | None:
    """The last n boxes, each in a sentence of its own, as the list of n that is wanted; None if they are not."""
    contents = [strip_boxes(b) for _, b in boxes(spoken(completion))]
    for gold in task.golds:
        n = _listed(gold)
        if 1 < n <= len(contents) and contents[-1] == found.text:
            several = ", ".join(contents[-n:])
            if answers_equal(gold, several)[0]:
                return Verdict(True, several, f"{found.how}: several boxes make the list")
    return None


def _listed(gold: str) -> int:
    """How many answers a gold answer lists; 0 if it is no bare list."""
    group = as_group(normalise(gold))
    return (
        len(group.items) if group and group.brackets in ("", "{}") and len(group.items) > 1 else 0
    )
