r"""Answers of several parts: tuples, sets, lists, matrices, ratios, numbers in another base.

``as_group(normalise(r"\left[0, \infty\right)"))`` has brackets ``[)`` and two items. Brackets are part of the answer.
"""

import itertools
import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple


class Bracketed(NamedTuple):
    """Items between brackets: ``()``, ``[)``, ``{}`` …, ``""`` for a bare list, which may be a set or a tuple.

    Alternatives (``1 or 2``, ``\\pm 1``) are a set, ``{}``.
    """

    brackets: str
    items: tuple[str, ...]


class Matrix(NamedTuple):
    """Rows of entries; ``kind`` is ``matrix``, ``det`` (bars) or ``cases``."""

    kind: str
    rows: tuple[tuple[str, ...], ...]


def split_top(text: str, separators: str = ",;") -> list[str]:
    """Split at separators outside all brackets; a comma inside ``1,234`` is no separator.

    A half-open interval closes with the other kind of bracket, so only the depth counts.
    """
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c in separators and depth == 0 and not _thousands(text, i):
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in [*parts, text[start:]]]


_BEFORE = re.compile(r"(?:^|[^\d.])\d{1,3}$")


def _thousands(text: str, i: int) -> bool:
    after = text[i + 1 : i + 5]
    return (
        text[i] == ","
        and len(after) >= 3
        and after[:3].isdigit()
        and not after[3:].isdigit()
        and bool(_BEFORE.search(text[max(0, i - 12) : i]))
    )


_OR = re.compile(
    r",? or (?:else )?| ?(?:\\lor|\\vee)(?![A-Za-z]) ?|[,;]? ?或者?|\\text ?\{ ?or ?\}"
)
_AND = re.compile(r",? and |[,;]? ?[和及与] ?|\\text ?\{ ?and ?\}")
_PAIR = {"(": ")", "[": "]"}
_PM = re.compile(r"\\pm(?![A-Za-z])")


@lru_cache(maxsize=1024)
def as_group(text: str) -> Bracketed | None:
    r"""``(1,2)``, ``[0,\infty)``, ``\{1,2\}``, ``1, 2 and 3``, ``3 \pm \sqrt2``; None if it is not several things."""
    if text.startswith(r"\{") and text.endswith(r"\}") and closes_at_end(text[1:]):
        inner = text[2:-2].strip()
        return Bracketed("{}", tuple(split_top(inner)) if inner else ())
    if text[:1] == "{" and text[-1:] == "}" and "," in text and "}" not in text[1:-1]:
        return Bracketed("{}", tuple(split_top(text[1:-1])))
    if text.startswith(r"\langle") and text.endswith(r"\rangle"):
        return Bracketed("()", tuple(split_top(text[7:-7])))
    if text[:1] in _PAIR and text[-1:] in (")", "]") and closes_at_end(text):
        inner = text[1:-1]
        plain = not re.search(r"[(\[{]", inner)
        items = tuple(p.strip() for p in (re.split("[,;]", inner) if plain else split_top(inner)))
        return Bracketed(text[0] + text[-1], items) if len(items) > 1 else None
    if _PM.search(text) and "," not in text and (values := _signs(text)):
        return Bracketed("{}", values)
    either = _OR.search(text)
    parts = split_top(_AND.sub(", ", _OR.sub(", ", text) if either else text))
    if len(parts) < 2 or not all(parts):
        return None
    return Bracketed("{}" if either else "", tuple(parts))


def _signs(text: str) -> tuple[str, ...]:
    r"""The values of ``3 \pm 2 \pm 1``: each sign is chosen for itself; ``\mp`` is the other one of the first."""
    pieces = text.split(r"\pm")
    if len(pieces) > 4:
        return ()
    out = []
    for signs in itertools.product("+-", repeat=len(pieces) - 1):
        first, value = "-" if signs[0] == "+" else "+", pieces[0]
        for sign, piece in zip(signs, pieces[1:], strict=True):
            value += sign + piece
        value = value.replace(r"\mp", first)
        out.append(re.sub(r"^\+ ?|(?<=[=(]) ?\+", "", value))
    return tuple(out)


