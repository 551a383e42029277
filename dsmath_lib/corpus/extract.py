"""HTML to text that keeps its formulas (issue 12 of DeepSeek-Math asks how; the paper does not say).

A pre-pass replaces every formula, with its glyph twins, previews and fallback images, by one mark; resiliparse finds
the main content; the marks become ``$…$`` or ``$$…$$``. Work per page is bounded by its size, depth and formula count.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from resiliparse.extract.html2text import extract_plain_text
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dsmath_lib.corpus.delimiters import Scanner, page_delimiters
from dsmath_lib.corpus.formulas import PATTERNS, TWINS, WRAPPERS, classes, clean, is_display
from dsmath_lib.corpus.urls import host
from dsmath_lib.records import Document, Page

MAX_DEPTH = 400  # the main-content search is quadratic in the depth of the tree
MAX_FORMULAS = 20_000
_OPEN, _CLOSE = "\ue000", "\ue001"  # private-use characters: a mark is OPEN number CLOSE
_MARK = re.compile(f"{_OPEN}\\s*(\\d+)\\s*{_CLOSE}")
_SKIP = {"script", "style", "textarea", "pre", "code", "noscript", "annotation", "title"}
_GROUPING = {"\\begingroup", "\\endgroup"}  # Stack Exchange puts them round every post
_IGNORE = {"tex2jax_ignore", "mathjax_ignore", "no-mathjax"}


class PageError(ValueError):
    """A page that is not worth, or not safe, to extract. The message is the reason it is counted under."""


@dataclass(frozen=True)
class Extracted:
    """``text`` with formulas; ``found`` formulas in the page, ``kept`` of them in the text."""

    text: str
    found: int
    kept: int


class _Marks:
    """The formulas of one page, in the order they were found."""

    def __init__(self) -> None:
        self.formulas: list[str] = []

    def add(self, latex: str, display: bool) -> str:
        latex = clean(latex)
        if latex in _GROUPING:
            return " "
        if not latex or len(self.formulas) >= MAX_FORMULAS:
            return ""
        self.formulas.append(f"\n\n$${latex}$$\n\n" if display else f"${latex}$")
        return f"{_OPEN}{len(self.formulas) - 1}{_CLOSE}"


def extract(html: str, url: str = "", *, max_chars: int = 1_000_000) -> Extracted:
    """Main text of a page with each formula exactly once as ``$…$`` or ``$$…$$``.

    Args:
        html: decoded page.
        url: its address; Stack Exchange hosts take ``$`` as a delimiter without declaring it.
        max_chars: longer pages are refused.

    Raises:
        PageError: too long, nested too deep, or without text. Nothing else is raised on any input.
    """
    if len(html) > max_chars:
        raise PageError("over the size bound")
    html = html.replace("\0", "").replace(_OPEN, " ").replace(_CLOSE, " ")
    lower = html.lower()
    if "<template" in lower:
        html = re.sub(r"<(/?)template\b", r"<\1div", html, flags=re.I)
    if "mml:" in lower or "<m:math" in lower:
        html = re.sub(r"<(/?)(?:mml|m):", r"<\1", html)
        lower = html.lower()
    tree = LexborHTMLParser(html)
    if lower.count("<") > 2000 and _too_deep(tree.root):
        raise PageError("nested too deep")
    marks = _Marks()
    _mark_nodes(tree, lower, marks)
    _mark_text(tree, host(url), marks)
    _mark_scripts(tree, lower)
    html = tree.html or ""
    if (
        marks.formulas and "<figure" in lower
    ):  # resiliparse drops figures, captions and algorithms with them
        html = re.sub(r"<(/?)fig(?:ure|caption)\b", r"<\1div", html, flags=re.I)
    text = _plain(html, main_content=True)
    kept = len(set(_MARK.findall(text)))
    if 2 * kept < len(marks.formulas) or not text.strip():
        text = _plain(html, main_content=False)  # main content missed the article
        kept = len(set(_MARK.findall(text)))
    text = _MARK.sub(lambda m: marks.formulas[int(m[1])], text)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text.replace(_OPEN, "").replace(_CLOSE, ""))
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    if not text:
        raise PageError("no text")
    return Extracted(text, len(marks.formulas), kept)


def source_sample(html: str, width: int = 600) -> str:
    """A piece of a page's source that starts a little before its first formula, to look at."""
    marks = (
        "math-container",
        "MathJax_Preview",
        'class="katex',
        "<math",
        'type="math/',
        "\\(",
        "mjx-math",
        "<d-math",
    )
    body = max(html.find("<body"), 0)
    found = [at for m in marks if (at := html.find(m, body)) >= 0]
    start = max(min(found, default=body) - width // 4, 0)
    return html[start : start + width]


def documents(
    pages: Iterable[Page | Document], counts: Counter, *, max_chars: int
) -> Iterator[Document]:
    """Pages to documents; a page that cannot be used is counted by reason and skipped. Documents pass through."""
    for page in pages:
        if isinstance(page, Document):
            yield page
            continue
        try:
            got = extract(page.html, page.url, max_chars=max_chars)
        except PageError as err:
            counts[f"page: {err}"] += 1
            continue
        counts["pages extracted"] += 1
        counts["formulas"] += got.kept
        yield replace(Document(page.url, got.text), n_formulas=got.kept)


def _plain(html: str, main_content: bool) -> str:
    return extract_plain_text(
        html, main_content=main_content, alt_texts=False, preserve_formatting=True
    )


def _too_deep(root: LexborNode) -> bool:
    """Walk the tree once; lists are the levels still to visit."""
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [kid for node in level for kid in node.iter()]
        if not level:
            return False
    return True


# -- marking ---------------------------------------------------------------------------------------------------------
def _mark_nodes(tree: LexborHTMLParser, lower: str, marks: _Marks) -> None:
    done: set[int] = set()
    for pattern in PATTERNS:
        if pattern.needle not in lower:
            continue
        for node in tree.css(pattern.selector):
            found = pattern.read(node)
            if found is None or _inside(node, done):
                continue
            latex, display = found
            if pattern.id == "M1-M3":
                display |= _drop_twins(node)
            top, wrapped_display = _outermost(node)
            mark = marks.add(latex, display or wrapped_display)
            if mark:
                done.add(top.mem_id)
                _unhide(top)
                top.replace_with(mark)


def _inside(node: LexborNode, done: set[int]) -> bool:
    """Was this node, or one above it, replaced already?"""
    for _ in range(MAX_DEPTH):
        if node.mem_id in done:
            return True
        if node.parent is None:
            return node.tag not in ("-document", "html")
        node = node.parent
    return False


def _outermost(node: LexborNode) -> tuple[LexborNode, bool]:
    """Climb through elements that hold only this formula and its renderings."""
    display = False
    while (up := node.parent) is not None and (
        classes(up) & WRAPPERS or (up.tag or "").startswith("mjx-") or _hides_only(up, node)
    ):
        node = up
        display |= is_display(up)
    return node, display


def _hidden(node: LexborNode) -> bool:
    style = (node.attributes.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or "visibility:hidden" in style or "hidden" in node.attributes


def _hides_only(up: LexborNode, node: LexborNode) -> bool:
    return up.tag == "span" and _hidden(up) and len(up.text().strip()) <= len(node.text().strip())


def _unhide(node: LexborNode) -> None:
    """A formula in a hidden block (an answer to fold out) is part of the page."""
    up = node.parent
    while up is not None and up.tag not in ("body", "html"):
        if up.is_element_node and _hidden(up):
            up.attrs["style"] = ""
            if "hidden" in up.attributes:
                del up.attrs["hidden"]
        up = up.parent


def _drop_twins(script: LexborNode) -> bool:
    """Remove previews and renderings that stand before a TeX script; True if one of them was a display."""
    display = False
    node = script.prev
    while node is not None:
        before = node.prev
        if node.is_element_node:
            if not any(TWINS.match(c) for c in classes(node)) and not (node.tag or "").startswith(
                "mjx-"
            ):
                break
            display |= is_display(node)
            node.replace_with("")
        elif (node.text_content or "").strip():
            break
        node = before
    return display


def _mark_text(tree: LexborHTMLParser, page_host: str, marks: _Marks) -> None:
    body = tree.body
    if body is None:
        return
    delimiters = page_delimiters((s.text() for s in tree.css("script")), page_host)
    scanner = Scanner(delimiters)
    needles = scanner.needles(body.text(separator=""))
    if not needles:
        return
    nodes = [
        n
        for n in body.traverse(include_text=True)
        if n.tag == "-text" and (t := n.text_content) and any(x in t for x in needles)
    ]
    for node in nodes:
        text = node.text_content
        if not text or _skipped(node):
            continue
        if scanner.unclosed(text):
            text = _join_breaks(node, scanner)
        found = scanner.find(text)
        if not found:
            continue
        out, pos = [], 0
        for f in found:
            mark = marks.add(f.latex, f.display)
            out += [text[pos : f.start], mark or text[f.start : f.end]]
            pos = f.end
        node.replace_with("".join([*out, text[pos:]]))


def _skipped(node: LexborNode) -> bool:
    up = node.parent
    while up is not None and up.tag not in ("body", "html"):
        if up.tag in _SKIP or classes(up) & _IGNORE:
            return True
        up = up.parent
    return False


def _join_breaks(node: LexborNode, scanner: Scanner) -> str:
    """Text of ``node`` with the siblings behind it, over ``<br>``, until its formula closes; empties them."""
    text, taken, sibling = node.text_content or "", [], node.next
    while sibling is not None and len(taken) < 200 and scanner.unclosed(text):
        if sibling.tag == "-text":
            text += sibling.text_content or ""
        elif sibling.tag in ("br", "-comment"):
            text += "\n"
        else:
            break
        taken.append(sibling)
        sibling = sibling.next
    if scanner.unclosed(text):
        return node.text_content or ""
    for t in taken:
        t.replace_with("")
    return text


def _mark_scripts(tree: LexborHTMLParser, lower: str) -> None:
    """``x<sup>2</sup>`` reads ``x^{2}``, not ``x2``; footnote links and ordinals stay as they are."""
    if "<sup" not in lower and "<sub" not in lower:
        return
    for node in tree.css("sup, sub"):
        text = node.text().strip()
        before = node.prev
        if (
            not text
            or len(text) > 12
            or node.css_first("a")
            or text.lower() in ("st", "nd", "rd", "th", "tm", "®")
        ):
            continue
        last = (
            (before.text() if before.is_element_node else before.text_content or "")
            if before is not None
            else ""
        )
        if last and (last[-1].isalnum() or last[-1] in ")]}"):
            node.replace_with(("^" if node.tag == "sup" else "_") + "{" + text + "}")
