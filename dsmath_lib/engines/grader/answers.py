r"""Read an answer: one spelling for it, its exact value if it is a number, and when two numbers are the same answer.

``as_number(normalise(r"1\frac12"))`` is 3/2. Regular expressions only, microseconds, nothing is evaluated.
"""

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.engines.grader.units import unit_of
from dsmath_lib.engines.grader.words import SCALES, chinese_number, english_number, ordinal


class Number(NamedTuple):
    """``unit`` is what follows the number, "" for none."""

    value: Fraction
    decimal: bool  # digits after a decimal point: may be rounded
    percent: bool
    unit: str


# -- clean-up --------------------------------------------------------------------------------------------------------
_VULGAR = {
    c: f" {int(n)}/{int(d)}"
    for c in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
    for n, _, d in [unicodedata.normalize("NFKC", c).partition("⁄")]
}
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SYMBOLS = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "÷": "/", "π": r"\pi ", "∞": r"\infty ",
    "∪": r"\cup ", "∩": r"\cap ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∅": r"\emptyset ",
    "°": r"^\circ", "⁄": "/", "。": ".", "、": ",", "√": r"\sqrt ", "∈": r"\in ", "≈": r"\approx ", "∠": r"\angle ",
    "⩽": r"\le ", "⩾": r"\ge ", "≦": r"\le ", "≧": r"\ge ", "∣": r"\mid ", "⋅": r"\cdot ", "∙": r"\cdot ",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "θ": r"\theta ", "λ": r"\lambda ", "μ": r"\mu ", "ω": r"\omega ",
    "“": '"', "”": '"', "’": "'", "‘": "'", "ⅈ": "i", "∶": ":", "【": "[", "】": "]", "《": "", "》": "",
}  # fmt: skip
_SYMBOL = re.compile("[" + "".join(_SYMBOLS) + "]")
_DROP = re.compile(
    r"\\(?:left|right|middle|displaystyle|textstyle|scriptstyle|limits|bigg?[lr]?|Bigg?[lr]?|boldmath|rm|bf|it"
    r"|tiny|small|normalsize|large|Large|LARGE|huge|Huge|(?:text)?color ?\{\w{1,20}\})"
    r"(?![A-Za-z])[.]?"
    r"|\\[!,;:>]|\\[()\[\]]|\\\$|\$|`|\\phantom\{[^{}]*\}|[​-‏‪-‮⁠-⁯﻿]"
)
_BOLD = re.compile(r"(?<![\w)}\]])\*\*|\*\*(?![\w({\\])")
_SPACES = re.compile(
    r"(?:\\(?:quad|qquad|space|enspace|thinspace|hspace\{[^{}]*\})(?![A-Za-z])|\\ |~|\s)+"
)
_TEXT = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|normal|up|sc)?|mathrm|mathbf|mathit|mathsf|mathtt|mathnormal|boldsymbol|bm|mbox|hbox|"
    r"operatorname\*?|emph|underline)\s*\{([^{}]*)\}"
)
_DEGREE = re.compile(
    r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree(?:s)?(?![A-Za-z])|\^\s*\{\s*o\s*\}|(?<=\d)º"
)
_DOLLARS = re.compile(
    r"(-?)\s*(?:\\\$|\$(?!.*\$)|US\s*\\?\$)\s*(-?[\d.][\d.,{}\\!]*(?:\s*(?:thousand|million|billion))?)\.?\**"
)
_SINGLE_ROW = re.compile(
    r"\\begin\{(?:aligned|equation\*?|align\*?|gathered)\}|\\end\{(?:aligned|equation\*?|align\*?|gathered)\}"
)
_QUOTED = re.compile(r'"([^"]*)"|\'([^\']*)\'')


