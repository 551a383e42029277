"""Main text of a page by ``outline``, ``content`` and ``render``: one pass over its bytes, no tree of objects."""

import re

import numpy as np

from dsmath_lib.engines.webtext import content, names
from dsmath_lib.engines.webtext.outline import Outline, outline
from dsmath_lib.engines.webtext.render import plain, rendered
from dsmath_lib.engines.webtext.tags import HEAD, TITLE_TAG

_TITLE = re.compile(rb"<title[^>]{0,500}>([^<]*)")
_WORD = re.compile(r"\w+")
_LOOK = 60  # blocks before the root that may be its title


def main_text(data: bytes, low: bytes, *, everything: bool = False) -> str:
    """The article, thread or chapter of a page.

    Args:
        data: the page, UTF-8.
        low: the same in lower case.
        everything: all text but that of scripts, navigation and the like.
    """
    page = outline(low)
    array = np.frombuffer(data, np.uint8)
    if not len(page.owners):
        return ""
    found = content.measure_pieces(array, page.pieces)
    named = np.zeros(len(page.bits), np.int32) if everything else names.meanings(data, low, page)
    choice = content.choose(page.bits, page.parent, named, page.owners, page.pieces, found)
    if everything:
        keep = (choice[-1][:, 0] > 0).astype(np.int8)
        return rendered(array, page.bits, page.parent, choice[0], page.owners, page.pieces, keep)
    title, double = _title(data, low, page, choice)
    keep = content.kept_blocks(page.bits, page.parent, named, page.owners, choice, title, double)
    return rendered(array, page.bits, page.parent, choice[0], page.owners, page.pieces, keep)


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _title(data: bytes, low: bytes, page: Outline, choice) -> tuple[int, int]:
    """The block before the root that is the page's title, and a heading in the root that repeats it; -1 for none."""
    drop, inside, _, _, first, measures = choice
    before = np.flatnonzero(measures[:first, 0])[::-1][:_LOOK]
    owner = page.owners[before]
    why = drop[owner]
    heads = page.bits[owner] & HEAD > 0
    short = (measures[before, 0] >= 15) & (measures[before, 0] <= 300)
    short &= measures[before, 1] < 0.5 * measures[before, 0]
    shown = (why == 0) | (why == content.BY_TAG) | (why == content.BY_SOFT)
    likely = (shown & short) | heads
    m = _TITLE.search(low)
    said = _words(plain(data[m.start(1) : m.end(1)].decode("utf-8", "replace"))) if m else ""
    found = -1
    for i, e, fits in zip(before.tolist(), owner.tolist(), likely.tolist(), strict=True):
        if not fits:
            continue
        if page.bits[e] & TITLE_TAG and drop[e] in (0, content.BY_TAG, content.BY_SOFT):
            found = i
            break
        text = _words(_text(data, page, i))
        if len(text) >= 15 and text in said:
            found = i
            break
    if found < 0:
        return -1, -1
    text = _words(_text(data, page, found))
    own = inside[page.owners] & (page.bits[page.owners] & HEAD > 0)
    same = (i for i in np.flatnonzero(own).tolist() if _words(_text(data, page, i)) == text)
    return found, next(same, -1)


def _text(data: bytes, page: Outline, block: int) -> str:
    """The text of a block."""
    a, b = page.starts[block], page.starts[block + 1]
    return plain(
        b"".join(data[s:t] for s, t in page.pieces[a:b, :2].tolist()).decode("utf-8", "replace")
    )
