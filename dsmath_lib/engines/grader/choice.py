r"""Choice questions: which option an answer or a completion states; the C of ``C(10,2)`` is none, nor the article A.

Options keep their labels from the row to the verdict: A to J, or 1 to 9. Several letters joined by "and" (or nothing)
are an answer of several; joined by "or", a slash or a question mark they are a hedge, and so no answer.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.spelling import normalise

LETTERS = "ABCDEFGHIJ"
HEDGE = "?"  # what is read where several options are offered
_MAX_CHARS = 1_000  # a longer text is a solution, not a choice
_TAIL = 4_000  # characters of a completion in which a letter may be stated

Choices = Sequence | Mapping


def options_of(choices: Choices) -> dict[str, str]:
    """Label -> text of the options of a row.

    Args:
        choices: a list of texts (A, B, … in order, a label in front is read), a dict label -> text, a dict of two lists
            ``{"label": …, "text": …}``, or a list of dicts with these fields.
    """
    if not choices:
        return {}
    if isinstance(choices, Mapping):
        lower = {str(k).lower(): v for k, v in choices.items()}
        texts, labels = lower.get("text"), lower.get("label", lower.get("labels"))
        if isinstance(texts, list | tuple) and isinstance(labels, list | tuple):
            pairs = list(zip(labels, texts, strict=False))
        else:
            pairs = list(choices.items())
    elif all(isinstance(c, Mapping) for c in choices):
        pairs = [(c.get("label", c.get("key")), c.get("text", c.get("value"))) for c in choices]
    else:
        pairs = [_labelled(str(c), LETTERS[i]) for i, c in enumerate(choices[: len(LETTERS)])]
    return {str(k).strip(" ().").upper(): str(v) for k, v in pairs}


def _labelled(text: str, place: str) -> tuple[str, str]:
    m = re.match(r"\s*[(（]?([A-J])\s*[).）:：、]\s*", text)
    return (m[1], text[m.end() :]) if m else (place, text)


class _Patterns(NamedTuple):
    label: str
    alone: re.Pattern[str]
    several: re.Pattern[str]
    hedge: re.Pattern[str]
    marked: re.Pattern[str]
    stated: re.Pattern[str]
    more: re.Pattern[str]
    line: re.Pattern[str]


_OR = r"(?:/|\||\?+|or|或者?|\\lor|\\vee|\\text ?\{ ?or ?\}|vs\.?|maybe|perhaps|possibly)"
_AND = r"(?:[,、，;；和及与&]|and|\\text ?\{ ?and ?\})"
_OPEN = (
    r"[\s*_$:：=.,–(（\[{【\"'“`\\-]{0,8}(?:mathrm|text|textbf|mathbf|boxed|fbox|rm)?[\s{(（]{0,3}"
)
_CLOSE = r"[\s)）\]}*$\"'”`]{0,4}"
_WORD = re.compile(  # a letter that is also a word counts only before these
    r"\s*(?:[^\w\s'’]|$)|\s+(?:is|because|since|as|so|and|or|which|with|by|for|from|due|therefore|thus|hence|given|but|the"
    r"|option|choice|correct|was|in|not)\b|\s*[一-鿿]"
)
_ENGLISH = (
    r"\b(?:answer|ans|option|choice)s?\b(?:\s+(?:is|are|(?:should|would|will|must|could|might|may) be|seems? to be"
    r"|to choose is))?(?:\s+(?:therefore|thus|option|choice|indeed|clearly|definitely|probably))?"
    r"|\b(?:pick|choose|select|go (?:with|for)|going with|opt for)\b(?:\s+(?:option|choice|answer))?"
)
_CHINESE = (
    r"(?:答案|选项|选择|[故应可]?选|【答案】)\s*(?:应该|应|就|该)?(?:[是为选]|等于){0,3}(?:选项?)?"
)


@lru_cache(maxsize=8)
def _patterns(labels: str) -> _Patterns:
    one = f"[{labels}]"
    end = r"(?![A-Za-z0-9(（+\-^_'’%])" if labels[0].isalpha() else r"(?![\w(（+\-^%]|[.,]\d)"
    # what joins two letters is read in one way only: its parts share signs, and ten letters have nine such places
    several = rf"{one}(?:(?>{_CLOSE}(?:{_OR}|{_AND})?{_OPEN}){one}){{0,9}}"
    praised = (
        rf"(?-i:(?<![A-Za-z\\])[(（]?({several})[)）]?)\s*(?:is|are)\s+(?:the\s+|therefore\s+|thus\s+)?(?:best\s+)?"
        rf"(?:correct|right|true|answer)|(?-i:[(（]({one})[)）])\s*must be true|(?-i:({one}))\s*(?:项)?(?:正确|符合题意"
        rf"|是正确)"
    )
    return _Patterns(
        one,
        re.compile(
            rf"^\W*+(?:(?:option|choice|answer|选项?)\s*+)?({one})(?:\s*[).:：、,，】\]]|\s+(?:is|because|since|as)\b|\W*$)",
            re.IGNORECASE,
        ),
        re.compile(rf"{one}(?:\s*+(?:{_AND}\s*+){{0,2}}{one})+"),
        re.compile(rf"(?<![\w\\]){one}{_CLOSE}{_OR}{_OPEN}{one}(?!\w)"),
        re.compile(rf"[(（\[]({one})[)）\]]"),
        re.compile(
            rf"(?:{_ENGLISH}|{_CHINESE})(?:\s+either)?{_OPEN}(?-i:({several})){end}|{praised}",
            re.IGNORECASE,
        ),
        re.compile(
            rf"[\s.,)）}}*$]{{0,6}}\b(?:{_OR}|alternatively)(?:,?\s+(?:it\s+)?(?:is|could be|might be))?"
            rf"{_OPEN}(?-i:{one})(?!\w)",
            re.IGNORECASE,
        ),
        re.compile(
            rf"^\W*+(?:(?:option|choice)\s*+[(（\[]?)?({one})(?:[)）\].:：、]+(?:\s.*)?|\W*)$"
        ),
    )


_MARKUP = re.compile(
    r"\\(?:text|mathrm|textbf|mathbf|boxed|mathsf|rm|bf)\w*\s*\{?([A-J1-9])\}?(?![A-Za-z0-9])|\\(?:text|mathrm|textbf|mathbf)\w*\s*\{([^{}]*)\}"
)
_DENIED = re.compile(
    r"\b(?:not|never|neither|nor|cannot|(?:is|are|do|does|was|ca|would|could|did)n.t|rule out|eliminate|except"
    r"|other than|anything but)\b|不|非|排除",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[.,;。，；!?\n]")


def _bare(answer: str) -> str:
    return _MARKUP.sub(lambda m: f" {m[1] or m[2]} ", answer.replace("\\(", "").replace("\\)", ""))


def letters_in(answer: str, labels: str = LETTERS) -> str | None:
    r"""The options that an extracted answer names, sorted: ``B``, ``(B)``, ``\text{(B) } 12``, ``A, C and D``.

    ``HEDGE`` for ``A or B``; None where it names none: ``12``, ``C(10,2)``, ``A train``.
    """
    if len(answer) > _MAX_CHARS:
        return None
    p, plain = _patterns(labels), _bare(answer)
    if p.hedge.search(plain):
        return HEDGE
    core = plain.strip(" .。()（）[]$\\*")
    if p.several.fullmatch(core):
        found = re.findall(p.label, core)
        return "".join(sorted(found)) if len(set(found)) == len(found) else None
    offered = set(p.marked.findall(plain))
    if len(offered) == 1:
        return offered.pop()
    m = p.alone.match(plain)
    if not m or offered or _DENIED.search(plain):
        return None
    return m[1].upper() if m[1].isupper() or m[1].isdigit() or len(plain.strip()) == 1 else None


def gold_letters(gold: str, labels: str = LETTERS) -> str | None:
    """The labels of a gold answer that is a choice; None where it is not one, e.g. ``ABBA`` or ``5``."""
    return None if len(gold) > _MAX_CHARS else _gold_letters(gold, labels)


@lru_cache(maxsize=1024)
def _gold_letters(gold: str, labels: str) -> str | None:
    p = _patterns(labels)
    plain = re.sub(
        r"^(?:option|choice|answer) ", "", _bare(gold).strip(" .。$*"), flags=re.IGNORECASE
    )
    several = p.several.fullmatch(plain)
    m = re.fullmatch(rf"[(（\[]?({p.label})[)）\]]?\.?(?:[.)）:：、]\s*\S.*)?", plain, re.DOTALL)
    if m and not several and not re.match(rf"{p.label}\(", plain):
        return m[1]
    letters = letters_in(gold, labels) if several else None
    return letters if letters and "".join(re.findall(p.label, plain)) == letters else None


def stated_letters(completion: str, labels: str = LETTERS) -> tuple[int, str] | None:
    """Place and letters that a completion states last in words, such as "Answer: C" or "故选 AD"; None if none.

    What is denied ("the answer is not B", "neither A nor B is correct") is not stated; the article A and the pronoun I
    are no letters.
    """
    p, text, found = _patterns(labels), completion[-_TAIL:], None
    start = len(completion) - len(text)
    for m in p.stated.finditer(text):
        said = next(g for g in m.groups() if g)
        clause = _CLAUSE.split(text[max(0, m.start() - 60) : m.start()])[-1]
        denied = _DENIED.search(clause) or _DENIED.search(m[0])
        word = said in ("A", "I") and m[1] and not _WORD.match(text, m.end())
        if not denied and not word:
            around = text[max(0, m.start() - 20) : m.end()] if m[1] is None else said
            hedged = p.hedge.search(_bare(around)) or p.more.match(text, m.end())
            letters = "".join(sorted(set(re.findall(p.label, said))))
            found = start + m.start(), HEDGE if hedged else letters
    if found:
        return found
    tail = [line for line in completion[-400:].split("\n") if line.strip()][-1:]
    m = p.line.match(tail[0]) if tail else None
    return (len(completion), HEDGE if p.hedge.search(_bare(tail[0])) else m[1]) if m else None


def option_label(answer: str, options: Mapping[str, str]) -> str | None:
    """The label of the one option whose text equals the answer; None if none or several do."""
    same = [k for k, text in options.items() if normalise(text) and answers_equal(text, answer)[0]]
    return same[0] if len(same) == 1 else None
