"""Numbers in words, English and Chinese, and the words that change a number: tables, nothing is guessed."""

import re
from fractions import Fraction

_ONES = {
    w: i
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    w: 10 * i
    for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "lakh": 10**5,
    "crore": 10**7, "dozen": 12, "score": 20, "gross": 144, "万": 10**4, "亿": 10**8, "千": 10**3, "百": 10**2,
}  # fmt: skip
_ORDINALS = {
    w: i
    for i, w in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
}
FRACTION_WORDS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    w + s: n
    for w, n in [
        *list(_ORDINALS.items())[2:],
        ("hundredth", 100),
        ("thousandth", 1000),
        ("millionth", 10**6),
    ]
    for s in ("", "s")
}
# behind a number these make another number, or none: they are no unit, and a statement goes on with them
CHANGES = frozenset(
    "plus minus times divided multiplied over by mod modulo choose to from and or than less fewer greater "
    "squared cubed "
    "factorial power powers root roots percent percentage permille per-mille if unless except without not no never nor "
    "neither either perhaps maybe possibly probably below above under beyond negative positive infinity point "
    "is are was "
    "through until up down out off equals equal raised added subtracted increased decreased reduced doubled tripled "
    "halved twice thrice double triple squares cubes exponent reciprocal inverse modulus log ln sin cos tan "
    "cot sec csc "
    "sinh cosh tanh exp sqrt arcsin arccos arctan lim max min pi arc hyperbolic sine cosine tangent logarithm".split()
) | set(_ONES) | set(_TENS) | set(SCALES) | set(FRACTION_WORDS)  # fmt: skip


def _below_hundred(words: list[str]) -> int | None:
    """``twenty one``, ``seven``: at the front of ``words``, which are taken away."""
    if words and words[0] in _TENS:
        value = _TENS[words.pop(0)]
        return value + _ONES[words.pop(0)] if words and 0 < _ONES.get(words[0], 0) < 10 else value
    return _ONES[words.pop(0)] if words and words[0] in _ONES else None


def _below_thousand(words: list[str]) -> int | None:
    small = _below_hundred(words)
    if not words or words[0] != "hundred":
        return small
    words.pop(0)
    more = words[:1] == ["and"] and len(words) > 1 and (words[1] in _TENS or words[1] in _ONES)
    if more:
        words.pop(0)
    return (1 if small is None else small) * 100 + (_below_hundred(words) or 0)


def _whole(words: list[str]) -> int | None:
    """All the words as one whole number, scales going down; None where they are more than one number, or none."""
    if words[:1] == ["a"] and words[1:2] and words[1] in SCALES:
        words[0] = "one"
    total, last = None, None
    while words:
        part = _below_thousand(words)
        if part is None and not (total is None and words and words[0] in SCALES):
            return None
        part, scale = 1 if part is None else part, 1
        while words and words[0] in SCALES and words[0] != "hundred":
            scale *= SCALES[words.pop(0)]
        if last is not None and scale >= last:
            return None
        total, last = (total or 0) + part * scale, scale
        if scale > 1 and words[:1] == ["and"]:
            words.pop(0)
        elif scale == 1:
            break
    return total if not words else None


def english_number(text: str) -> Fraction | None:
    """``twenty-one`` is 21, ``two thirds`` 2/3, ``one hundred and five`` 105; None if it is anything else.

    Two numbers side by side (``five and six``) are no number.
    """
    words = re.findall(r"[a-z]+", text.lower())
    if not words or len(words) > 12 or re.search(r"[^A-Za-z\s-]", text):
        return None
    if words[0] in ("minus", "negative"):
        value = english_number(" ".join(words[1:]))
        return None if value is None else -value
    if words[-1] in FRACTION_WORDS and (len(words) > 1 or words == ["half"]):
        if "and" in words[1:-1]:  # two and a half
            cut = words.index("and")
            whole, part = _whole(words[:cut]), english_number(" ".join(words[cut + 1 :]))
            return None if whole is None or part is None or not 0 < part < 1 else whole + part
        head = [w for w in words[:-1] if w not in ("a", "an")]
        top = _whole(head) if head else 1
        return None if top is None else Fraction(top, FRACTION_WORDS[words[-1]])
    value = _whole(words)
    return None if value is None else Fraction(value)


