r"""Read an answer: clean it up, then as an exact number or as several things between brackets.

``as_number(normalise(r"1\frac12"))`` is 3/2; ``as_group(normalise(r"\left[0, \infty\right)"))`` has brackets ``[)`` and
two items. Regular expressions only, microseconds, nothing is evaluated.
"""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.rewards.arithmetic import arithmetic


class Number(NamedTuple):
    value: Fraction
    decimal: bool  # digits after a decimal point: may be rounded
    percent: bool
    unit: str


class Group(NamedTuple):
    """Items between brackets; ``brackets`` is ``()``, ``[)``, ``{}`` … or ``""`` for a bare list."""

    brackets: str
    items: tuple[str, ...]


# -- clean-up --------------------------------------------------------------------------------------------------------
_VULGAR = {
    c: f" {int(n)}/{int(d)}"
    for c in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
    for n, _, d in [unicodedata.normalize("NFKC", c).partition("⁄")]
}
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ",
    "∪": r"\cup ", "∩": r"\cap ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∅": r"\emptyset ",
    "°": r"^\circ", "⁄": "/", "。": ".", "、": ",", "√": r"\sqrt ", "∈": r"\in ",
}  # fmt: skip
_DROP = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|bigl?|bigr|Bigl?|Bigr)(?![A-Za-z])"
    r"|\\[!,;:>]|\\[()\[\]](?![\d])|\\\$|\$|\*\*|`|[​-‏‪-‮⁠-⁯﻿]"
)
_SPACES = re.compile(r"\\(?:quad|qquad|space)(?![A-Za-z])|\\ |~|\s+")
_TEXT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|normal)?|mathrm|mathbf|mathit|mathsf|mbox|operatorname\*?)\s*\{([^{}]*)\}"
)
_DEGREE = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree(?:s)?(?![A-Za-z])")
_FRAC = re.compile(r"\\[dtc]frac(?![A-Za-z])")


@lru_cache(maxsize=8192)
def normalise(text: str) -> str:
    r"""One spelling of an answer: full-width forms, LaTeX layout, text markup, degree and currency signs.

    ``"\\left( 3,\\,\\dfrac12 \\right)"`` becomes ``"(3,\\frac12)"``-like text that still is LaTeX.
    """
    for c, t in _VULGAR.items():
        if c in text:
            text = text.replace(c, t)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: "^{" + m[0].translate(_SUPER) + "}", text)
    text = unicodedata.normalize("NFKC", text)
    for c, t in _SYMBOLS.items():
        if c in text:
            text = text.replace(c, t)
    text = text.replace("\x00", "").replace(
        "\\\\", "\x00"
    )  # the row break of a matrix is not an escaped space
    text = _TEXT.sub(r" \1 ", text)
    text = (
        text.replace(r"\%", "%")
        .replace("{,}", ",")
        .replace(r"\lbrace", r"\{")
        .replace(r"\rbrace", r"\}")
    )
    text = _DEGREE.sub(" degrees ", _FRAC.sub(r"\\frac", text))
    text = _SPACES.sub(" ", _DROP.sub("", text))
    text = re.sub(r"(\d)\s*(?:percent|per cent)\b", r"\1%", text)
    text = re.sub(r"^[£€¥]\s*|^(-)[£€¥]\s*", r"\1", text.strip())
    text = text.strip().strip("*").strip()
    text = re.sub(r"^(?:=|:|\\approx|≈)\s*", "", text)
    return text.rstrip(" .,;:").replace("\x00", "\\\\")


# -- numbers ---------------------------------------------------------------------------------------------------------
_INT = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d{1,400})"
_DEC = rf"(?:{_INT}(?:\.\d{{0,400}})?|\.\d{{1,400}})"
_ARG = rf"(?:\{{\s*(-?{_DEC})\s*\}}|(\d))"
_PLAIN = re.compile(rf"({_DEC})")
_RATIO = re.compile(rf"\(?({_DEC})\)? ?/ ?\(?({_DEC})\)?")
_TEXFRAC = re.compile(rf"\\frac\s*{_ARG}\s*{_ARG}")
_MIXED = re.compile(
    rf"(\d{{1,40}})(?: (?:and )?(\d{{1,40}}) ?/ ?(\d{{1,40}})|\s*\\frac\s*{_ARG}\s*{_ARG})"
)
_SCI = re.compile(
    rf"({_DEC}) ?(?:[eE]([+-]?\d{{1,3}})|(?:\\times|\\cdot|\*|x) ?10 ?\^ ?(?:\{{ ?([+-]?\d{{1,3}}) ?\}}|(-?\d)))"
)
_POWER = re.compile(r"(\d{1,9}) ?\^ ?(?:\{ ?(-?\d{1,3}) ?\}|(\d))")
_REPEAT = re.compile(r"(\d{0,40})\.(\d{0,40})\\overline\s*\{(\d{1,40})\}")
_UNIT = re.compile(r"([A-Za-z一-鿿]|degrees?)(?:[A-Za-z一-鿿 /.^'-]|\^?\{?[23]\}?)*")
_UNIT_WORD = re.compile(r"^(?:degrees?|[a-z]{2,}|[mgsLNhJWVKCF]|[一-鿿])", re.IGNORECASE)
_CONSTANTS = {"pi", "in", "sin", "cos", "tan", "log", "ln", "or", "and", "mod", "choose", "cup"}


def _dec(text: str) -> Fraction:
    return Fraction(re.sub("[, ]", "", text).rstrip(".") or "0")


