"""Replace each formula of a page by one mark: in elements, between delimiters in text, in ``sup`` and ``sub``."""

import html as entities
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from dsmath_lib.engines.webtext.delimiters import MAX_FORMULA, MAX_WORK, Found, Scanner
from dsmath_lib.engines.webtext.formulas import (
    PATTERNS,
    TWINS,
    WRAPPERS,
    Pattern,
    classes,
    clean_latex,
    is_display,
)
from dsmath_lib.engines.webtext.mathml import UnknownMath
from dsmath_lib.engines.webtext.signals import Signals

MAX_FORMULAS = 20_000
OPEN, CLOSE = "\ue000", "\ue001"  # private-use characters: a mark is OPEN number CLOSE
# delimiters in text that must stay as it is
_GUARD = {"$": "\ue002", "\\": "\ue003", "[": "\ue004"}
_UNGUARD = {ord(v): k for k, v in _GUARD.items()}
_OURS = (OPEN, CLOSE, *_GUARD.values())
MARK = re.compile(f"{OPEN}\\s*(\\d+)\\s*{CLOSE}")
_GROUPING = {"\\begingroup", "\\endgroup"}  # Stack Exchange puts them round every post
_CLIMB = 400
_ROOTS = ("-document", "html", "body")  # hold the page, whatever their classes say


class Marks:
    """The formulas of one page, in the order they were found."""

    def __init__(self) -> None:
        self.formulas: list[str] = []
        self.guarded = False  # some delimiters are hidden
        self.unread = 0  # formulas whose mark-up is not known

    def add(self, latex: str, display: bool) -> str:
        """The mark of a formula; empty if nothing is left of it, a space if it only groups."""
        latex = clean_latex(latex)
        if latex in _GROUPING:
            return " "
        if not latex or len(self.formulas) >= MAX_FORMULAS:
            return ""
        self.formulas.append(f"\n\n$${latex}$$\n\n" if display else f"${latex}$")
        return f"{OPEN}{len(self.formulas) - 1}{CLOSE}"

    def fill(self, text: str) -> str:
        """Text with the formulas in place of their marks."""
        text = MARK.sub(lambda m: self.formulas[int(m[1])], text).replace("$$\n\n ", "$$\n\n")
        if self.formulas or OPEN in text:
            text = text.replace(OPEN, "").replace(CLOSE, "")
        return text.translate(_UNGUARD) if self.guarded else text


def without_ours(html: str) -> tuple[str, bytes]:
    """A page without NUL, lone surrogates and the characters that marks are made of; also as UTF-8."""
    try:
        data = html.encode()
    except UnicodeEncodeError:
        return without_ours(html.encode("utf-8", "ignore").decode())
    if b"\0" in data:
        return without_ours(html.replace("\0", ""))
    if b"\xee" in data and any(mark in html for mark in _OURS):
        return without_ours(html.translate(dict.fromkeys(map(ord, _OURS), " ")))
    return html, data


# -- elements --------------------------------------------------------------------------------------------------------
def patterns_in(page: Signals) -> list[Pattern]:
    """The patterns of formula mark-up that may occur in a page."""
    return [p for p in PATTERNS if p.sign.search(page.words) or (page.alt and p.selector == "img")]


def guarded(page: Signals) -> bool:
    """Has it elements that MathJax is told to ignore?"""
    return page.text and page.ignored and (b"_ignore" in page.low or b"no-mathjax" in page.low)


def without_prefixes(html: str, page: Signals) -> str:
    """MathML with the prefixes that HTML does not know taken off."""
    if page.prefixes and (b"mml:" in page.low or b"<m:math" in page.low):
        return re.sub(r"<(/?)(?:mml|m):", r"<\1", html)
    return html


def mark_elements(
    html: str, tree: LexborHTMLParser, page: Signals, patterns: list[Pattern], marks: Marks
) -> str:
    """The page with one mark in place of each formula element, its previews and renderings. ``tree``: of ``html``."""
    marks.guarded = guarded(page) and _guard(tree)
    done: set[int] = set()
    for pattern in patterns:
        for node in tree.css(pattern.selector):
            if len(marks.formulas) >= MAX_FORMULAS:
                break
            if node.tag in _ROOTS or _inside(node, done):
                continue
            try:
                found = pattern.read(node)
            except UnknownMath:
                found = "", False
                marks.unread += 1
            if found is None:
                continue
            latex, display = found
            if pattern.id == "M1-M3":
                display |= _drop_twins(node)
            top, wrapped_display = _outermost(node)
            mark = marks.add(latex, display or wrapped_display)
            if mark or not latex:
                done.add(top.mem_id)
                top.replace_with(mark)
    if done:
        _unhide(tree)
    return (tree.html or "") if done or marks.guarded else html


