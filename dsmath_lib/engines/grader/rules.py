r"""The rule book: how the answer in a completion is found and compared, one row for each rule.

The first five rows are the grader's own. The others are the paper's protocols (facts §9.4), one for each form of
benchmark. ``extract("… so it is \boxed{7}. No: \boxed{8}", "paper").text`` is ``"8"``: the last statement of a kind
wins, so a correction beats what it corrects.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dsmath_lib.engines.grader import find, scripts
from dsmath_lib.engines.grader.spelling import MINUS

DEFAULT_RULE = "lenient"  # the rule where none is named: it agrees best with human labels


@dataclass(frozen=True)
class Rule:
    """One way to read a completion.

    find: names of finders, tried in this order.
    compare: "" reads as a person would: choice letters, lists of boxes, what follows "</think>" (``verdict.py``);
        else the answer found meets the gold one as a published script does it, a name of ``scripts.COMPARE``.
    stop: the next example begins here; the model's answer ends before it.
    fallback: the rule for a completion in which no finder finds anything; "": then there is no answer.
    output: read what the completion's program printed, not its text.
    about: the protocol in words; "" for the grader's own rules.
    """

    find: tuple[str, ...]
    compare: str = ""
    stop: tuple[str, ...] = ()
    fallback: str = ""
    output: bool = False
    about: str = ""


# facts §9.4: Minerva phrases, boxes, "the answer is", program output, last number
_PAPER = ("minerva", "box", "phrase", "output", "number")
RULES: dict[str, Rule] = {
    "paper": Rule(_PAPER),
    # Qwen2.5-Math's extractor, which SimpleRL uses: last box, answer phrases, last number
    "simplerl": Rule(("minerva", "box", "phrase", "number")),
    # a box or nothing: what a reward needs that must not be guessed into
    "strict": Rule(("box",)),
    # the same with DeepSeek-R1's tag <answer>
    "tag": Rule(("tag",)),
    # whatever was stated last, in any of the known forms
    "lenient": Rule(("last", "bold", "output", "tail", "said number")),
    "gsm8k-few-shot": Rule(
        ("last number",),
        "answer",
        stop=("Q: ", "\nQ:"),
        about="the last number before the next question",
    ),
    "math-few-shot": Rule(
        _PAPER, stop=("Problem:",), about="the zero-shot rule, before the next problem"
    ),
    "ocw-few-shot": Rule(
        ("first minerva",),
        "quantity",
        stop=("Problem:",),
        about="the final-answer sentence; numbers to 5 digits, units dropped",
    ),
    "choice-few-shot": Rule(
        ("final letter",),
        "letters",
        stop=("Problem:",),
        about="the letter in the final-answer phrase",
    ),
    "cmath-few-shot": Rule(
        ("zh number",),
        "answer",
        stop=("问题：",),
        fallback="paper",
        about="the last number after the Chinese answer phrase, else the zero-shot rule",
    ),
    "gaokao-cloze-few-shot": Rule(
        ("zh phrase",), "parts", stop=("问题 ",), about="all parts after the Chinese answer phrase"
    ),
    "gaokao-qa-few-shot": Rule(
        ("zh letters",),
        "letters",
        stop=("问题 ",),
        about="the letters after the Chinese answer phrase",
    ),
    "program": Rule(("printed",), "answer", output=True, about="what the program printed last"),
    "tool-output": Rule(("output",), "answer", about="the last program output in the text, alone"),
    "all-boxes": Rule(
        ("minerva", "last box", "phrase", "output", "number"),
        about="every box; the last n, for n gold answers (MATH)",
    ),
    "proof": Rule((), "answer", about="needs Isabelle; never graded here"),
}
_BY_NAME = find.FINDERS | scripts.SCRIPT_FINDERS


def rule_named(name: str) -> Rule:
    """The row of a rule.

    Raises:
        ValueError: unknown rule; names the known ones.
    """
    if name not in RULES:
        raise ValueError(f"unknown rule '{name}' (known: {', '.join(RULES)})")
    return RULES[name]


class Extraction(NamedTuple):
    """``text`` is the answer (None: none found), ``how`` the finder."""

    text: str | None
    how: str


def extract(completion: str, rule: str = "paper") -> Extraction:
    """The answer stated by ``completion`` under ``rule``; pure, and linear in the length of the text.

    Raises:
        ValueError: unknown rule; names the known ones.
    """
    row = rule_named(rule)
    return found_by(row, before(completion, row.stop))


def before(text: str, stop: Sequence[str]) -> str:
    """``text`` up to the first of the stop strings."""
    ends = [at for s in stop if (at := text.find(s)) >= 0]
    return text[: min(ends)] if ends else text


def found_by(row: Rule, text: str) -> Extraction:
    """What the finders of a row find in a text that ends where the answer does."""
    said = spoken(text)
    for part in [said] if row.compare else [*_before_next(said), said]:
        for name in row.find:
            if (found := _BY_NAME[name](part)) is not None:
                return Extraction(found[1], name)
    return Extraction(None, "none")


# end marks of prompts and tokenizers
_END = re.compile(r"<(?:eo[aes]|/s|\|\w{1,20}\|)>")
_THOUGHT = re.compile(
    r"<(/?)(?:think|thinking|thought|thoughts|reasoning|scratchpad)>", re.IGNORECASE
)
_DASH = re.compile(r"(?<![\w)}\]])–(?=[\d.\\$])")  # a dash before a number, not between two
_NEXT = re.compile(
    r"\n[ \t]*(?:(?:Question|Q)\s*\d*[:：]|Problem\s*\d*[:：]|User[:：]|Human[:：]|###? ?(?:Instruction"
    r"|Question|Problem)"
    r"|问题?[:：]|题目[:：])"
)


def spoken(text: str) -> str:
    """What a completion says: its end, without end marks and thoughts, each minus sign and line end in one spelling.

    A thought is what stands before a closing tag or behind an opening one: closed or not, it is never an answer.
    """
    text = text[-find.MAX_CHARS :]
    if not text.isascii():
        text = _DASH.sub("-", text.translate(MINUS))
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if "<" in text:
        text = _END.sub("", text)
        marks = list(_THOUGHT.finditer(text))
        closed = max((i + 1 for i, m in enumerate(marks) if m[1]), default=0)
        start = marks[closed - 1].end() if closed else 0
        end = marks[closed].start() if closed < len(marks) else len(text)
        text = text[start:end]
    return text


def _before_next(text: str) -> list[str]:
    """The text before a question that a base model goes on with by itself."""
    m = _NEXT.search(text)
    return [text[: m.start()]] if m and text[: m.start()].strip() else []
