r"""Numbers: the exact value of a written number, and when two numbers are the same answer.

``as_number(normalise(r"1\frac12"))`` is 3/2. Regular expressions only, microseconds, nothing is evaluated.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.engines.grader.spelling import strip_braces
from dsmath_lib.engines.grader.units import DEGREE, RADIAN, is_unit, unit_of
from dsmath_lib.engines.grader.words import (
    FRACTION_WORDS,
    SCALES,
    chinese_number,
    english_number,
    ordinal,
)


class Number(NamedTuple):
    """``unit`` is what follows the number, "" for none; ``digits`` are those after the decimal point (0: exact)."""

    value: Fraction
    digits: int = 0
    percent: bool = False
    unit: str = ""


_INT = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d{1,3}(?:'\d{3})+(?!\d)|\d{1,1000})"
_DEC = rf"(?:{_INT}(?:\.\d{{0,400}})?|\.\d{{1,400}})"
_ARG = rf"\s*+(?:\{{\s*(-?{_DEC})\s*\}}|(\d))"
_PLAIN = re.compile(rf"({_DEC})")
_GOES_ON = re.compile(r"(\d{0,40})\.(\d{0,40}?)(\d{1,6}?)\3+(\d{0,5})…")
_RATIO = re.compile(rf"\(?({_DEC})\)? ?/ ?\(?({_DEC})\)?")
_TEXFRAC = re.compile(rf"\\frac{_ARG}{_ARG}")
_MIXED = re.compile(
    rf"(\d{{1,40}})(?: (?:and )?(\d{{1,40}}) ?/ ?(\d{{1,40}})|\s*(?:and )?\\frac{_ARG}{_ARG})"
)
_SCI = re.compile(
    rf"({_DEC}) ?(?:[eE]([+-]?\d{{1,3}})|(?:\\times|\\cdot|\*|x) ?10 ?\^ ?(?:\{{ ?([+-]?\d{{1,3}}) ?\}}"
    rf"|(-?\d{{1,3}})|\((-?\d{{1,3}})\)))"
)
_REPEAT = re.compile(
    r"(\d{0,40})\.(\d{0,40})(?:\\overline\s*\{(\d{1,40})\}|\((\d{1,40})\)|\\overline\s*(\d))"
)
_SCALED = re.compile(
    rf"(-?[\d.,]{{1,40}}) ?({'|'.join(w for w in SCALES if w.isascii())}|万|亿|千(?![米克瓦]))s?(?![a-z]) ?(.*)",
    re.IGNORECASE,
)
_PARTS = re.compile(
    rf"(-?\d{{1,9}})[ -]({'|'.join(sorted(FRACTION_WORDS, key=len, reverse=True))})(?![a-z]) ?(.*)"
)
_AND_PART = re.compile(r"(-?\d{1,9}) and ((?:an?|one|two|three|four|five) [a-z]+)")
_SHARE = re.compile(r"(\d{1,9}) (out of|over|in) (\d{1,9})")  # 1 in 6
_SUM = re.compile(
    r"(\d{1,9}) ?([A-Za-z]{1,10}|小时|时|天|米|千克|元|角)\.?(?:,? and|,)? ?"
    r"(\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z]{1,10}|分钟?|秒|小时|厘米|克|角|分)\.?"
)


def _dec(text: str) -> Fraction:
    return Fraction(re.sub("[, ']", "", text).rstrip(".") or "0")


def _ratio(a: Fraction, b: Fraction) -> Fraction | None:
    return a / b if b else None


def _places(text: str) -> int:
    return len(text.rstrip(".").partition(".")[2])


def _unsigned(text: str) -> tuple[Fraction | None, int]:
    """Value of an unsigned number, and its digits after the point if it may be rounded; ``(None, …)``: not a number."""
    if m := _PLAIN.fullmatch(text):
        return _dec(m[1]), _places(m[1])
    if m := _RATIO.fullmatch(text):
        return _ratio(_dec(m[1]), _dec(m[2])), 0
    if m := _TEXFRAC.fullmatch(text):
        return _ratio(_dec(m[1] or m[2]), _dec(m[3] or m[4])), 0
    if m := _MIXED.fullmatch(text):
        part = _ratio(_dec(m[2] or m[4] or m[5]), _dec(m[3] or m[6] or m[7]))
        return (None if part is None or not 0 <= part < 1 else Fraction(m[1]) + part), 0
    if m := _SCI.fullmatch(text):
        power = int(m[2] or m[3] or m[4] or m[5])
        digits = _places(m[1])
        return _dec(m[1]) * Fraction(10) ** power, digits and max(1, digits - power)
    if text.endswith("…"):
        m = _GOES_ON.fullmatch(text)
        if not m or not m[3].startswith(m[4]):  # 3.14159… has no period
            return (
                (_dec(text[:-1]), _places(text[:-1])) if _PLAIN.fullmatch(text[:-1]) else (None, 0)
            )
        text = f"{m[1]}.{m[2]}({m[3]})"
    if m := _REPEAT.fullmatch(text):
        scale, period = 10 ** len(m[2]), m[3] or m[4] or m[5]
        tail = Fraction(int(period), (10 ** len(period) - 1) * scale)
        return Fraction(int((m[1] or "0") + m[2]), scale) + tail, 0
    return None, 0


@lru_cache(maxsize=1024)
def as_number(text: str) -> Number | None:
    r"""The exact value of a normalised number with an optional sign, percent sign and unit; else None.

    ``"-1\\frac{1}{2}"`` -> -3/2; ``"1,234.5"``; ``"3 \\times 10^{-4}"``; ``"18 dollars per day"``; ``"50%"``;
    ``"三分之一"``; ``"twenty-one"``; ``"3.5 million"``; ``"2 thirds"``. ``"5 squared"`` is none.
    """
    text = strip_braces(text)
    if not text or len(text) > 1200:
        return None
    if not re.search(r"\d", text):
        return _in_words(text)
    if re.search(r"[A-Za-z一-鿿]", text) and (found := _with_words(text)) is not None:
        return found or None
    unit = ""
    m = re.search(r"(?<=[\d})%.‰]) ?-?(?![eE][+-]?\d|x ?10)(?=[A-Za-z一-鿿])", text)
    if m:
        head, tail = text[: m.start()], text[m.end() :]
        if is_unit(tail, spaced=bool(m[0])):
            text, unit = head, tail.strip()
    text = text.strip()
    percent = text[-1:] in ("%", "‰")
    thousandth, text = text[-1:] == "‰", text[:-1].rstrip() if percent else text
    if text[:1] == "(" and text[-1:] == ")" and not re.search("[(,]", text[1:]):
        text = text[1:-1].strip()
    negative = False
    if sign := re.match(r"([+-]) ?", text):
        negative, text = sign[1] == "-", text[sign.end() :]
    value, digits = _unsigned(strip_braces(text))
    if value is None:
        return None
    value = -value if negative else value
    if thousandth:
        return Number(value / 1000)
    return Number(value, digits if value.denominator > 1 else 0, percent, unit)


def _with_words(text: str) -> Number | bool | None:
    """A number that goes on in words: ``5 million``, ``2 thirds``, ``3 and a half``, ``1 hour 30 minutes``, ``21st``.

    False: words that make no number of it; None: it does not go on in words.
    """
    if (place := ordinal(text)) is not None:
        return Number(place)
    if (m := _SUM.fullmatch(text)) and (total := _sum_of_units(m)):
        return total
    if m := _SHARE.fullmatch(text):
        a, b = Fraction(m[1]), Fraction(m[3])
        return Number(a / b) if b and (m[2] != "in" or a < b) else False
    if m := _AND_PART.fullmatch(text):
        part = english_number(m[2])
        return Number(_dec(m[1]) + part) if part is not None and 0 < part < 1 else False
    for pattern, sign in ((_SCALED, 1), (_PARTS, -1)):
        if m := pattern.fullmatch(text):
            number, rest = as_number(m[1]), re.sub("^of an? ", "", m[3].strip())
            if number and not number.unit and (not rest or is_unit(rest, spaced=True)):
                factor = (
                    Fraction(SCALES[m[2].lower()] if sign > 0 else FRACTION_WORDS[m[2]]) ** sign
                )
                value = number.value * factor
                return Number(
                    value, number.digits if value.denominator > 1 and sign > 0 else 0, False, rest
                )
            return False
    return None


def _sum_of_units(m: re.Match[str]) -> Number | None:
    """``1 hour 30 minutes`` in its smaller unit, 90 minutes."""
    large, small = unit_of(m[2]), unit_of(m[4])
    if not large or not small or large[0] != small[0] or large[1] <= small[1]:
        return None
    return Number(_dec(m[1]) * large[1] / small[1] + _dec(m[3]), _places(m[3]), False, m[4])


def _in_words(text: str) -> Number | None:
    """A number written out, alone, before a noun, or before a Chinese measure word."""
    if percent := re.fullmatch(r"([a-z -]+?)[ -]?per ?cent", text, re.IGNORECASE):
        value = english_number(percent[1])
        return None if value is None else Number(value, percent=True)
    place = ordinal(text)
    value = english_number(text) if place is None else place
    if value is not None:
        return Number(value)
    for cut in range(len(text), max(0, len(text) - 4), -1):
        value = chinese_number(text[:cut]) if not text.isascii() else None
        if value is not None and (cut == len(text) or is_unit(text[cut:], spaced=True)):
            return Number(value, unit=text[cut:])
    return None


# -- when two numbers are the same answer ---------------------------------------------------------------------------
# a decimal is its rounding, and no coarser than this
REL_TOL = Fraction(1, 10_000)
# floating-point noise: 17.9999999999 is 18
NOISE = Fraction(1, 10**8)


def comparable(u: str, v: str) -> tuple[Fraction, Fraction] | None:
    """The factors that bring two units to one; 1 and 1 where one is missing or unknown; None: different kinds."""
    a, b = unit_of(u) if u else None, unit_of(v) if v else None
    if a is None or b is None:
        return Fraction(1), Fraction(1)
    return (a[1], b[1]) if a[0] == b[0] else None


def numbers_equal(gold: Number, pred: Number) -> bool:
    """Values within tolerance, in units that can be converted; 50% is 50 and 0.5, but 100 is never 1."""
    if not (gold.unit or pred.unit or gold.percent or pred.percent):
        return close_numbers(gold, pred)
    factors = comparable(gold.unit, pred.unit)
    if factors is None:
        return {unit_of(n.unit)[0] for n in (gold, pred)} == {
            DEGREE,
            RADIAN,
        } and gold.value == pred.value == 0
    if (gold.percent and unit_of(pred.unit)) or (pred.percent and unit_of(gold.unit)):
        return False  # 5% of something, and 5 dollars
    if factors[0] != factors[1]:
        gold, pred = (
            _times(n, f / min(factors)) for n, f in zip((gold, pred), factors, strict=True)
        )
    if gold.percent and not pred.percent:
        hundredth = gold._replace(value=gold.value / 100, digits=gold.digits and gold.digits + 2)
        return close_numbers(gold, pred) or close_numbers(hundredth, pred)
    if pred.percent and not gold.percent:
        return numbers_equal(pred, gold)
    return close_numbers(gold, pred)


def _times(n: Number, factor: Fraction) -> Number:
    if factor == 1 or not n.digits:
        return n._replace(value=n.value * factor)
    return n._replace(value=n.value * factor, digits=max(1, n.digits - len(str(int(factor))) + 1))


def close_numbers(a: Number, b: Number) -> bool:
    """Exact for rationals. A decimal is also what rounds to it: 1/3 is 0.3333 and not 0.333, 1234.5 is not 1234.62.

    The rounding must be right in its last digit and within 1/10,000; a whole number is nobody's rounding.
    """
    x, y = a.value, b.value
    if x == y or not (a.digits or b.digits):
        return x == y
    error = abs(x - y)
    if x.denominator == 1 or y.denominator == 1:
        return error <= NOISE * min(1, max(abs(x), abs(y)))
    if error <= NOISE * max(abs(x), abs(y)):
        return True
    rounded = [n for n in (a, b) if n.digits]
    if len(rounded) == 1 and abs(rounded[0].value) * 10 ** rounded[0].digits < 1000:
        return False  # three digits are no value of 1/3
    half = max(Fraction(1, 2 * 10**n.digits) for n in rounded)
    return error <= half * (1 + NOISE) and error <= REL_TOL * max(abs(x), abs(y))
