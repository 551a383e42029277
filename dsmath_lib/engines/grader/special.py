"""Answers that are no expressions: infinities, no solution, yes and no, times, dates, ratios, other bases."""

import re

from dsmath_lib.engines.grader.answers import as_number
from dsmath_lib.engines.grader.forms import as_based, as_ratio
from dsmath_lib.engines.grader.relations import infinity

_NOTHING = re.compile(
    r"no (?:real )?(?:solutions?|answers?|values?|roots?)(?: exists?)?|none|\\emptyset|\\varnothing"
    r"|\\\{ ?\\\}|empty set|无解|空集"
    r"|there (?:is|are) no solutions?|no such .{1,30} exists?",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"infinitely many(?: \w+){0,2}|infinite(?: number of)?(?: \w+){0,2}|无数[个组]?解?|无穷多[个组]?解?",
    re.IGNORECASE,
)
_UNDEFINED = re.compile(
    r"undefined|dne|does not exist|not defined|diverges?|divergent|无意义|不存在", re.IGNORECASE
)
_CONVERGES = re.compile(r"converges?|convergent|收敛", re.IGNORECASE)
_TRUTH = {
    w: v
    for v, ws in (
        (True, "yes true correct 是 对 正确"),
        (False, "no false incorrect 否 不是 错 错误 不正确"),
    )
    for w in ws.split()
}
_FIRST = re.compile(r"(?<=^yes)[,.;].*|(?<=^no)[,.;].*", re.IGNORECASE | re.DOTALL)  # yes, it is
_NAMED = re.compile(r"^(?:\(?[A-Za-z]\)?) ?= ?(?=\d{1,2} ?:)")


def special_values(g: str, p: str) -> tuple[bool, str] | None:
    """Infinities, "no solution", yes and no, times, dates, ratios, numbers in another base."""
    i, j = infinity(g), infinity(p)
    if i or j:
        return (
            (i == j, "infinity")
            if i and j
            else (False, "infinity")
            if as_number(g) or as_number(p)
            else None
        )
    for pattern in (_NOTHING, _UNDEFINED, _MANY, _CONVERGES):
        found = [bool(pattern.fullmatch(t)) for t in (g, p)]
        if all(found):
            return True, "words"
        if any(found) and (as_number(g) or as_number(p)):
            return False, "words"
    truth = [_TRUTH.get(_FIRST.sub("", t).casefold()) for t in (g, p)]
    if None not in truth:
        return truth[0] == truth[1], "yes or no"
    for read, same in (
        (clock_time, same_time),
        (date, _same_date),
        (weekday, _same),
        (residue, _same),
        (remainder, _same),
        (as_ratio, _same),
        (as_based, _same),
    ):
        a, b = read(_NAMED.sub("", g)), read(_NAMED.sub("", p))
        if a is not None and b is not None:
            return same(a, b), read.__name__.replace("_", " ")
        if read is clock_time and (a or b) and (n := as_number(p if a else g)):
            hour, *rest, _ = a or b
            if not n.unit and ":" not in (g if a else p):  # 3 p.m. answers with the number 3
                return n.value == hour and not any(rest), "clock time"
        if read is residue and a and (n := as_number(p)):
            return n.value == a[0], "residue"
        if read is as_ratio and (a or b) and (n := as_number(p if a else g)):
            parts = a or b
            return len(parts) == 2 and parts[1] * n.value == 1, "ratio"
        if read is as_based and (
            a or b
        ):  # a question that asks for base six is not answered in base ten
            other = re.sub(r"\s", "", p if a else g).upper()
            if re.fullmatch(r"[0-9A-Z]+", other):
                return other == (a or b)[0], "digits of a base"
    return None


def _same(a: object, b: object) -> bool:
    return a == b


