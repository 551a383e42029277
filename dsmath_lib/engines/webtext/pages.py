"""HTML to text that keeps its formulas (issue 12 of DeepSeek-Math asks how; the paper does not say).

A pre-pass replaces every formula, with its glyph twins, previews and fallback images, by one mark; resiliparse finds
the main content; the marks become ``$…$`` or ``$$…$$``. A page without a sign of mathematics goes to resiliparse as it
is. Work and memory of a page are bounded by its size, its depth, what a parser would copy (``bounds``) and its number
of formulas: at most 1 GB for a page of 1 MB, a hundredth of that for most, and a text of at most twice its size.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from dsmath_lib.base.records import Document, Page
from dsmath_lib.base.urls import host
from dsmath_lib.engines.webtext import bounds, signals
from dsmath_lib.engines.webtext.delimiters import DOLLAR_SITES, Scanner, page_delimiters
from dsmath_lib.engines.webtext.marks import (
    MARK,
    Marks,
    guarded,
    mark_elements,
    mark_scripts,
    mark_text,
    patterns_in,
    script_texts,
    without_ours,
)
from dsmath_lib.engines.webtext.unfold import unfold

MAX_DEPTH = 300  # elements in elements, of all kinds
# What a page may cost at most; real pages stay below a hundredth of it.
_MAX_COPIED = 500_000_000  # bytes of inline elements that a parser opens again and again
_MAX_SEARCHED = 1_000_000_000  # open elements that it looks at, all tags together
# lists round a line, all lines together: each is a blank or two of its text
_MAX_INDENT = 20_000_000
_MAX_ATTRIBUTES = 5_000  # of one tag; they are compared pairwise
_DEEP = " > ".join("*" * MAX_DEPTH)  # finds an element that has this many above it, in linear time


class PageError(ValueError):
    """A page that is not worth, or not safe, to extract. The message is the reason it is counted under."""


@dataclass(frozen=True)
class Extracted:
    """``text`` with formulas; ``found`` formulas in the page, ``kept`` of them in the text."""

    text: str
    found: int
    kept: int


def extract(html: str, url: str = "", *, max_chars: int = 1_000_000) -> Extracted:
    """Main text of a page with each formula exactly once as ``$…$`` or ``$$…$$``.

    Args:
        html: decoded page.
        url: its address; Stack Exchange hosts take ``$`` as a delimiter without declaring it.
        max_chars: longer pages are refused.

    Raises:
        PageError: too long, nested too deep, too costly, without text, or one that our code or a library fails on (the
            reason is the name of its error, which is the cause). Nothing else is raised on any input. Not about the
            page, and passed on: ``MemoryError``, ``KeyboardInterrupt``.
    """
    try:
        return _extract(html, url, max_chars)
    except (PageError, MemoryError):
        raise
    except BaseException as err:  # a PanicException is of a Rust library
        if isinstance(err, Exception) or type(err).__name__ == "PanicException":
            raise PageError(f"{type(err).__name__} in it") from err
        raise


def _extract(html: str, url: str, max_chars: int) -> Extracted:
    if len(html) > max_chars:
        raise PageError("over the size bound")
    html, data = without_ours(html)
    site = host(url) if any(name in url.lower() for name in DOLLAR_SITES) else ""
    page = signals.read_signals(html, data, site.endswith(DOLLAR_SITES))
    patterns = patterns_in(page)
    tree = bool(patterns) or guarded(page)
    if (tree or page.text) and b"<template" in page.low:
        html = re.sub(r"<(/?)template\b", r"<\1div", html, flags=re.I)
    parsed: tuple[str, HTMLTree] | None = None
    if _may_be_deep(page.low):
        parsed = html, HTMLTree.parse(html)
        if parsed[1].document.query_selector(_DEEP):
            raise PageError("nested too deep")
    marks = Marks()
    if page.text:
        scripts = script_texts(html) if page.configured else ()
        scanner = Scanner(page_delimiters(scripts, site))
    if tree:
        html = mark_elements(html, page, patterns, marks)
    if page.text:
        html = mark_text(html, scanner, marks)
    if page.scripts:
        html = mark_scripts(html)
    if marks.formulas:
        html = unfold(html, page.low)
    text = _plain(parsed[1] if parsed and parsed[0] is html else html, main_content=True)
    kept = len(set(MARK.findall(text)))
    if 2 * kept < len(marks.formulas) or not text.strip():
        text = _plain(html, main_content=False)  # main content missed the article
        kept = len(set(MARK.findall(text)))
    text = _tidy(marks.fill(text))
    if not text:
        raise PageError("no text")
    return Extracted(text, len(marks.formulas), kept)


def _may_be_deep(low: bytes) -> bool:
    """Is a look at the tree needed to tell the depth of a page?

    Raises:
        PageError: it must not be parsed at all.
    """
    tags = low.count(b"<")
    if 2 * tags <= MAX_DEPTH and len(low) <= 2 * _MAX_ATTRIBUTES:
        return False
    opened, lists, copied, attributes = bounds.measure_markup(low, tags)
    if attributes > _MAX_ATTRIBUTES:
        raise PageError("too many attributes")
    if copied > _MAX_COPIED or opened * tags > _MAX_SEARCHED:
        raise PageError("too many open elements")
    if lists * tags > _MAX_INDENT:
        raise PageError("lists nested too deep")
    return 2 * opened > MAX_DEPTH  # it may be off where tags are left out


def source_sample(html: str, width: int = 600) -> str:
    """A piece of a page's source that starts a little before its first formula, to look at."""
    marks = ("math-container", "MathJax_Preview", 'class="katex', "<math", 'type="math/', "\\(",
             "mjx-math", "<d-math")  # fmt: skip
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


def _plain(html: str | HTMLTree, main_content: bool) -> str:
    return extract_plain_text(
        html, main_content=main_content, alt_texts=False, preserve_formatting=True
    )


def _tidy(text: str) -> str:
    """Lines without spaces at their ends, at most one empty line in a row."""
    text = "\n".join([line.strip(" \t") for line in text.split("\n")])
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip()
