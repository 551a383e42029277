r"""How each benchmark reads and compares an answer: the paper's protocols (facts §9.4) as rows.

A row says where the completion ends, where the answer stands and how it is compared. Names of ``rewards.extract.RULES``
("paper", "strict", …) are rules too and go to the grader as they are. ``judge`` is pure and never runs anything: a
program's output is read from the record, where it was kept when the completion was made.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dsmath_lib.engines.grader.equality import BUDGET, answers_equal
from dsmath_lib.engines.grader.find import MAX_CHARS, RULES
from dsmath_lib.engines.grader.verdict import Verdict, grade

Finder = Callable[[str], str | None]
NO_ANSWER = "no answer found"


@dataclass(frozen=True)
class Reading:
    """One protocol.

    find: a finder below, or a rule of the grader; compare: how the found answer meets the gold one.
    stop: the next example begins here; the model's answer ends before it.
    fallback: rule of the grader for a completion without the expected phrase; "": then there is no answer.
    """

    find: str
    compare: str = "answer"
    stop: tuple[str, ...] = ()
    fallback: str = ""
    about: str = ""


READINGS: dict[str, Reading] = {
    "gsm8k-few-shot": Reading(
        "last number", stop=("Q: ", "\nQ:"), about="the last number before the next question"
    ),
    "math-few-shot": Reading(
        "paper", stop=("Problem:",), about="the zero-shot rule, before the next problem"
    ),
    "ocw-few-shot": Reading(
        "final answer",
        "quantity",
        stop=("Problem:",),
        about="the final-answer sentence; numbers to 5 digits, units dropped",
    ),
    "choice-few-shot": Reading(
        "final letter", "letters", stop=("Problem:",), about="the letter in the final-answer phrase"
    ),
    "cmath-few-shot": Reading(
        "zh number",
        stop=("问题：",),
        fallback="paper",
        about="the last number after the Chinese answer phrase, else the zero-shot rule",
    ),
    "gaokao-cloze-few-shot": Reading(
        "zh phrase", "parts", stop=("问题 ",), about="all parts after the Chinese answer phrase"
    ),
    "gaokao-qa-few-shot": Reading(
        "zh letters",
        "letters",
        stop=("问题 ",),
        about="the letters after the Chinese answer phrase",
    ),
    "program": Reading("program output", about="what the program printed last"),
    "tool-output": Reading("tool output", about="the last program output in the text, alone"),
    "all-boxes": Reading("paper", about="every box; the last n, for n gold answers (MATH)"),
    "proof": Reading("nothing", about="needs Isabelle; never graded here"),
}

# -- finders: the text of an answer, or None ------------------------------------------------------------------------
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
_FINAL = re.compile(
    r"[Ff]inal answer is:?\s*+(|.{0,399}?\S)\s*+(?:\.\s*+)?I hope it is correct", re.DOTALL
)
_LETTER = re.compile(r"(?:final answer is|answer is):?\s*\$?\(?([A-D])\b\)?", re.IGNORECASE)
_ZH = re.compile(r"答案是\s*[:：]?\s*([^\n]*)")
_OUTPUT = re.compile(r"```output[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


def _last_number(text: str) -> str | None:
    found = _NUMBER.findall(text)
    return found[-1].rstrip(",") if found else None


def _final_answer(text: str) -> str | None:
    found = _FINAL.findall(text)
    return found[0].strip().strip("$").strip() or None if found else None


def _final_letter(text: str) -> str | None:
    found = _LETTER.findall(text)
    return found[0].upper() if found else None


def _zh_phrase(text: str) -> str | None:
    found = _ZH.search(text)
    return found[1].strip().rstrip("。.").strip() or None if found else None


def _zh_number(text: str) -> str | None:
    phrase = _zh_phrase(text)
    return _last_number(phrase) if phrase else None


def _zh_letters(text: str) -> str | None:
    phrase = _zh_phrase(text)
    letters = re.findall(r"[A-D]", phrase or "")
    return "".join(sorted(set(letters))) or None


def _tool_output(text: str) -> str | None:
    found = _OUTPUT.findall(text)
    lines = found[-1].strip().split("\n") if found else []
    return lines[-1].strip() or None if lines else None


FINDERS: dict[str, Finder] = {
    "last number": _last_number,
    "final answer": _final_answer,
    "final letter": _final_letter,
    "zh phrase": _zh_phrase,
    "zh number": _zh_number,
    "zh letters": _zh_letters,
    "tool output": _tool_output,
    "nothing": lambda text: None,
}


# -- comparisons ----------------------------------------------------------------------------------------------------
def _same(gold: str, answer: str, timeout: float) -> tuple[bool, str]:
    return answers_equal(gold, answer, timeout)


def _letters(gold: str, answer: str, timeout: float) -> tuple[bool, str]:
    """Sets of option letters; several letters must all be there."""
    want = set(re.findall("[A-J]", gold))
    return bool(want) and want == set(answer), "choice"


def split_parts(text: str) -> list[str]:
    """An answer of several parts: split at ``;`` and at commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, ch in enumerate(text + ";"):
        depth += (ch in "([{") - (ch in ")]}")
        if ch in ";；" or (ch in ",，" and depth <= 0):
            parts.append(text[start:i].strip().strip("$").strip())
            start = i + 1
    return [p for p in parts if p]


