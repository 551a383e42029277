r"""How published scripts find and compare an answer: finders and comparisons of the paper's protocols (facts §9.4).

They are kept as strict, or as simple, as the scripts are; ``rules.py`` says which benchmark uses which.
"""

import re
from collections.abc import Callable

from dsmath_lib.engines.grader.equality import Same, answers_equal
from dsmath_lib.engines.grader.find import Finder

# -- finders: the text of an answer, or None ------------------------------------------------------------------------
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
# the phrase that the script asks for, else a shorter one; "the answer is a rectangle" names no option
_LETTERS = tuple(
    re.compile(rf"{phrase}:?\s*\$?\(?(?:\\text\{{)?\(?([A-J])\b(?!\s+[a-z])")
    for phrase in ("[Ff]inal [Aa]nswer is", "[Aa]nswer is")
)
_ZH = re.compile(r"答案是\s*[:：]?\s*([^\n]*)")


def _last_number(text: str) -> str | None:
    found = _NUMBER.findall(text)
    return found[-1].rstrip(",") if found else None


def _final_letter(text: str) -> str | None:
    return next((found[0] for pattern in _LETTERS if (found := pattern.findall(text))), None)


def _zh_phrase(text: str) -> str | None:
    found = _ZH.search(text)
    return found[1].strip().rstrip("。.").strip() or None if found else None


def _zh_number(text: str) -> str | None:
    phrase = _zh_phrase(text)
    return _last_number(phrase) if phrase else None


def _zh_letters(text: str) -> str | None:
    phrase = _zh_phrase(text)
    letters = re.findall(r"[A-J]", phrase or "")
    return "".join(sorted(set(letters))) or None


def _printed(output: str) -> str | None:
    """The last line that a program printed, as LaTeX."""
    lines = [line.strip() for line in output.split("\n") if line.strip()]
    return from_python(lines[-1]) if lines else None


def _placed(find: Callable[[str], str | None]) -> Finder:
    """A finder that names no place: the scripts have none."""

    def finder(text: str) -> tuple[int, str] | None:
        found = find(text)
        return None if found is None else (-1, found)

    return finder


SCRIPT_FINDERS: dict[str, Finder] = {
    name: _placed(find)
    for name, find in {
        "last number": _last_number,
        "final letter": _final_letter,
        "zh phrase": _zh_phrase,
        "zh number": _zh_number,
        "zh letters": _zh_letters,
        "printed": _printed,
    }.items()
}


# -- comparisons ----------------------------------------------------------------------------------------------------
def _letters(gold: str, answer: str) -> Same:
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


def _parts(gold: str, answer: str) -> Same:
    """Gaokao cloze: every part has a partner, each way; only the last n parts of the answer count."""
    want = [p.strip().strip("$").strip() for p in gold.split(";") if p.strip()]
    got = [p.strip("$ ") for p in re.split("[;；]", answer) if p.strip("$ ")]
    if len(got) < len(want):
        got = split_parts(answer)
    got = list(dict.fromkeys(got))[-len(want) :]
    if len(want) == 1:
        return answers_equal(want[0], answer.strip("$ "))
    pairs = [[answers_equal(w, g)[0] for g in got] for w in want]
    every = len(got) == len(want) and all(map(any, pairs))
    return every and all(any(row[j] for row in pairs) for j in range(len(got))), "all parts"


_UNIT = re.compile(
    r"\\(?:mathrm|text)\s*\{[^{}]*\}"
    r"|(?<=\d)(?=(?s:.{1,60})$)\s*+[A-Za-z]++(?:[/*^ ][A-Za-z0-9^-]++(?:[/* ][A-Za-z0-9^-]++)*+)?$"
)


def _quantity(gold: str, answer: str) -> Same:
    """OCW: a numeric gold answer is compared as a number to 5 digits, its units dropped; else as an expression."""
    try:
        want = float(gold)
    except ValueError:
        return answers_equal(gold, answer)
    equal, reason = answers_equal(gold, answer)
    if equal:
        return True, reason
    bare = _UNIT.sub("", answer.strip().strip("$").strip()).strip(" ~$")
    try:
        return abs(float(bare.replace(",", "")) - want) <= 1e-5 * abs(want), "number, 5 digits"
    except ValueError:
        return answers_equal(gold, bare) if bare and bare != answer else (False, reason)


COMPARE: dict[str, Callable[[str, str], Same]] = {
    "answer": answers_equal,
    "letters": _letters,
    "parts": _parts,
    "quantity": _quantity,
}


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
