r"""A sentence that states an answer: where the answer ends, what is hedged, what is denied, what is taken back.

A *hedge* offers a second value in the same breath, by "or", a slash, "maybe": both are read, and both must be right. A
*correction* says in words that the first value does not count ("no", "wait", "actually", or a new statement): then the
last one stands alone.
"""

import re
from collections import deque

from dsmath_lib.engines.grader.boxed import boxes, strip_boxes
from dsmath_lib.engines.grader.words import CHANGES, FRACTION_WORDS, SCALES

NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.:])\d{1,2}:\d{2}(?: ?[AaPp]\.?[Mm]\b\.?)?(?![\d:])"
    r"|(?<![A-Za-z0-9_.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:/\d+(?![\d/]))?(?:[eE][+-]?\d+)?%?"
    r"|(?<![A-Za-z0-9_.])-?\.\d+%?|\d+(?:\.\d+)?%?"
)
MATH = re.compile(
    r"(?<!\\)\$\$?((?:[^$\\]|\\.){1,400})\$\$?|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]", re.DOTALL
)
_SENTENCE_END = re.compile(
    r"\.(?:\s|$)|[。；;！!？?]|\n|(?:,|(?<!\s))\s++(?:because|since|so that|which|as)\s|，(?:因为|所以)"
)
_LEADING = re.compile(
    r"^[^\w\-+.\\(\[{$]*(?:(?:indeed|exactly|simply|only|just|about|approximately|around|also|a total of"
    r"|equal to) )*(-?[$¥€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?\s?[%°]?)(?=\s+[^\W\d_]|[一-鿿])"
)
_VALUE = (
    r"(?:[-$\\\d(]|zero|one|two|three|four|five|six|seven|eight|nine|ten|twenty|[b-z](?![a-z]))"
)
_GOES_ON = re.compile(  # the number is a part of another one
    rf"\s+(?:(?:{'|'.join(w for w in SCALES if w.isascii())})s?\b|(?:{'|'.join(FRACTION_WORDS)})\b|(?:squared|cubed"
    rf"|factorial|root|roots)\b"
    rf"|and\s+(?:{_VALUE}|an?\s(?:half|quarter|third))|or\s+(?:{_VALUE}|(?:maybe|perhaps|possibly|even)\b)"
    rf"|(?:plus|minus|times|over|divided by|multiplied by|mod|modulo|choose|to|from|of|(?:raised )?to the(?: power)?"
    rf"|(?:less|more|fewer|greater) than|degrees below|th root of|point)\s+{_VALUE}|degrees below|(?:maybe"
    rf"|perhaps|possibly)\b)|\s*[和与及或]\s*{_VALUE}",
    re.IGNORECASE,
)
_HAS_MATH = re.compile(r"[\\^=_<>{}]|[A-Za-z]\(")


def last_match(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = deque(pattern.finditer(text), maxlen=1)
    return found[0] if found else None


# -- formulas ----------------------------------------------------------------------------------------------------------
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}\s+[A-Za-z]{2,}\b")
_MONEY = re.compile(r"\d[^$]*\b[A-Za-z]{4}")
_ADVERB = r"(?:,?\s*(?:maybe|perhaps|possibly|else|even|also|alternatively|(?:it )?(?:could|might|may)(?: also)? be))*"
_JOIN = re.compile(
    rf"\s*+(?:(,?\s*\(?(?:或者?|\bor\b|/|\\lor){_ADVERB})|[,;、；，和与及]|\band\b)\s*",
    re.IGNORECASE,
)


def inside(m: re.Match[str]) -> str | None:
    """The formula of a match of ``MATH``; None between two signs of money: "$38, as the tickets ($24)"."""
    inner = next(g for g in m.groups() if g).strip()
    money = m[1] and "\\" not in inner and (_PROSE.search(inner) or _MONEY.match(inner))
    return None if money else inner


def _formulas(text: str) -> tuple[int, str] | None:
    """Place of the first formula, and its text with the formulas that follow it in a list: "$x$ or $y$"."""
    m = MATH.search(text)
    inner = inside(m) if m else None
    if m is None or inner is None:
        return None
    parts, end, either = [inner], m.end(), False
    while (sep := _JOIN.match(text, end)) and (more := MATH.match(text, sep.end())):
        inner = inside(more)
        if inner is None or len(parts) > 20:
            break
        either = either or bool(sep[1])
        parts, end = [*parts, inner], more.end()
    joined = (" or " if either else ", ").join(p.rstrip(" .,;") for p in parts)
    return m.start(), joined if len(parts) > 1 else parts[0]


