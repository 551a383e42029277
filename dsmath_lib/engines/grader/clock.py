"""Clock times and dates, English and Chinese."""

import re

_TIME = re.compile(
    r"(\d{1,2}) ?[:：] ?(\d{2})(?: ?[:：] ?(\d{2}))? ?(?:([ap])\.? ?m\.?)?", re.IGNORECASE
)
_HOUR = re.compile(r"(\d{1,2}) ?(?:([ap])\.? ?m\.?|o'?clock)", re.IGNORECASE)
_CHINESE = re.compile(
    r"(上午|早上|凌晨|下午|晚上|傍晚)?(\d{1,2})[点时](?:整|(?:(\d{1,2})分?)|(半))?"
)
_NAMED = {"noon": (12, 0, 0, "p"), "midnight": (12, 0, 0, "a")}
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
)


def clock_time(text: str) -> tuple[int, int, int, str] | None:
    """``3:30 p.m.`` is (3, 30, 0, "p"); the last is "" where no half of the day is said."""
    if text.lower() in _NAMED:
        return _NAMED[text.lower()]
    if m := _CHINESE.fullmatch(text):
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