def _same_date(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
    return a[1:] == b[1:] and (a[0] == b[0] or 0 in (a[0], b[0]))


# -- clock times and dates, English and Chinese ---------------------------------------------------------------------
_TIME = re.compile(
    r"(\d{1,2}) ?[:：] ?(\d{2})(?: ?[:：] ?(\d{2}))? ?(?:([ap])\.? ?m\.?)?", re.IGNORECASE
)
_HOUR = re.compile(r"(\d{1,2}) ?(?:([ap])\.? ?m\.?|o'?clock)", re.IGNORECASE)
_CHINESE_TIME = re.compile(
    r"(上午|早上|凌晨|下午|晚上|傍晚)?(\d{1,2})[点时](?:整|(?:(\d{1,2})分?)|(半))?"
)
_HOURS = {"noon": (12, 0, 0, "p"), "midnight": (12, 0, 0, "a")}
_MONTHS = {
    name[:n]: i
    for i, name in enumerate(
        "january february march april may june july august september october november december".split(),
        1,
    )
    for n in {3, 4, len(name)}
}
_DATES = (
    re.compile(r"(?P<m>[A-Za-z]{3,9})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,? (?P<y>\d{4}))?"),
    re.compile(
        r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<m>[A-Za-z]{3,9})\.?(?:,? (?P<y>\d{4}))?"
    ),
    re.compile(r"(?P<y>\d{4})[-/年] ?(?P<m>\d{1,2})[-/月] ?(?P<d>\d{1,2})日?"),
    re.compile(r"(?P<m>\d{1,2})月(?P<d>\d{1,2})日"),
    # 3/14/2024 and 14/3/2024, where the day can be no month
    re.compile(r"(?P<m>\d{1,2})/(?P<d>1[3-9]|[23]\d)/(?P<y>\d{4})"),
    re.compile(r"(?P<d>1[3-9]|[23]\d)/(?P<m>\d{1,2})/(?P<y>\d{4})"),
)


def clock_time(text: str) -> tuple[int, int, int, str] | None:
    """``3:30 p.m.`` is (3, 30, 0, "p"); the last is "" where no half of the day is said."""
    if text.lower() in _HOURS:
        return _HOURS[text.lower()]
    if m := _CHINESE_TIME.fullmatch(text):
        half = "" if not m[1] else "p" if m[1] in ("下午", "晚上", "傍晚") else "a"
        return int(m[2]), 30 if m[4] else int(m[3] or 0), 0, half
    if m := _TIME.fullmatch(text):
        return int(m[1]), int(m[2]), int(m[3] or 0), (m[4] or "").lower()
    if m := _HOUR.fullmatch(text):
        return int(m[1]), 0, 0, (m[2] or "").lower()
    return None


def same_time(a: tuple[int, int, int, str], b: tuple[int, int, int, str]) -> bool:
    """Equal times of day; one that names no half of the day matches both, or counts in 24 hours."""
    if a[1:3] != b[1:3] or (a[3] and b[3] and a[3] != b[3]):
        return False
    day = [h % 12 + 12 if half == "p" else h % 12 if half == "a" else h for h, _, _, half in (a, b)]
    return day[0] == day[1] or (bool(a[3]) != bool(b[3]) and a[0] == b[0])


def date(text: str) -> tuple[int, int, int] | None:
    """``May 5, 2020`` and ``2020-05-05`` are (2020, 5, 5); the year is 0 where none is said."""
    for pattern in _DATES:
        if m := pattern.fullmatch(text):
            found = m.groupdict()
            month = found["m"].lower()
            number = int(month) if month.isdigit() else _MONTHS.get(month, 0)
            if 1 <= number <= 12 and 1 <= int(found["d"]) <= 31:
                return int(found.get("y") or 0), number, int(found["d"])
    return None


_DAYS = {d: i for i, d in enumerate("mon tue wed thu fri sat sun".split(), 1)}
_DAY = re.compile(
    r"(?:on )?(mon|tue|wed|thu|fri|sat|sun)(?:s|r|rs|(?:s|nes|rs|ur)?day)?\.?|(?:星期|周|礼拜)([一二三四五六日天])",
    re.IGNORECASE,
)


def weekday(text: str) -> int | None:
    """1 for ``Monday``, ``Mon`` and ``星期一``, 7 for Sunday."""
    m = _DAY.fullmatch(text)
    return (
        None
        if m is None
        else _DAYS[m[1].lower()]
        if m[1]
        else "一二三四五六日天".index(m[2]) % 7 + 1
    )


_RESIDUE = re.compile(
    r"(?:[a-z] ?\\equiv ?)?(-?\d{1,20}) ?\(? ?(?:\\pmod|\\?b?mod) ?\{? ?(\d{1,20}) ?\}? ?\)?"
)


def residue(text: str) -> tuple[int, int] | None:
    r"""``x \equiv 8 \pmod 5`` is (3, 5)."""
    m = _RESIDUE.fullmatch(text)
    return (int(m[1]) % int(m[2]), int(m[2])) if m and int(m[2]) else None


_REMAINDER = re.compile(
    r"(\d{1,20}),? ?(?:R|r|rem\.?|(?:with )?(?:a )?remainder(?: of)?|余) ?(\d{1,20})"
)


def remainder(text: str) -> tuple[int, int] | None:
    """``7 R 2`` and ``7 remainder 2``: quotient and remainder."""
    m = _REMAINDER.fullmatch(text)
    return (int(m[1]), int(m[2])) if m else None