# -- hedges, corrections, denials --------------------------------------------------------------------------------------
_OTHER = re.compile(
    rf"[\s.,;!?$()\\\]}}*]{{0,8}}(?:(?:\bor\b|/|\\lor|\\vee|或者?){_ADVERB}|maybe|perhaps|possibly|alternatively,?"
    r"|(?:the answer |it )?(?:could|might|may) (?:also|as well|equally|instead) be|(?:the answer |it )(?:could"
    r"|might|may) be)"
    r"[\s:$\\(\[]{0,6}(?:the answer is |it is |it's )?[\s:$]*",
    re.IGNORECASE,
)
_EITHER = re.compile(
    rf"(\beither\s+|\banswers?\s(?:is|are|could be|might be|may be)\s+|)"
    rf"(?<![\w.])(?<!\d{{3}},)(\$[^$\n]{{1,40}}\$|\*\*[^*\n]{{1,40}}\*\*|{NUMBER.pattern})\s*+[,;]?\s*+(?:or\b{_ADVERB}|/|\\lor|\\vee)(?:\s|[$(*]|\\[(\[])*$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|cannot be|isn't|aren't|wasn't|excluding|except|instead of|rather than)"
    r"|[不非]是?|≠|\\neq?)"
    r"(?:\s+(?:equal to|the|a|an|be|exactly|just|simply))*(?:[\s$(*\[{]|\\f?boxed|\\[(\[])*$",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"(?:[,;.!—–-]\s*|\b(?=or rather))(?:oh |ah )?(?:no|wait|sorry|or rather|I mean|actually|correction|make "
    r"that|scratch that|rather)\b"
    r"[,:;.!—–-]*\s*(?:no,? |wait,? |actually,? |make that |I mean |it should be |it is |it's |that should be "
    r"|the answer is )*",
    re.IGNORECASE,
)


_NOT_THIS = re.compile(
    r"(?<=[\w}$)%])(?:,\s*|\s+)\(?(?:and\s+|but\s+)?(?:not|instead of|rather than)\s[^,]*$|，?而?不是.*$"
)


def other_value(text: str, end: int) -> str | None:
    """The value that a hedge behind place ``end`` offers beside the statement: the 6 of "5. Or maybe 6"; else None."""
    m = _OTHER.match(text, end)
    if not m:
        return None
    rest = text[m.end() : m.end() + 200]
    if rest.startswith("boxed") or boxes(rest[:8]):
        found = boxes("\\" + rest if rest.startswith("boxed") else rest)
        return strip_boxes(found[0][1]) if found else None
    if formula := MATH.match(rest):
        return inside(formula)
    number = NUMBER.match(rest)
    return number[0] if number else None


def value_before(text: str, start: int, said: bool) -> str | None:
    """The value that an "or" joins from before: the 5 of "either 5 or 6", where 6 stands at ``start``; else None.

    ``said``: it must be stated, too, as in "the answer is 5 or": "half of 8, or 4" says one thing twice.
    """
    m = _EITHER.search(text[max(0, start - 80) : start])
    return m[2].strip("$* ") if m and (m[1] or not said) else None


def is_denied(text: str, start: int) -> bool:
    """Whether what stands at ``start`` is what the answer is not."""
    return _DENIED.search(text[max(0, start - 40) : start]) is not None


def hedged(text: str, start: int, end: int, answer: str) -> str:
    """An answer with the alternatives that stand beside it."""
    before, after = value_before(text, start, True), other_value(text, end)
    return " or ".join([x for x in (before, answer, after) if x])


def _corrected(text: str) -> str:
    """What stands behind the last correction of a sentence, where a value stands there."""
    m = last_match(_CORRECTS, text)
    if m and re.search(r"[\dA-Z\\]", text[: m.start()]) and re.match(_VALUE, text[m.end() :]):
        return text[m.end() :]
    return _NOT_THIS.sub("", text)


# -- statements --------------------------------------------------------------------------------------------------------
def statement(text: str) -> str | None:
    """The answer inside the words that follow an answer phrase; None if they hold none.

    ``"$18 a day in 2 ways."`` gives ``$18``: a number that opens the statement beats those that follow. One that goes
    on in words is given whole: ``"5 less than 12"``.
    """
    text = text[:600].lstrip(" \t\n:：*=}")
    box = boxes(text)
    if box:
        return strip_boxes(box[0][1])
    math = _formulas(text.split("\n\n")[0])
    if math and (math[0] == 0 or not re.search(r"\d", text[: math[0]])):
        return math[1]
    end = _SENTENCE_END.search(text)
    clause = (text[: end.start()] if end else text).replace("**", "").strip(" `*\"'")
    also = other_value(text, end.start()) if end else None
    if end and (m := _CORRECTS.match(text, end.start())) and re.match(_VALUE, text[m.end() :]):
        return statement(text[m.end() :])
    answer = _of_clause(_corrected(clause)) if clause else None
    return f"{answer} or {also}" if answer and also else answer


