"""What reading a page needs to know of the elements of HTML, as bits of each."""

import numpy as np

FNV, PRIME = 0xCBF29CE484222325, 0x100000001B3

# Compiled functions are kept on disk with these numbers in them: new ones go to the end.
(BLOCK, RAW, VOID, DROP, HEAD, LIST, ITEM, CELL, ROW, TABLE, LINK, PRE, PARA, ARTICLE, QUOTE, BREAK, SECTION, FORM,
 CAPTION_TAG, TITLE_TAG, BEARER, POINT, BODY_TAG, PLAIN, RUBY) = (1 << i for i in range(25))  # fmt: skip
_BITS = {
    BLOCK: "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol p pre search section "
    "summary table tbody td tfoot th thead tr ul caption option select head template optgroup",
    RAW: "script style xmp iframe noembed noframes title textarea plaintext",
    VOID: "area base basefont bgsound br col embed frame hr image img input keygen link meta param source track wbr",
    DROP: "script style xmp iframe noembed noframes title textarea noscript nav footer aside button select option "
    "svg canvas audio video object dialog menu input head applet map optgroup datalist rt rp",
    HEAD: "h1 h2 h3 h4 h5 h6",
    LIST: "ul ol dl menu dir",
    ITEM: "li dd dt",
    CELL: "td th",
    ROW: "tr",
    TABLE: "table",
    LINK: "a",
    PRE: "pre listing",
    PARA: "p",
    ARTICLE: "article main",
    QUOTE: "blockquote",
    BREAK: "br",
    SECTION: "tbody thead tfoot",
    FORM: "form",
    CAPTION_TAG: "figcaption",
    TITLE_TAG: "h1",
    BEARER: "aside nav footer noscript",  # dropped, unless they hold the text of the page
    POINT: "li",
    BODY_TAG: "body html",
    PLAIN: "plaintext",
    RUBY: "rt rp",  # how a word is read: it stands inside of words
}  # fmt: skip
SLOTS = 16384


def hash_of(name: str) -> int:
    """FNV-1a of a name, 64 bits."""
    h = FNV
    for c in name.encode():
        h = (h ^ c) * PRIME % 2**64
    return h


def _tables() -> tuple[np.ndarray, np.ndarray]:
    hashes, bits = np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int32)
    for bit, words in _BITS.items():
        for name in words.split():
            at = hash_of(name) % SLOTS
            assert hashes[at] in (0, hash_of(name)), name  # the low bits tell all known names apart
            hashes[at] = hash_of(name)
            bits[at] |= bit
    return hashes, bits


HASHES, BITS = _tables()