def _parts(gold: str, answer: str, timeout: float) -> tuple[bool, str]:
    """Gaokao cloze: every part has a partner, each way; only the last n parts of the answer count."""
    want = [p.strip().strip("$").strip() for p in gold.split(";") if p.strip()]
    got = [p.strip("$ ") for p in re.split("[;；]", answer) if p.strip("$ ")]
    if len(got) < len(want):
        got = split_parts(answer)
    got = list(dict.fromkeys(got))[-len(want) :]
    if len(want) == 1:
        return answers_equal(want[0], answer.strip("$ "), timeout)
    pairs = [[answers_equal(w, g, timeout)[0] for g in got] for w in want]
    every = len(got) == len(want) and all(map(any, pairs))
    return every and all(any(row[j] for row in pairs) for j in range(len(got))), "all parts"


_UNIT = re.compile(
    r"\\(?:mathrm|text)\s*\{[^{}]*\}"
    r"|(?<=\d)(?=(?s:.{1,60})$)\s*+[A-Za-z]++(?:[/*^ ][A-Za-z0-9^-]++(?:[/* ][A-Za-z0-9^-]++)*+)?$"
)


def _quantity(gold: str, answer: str, timeout: float) -> tuple[bool, str]:
    """OCW: a numeric gold answer is compared as a number to 5 digits, its units dropped; else as an expression."""
    try:
        want = float(gold)
    except ValueError:
        return answers_equal(gold, answer, timeout)
    equal, reason = answers_equal(gold, answer, timeout)
    if equal:
        return True, reason
    bare = _UNIT.sub("", answer.strip().strip("$").strip()).strip(" ~$")
    try:
        return abs(float(bare.replace(",", "")) - want) <= 1e-5 * abs(want), "number, 5 digits"
    except ValueError:
        return answers_equal(gold, bare, timeout) if bare and bare != answer else (False, reason)


COMPARE: dict[str, Callable[[str, str, float], tuple[bool, str]]] = {
    "answer": _same,
    "letters": _letters,
    "parts": _parts,
    "quantity": _quantity,
}


# -- the verdict ----------------------------------------------------------------------------------------------------
def known() -> list[str]:
    """Names of all rules: the grader's, then the protocols."""
    return [*RULES, *READINGS]


def before(text: str, stop: Sequence[str]) -> str:
    """``text`` up to the first of the stop strings."""
    ends = [at for s in stop if (at := text.find(s)) >= 0]
    return text[: min(ends)] if ends else text


def judge(
    rule: str,
    gold: str,
    text: str,
    question: str = "",
    *,
    output: str | None = None,
    tolerance: float = 0.0,
    timeout: float = BUDGET,
) -> Verdict:
    """Is the answer that ``rule`` finds in a completion the gold one?

    Args:
        rule: a name of ``known()``.
        output: what the completion's program printed (rule "program" only; None: no program ran cleanly).
        tolerance: absolute error the benchmark allows (OlympiadBench's ``error``).

    Raises:
        ValueError: unknown rule; lists the known ones. Nothing else, on any input.
    """
    if rule in RULES:
        verdict = grade(gold, text, rule, question, timeout=timeout)
    elif rule in READINGS:
        row = READINGS[rule]
        text = before(text, row.stop)[-MAX_CHARS:]
        if row.find in RULES:
            verdict = grade(gold, text, row.find, question, timeout=timeout)
        else:
            verdict = _read(row, gold, text, question, output, timeout)
    else:
        raise ValueError(f"unknown rule '{rule}' (known: {', '.join(known())})")
    if tolerance and not verdict.correct and _near(gold, verdict.extracted, tolerance):
        return Verdict(True, verdict.extracted, f"within {tolerance:g}")
    return verdict


def _read(
    row: Reading, gold: str, text: str, question: str, output: str | None, timeout: float
) -> Verdict:
    try:
        if row.find == "program output":
            lines = [line for line in (output or "").split("\n") if line.strip()]
            found = from_python(lines[-1].strip()) if lines else None
        else:
            found = FINDERS[row.find](text)
        if found is None and row.fallback:
            return grade(gold, text, row.fallback, question, timeout=timeout)
        if found is None:
            return Verdict(False, None, NO_ANSWER)
        equal, reason = COMPARE[row.compare](gold, found, timeout)
        return Verdict(equal, found, f"{row.find}: {reason}")
    except (Exception, RecursionError) as err:  # as in the grader: a failure is a verdict
        return Verdict(False, None, f"the grader failed: {type(err).__name__}")


def _near(gold: str, answer: str | None, tolerance: float) -> bool:
    try:
        return abs(float(gold) - float((answer or "").strip(" $%\\"))) <= tolerance * (1 + 1e-9)
    except ValueError:
        return False


_SQRT = re.compile(r"\bsqrt\(([^()]*)\)")


def from_python(text: str) -> str:
    r"""A printed SymPy or Python value as LaTeX: ``7*sqrt(2)`` is ``7\sqrt{2}``, ``x**2`` is ``x^2``."""
    for _ in range(4):
        text, n = _SQRT.subn(r"\\sqrt{\1}", text)
        if not n:
            break
    text = re.sub(r"\bpi\b", r"\\pi", text).replace("**", "^")
    text = re.sub(r"\^\(([^()]*)\)", r"^{\1}", text)
    return re.sub(r"(?<=[\w}\)])\*(?=[\\\w(])", " ", text)