_IN_WORDS = re.compile(
    r"(?<=\d)\s*\([A-Za-z -]{2,40}\)$|^[A-Za-z -]{3,40}\((?=-?[\d.,]{1,20}\)$)"
)  # 12 (twelve)
_LIKELY = re.compile(
    r"^(?:(?:probably|likely|most likely|definitely|certainly|surely|clearly) )+(?=[-\d$\\(])", re.I
)


def _of_clause(text: str) -> str | None:
    plain = _IN_WORDS.sub("", _LIKELY.sub("", text))
    text = plain.rstrip(")") if plain.count(")") > plain.count("(") == 0 else plain
    lead = _LEADING.match(text)
    if lead and not _HAS_MATH.search(text[lead.end() :]):
        return text if _GOES_ON.match(text, lead.end()) else lead[1].strip()
    words = re.findall(r"[A-Za-z]{2,}", text)
    sentence = len(words) > 3 or re.search("[一-鿿]{2}", text)
    if sentence and not _HAS_MATH.search(text):  # the number it ends on
        return last_number(text) or text
    return text


_BETWEEN = re.compile(
    rf"\s*+(?:([,;]?\s*+(?:\bor\b{_ADVERB}|/|\\lor|\\vee|或者?))|(?:[,;，、和与及]|,?\s*+\band\b))\s*+[$*]?\s*+",
    re.I,
)
_NAMED = re.compile(r"(?<![\w\\])([A-Za-z](?:_\d)?) ?= ?$")
_SCALED = re.compile(rf"\s(?:(?:{'|'.join(w for w in SCALES if w.isascii())})\b|and an? [a-z]+)")


_TAKEN_BACK = re.compile(  # 7 is wrong
    r"[*$})\s]*+(?:(?<=\s)(?:is|are|was|would be|cannot|can't|isn't)\s+(?:therefore |clearly |also )?(?:not\b|wrong"
    r"|incorrect|impossible|be\b|too (?:large|small|big))|不对|是错|不是答案)",
    re.IGNORECASE,
)


def last_number(text: str) -> str | None:
    """The last number of a text that is not denied, with the words that it goes on in.

    Numbers side by side are one statement, a list or alternatives: ``5, 6`` and ``5 or 6`` are neither 5 nor 6.
    """
    found = list(deque(NUMBER.finditer(text), maxlen=20))
    while found:
        row, either = [found.pop()], False
        name = _NAMED.search(text, max(0, row[0].start() - 8), row[0].start())
        end = row[0].start() if name is None else name.start()
        while found and (m := _BETWEEN.fullmatch(text, found[-1].end(), end)):
            before = _NAMED.search(text, max(0, found[-1].start() - 8), found[-1].start())
            if name and (before is None or before[1] != name[1]):
                break  # x = 2 and y = 3 are two statements
            end = found[-1].start() if before is None else before.start()
            row.insert(0, found.pop())
            either = either or bool(m[1])
        if not (is_denied(text, row[0].start()) or _TAKEN_BACK.match(text, row[-1].end())):
            goes_on = _SCALED.match(text, row[-1].end())
            said = [*(m[0] for m in row[:-1]), row[-1][0] + (goes_on[0] if goes_on else "")]
            return (" or " if either else ", ").join(said)
    return None


_SENTENCE = re.compile(r"[A-Za-z]{2}\W++[A-Za-z]{2,}+\W|[一-鿿]{2}.*[一-鿿]", re.DOTALL)
_VAGUE = re.compile(
    r"\b(?:not|no|more|least|most|up to|between|almost|nearly|about|squared?|cubed?)\b|[不非未]|[至多少大小]于"
    r"|至[多少]|超过|以[上下]",
    re.IGNORECASE,
)
_PLAIN = frozenset("is are was to from by and out up down off over point one".split())


def only_number(text: str) -> str | None:
    """The number of a short sentence that holds one and is not vague: "Tom has 42 apples."; else None."""
    if len(text) > 300 or not _SENTENCE.search(text):
        return None
    changed = (CHANGES - _PLAIN) & set(re.findall("[a-z]+", text.lower()))
    if changed or _VAGUE.search(text) or _HAS_MATH.search(text):
        return None
    found = list(NUMBER.finditer(text))
    if len(found) != 1:
        return None
    unit = re.match(r" ?[A-Za-z]+", text[found[0].end() :])
    return found[0][0] + (unit[0] if unit else "")