def closes_at_end(text: str) -> bool:
    """Whether the bracket that opens the text closes at its very end."""
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0:
            return i == len(text) - 1
    return False


_MATRIX = re.compile(
    r"\\begin ?\{(p|b|B|v|V|small|)matrix\*?\}(?:\[\w\])?(.*)\\end ?\{\1matrix\*?\}", re.DOTALL
)
_ARRAY = re.compile(
    r"\\begin ?\{(array|cases|aligned)\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\}", re.DOTALL
)


@lru_cache(maxsize=2048)
def as_matrix(text: str) -> Matrix | None:
    """The rows of a LaTeX matrix, array or ``cases``, or of a list of lists ``[[1,2],[3,4]]``."""
    if text[:1] in _PAIR and closes_at_end(text) and (m := _MATRIX.fullmatch(text[1:-1].strip())):
        return Matrix("det" if m[1] in ("v", "V") else "matrix", _rows(m[2]))
    if m := _MATRIX.fullmatch(text):
        return Matrix("det" if m[1] in ("v", "V") else "matrix", _rows(m[2]))
    inside = re.fullmatch(
        r"([(\[|]|\\\{)? ?(\\begin ?\{(?:array|cases|aligned)\}.*?) ?([)\]|]|\\\})?\.?",
        text,
        re.DOTALL,
    )
    if inside and (m := _ARRAY.fullmatch(inside[2].strip())):
        kind = (
            "cases"
            if m[1] != "array" or inside[1] == r"\{"
            else "det"
            if inside[1] == "|"
            else "matrix"
        )
        return Matrix(kind, _rows(m[2]))
    group = as_group(text)
    if group and group.brackets == "[]":
        rows = [as_group(item) for item in group.items]
        if all(r and r.brackets == "[]" for r in rows):
            return Matrix("matrix", tuple(r.items for r in rows))
    return None


_COLUMN = re.compile(r"\\[dt]?binom ?\{([^{}]*)\} ?\{([^{}]*)\}")


def as_column(text: str) -> Matrix | None:
    r"""``\binom{1}{2}`` beside a vector: a column, not a coefficient."""
    m = _COLUMN.fullmatch(text)
    return Matrix("matrix", ((m[1],), (m[2],))) if m else None


def _rows(body: str) -> tuple[tuple[str, ...], ...]:
    rows = [r.strip() for r in re.sub(r"\\hline", "", body).split("\\\\")]
    return tuple(tuple(c.strip(" ,") for c in r.split("&")) for r in rows if r)


_BASED = re.compile(
    r"\(?([0-9A-Za-z]{1,60})\)? ?(?:_ ?(?:\{ ?\(?(\d{1,2}|[a-z]{3,8})\)? ?\}|(\d{1,2}|[a-z]{3,8}))"
    r"|,? ?\(?(?:in )?base ?(\d{1,2}|[a-z]{3,8})\)?)"
)
_BASES = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
}


def as_based(text: str) -> tuple[str, int] | None:
    """Digits and base of ``1011_2`` or ``2A_{16}``; None if a digit does not fit the base."""
    m = _BASED.fullmatch(text)
    if not m:
        return None
    word, digits = m[2] or m[3] or m[4], m[1]
    hexadecimal = word == "16" and len(digits) > 1 and digits in (digits.upper(), digits.lower())
    if not (digits[0].isdigit() or hexadecimal or (digits.isupper() and re.search(r"\d", digits))):
        return None  # B_{12} is an index
    base = int(word) if word.isdigit() else _BASES.get(word, 0)
    if not 2 <= base <= 36 or any(int(c, 36) >= base for c in m[1]):
        return None
    return m[1].upper().lstrip("0") or "0", base


_RATIO = re.compile(r"\d+(?:\.\d+)?(?:(?: ?: ?| to |比)\d+(?:\.\d+)?)+")


def as_ratio(text: str) -> tuple[Fraction, ...] | None:
    """The parts of ``3:4:5`` over their first part other than 0, so that ``6:8:10`` is the same."""
    if not _RATIO.fullmatch(text):
        return None
    parts = [Fraction(p) for p in re.split(":| to |比", text)]
    scale = next((p for p in parts if p), None)
    return tuple(p / scale for p in parts) if scale else None
