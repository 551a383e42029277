r"""Boxes in a completion: ``\boxed{…}`` with balanced braces, nested ones, and boxes without braces."""

import re

_BOX = re.compile(r"\\f?boxed\s*|\\f(?:rame)?box\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_OR = re.compile(r"[$\s]{0,5}(?:\\text *\{ *or *\}|or|或者?)\s{0,3}\$?(?: ?[a-z] ?=)?\s{0,3}\Z")
_BARE = re.compile(r"[^\s{}$\\]+")


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


def boxes(text: str) -> list[tuple[int, str]]:
    r"""All ``\boxed{…}`` (also ``\fbox{…}``, ``\boxed 7``) as ``(start, content)``, in order, outermost only.

    A box that is never closed (a truncated completion) and an empty box (the prompt's ``\boxed{}``) are left out.
    """
    out: list[tuple[int, str]] = []
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
            content, done = text[at + 1 : pairs[at]], pairs[at]
        else:
            bare = _BARE.match(text, at)
            content = bare[0].rstrip(".,;。，") if bare else ""
        if content.strip():
            out.append((m.start(), content.strip()))
    return out


def unbox(text: str) -> str:
    r"""``\boxed{\boxed{7}}`` and ``x = \boxed{7}`` become ``7``: the content of the last, innermost box."""
    for _ in range(4 if "box" in text else 0):
        inner = boxes(text)
        if not inner:
            break
        text = inner[-1][1]
    return text


def alternatives(text: str) -> list[str]:
    r"""Contents of the boxes that an "or" joins to the last one: ``\boxed{2} or \boxed{3}`` is no single answer."""
    found = boxes(text)
    out: list[str] = []
    for (at, content), (after, _) in zip(found[-2::-1], found[:0:-1], strict=True):
        between = text[at + len("\\boxed{") + len(content) : after].lstrip("} ")
        if not _OR.match(between):
            break
        out.insert(0, unbox(content))
    return out