_OPENING = re.compile(
    r"^(?:(?:therefore|thus|hence|so|then)\b[, ]*(?=[\d\\A-Za-z(\[-])|(?:=|:|\\approx|\\Rightarrow"
    r"|\\implies|\\therefore)\s*)+",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"^(?:(?:it is|there (?:is|are)|is|about|approximately|approx\.?|roughly|around|exactly|only|just) (?=[-$\d\\])"
    r"|(?:大?约|一?共?有|一?共|是|为|(?:US|USD|HK|HKD|RMB|CNY) ?\$?)\s*(?=[-\d\\]))+",
    re.IGNORECASE,
)
_OUTWARD = re.compile(r"([(\[\]])([^()\[\]]{1,80}[,;][^()\[\]]{1,80})([)\[\]])")
# 42 (dollars), 42（元）
_ASIDE = re.compile(r"(?<=[\d})]) ?\(([A-Za-z. ]{2,20}|[^\W\d_a-zA-Z]{1,6})\)$")
_QUALIFIED = re.compile(  # k\pi, k \in \mathbb{Z}
    r"(?<=\S),? ?(?:\(|where |for (?:any |all )?|(?<=, )|(?<=,))[a-zA-Z] ?(?:\\in ?(?:\\mathbb ?\{? ?[ZN] ?\}?|[ZN])"
    r"(?: ?\^ ?\{?[+*]\}?|_\+)?|is an? (?:integer|natural number))\)?$"
)


@lru_cache(maxsize=1024)
def normalise(text: str) -> str:
    r"""One spelling of an answer: full-width forms, LaTeX layout, text markup, degree and currency signs.

    ``"\\left( 3,\\,\\dfrac12 \\right)"`` becomes ``"( 3, \\frac12 )"``.
    """
    text = text.strip().strip("*").strip()
    if text[:2] == text[-2:] == "__":
        text = text[2:-2]
    if not text.isascii():
        text = _ascii(text)
    text = text.replace("{,}", ",").replace(r",\!", ",")
    if m := _DOLLARS.fullmatch(text):
        text = f"{m[1]}{m[2]} dollars"
    if "\\" in text:
        if r"\begin" not in text:  # escaped twice
            text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
        # a row break is not an escaped space
        text = text.replace("\x00", "").replace("\\\\", "\x00")
        text = re.sub(r"\\[dtc]frac(?![A-Za-z])", r"\\frac", text)
        text = _TEXT.sub(r" \1 ", _TEXT.sub(r" \1 ", text)) if "{" in text else text
        text = text.replace(r"\%", "%").replace("{:}", ":").replace(r"\colon", ":")
        text = text.replace(r"\lbrace", r"\{").replace(r"\rbrace", r"\}").replace(r"\_", "_")
        text = re.sub(r"\\(?:lvert|rvert|vert)(?![A-Za-z])", "|", text)
        text = re.sub(
            r"\\dot *\{?(\d)\}?(?:(\d{0,20})\\dot *\{?(\d)\}?)?$", r"\\overline{\1\2\3}", text
        )
        text = re.sub(r"\{ ?([^{}]{1,60}?) ?\\over ?([^{}]{1,60}?) ?\}", r"\\frac{\1}{\2}", text)
        text = re.sub(r"\{ ?([^{}]{1,60}?) ?\\choose ?([^{}]{1,60}?) ?\}", r"\\binom{\1}{\2}", text)
        if "\x00" not in text:
            text = _SINGLE_ROW.sub("", text)
    text = _DEGREE.sub(" degrees ", text)
    text = re.sub(r"(?<=\d) ?¢", " cents", re.sub(r"^(?:negative|minus) (?=[\d\\])", "-", text))
    text = _SPACES.sub(" ", _BOLD.sub("", _DROP.sub("", text)))
    text = re.sub(r"(\d)\s*(?:percent|per cent|pct)\b", r"\1%", text).strip()
    text = _OPENING.sub("", re.sub(r"^(-?)[£€¥₹]\s*", r"\1", text))
    if m := _QUOTED.fullmatch(text):
        text = (m[1] or m[2] or "").strip()
    text = re.sub(r"(?<=\.\d)(\d*) ?(?:\.\.\.|\\l?dots|\\cdots)$", r"\1…", text)
    text = text.rstrip(" .,;:*\\\x00").replace("\x00", "\\\\")
    if text[:1] in ("(", "[", "]") and (m := _OUTWARD.fullmatch(text)):  # ]2,5[ is (2,5)
        left, right = ("(" if m[1] in "(]" else "["), (")" if m[3] in ")[" else "]")
        text = left + m[2] + right
    return _ASIDE.sub(r" \1", _ABOUT.sub("", _QUALIFIED.sub("", text)))


