"""Answers that are no expressions: infinities, no solution, yes and no, times, dates, ratios, other bases."""

import re

from dsmath_lib.engines.grader.answers import as_number
from dsmath_lib.engines.grader.clock import clock_time, date, same_time
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
    for pattern in (_NOTHING, _UNDEFINED, _MANY):
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
        (as_ratio, _same),
        (as_based, _same_based),
    ):
        a, b = read(_NAMED.sub("", g)), read(_NAMED.sub("", p))
        if a is not None and b is not None:
            return same(a, b), read.__name__.replace("_", " ")
        if read is clock_time and (a or b) and (n := as_number(p if a else g)):
            hour, *rest, _ = a or b
            if not n.unit and ":" not in (g if a else p):  # 3 p.m. answers with the number 3
                return n.value == hour and not any(rest), "clock time"
        if read is as_ratio and (a or b) and (n := as_number(p if a else g)):
            parts = a or b
            return len(parts) == 2 and parts[1] * n.value == 1, "ratio"
        if read is as_based and (a or b):
            other = re.sub(r"\s", "", p if a else g).upper()
            if re.fullmatch(r"[0-9A-Z]+", other):
                return other == (a or b)[0], "digits of a base"
    return None


def _same(a: object, b: object) -> bool:
    return a == b


def _same_date(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
    return a[1:] == b[1:] and (a[0] == b[0] or 0 in (a[0], b[0]))


def _same_based(a: tuple[str, int], b: tuple[str, int]) -> bool:
    return a == b  # a question that asks for base six is not answered in base ten
