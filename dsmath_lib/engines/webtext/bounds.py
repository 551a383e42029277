"""What a parser would build from a page's mark-up, bounded from above before any parser sees it, in linear time.

Parsers follow the HTML standard, and the standard lets a page of 1 MB become gigabytes: open inline elements are copied
into each following paragraph, closing tags search the whole stack, and attributes of one tag are compared pairwise.
"""

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext.tags import hash_of
from dsmath_lib.engines.webtext.tokeniser import (
    attribute_at,
    close_of_raw,
    find_three,
    name_at,
    no_tag,
)

# kinds of elements; those from _VOID on end svg and math where they stand in them
(_OTHER, _FOREIGN, _HOST, _LONE, _RAW, _VOID, _INLINE, _FORMAT, _BLOCK, _ITEM, _CELL, _LIST,
 _TABLE) = range(13)  # fmt: skip
_KINDS = {
    _VOID: "body br embed head hr img meta",  # of body and head there is one
    _LONE: "area base basefont bgsound col frame html image input keygen link param source track wbr",
    _RAW: "script style xmp iframe noembed noframes title textarea plaintext",
    _INLINE: "span sub sup var ruby p",
    _FORMAT: "a b big code em font i nobr s small strike strong tt u",
    _BLOCK: "address article aside blockquote center details dialog dir div dl fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup listing main menu nav pre search section summary",
    _ITEM: "li dd dt option",
    _CELL: "td th tr tbody thead tfoot",
    _LIST: "ul ol",
    _TABLE: "table",
    _FOREIGN: "svg math",
    _HOST: "foreignobject desc mi mo mn ms mtext annotation-xml",  # HTML in svg and math; titles, too
}  # fmt: skip
_MASK = np.uint64(4095)
_NODE = 150  # bytes that a parser takes for an element, about


def _tables() -> tuple[np.ndarray, np.ndarray]:
    names, kinds = np.zeros(4096, np.uint64), np.zeros(4096, np.uint8)
    for kind, words in _KINDS.items():
        for name in words.split():
            at = hash_of(name) & 4095
            assert not names[at], name  # the low bits tell all known names apart
            names[at], kinds[at] = hash_of(name), kind
    return names, kinds


_NAMES, _OF = _tables()
_P, _SCRIPT, _PLAIN = (np.uint64(hash_of(n)) for n in ("p", "script", "plaintext"))


def measure_markup(low: bytes, tags: int) -> tuple[int, int, int, int]:
    """Upper bounds for a page: elements open at once, lists open at once, bytes copied, attributes of one tag.

    A page that closes its tags gets its depth; one that leaves optional tags out gets more. *Bytes copied* is what
    a parser takes at most when it opens inline elements again, paragraph by paragraph.

    Args:
        low: the page in lower case, UTF-8.
        tags: how many ``<`` it has.
    """
    data = np.frombuffer(low + b"\0" * 4, np.uint8)
    at = np.append(np.flatnonzero(data == 60), len(low))  # where "<" stands
    opened, lists, copied, attributes = _measure(data, len(low), at, _NAMES, _OF)
    return opened, lists, copied * tags, attributes


@compiled
def _measure(data, size, at, known, of):
    """The tokeniser of the standard, and a stack that an element leaves only where a parser drops one, too."""
    tags = len(at) - 1
    name, kinds = np.zeros(tags + 1, np.uint64), np.zeros(tags + 1, np.uint8)
    weight, foreign = np.zeros(tags + 1, np.int64), np.zeros(tags + 1, np.bool_)
    n = lists = tables = copied = svgs = 0  # now on the stack
    opened = most_lists = most_copied = attributes = 0
    sure = True  # of what is mark-up
    i = k = 0
    while True:
        while at[k] < i and k < tags:
            k += 1
        i = at[k]
        if k == tags:
            break
        start, closing = i, data[i + 1] == 47
        within = n > 0 and foreign[n - 1]
        if not 97 <= data[i + 1 + closing] <= 122:
            if svgs and data[i + 1] == 33 and data[i + 2] == 91:  # <![ of a CDATA section
                sure &= within
                i = find_three(data, size, i, 93, 93, 62)
            else:
                i = no_tag(data, size, i)
            continue
        h, i = name_at(data, size, i + 1 + closing)
        many, read = -1, 1
        while read == 1:
            i, _, _, _, read = attribute_at(data, size, i)
            many += 1
        many, alone = many + (read & 1), read & 4 > 0
        if i > size:
            break
        attributes = max(attributes, many)
        kind = of[h & _MASK] if known[h & _MASK] == h else _OTHER
        if closing:
            keep, left = _after_end(h, kind, name, kinds, foreign, n)
            if left:
                foreign[n - 1] = False
        else:
            within &= n > 0 and kinds[n - 1] != _HOST and kinds[n - 1] != _RAW
            if within and kind >= _VOID:
                foreign[n - 1] = within = False
            if alone and (within or kind == _FOREIGN):
                continue
            if kind == _VOID or (kind == _LONE and not svgs):
                continue
            if kind == _RAW and not within:
                sure &= svgs == 0
                i = size if h == _PLAIN else close_of_raw(data, at, k, i, start + 1, h == _SCRIPT)
                continue
            keep = n if svgs else _after_start(h, kind, name, kinds, n)
        while n > keep:
            n -= 1
            lists -= kinds[n] == _LIST
            tables -= kinds[n] == _TABLE
            svgs -= kinds[n] == _FOREIGN
            copied -= weight[n]
        if not closing:
            name[n], kinds[n], foreign[n] = h, kind, kind == _FOREIGN or within
            weight[n] = _NODE + i - start if kind == _FORMAT else 0
            lists += kind == _LIST
            tables += kind == _TABLE
            svgs += kind == _FOREIGN
            copied += weight[n]
            n += 1
            opened = max(opened, n + 2 * tables)  # rows and bodies may be left out
            most_lists, most_copied = max(most_lists, lists), max(most_copied, copied)
    if not sure:
        opened = most_lists = tags
    return opened, most_lists, most_copied, attributes


@compiled
def _after_end(h, kind, name, kinds, foreign, n):
    """How much of the stack stays behind a closing tag, and whether the parser may have left svg or math."""
    j = n - 1
    while j >= 0 and foreign[j] and name[j] != h:
        j -= 1
    left = n > 0 and foreign[n - 1] and (j < 0 or not foreign[j])
    if n and foreign[n - 1] and not left:
        return j, False
    if n and name[n - 1] == h:
        return n - 1, left
    if n > 1 and kind >= _BLOCK and name[n - 1] == _P and name[n - 2] == h:
        return n - 2, left
    if kind >= _CELL:
        j = n
        while j and kinds[j - 1] == _CELL and name[j - 1] != h:
            j -= 1
        if j and name[j - 1] == h:
            return j - 1, left
    return n, left


@compiled
def _after_start(h, kind, name, kinds, n):
    """How much of the stack stays below an opening tag: optional closing tags may be left out."""
    if n and kind >= _BLOCK and name[n - 1] == _P:
        n -= 1
    if n and (kind == _ITEM or h == _P) and name[n - 1] == h:
        n -= 1
    while n and kind == _CELL and kinds[n - 1] == _CELL:
        n -= 1
    return n