def _guard(tree: LexborHTMLParser) -> bool:
    """Hide the delimiters of elements that MathJax is told to ignore."""
    nodes = tree.css(".tex2jax_ignore, .mathjax_ignore, .no-mathjax")
    for node in nodes:
        for text in [n for n in node.traverse(include_text=True) if n.tag == "-text"]:
            old = text.text_content or ""
            new = old.translate({ord(k): v for k, v in _GUARD.items()})
            if new != old:
                text.replace_with(new)
    return bool(nodes)


def _inside(node: LexborNode, done: set[int]) -> bool:
    """Was this node, or one above it, replaced already?"""
    for _ in range(_CLIMB):
        if node.mem_id in done:
            return True
        if (up := node.parent) is None:
            return node.tag not in ("-document", "html")
        node = up
    return False


def _outermost(node: LexborNode) -> tuple[LexborNode, bool]:
    """Climb through elements that hold only this formula and its renderings."""
    display = False
    while (
        (up := node.parent) is not None
        and up.tag not in _ROOTS
        and (classes(up) & WRAPPERS or (up.tag or "").startswith("mjx-") or _hides_only(up, node))
    ):
        node = up
        display |= is_display(up)
    return node, display


def _hidden(node: LexborNode) -> bool:
    a = node.attributes
    style = (a.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or "visibility:hidden" in style or "hidden" in a


def _hides_only(up: LexborNode, node: LexborNode) -> bool:
    return up.tag == "span" and _hidden(up) and len(up.text().strip()) <= len(node.text().strip())


def _unhide(tree: LexborHTMLParser) -> None:
    """A formula in a hidden block (an answer to fold out) is part of the page."""
    for node in tree.css("[hidden], [style*='none' i], [style*='hidden' i]"):
        if _hidden(node) and OPEN in node.text() and node.tag not in ("body", "html"):
            node.attrs["style"] = ""
            if "hidden" in node.attributes:
                del node.attrs["hidden"]


def _drop_twins(script: LexborNode) -> bool:
    """Remove previews and renderings that stand before a TeX script; True if one of them was a display."""
    display = False
    node = script.prev
    while node is not None:
        before = node.prev
        if node.is_element_node:
            twin = (node.tag or "").startswith("mjx-") or any(map(TWINS.match, classes(node)))
            if not twin:
                break
            display |= is_display(node)
            node.replace_with("")
        elif (node.text_content or "").strip():
            break
        node = before
    return display


# -- delimiters ------------------------------------------------------------------------------------------------------
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_BREAK = re.compile(r"(?:<br\b[^>]*>|<!--.*?-->)", re.I | re.S)
_NO_PROSE = ("script", "style", "textarea", "pre", "code", "noscript", "annotation", "title")
# letters of both cases spelled out: with re.I the search would lose its fast start at "<"
_SKIP = re.compile(
    "<(?:!--|("
    + "|".join("".join(f"[{c}{c.upper()}]" for c in name) for name in _NO_PROSE)
    + r")(?=[\s>/]))"
)
_CLOSE = {name: re.compile(f"</{name}", re.I) for name in _NO_PROSE}
_MAX_BREAKS = 200
_ENTITIES = {"&#36;": "$", "&dollar;": "$", "&#92;": "\\", "&bsol;": "\\"}
_ENTITIES |= {"&#x24;": "$", "&#x5c;": "\\", "&#x5C;": "\\", "&#X5C;": "\\", "&#X24;": "$"}
_ENTITY = re.compile("&(?:" + "|".join(e[1:] for e in _ENTITIES) + ")")


def script_texts(html: str) -> Iterator[str]:
    """The texts of the page's ``script`` elements."""
    for start, end in _skips(html):
        if html[start + 1 : start + 7].lower() == "script":
            yield html[html.find(">", start, end) + 1 : end]


def mark_text(html: str, scanner: Scanner, marks: Marks) -> str:
    """The page with one mark in place of each formula between delimiters, in time linear in its length.

    A formula may go over ``<br>`` and comments, not over other tags; code, scripts and attributes hold none.
    """
    html = _ENTITY.sub(lambda m: _ENTITIES[m[0]], html)
    skips, skip = _skips(html), (-1, -1)
    out, pos = [], 0  # html[:pos] is dealt with
    seek = barrier = 0
    openers = scanner.openers(html)
    while scanner.work < MAX_WORK and len(marks.formulas) < MAX_FORMULAS:
        at, behind = openers.after(seek)
        if at == len(html):
            break
        while skip[1] <= at and (following := next(skips, None)) is not None:
            skip = following
        if skip[0] <= at < skip[1]:
            seek = skip[1]
            continue
        left, right = html.rfind("<", seek, at), html.rfind(">", seek, at)
        if left > right and _TAG.match(html, left):  # inside a tag
            seek = html.find(">", at) + 1 or len(html)
            continue
        start = max(right + 1, seek, pos)
        end, run = _run(html, start, at)
        if at >= barrier and scanner.unclosed(run):
            last, longer, closed = _over_breaks(html, end, run, scanner)
            if closed:
                end, run = last, longer
            else:  # the next opener would look at the same text again
                barrier = last
        found = scanner.find(run)
        if found:
            out += [html[pos:start], _marked(run, found, marks)]
            pos = end
        seek = max(end, behind)
    return "".join([*out, html[pos:]]) if out else html


def _skips(html: str) -> Iterator[tuple[int, int]]:
    """Spans of the page whose text is not prose, in order."""
    pos = 0
    while m := _SKIP.search(html, pos):
        if m[1]:
            close = _CLOSE[m[1].lower()].search(html, m.end())
            pos = close.start() if close else len(html)
        else:
            pos = html.find("-->", m.start() + 2) + 1 or len(html)
        yield m.start(), pos


def _run(html: str, start: int, at: int) -> tuple[int, str]:
    """Text from ``start`` to the next tag behind ``at``."""
    tag = _TAG.search(html, at)
    end = tag.start() if tag else len(html)
    return end, _text(html[start:end])


def _over_breaks(html: str, end: int, run: str, scanner: Scanner) -> tuple[int, str, bool]:
    """The run and what follows over breaks while a display formula is open; whether it closed."""
    start = len(run)
    for _ in range(_MAX_BREAKS):
        if scanner.work >= MAX_WORK:
            break
        if not scanner.unclosed(run):
            return end, run, True
        if len(run) > start + MAX_FORMULA or not (m := _BREAK.match(html, end)):
            break
        end, more = _run(html, m.end(), m.end())
        run += "\n" + more
    return end, run, False


def _text(markup: str) -> str:
    return entities.unescape(markup) if "&" in markup else markup


def _marked(text: str, found: list[Found], marks: Marks) -> str:
    """The text as mark-up again, with marks."""
    out, pos = [], 0
    for f in found:
        mark = marks.add(f.latex, f.display)
        out.append(entities.escape(text[pos : f.start], quote=False))
        out.append(mark or entities.escape(text[f.start : f.end], quote=False))
        pos = f.end
    return "".join([*out, entities.escape(text[pos:], quote=False)])


# -- scripts ---------------------------------------------------------------------------------------------------------
_SCRIPT = re.compile(
    r"<su([pb])\b[^<>]*>([^<]{0,80}(?:<(?!/?su[pb]\b|a\b)[^<>]{0,200}>[^<]{0,80}){0,6})</su\1\s*>",
    re.I,
)
_ORDINALS = {"st", "nd", "rd", "th", "tm", "®"}
_NOTE = re.compile(r"\[[\d\s,–-]+\]$")  # a footnote, not a power
_END_TAG = re.compile(r"</[A-Za-z][^<>]{0,40}>$")


def mark_scripts(html: str) -> str:
    """``x<sup>2</sup>`` reads ``x^{2}``, not ``x2``; footnote links and ordinals stay as they are."""
    for _ in range(2):  # a script may hold one
        new = _SCRIPT.sub(_script, html)
        if new == html:
            break
        html = new
    return html


def _script(m: re.Match) -> str:
    body = re.sub(r"<[^<>]*>", "", m[2]).strip()
    if not body or len(_text(body)) > 12 or _text(body).lower() in _ORDINALS or _NOTE.match(body):
        return m[0]
    before = m.string[max(m.start() - 60, 0) : m.start()]
    while end := _END_TAG.search(before):
        before = before[: end.start()]
    last = _text(before[-8:])[-1:] if before.endswith(";") else before[-1:]
    if not (last.isalnum() or last in (")", "]", "}")):
        return m[0]
    return ("^" if m[1] in "pP" else "_") + "{" + body + "}"
