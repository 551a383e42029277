"""Where programs stand in a text: blocks between fences of three backticks or more, read line by line.

A block opens with ```` ```python ```` (also ``py``, ``python3``, ``Python``, a blank before the name, an indented
fence) and closes at the next fence of as many backticks that is code: backticks in a string or a comment of the
program are its own. Line ends of all systems are one.
"""

import re
import textwrap
from typing import NamedTuple

_NAME = r"[ \t]*+\{?\.?(?:python|py)(?:3(?:\.\d+)?)?\}?(?:[ \t,][^`\n]*)?\n"
_PYTHON = re.compile(r"(?<!`)(`{3,})" + _NAME, re.IGNORECASE)
_PYTHON_OR_BARE = re.compile(r"(?<!`)(`{3,})(?:" + _NAME + r"|[ \t]*\n)", re.IGNORECASE)
_LINE_ENDS = re.compile(r"\r\n?")
_TICKS = re.compile(r"`{3,}")
# of Python: what may hide backticks, and the backticks that nothing hides
_SIGN = re.compile(r"\"\"\"|'''|[\"'#]|`{3,}")
_LONG = re.compile(r"(\"\"\"|''')(?:(?!\1)[^\\]|\\.)*+\1", re.DOTALL)
_SHORT = re.compile(r"([\"'])(?:(?!\1)[^\\\n]|\\.)*+\1?", re.DOTALL)
_COMMENT = re.compile(r"#[^\n]*+")


class FencedBlock(NamedTuple):
    """The code between two fences, and where what follows the closing one starts in ``one_line_end(text)``."""

    code: str
    end: int


def one_line_end(text: str) -> str:
    """The text with one kind of line end."""
    return _LINE_ENDS.sub("\n", text) if "\r" in text else text


def fenced_blocks(text: str, *, bare: bool = False) -> list[FencedBlock]:
    """The closed blocks of Python in a text, in order; with ``bare`` also those whose fence names no language."""
    text = one_line_end(text)
    opening = _PYTHON_OR_BARE if bare else _PYTHON
    found: list[FencedBlock] = []
    at, read = 0, True
    while m := opening.search(text, at):
        close = _close_of_code(text, m.end(), len(m[1])) if read else None
        if close is None:  # no whole program: the first fence ends it; once is enough to find out
            read = False
            close = _first_close(text, m.end(), len(m[1]))
        if close is None:
            break
        start, at = close
        found.append(FencedBlock(_code(text[m.end() : start]), at))
    return found


def _code(body: str) -> str:
    body = body.rstrip(" \t").strip("\n")
    return textwrap.dedent(body).strip("\n") if body[:1] in (" ", "\t") else body


def _close_of_code(text: str, at: int, ticks: int) -> tuple[int, int] | None:
    """Start and end of the closing fence, strings and comments passed over; None if a string or the text ends first."""
    while m := _SIGN.search(text, at):
        if m[0][0] == "`":
            if len(m[0]) >= ticks:
                return m.span()
            at = m.end()
            continue
        start = m.start()
        hidden = _LONG.match(text, start) if len(m[0]) == 3 else _SHORT.match(text, start)
        hidden = hidden or _COMMENT.match(text, start)
        if hidden is None:
            return None
        at = hidden.end()
    return None


def _first_close(text: str, at: int, ticks: int) -> tuple[int, int] | None:
    """The first fence at all."""
    found = (m.span() for m in _TICKS.finditer(text, at))
    return next(((a, b) for a, b in found if b - a >= ticks), None)


def ends_with_program(text: str) -> bool:
    """Does the text end with a closed block of Python?"""
    text = one_line_end(text).rstrip()
    found = fenced_blocks(text)
    return bool(found) and found[-1].end == len(text) and bool(found[-1].code)
