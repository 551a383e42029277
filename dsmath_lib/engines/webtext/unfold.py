"""Parts of a page that the search for main content takes for decoration or navigation although they hold formulas."""

import re

from dsmath_lib.engines.webtext.marks import OPEN

_FIGURES = re.compile(r"<(/?)fig(?:ure|caption)\b", re.I)
_HEADING = re.compile(r"(<h1\b(?:(?!<h1\b)[^>])*+>\s*+)<a\b", re.I)
# letters of both cases spelled out: with re.I the search would lose its fast start at "<"
_LIST = re.compile(r"</?[uU][lL](?=[\s>])")
_LINK = re.compile(f"<(/?)[aA](?=[\\s>])|{OPEN}")
# resiliparse drops every <ul> that has fewer than four elements above it, counted from the body
_DEEPER = ("<div><div><div>", "</div></div></div>")


def unfold(html: str, low: bytes) -> str:
    """A page with marks, changed so that figures, captions, lists and the title of a question stay.

    A list whose formulas all stand in links is a table of contents and stays as it is.

    Args:
        html: the page with its marks.
        low: the page in lower case, to see what it has.
    """
    if b"<fig" in low:
        html = _FIGURES.sub(r"<\1div", html)
    # Stack Exchange: the heading stands in a "header" and links to its own page
    if b"question-header" in low:
        html = _HEADING.sub(r"\1<span", html.replace('id="question-header"', ""))
    if b"<ul" not in low:
        return html
    out, pos = [], 0
    for start, end in _lists(html):
        out += [html[pos:start], _DEEPER[0], html[start:end], _DEEPER[1]]
        pos = end
    return "".join([*out, html[pos:]]) if out else html


def _lists(html: str) -> list[tuple[int, int]]:
    """Spans of the outermost lists that hold a mark outside of links, in order."""
    found = []
    depth = start = 0
    for m in _LIST.finditer(html):
        if html[m.start() + 1] != "/":
            start = start if depth else m.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth and _holds(html[start : m.start()]):
                if (close := html.find(">", m.end())) >= 0:
                    found.append((start, close + 1))
    return found


def _holds(list_: str) -> bool:
    """Has a list a mark outside of links?"""
    link = False
    for m in _LINK.finditer(list_) if OPEN in list_ else ():
        if m[1] is None and not link:
            return True
        link = m[1] == "" if m[1] is not None else link
    return False
