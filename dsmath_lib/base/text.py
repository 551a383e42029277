"""Text folded for comparison: layout, case and punctuation do not count; n-grams of words."""

import re
import unicodedata
from decimal import Decimal
from typing import Any

from dsmath_lib.base.spellings import named, respelt

_MARKS = dict.fromkeys("\u2212\u2010\u2011\ufe63", "-")
_MARKS |= {"×": "*", "⋅": "*", "·": "*", "∗": "*", "÷": "/", "∕": "/", "≤": "<", "≥": ">", "’": "'"}
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")  # 1,000
_SPACED = re.compile(r"(?<=\d)\\[,;:! ](?=\d{3}(?!\d))")  # 10\,000
_IN_BRACES = re.compile(r"(?<=\d)\{?,\}?(?=\d{3}(?!\d))")  # also 1{,}000; slower
_GRAM = re.compile(
    r"\d+(?:\.\d+)?"
    r"|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
    r"|[^\W\d_\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
    r"|(?<![^\W\d_])-|-(?![^\W\d_])"  # a minus sign, not a hyphen inside a word
    r"|[+*/=<>^%]"
)


def exact_text(value: Any) -> str:
    """A value of a data set as text: a float with all its digits and none too many, ``1234567`` for 1234567.0."""
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


def fold(text: str) -> str:
    """One form for each character: NFKC (full width, ligatures), case folding, one minus sign, nothing invisible."""
    if text.isascii():
        return text.lower()
    text = named(text.lower())
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    for mark, sign in _MARKS.items():  # faster than str.translate
        text = text.replace(mark, sign)
    return _INVISIBLE.sub("", text)


def layout(text: str) -> str:
    """Light LaTeX normalisation of a folded text, numbers without thousands separators, no Markdown bold."""
    if "\\" in text:
        text = respelt(_SPACED.sub("", text))
    if "," in text:
        pattern = _IN_BRACES if "{," in text or ",}" in text else _THOUSANDS
        text = pattern.sub("", text)
    return text.replace("**", " ")


def grams(text: str) -> list[str]:
    """The grams of a text, the same for benchmarks and pages.

    Of the folded text words, numbers, operator signs and single CJK characters stay; punctuation, brackets and
    ``$`` go. Lines never join: the grams of two lines are those of each.
    """
    return _GRAM.findall(layout(fold(text)))
