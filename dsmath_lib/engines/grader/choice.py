r"""Choice questions: which option letter an answer or a completion states; the C of ``C(10,2)`` is none."""

import re
from collections.abc import Sequence

from dsmath_lib.engines.grader.answers import normalise
from dsmath_lib.engines.grader.equality import answers_equal

LETTERS = "ABCDEFGHIJ"
_MAX_CHARS = 1_000  # a longer text is a solution, not a choice
_MARKUP = re.compile(
    r"\\(?:text|mathrm|textbf|mathbf|boxed|mathsf|rm|bf)\w*\s*\{?([A-J])\}?(?![A-Za-z])|\\(?:text|mathrm|textbf|mathbf)\w*\s*\{([^{}]*)\}"
)
_LETTER = re.compile(
    r"^\W*+(?:(?:option|choice|answer|选项?)\s*+)?([A-J])(?:\s*[).:：、,，】\]]|\W*$)",
    re.IGNORECASE,
)
_PAREN = re.compile(r"[(（\[]([A-J])[)）\]]")
_SEVERAL = re.compile(r"[A-J](?:\s*+(?:(?:[,、，;；和及]|and|\\text ?\{ ?and ?\})\s*+)?[A-J])+")
_L = r"[\s*_$:：=.–(（\[{【\"'“`\\-]{0,8}(?:mathrm|text|textbf|mathbf|boxed|rm)?[\s{(（]{0,3}"
_MULTI = r"([A-J](?:\s*+(?:[,、，和及&]\s*+)?[A-J])*)(?![A-Za-z(（+\-^_])"
_STATED = re.compile(
    # "the answer is (B)", "Answer D", "option: C", "故选 B", "正确答案为 ACD"
    rf"(?:\b(?:answer|ans|option|choice|options|choices)\b(?:\s+(?:is|are|should be|would be|will be"
    rf"|to choose is|must be))?"
    rf"(?:\s+(?:therefore|thus|option|choice|indeed|clearly))?"
    rf"|(?:答案|选项|选择|[故应可]?选|【答案】)\s*(?:应该|应|就|该)?(?:[是为选]|等于){{0,3}}(?:选项?)?){_L}(?-i:{_MULTI})"
    # "D is the correct choice", "(A) is correct"
    rf"|(?-i:(?<![A-Za-z\\])[(（]?([A-J])[)）]?)\s*(?:is|are)\s+(?:the\s+|therefore\s+"
    rf"|thus\s+)?(?:best\s+)?(?:correct|right|true|answer)|(?-i:[(（]([A-J])[)）])\s*must be true"
    rf"|(?-i:([A-J]))\s*(?:项)?(?:正确|符合题意|是正确)",
    re.IGNORECASE,
)
_LINE = re.compile(
    r"^\W*+(?:(?:option|choice)\s*+[(（\[]?)?([A-J])(?:[)）\].:：、]+(?:\s.*)?|\W*)$", re.MULTILINE
)


def _bare(answer: str) -> str:
    return _MARKUP.sub(lambda m: f" {m[1] or m[2]} ", answer.replace("\\(", "").replace("\\)", ""))


def choice_letter(answer: str) -> str | None:
    r"""The option letter of an extracted answer: ``B``, ``(B)``, ``\text{(B) } 12``, ``B. 12``; else None."""
    if len(answer) > _MAX_CHARS:
        return None
    plain = _bare(answer)
    offered = set(_PAREN.findall(plain))
    if len(offered) == 1:
        return offered.pop()
    m = _LETTER.match(plain)
    return (
        m[1].upper() if m and not offered and (m[1].isupper() or len(plain.strip()) == 1) else None
    )


def choice_letters(answer: str) -> str | None:
    """All letters of an answer that names several, sorted: ``A, C and D`` is ``ACD``; one letter is itself."""
    if len(answer) > _MAX_CHARS:
        return None
    plain = _bare(answer).strip(" .。()（）[]$\\*")
    if _SEVERAL.fullmatch(plain):
        found = re.findall("[A-J]", plain)
        return "".join(sorted(found)) if len(set(found)) == len(found) else None
    return choice_letter(answer)


def gold_letters(gold: str) -> str | None:
    """The letters of a gold answer that is a choice; None where it is not one, e.g. ``ABBA`` or ``5``."""
    if len(gold) > _MAX_CHARS:
        return None
    plain = re.sub(
        r"^(?:option|choice|answer) ", "", _bare(gold).strip(" .。$*"), flags=re.IGNORECASE
    )
    several = _SEVERAL.fullmatch(plain)
    m = re.fullmatch(r"[(（\[]?([A-J])[)）\]]?\.?(?:[.)）:：、]\s*\S.*)?", plain, re.DOTALL)
    if m and not several and not re.match(r"[A-J]\(", plain):
        return m[1]
    letters = choice_letters(gold) if several else None
    return letters if letters and "".join(re.findall("[A-J]", plain)) == letters else None


def stated_letters(completion: str) -> str | None:
    """The letters that a completion states last in words, such as "Answer: C" or "故选 AD"; None if it states none."""
    found = None
    for m in _STATED.finditer(completion[-4000:]):
        found = m
    if found:
        return "".join(
            sorted(set(re.findall("[A-J]", found[1] or found[2] or found[3] or found[4])))
        )
    tail = [line for line in completion[-400:].split("\n") if line.strip()][-1:]
    m = _LINE.match(tail[0]) if tail else None
    return m[1] if m else None


def option_texts(choices: Sequence[str]) -> list[str]:
    """The options without a letter in front: ``(B) 12`` is ``12``."""
    return [
        re.sub(r"^\s*[(（]?[A-J]\s*[).）:：、]\s*", "", str(c)) for c in choices[: len(LETTERS)]
    ]


def option_letter(answer: str, choices: Sequence[str], timeout: float) -> str | None:
    """The letter of the one option whose text equals the answer; None if none or several do."""
    texts = option_texts(choices)
    same = [i for i, c in enumerate(texts) if normalise(c) and answers_equal(c, answer, timeout)[0]]
    return LETTERS[same[0]] if len(same) == 1 else None