def _ascii(text: str) -> str:
    for c, t in _VULGAR.items():
        if c in text:
            text = text.replace(c, t)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: "^{" + m[0].translate(_SUPER) + "}", text)
    text = re.sub("[₀-₉]+", lambda m: "_{" + m[0].translate(_SUB) + "}", text)
    text = re.sub(r"(?<=\d) ?又 ?(?=[\d\\])", " ", text)  # 2又1/2
    text = re.sub(r"√\s*([\d.]+|[A-Za-z])", r"\\sqrt{\1}", text)
    text = _SYMBOL.sub(lambda m: _SYMBOLS[m[0]], text)
    text = unicodedata.normalize("NFKC", text)
    return _SYMBOL.sub(lambda m: _SYMBOLS[m[0]], text)


# -- numbers ---------------------------------------------------------------------------------------------------------
_INT = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d{1,3}(?:'\d{3})+(?!\d)|\d{1,400})"
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
    r"(-?[\d.,]{1,40}) ?(hundred|thousand|million|billion|trillion|万|亿|千(?![米克瓦]))(?![a-z]) ?(.*)",
    re.IGNORECASE,
)
_SUM = re.compile(
    r"(\d{1,9}) ?([A-Za-z]{1,10}|小时|时|天|米|千克|元|角)\.?(?:,? and|,)? ?"
    r"(\d{1,9}(?:\.\d{1,9})?) ?([A-Za-z]{1,10}|分钟?|秒|小时|厘米|克|角|分)\.?"
)
_UNIT = re.compile(
    r"[^\W\d_][^\W\d_ /.^'{}\\-]*(?:[ /.^'{}-]{1,3}(?:[^\W\d_]+|[23](?!\d)))*\}?\.?|degrees?"
)
_SHORT = frozenset("hz kw ev nm um kb mb gb pa kv mv ma gm pt pc bp rs st nd rd th".split())
_CONSTANTS = frozenset(
    "pi in sin cos tan log ln or and mod choose sqrt x y plus minus times to".split()
)


def _dec(text: str) -> Fraction:
    return Fraction(re.sub("[, ']", "", text).rstrip(".") or "0")


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
        return _dec(m[1]) * Fraction(10) ** int(m[2] or m[3] or m[4] or m[5]), "." in m[1]
    if text.endswith("…"):
        m = _GOES_ON.fullmatch(text)
        if not m or not m[3].startswith(m[4]):  # 3.14159… has no period
            return (_dec(text[:-1]), True) if _PLAIN.fullmatch(text[:-1]) else (None, False)
        text = f"{m[1]}.{m[2]}({m[3]})"
    if m := _REPEAT.fullmatch(text):
        scale, period = 10 ** len(m[2]), m[3] or m[4] or m[5]
        tail = Fraction(int(period), (10 ** len(period) - 1) * scale)
        return Fraction(int((m[1] or "0") + m[2]), scale) + tail, False
    return None, False


@lru_cache(maxsize=1024)
def as_number(text: str) -> Number | None:
    r"""The exact value of a normalised number with an optional sign, percent sign and unit; else None.

    ``"-1\\frac{1}{2}"`` -> -3/2; ``"1,234.5"``; ``"3 \\times 10^{-4}"``; ``"18 dollars per day"``; ``"50%"``;
    ``"三分之一"``; ``"twenty-one"``; ``"3.5 million"``.
    """
    text = strip_braces(text)
    if not text or len(text) > 600:
        return None
    if (place := ordinal(text)) is not None:
        return Number(place, False, False, "")
    if not re.search(r"\d", text):
        return _in_words(text)
    if (m := _SUM.fullmatch(text)) and (total := _sum_of_units(m)):
        return total
    if m := _SCALED.fullmatch(text):
        number = as_number(m[1])
        rest = m[3].strip()
        if number and not number.unit and (not rest or _is_unit(rest, spaced=True)):
            value = number.value * SCALES[m[2].lower()]
            return Number(value, number.decimal, False, rest)
        return None
    unit = ""
    m = re.search(r"(?<=[\d})%.]) ?-?(?=[A-Za-z一-鿿])", text)
    if m and not re.match(r"[eE][+-]?\d|x ?10", text[m.end() :]):
        head, tail = text[: m.start()], text[m.end() :]
        if _is_unit(tail, spaced=bool(m[0])):
            text, unit = head, tail.strip()
    text = text.strip()
    percent = text.endswith("%")
    text = text[:-1].rstrip() if percent else text
    if text[:1] == "(" and text[-1:] == ")" and not re.search("[(,]", text[1:]):
        text = text[1:-1].strip()
    negative = False
    if sign := re.match(r"([+-]) ?", text):
        negative, text = sign[1] == "-", text[sign.end() :]
    text = strip_braces(text)
    value, decimal = _unsigned(re.sub(r"^[£€¥₹] ?", "", text))
    if value is None:
        return None
    return Number(-value if negative else value, decimal and value.denominator > 1, percent, unit)


