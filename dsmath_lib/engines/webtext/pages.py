"""HTML to text that keeps its formulas (issue 12 of DeepSeek-Math asks how; the paper does not say).

Every formula, with its glyph twins, previews and fallback images, becomes one mark; the main text is found; the marks
become ``$…$`` or ``$$…$$``. Formulas between delimiters are marked in the source, since MathJax reads them over tags.
Formulas in elements (MathML, KaTeX, scripts, images) need a true tree: such a page is parsed by lexbor once, and its
source with marks goes on; the others never are. Work and memory are linear in a page's size, or bounded before lexbor
sees it (``bounds``): at most 1 GB for a page of 1 MB, a hundredth of that for most.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from selectolax.lexbor import LexborHTMLParser

from dsmath_lib.base.records import Document, Page
from dsmath_lib.base.urls import host
from dsmath_lib.engines.webtext import bounds, signals
from dsmath_lib.engines.webtext.article import main_text
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
    without_prefixes,
)

MAX_DEPTH = 300  # elements in elements, of all kinds
# What a page may cost at most; real pages stay below a hundredth of it.
_MAX_COPIED = 500_000_000  # bytes of inline elements that a parser opens again and again
_MAX_SEARCHED = 1_000_000_000  # open elements that it looks at, all tags together
_MAX_ATTRIBUTES = 5_000  # of one tag; they are compared pairwise
_DEEP = " > ".join("*" * MAX_DEPTH)  # finds an element that has this many above it, in linear time


class PageError(ValueError):
    """A page that is not worth, or not safe, to extract. The message is the reason it is counted under."""


@dataclass(frozen=True)
class Extracted:
    """``text`` with formulas; ``found`` formulas in the page, ``kept`` of them in the text.

    ``unread``: formulas of mark-up that is not known here; they are left out, never written flat.
    """

    text: str
    found: int
    kept: int
    unread: int = 0


def extract(html: str, url: str = "", *, max_chars: int = 5_000_000) -> Extracted:
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
    if (tree or page.text) and page.templates:
        html = re.sub(r"<(/?)template\b", r"<\1div", html, flags=re.I)
    marks = Marks()
    if page.text:
        scripts = script_texts(html) if page.configured else ()
        scanner = Scanner(page_delimiters(scripts, site, page.ascii))
    before = html
    if tree:
        html = without_prefixes(html, page)
        html = mark_elements(html, _parsed(html, page.low), page, patterns, marks)
    if page.text:
        html = mark_text(html, scanner, marks)
    if page.scripts:
        html = mark_scripts(html)
    if html is not before:
        data = html.encode()
    low = page.low if html is before else data.lower()
    text = main_text(data, low)
    kept = len(set(MARK.findall(text)))
    if 2 * kept < len(marks.formulas) or not text.strip():
        text = main_text(data, low, everything=True)  # the rules missed the article
        kept = len(set(MARK.findall(text)))
    text = _tidy(marks.fill(text))
    if not text:
        raise PageError("no text")
    return Extracted(text, len(marks.formulas), kept, marks.unread)


def _parsed(html: str, low: bytes) -> LexborHTMLParser:
    """The page's tree.

    Raises:
        PageError: it must not be parsed, or is too deep.
    """
    deep = _may_be_deep(low)
    tree = LexborHTMLParser(html)
    if deep and tree.css_first(_DEEP):
        raise PageError("nested too deep")
    return tree


def _may_be_deep(low: bytes) -> bool:
    """Is a look at the tree needed to tell the depth of a page?

    Raises:
        PageError: it must not be parsed at all.
    """
    tags = low.count(b"<")
    if 2 * tags <= MAX_DEPTH and len(low) <= 2 * _MAX_ATTRIBUTES:
        return False
    opened, _, copied, attributes = bounds.measure_markup(low, tags)
    if attributes > _MAX_ATTRIBUTES:
        raise PageError("too many attributes")
    if copied > _MAX_COPIED or opened * tags > _MAX_SEARCHED:
        raise PageError("too many open elements")
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
        if got.unread:
            counts["formulas not read"] += got.unread
        yield replace(Document(page.url, got.text), n_formulas=got.kept)


def _tidy(text: str) -> str:
    """Lines without spaces behind them, no points of empty list items, at most one empty line in a row."""
    text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    if "\n•\n" in text:
        text = "\n".join([line for line in text.split("\n") if line != "•"])
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip()