def _ratio(a: Fraction, b: Fraction) -> Fraction | None:
    return a / b if b else None


def _unsigned(text: str) -> tuple[Fraction | None, bool]:
    """Value of an unsigned number and whether it may be rounded; ``(None, …)`` if it is not one."""
    if m := _PLAIN.fullmatch(text):
        return _dec(m[1]), "." in m[1].rstrip(".")
    if m := _RATIO.fullmatch(text):
        return _ratio(_dec(m[1]), _dec(m[2])), False
    if m := _TEXFRAC.fullmatch(text):
        return _ratio(_dec(m[1] or m[2]), _dec(m[3] or m[4])), False
    if m := _MIXED.fullmatch(text):
        part = _ratio(_dec(m[2] or m[4] or m[5]), _dec(m[3] or m[6] or m[7]))
        return (None if part is None or not 0 <= part < 1 else Fraction(m[1]) + part), False
    if m := _SCI.fullmatch(text):
        return _dec(m[1]) * Fraction(10) ** int(m[2] or m[3] or m[4]), "." in m[1]
    if m := _POWER.fullmatch(text):
        base, exponent = int(m[1]), int(m[2] or m[3])
        small = base.bit_length() * abs(exponent) <= 2_000 and (base or exponent > 0)
        return (Fraction(base) ** exponent if small else None), False
    if m := _REPEAT.fullmatch(text):
        scale = 10 ** len(m[2])
        tail = Fraction(int(m[3]), (10 ** len(m[3]) - 1) * scale)
        return Fraction(int((m[1] or "0") + m[2]), scale) + tail, False
    return None, False


@lru_cache(maxsize=8192)
def as_number(text: str) -> Number | None:
    r"""The exact value of a normalised number with an optional sign, percent sign and unit; else None.

    ``"-1\\frac{1}{2}"`` -> -3/2; ``"1,234.5"``; ``"3 \\times 10^{-4}"``; ``"18 dollars per day"``; ``"50%"``.
    """
    text = _strip_braces(text)
    unit = ""
    m = re.search(r"(?<=[\d})%.]) ?(?=[A-Za-z一-鿿])", text)
    if (
        m
        and not re.match(r"[eE][+-]?\d", text[m.end() :])
        and not text[m.end() :].startswith(("x 10", "x10"))
    ):
        head, tail = text[: m.start()], text[m.end() :]
        if _is_unit(tail, spaced=bool(m[0])):
            text, unit = head, tail.strip()
    text = text.strip()
    percent = text.endswith("%")
    text = text[:-1].rstrip() if percent else text
    negative = False
    if sign := re.match(r"([+-]) ?", text):
        negative, text = sign[1] == "-", text[sign.end() :]
    value, decimal = _unsigned(re.sub(r"^[£€¥] ?", "", text))
    if value is None:
        value, decimal = arithmetic(text), "." in text
    if value is None:
        return None
    return Number(-value if negative else value, decimal and value.denominator > 1, percent, unit)


def _is_unit(tail: str, spaced: bool) -> bool:
    word = re.match(r"[A-Za-z]+|[一-鿿]+", tail)
    if not word or word[0].lower() in _CONSTANTS or not _UNIT.fullmatch(tail):
        return False
    return bool(_UNIT_WORD.match(tail)) and (spaced or len(word[0]) > 1 or "一" <= word[0] <= "鿿")


def _strip_braces(text: str) -> str:
    """``{62}`` is ``62``: one pair of braces around the whole."""
    if len(text) > 1 and text[0] == "{" and text[-1] == "}" and "}" not in text[1:-1]:
        return text[1:-1].strip()
    return text


# -- groups ----------------------------------------------------------------------------------------------------------
def split_top(text: str, separators: str = ",;") -> list[str]:
    """Split at separators outside all brackets; a comma inside ``1,234`` is no separator."""
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


_BEFORE = re.compile(r"(?:^|[^\d.])(?:\d{1,3})(?:,\d{3})*$")


def _thousands(text: str, i: int) -> bool:
    after = text[i + 1 : i + 5]
    return (
        len(after) >= 3
        and after[:3].isdigit()
        and not after[3:].isdigit()
        and bool(_BEFORE.search(text[max(0, i - 12) : i]))
    )


@lru_cache(maxsize=8192)
def as_group(text: str) -> Group | None:
    r"""``(1,2)``, ``[0,\infty)``, ``\{1,2\}``, ``1, 2 and 3``, ``\pm 3``; None if it is not several things."""
    if m := re.fullmatch(r"\\pm ?(.+)", text):
        return Group("", (m[1], "-" + m[1]))
    if text.startswith(r"\{") and text.endswith(r"\}"):
        return Group("{}", tuple(split_top(text[2:-2])) if text[2:-2].strip() else ())
    if text[:1] in ("(", "[") and text[-1:] in (")", "]") and _closes_at_end(text):
        inner = text[1:-1]
        items = (
            tuple(p.strip() for p in inner.split(","))
            if not re.search(r"[(\[{]", inner)
            else tuple(split_top(inner))
        )
        return Group(text[0] + text[-1], items) if len(items) > 1 else None
    parts = split_top(re.sub(r",? (?:and|or|和|或) ", ", ", text))
    return Group("", tuple(parts)) if len(parts) > 1 and all(parts) else None


def _closes_at_end(text: str) -> bool:
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0:
            return i == len(text) - 1
    return False
