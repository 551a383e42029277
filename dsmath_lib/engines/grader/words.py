"""Numbers in words, English and Chinese: tables, nothing is guessed."""

import re
from fractions import Fraction

# -- numbers in words ------------------------------------------------------------------------------------------------
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
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "万": 10**4, "亿": 10**8, "千": 10**3, "百": 10**2,
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "fourth": 4, "fourths": 4, "quarter": 4, "quarters": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
}  # fmt: skip


def english_number(text: str) -> Fraction | None:
    """``twenty-one`` is 21, ``two thirds`` 2/3, ``one hundred and five`` 105; None if it is anything else."""
    words = re.findall(r"[a-z]+", text.lower())
    if not words or len(words) > 12 or re.search(r"[^A-Za-z\s-]", text):
        return None
    if words[0] in ("minus", "negative"):
        value = english_number(" ".join(words[1:]))
        return None if value is None else -value
    whole, _, part = " ".join(words).partition(" and ")
    if part.split(" ")[-1] in _PARTS and part.split(" ")[0] in ("a", "one", "two", "three"):
        value, more = english_number(whole), english_number(part)  # two and a half
        return None if value is None or more is None or more >= 1 else value + more
    if words[-1] in _PARTS and (1 < len(words) <= 4 or words == ["half"]):
        head = [w for w in words[:-1] if w not in ("a", "and")]
        top = english_number(" ".join(head)) if head else Fraction(1)
        return top / _PARTS[words[-1]] if top is not None else None
    total = part = 0
    for w in words:
        if w in _ONES:
            part += _ONES[w]
        elif w in _TENS:
            part += _TENS[w]
        elif w == "hundred":
            part = (part or 1) * 100
        elif w in SCALES:
            total, part = total + (part or 1) * SCALES[w], 0
        elif w not in ("and", "a"):
            return None
    return (
        Fraction(total + part)
        if any(w in _ONES or w in _TENS or w in SCALES for w in words)
        else None
    )


_ORDINALS = {
    w: i
    for i, w in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
}


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


_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
    "壹": 1,
    "贰": 2,
    "叁": 3,
}
_UNITS = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_CHINESE = re.compile(r"[负零〇一二两三四五六七八九十百千万亿点半壹贰叁拾佰仟]{1,24}")


def chinese_number(text: str) -> Fraction | None:
    """``十二`` is 12, ``三分之一`` 1/3, ``百分之五十`` 1/2, ``二点五`` 5/2; None if it is anything else."""
    text = text.strip()
    if "又" in text:  # 一又二分之一
        whole, part = map(chinese_number, text.split("又", 1))
        return None if whole is None or part is None or not 0 < part < 1 else whole + part
    if "分之" in text:
        below, above = text.split("分之", 1)
        a, b = chinese_number(above), Fraction(100) if below == "百" else chinese_number(below)
        return a / b if a is not None and b else None
    if text in ("一半", "半"):
        return Fraction(1, 2)
    if not _CHINESE.fullmatch(text) or "半" in text:
        return None
    if text[0] == "负":
        value = chinese_number(text[1:])
        return None if value is None else -value
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
        value = Fraction(total + section + digit)
    return (
        value + Fraction(int("".join(str(_DIGITS[c]) for c in tail)), 10 ** len(tail))
        if tail
        else value
    )
