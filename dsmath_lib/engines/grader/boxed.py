r"""Boxes in a completion: ``\boxed{…}`` with balanced braces, nested ones, boxes without braces, boxes in a row."""

import re

_BOX = re.compile(r"\\f?boxed\s*|\\f(?:rame)?box\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE = re.compile(r"[^\s{}$\\]+")
# what may stand between two boxes of one statement; a word of another kind begins a new one
_ADVERB = r"(?:maybe|perhaps|possibly|alternatively|else|even)"
_OR = rf"(?:(?:and/)?or|或者?|[/|]|\\lor|\\vee|\\text *\{{ *or *\}})(?:\s+{_ADVERB})?|{_ADVERB}"
_SPACE = r"(?:[ \t$()*]|\\[\[\]()]|\\q?quad|\\[,;])*"
_GLUE = re.compile(
    rf"(?:[\s$()*]|\\[\[\]()]|\\q?quad|\\[,;])*+"
    rf"(?:[,，、;；]?\s*\(?(?:({_OR})|and|和|与|及|\\text *\{{ *and *\}})|[,，、;；])?,?{_SPACE}"
    r"(?:[A-Za-z](?:_\{?\w\}?)? ?= ?)?"
)


def brace_pairs(text: str, start: int = 0) -> dict[int, int]:
    r"""Place of each ``{`` from ``start`` on -> place of its ``}``.

    Escaped braces ``\{`` do not count; unmatched ones are left out.
    """
    pairs, open_at = {}, []
    for m in _BRACE.finditer(text, start):
        if m[0] == "{":
            open_at.append(m.start())
        elif m[0] == "}" and open_at:
            pairs[open_at.pop()] = m.start()
    return pairs


def _placed(text: str) -> list[tuple[int, int, str]]:
    """Start, end and content of the outermost boxes."""
    out: list[tuple[int, int, str]] = []
    marks = list(_BOX.finditer(text)) if "box" in text else []
    pairs = brace_pairs(text, marks[0].start()) if marks else {}
    done = -1
    for m in marks:
        at = m.end()
        if m.start() < done:
            continue
        if text[at : at + 1] == "{":
            if at not in pairs:
                continue
            content, end = text[at + 1 : pairs[at]], pairs[at] + 1
            done = end - 1
        else:
            bare = _BARE.match(text, at)
            content = bare[0].rstrip(".,;。，") if bare else ""
            end = at + len(content)
        if content.strip():
            out.append((m.start(), end, content.strip()))
    return out


def boxes(text: str) -> list[tuple[int, str]]:
    r"""All ``\boxed{…}`` (also ``\fbox{…}``, ``\boxed 7``) as ``(start, content)``, in order, outermost only.

    A box that is never closed (a truncated completion) and an empty box (the prompt's ``\boxed{}``) are left out.
    """
    return [(start, content) for start, _, content in _placed(text)]


def strip_boxes(text: str) -> str:
    r"""``-\boxed{5}`` is ``-5``: a box in an answer marks nothing more, the whole is the answer."""
    for _ in range(4 if "box" in text else 0):
        for start, end, content in reversed(_placed(text)):
            text = text[:start] + content + text[end:]
    return text


def unbox(text: str) -> str:
    r"""The content of the last box of a text, or the text: ``so \boxed{7}`` and ``7`` are ``7``."""
    found = _placed(text)
    return strip_boxes(found[-1][2]) if found else text


def last_statement(text: str) -> tuple[int, int, str] | None:
    r"""Start, end and answer of the boxes that were said last: those in a row are one list, or alternatives.

    ``\boxed{1}, \boxed{2}`` is ``1, 2``; ``\boxed{1} or \boxed{2}`` is ``1 or 2``; in ``\boxed{1}. No: \boxed{2}`` the
    second corrects the first, and in ``\boxed{1}`` and, on another line, ``\boxed{2}`` too.
    """
    found = _placed(text)
    if not found:
        return None
    row, either = last_row(text, found)
    said = list(dict.fromkeys(strip_boxes(content) for *_, content in row))
    return row[0][0], row[-1][1], (" or " if either else ", ").join(said)


def last_row(
    text: str, found: list[tuple[int, int, str]]
) -> tuple[list[tuple[int, int, str]], bool]:
    """The last place (start, end, content) with those before it that belong to one statement; whether by "or"."""
    row, either = [found[-1]], False
    for place in found[-2::-1]:
        between = text[place[1] : row[0][0]]
        m = _GLUE.fullmatch(between) if len(between) <= 40 else None
        if not m or ("\n" in between and not re.search(r"\w|[,;]", between)):
            break
        row.insert(0, place)
        either = either or bool(m[1])
    return row, either