def ordinal(text: str) -> Fraction | None:
    """``first``, ``the 21st``, ``第五`` are 1, 21, 5: places in an order; None for anything else."""
    text = text.lower().removeprefix("the ")
    if text in _ORDINALS:
        return Fraction(_ORDINALS[text])
    if m := re.fullmatch(r"(\d{1,6})(?:st|nd|rd|th)", text):
        return Fraction(m[1])
    if text[:1] == "第":
        return Fraction(text[1:]) if text[1:].isdecimal() else chinese_number(text[1:])
    return None


# -- Chinese -----------------------------------------------------------------------------------------------------------
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | dict(
    zip("〇两壹贰叁", (0, 2, 1, 2, 3), strict=True)
)
_UNITS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_NUMERAL = "零〇一二两三四五六七八九十百千万亿点壹贰叁拾佰仟"
_CHINESE = re.compile(f"[{_NUMERAL}]{{1,24}}")


def chinese_number(text: str) -> Fraction | None:
    """``十二`` is 12, ``三分之一`` 1/3, ``百分之五十`` 1/2, ``二点五`` 5/2; None if it is anything else."""
    text = text.strip()
    if text[:1] == "负":
        value = chinese_number(text[1:])
        return None if value is None else -value
    if "又" in text:  # 一又二分之一
        whole, part = map(chinese_number, text.split("又", 1))
        return None if whole is None or part is None or not 0 < part < 1 else whole + part
    if "分之" in text:
        below, above = text.split("分之", 1)
        a, b = chinese_number(above), Fraction(100) if below == "百" else chinese_number(below)
        return a / b if a is not None and b else None
    if text in ("一半", "半"):
        return Fraction(1, 2)
    if not _CHINESE.fullmatch(text):
        return None
    whole, dot, tail = text.partition("点")
    if dot and (not tail or any(c not in _DIGITS for c in tail)):
        return None
    if len(whole) > 1 and all(c in _DIGITS for c in whole):  # 二〇二四
        value = Fraction(int("".join(str(_DIGITS[c]) for c in whole)))
    else:
        total = section = digit = 0
        for c in whole:
            if c in _DIGITS:
                digit = _DIGITS[c]
            elif c in _UNITS:
                section, digit = section + (digit or 1) * _UNITS[c], 0
            else:
                total, section, digit = (total + section + digit) * SCALES[c], 0, 0
        if len(whole) > 2 and digit and whole[-2] in "百千万亿":  # 一百五 is 150
            digit = digit * (_UNITS.get(whole[-2]) or SCALES[whole[-2]]) // 10
        value = Fraction(total + section + digit)
    places = 10 ** len(tail)
    return value + Fraction(int("".join(str(_DIGITS[c]) for c in tail)), places) if tail else value


_ROOT = re.compile(rf"根号(?:下)?([{_NUMERAL}]+|\d+)")
_TERM = rf"(?:[{_NUMERAL}]|\d|\\sqrt\{{\d{{1,20}}\}}|\\pi|[a-z]){{1,40}}+"  # of so many parts: no end is sought twice
_QUOTIENT = re.compile(rf"({_TERM})分之({_TERM})")


def _as_digits(text: str) -> str:
    return re.sub(
        f"[{_NUMERAL}]+",
        lambda m: str(value) if (value := chinese_number(m[0])) is not None else m[0],
        text,
    )


def chinese_formula(text: str) -> str:
    r"""A formula read out, as LaTeX: ``二分之根号三`` is ``\frac{\sqrt{3}}{2}``; other text stays as it is."""
    if "根号" not in text and "派" not in text:
        return text
    text = re.sub("倍(?=根号|派)", "", text)
    text = _ROOT.sub(lambda m: "\\sqrt{" + _as_digits(m[1]) + "}", text.replace("派", r"\pi "))
    text = _QUOTIENT.sub(
        lambda m: "\\frac{" + _as_digits(m[2]) + "}{" + _as_digits(m[1]) + "}", text
    )
    text = re.sub("负(?=\\\\)", "-", text)
    return _as_digits(text) if re.fullmatch(rf"[{_NUMERAL}\\a-z{{}}\d+-]+", text) else text