def _sum_of_units(m: re.Match[str]) -> Number | None:
    """``1 hour 30 minutes`` in its smaller unit, 90 minutes."""
    large, small = unit_of(m[2]), unit_of(m[4])
    if not large or not small or large[0] != small[0] or large[1] <= small[1]:
        return None
    return Number(_dec(m[1]) * large[1] / small[1] + _dec(m[3]), "." in m[3], False, m[4])


def _in_words(text: str) -> Number | None:
    """A number written out, alone or before a Chinese measure word."""
    if percent := re.fullmatch(r"([a-z -]+?)[ -]?per ?cent", text, re.IGNORECASE):
        value = english_number(percent[1])
        return None if value is None else Number(value, False, True, "")
    value = english_number(text)
    if value is not None:
        return Number(value, False, False, "")
    for cut in range(len(text), max(0, len(text) - 4), -1):
        value = chinese_number(text[:cut]) if not text.isascii() else None
        if value is not None:
            return Number(value, False, False, text[cut:])
    return None


def _is_unit(tail: str, spaced: bool) -> bool:
    word = re.match(r"[A-Za-z]+|[一-鿿]+", tail)
    if not word or word[0].lower() in _CONSTANTS or not _UNIT.fullmatch(tail) or len(tail) > 60:
        return False
    if unit_of(tail):
        return spaced or len(tail) > 1 or not tail.isascii()
    if not tail.isascii():
        return True
    known = word[0].lower() in _SHORT or (
        len(word[0]) == 1 and word[0] in "VAWJNKCFgLhs" and tail == word[0]
    )
    return (spaced and known) or (len(word[0]) > (2 if spaced else 3) and "^" not in tail)


def strip_braces(text: str) -> str:
    """``{62}`` is ``62``: one pair of braces around the whole."""
    if len(text) > 1 and text[0] == "{" and text[-1] == "}" and "}" not in text[1:-1]:
        return text[1:-1].strip()
    return text


# -- when two numbers are the same answer ---------------------------------------------------------------------------
# when one of two broken numbers is written as a decimal: 1/3 and 0.3333
REL_TOL = Fraction(1, 10_000)
# floating-point noise next to a whole number: 17.9999999999 is 18
NOISE = Fraction(1, 10**8)


def numbers_equal(gold: Number, pred: Number) -> bool:
    """Values within tolerance, in units that can be converted; 50% is 50 and 0.5, but 100 is never 1."""
    u, v = (unit_of(n.unit) if n.unit else None for n in (gold, pred))
    if u and v:
        if u[0] != v[0]:
            return False
        gold, pred = (n._replace(value=n.value * w[1]) for n, w in ((gold, u), (pred, v)))
    if (gold.percent and v) or (pred.percent and u):
        return False  # 5% of something, and 5 dollars
    if gold.unit.startswith("dozen") != pred.unit.startswith("dozen"):
        first, second = (gold, pred) if gold.unit.startswith("dozen") else (pred, gold)
        return close_numbers(first, second) or close_numbers(
            first._replace(value=12 * first.value), second
        )
    if gold.percent and not pred.percent:
        hundredth = gold._replace(value=gold.value / 100, decimal=True)
        return close_numbers(gold, pred) or close_numbers(hundredth, pred)
    if pred.percent and not gold.percent:
        return numbers_equal(pred, gold)
    return close_numbers(gold, pred)


def close_numbers(a: Number, b: Number) -> bool:
    """Exact for rationals; a tolerance only where a decimal point says that something may be rounded."""
    x, y = a.value, b.value
    if x == y or not (a.decimal or b.decimal):
        return x == y
    if x.denominator == 1 or y.denominator == 1:
        return abs(x - y) <= NOISE * min(1, max(abs(x), abs(y)))
    return abs(x - y) <= REL_TOL * max(abs(x), abs(y))
