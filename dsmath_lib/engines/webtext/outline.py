"""A page as flat arrays, in one pass over its bytes: elements, their attributes, and blocks of text.

It follows HTML's tokeniser, and its rules for tags that may be left out; a closing tag that fits none is passed over.
Elements deeper than ``MAX_OPEN`` count as text of the one above them. Work and memory are linear in the page's size.
"""

from dataclasses import dataclass

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext import tags
from dsmath_lib.engines.webtext.tags import (
    BITS,
    BLOCK,
    BREAK,
    CELL,
    HASHES,
    ITEM,
    LINK,
    LIST,
    PARA,
    PLAIN,
    RAW,
    ROW,
    SECTION,
    SLOTS,
    TABLE,
    VOID,
    hash_of,
)  # fmt: skip
from dsmath_lib.engines.webtext.tokeniser import attribute_at, close_of_raw, name_at, no_tag

MAX_OPEN = 400
MAX_ELEMENTS = 400_000
ATTRIBUTES = ("class", "id", "role", "itemprop", "style", "hidden")  # the first four are names
_CLASS, _IDENT, _ROLE, _PROP, _STYLE, _HIDDEN = (np.uint64(hash_of(a)) for a in ATTRIBUTES)
_SCRIPT = np.uint64(hash_of("script"))
_MASK = np.uint64(SLOTS - 1)
_FAMILY = TABLE | ROW | CELL


@dataclass(frozen=True)
class Outline:
    """Arrays over elements (``bits`` of ``tags``, ``parent``, ``spans``) and over pieces of text, in their order.

    ``spans``: start and end of each of ``ATTRIBUTES``, (n, 12); equal where there is none. ``pieces``: (m, 5): start,
    end, element, block, 1 in a link. A piece of no length is a line break. Element 0 is the page.
    """

    bits: np.ndarray
    parent: np.ndarray
    spans: np.ndarray
    pieces: np.ndarray
    owners: np.ndarray  # element of each block
    starts: np.ndarray  # its first piece; one more than blocks
    keys: np.ndarray  # a hash of what each element is called and whether it is hidden, 0 if nothing


def outline(low: bytes) -> Outline:
    """The outline of a page in lower case, UTF-8."""
    data = np.frombuffer(low + b"\0" * 8, np.uint8)
    at = np.append(np.flatnonzero(data == 60), len(low))
    n = min(len(at) + 1, MAX_ELEMENTS)
    return Outline(*_outline(data, len(low), at, n, HASHES, BITS))


@compiled
def _outline(data, size, at, most, known, meant):
    kinds, parent = np.zeros(most, np.int32), np.zeros(most, np.int32)
    spans = np.zeros((most, 12), np.int32)
    pieces = np.zeros((2 * len(at) + 2, 5), np.int32)
    owners, starts = np.zeros(len(at) + 2, np.int32), np.zeros(len(at) + 3, np.int32)
    keys = np.zeros(most, np.uint64)
    stack, names = np.zeros(MAX_OPEN + 1, np.int32), np.zeros(MAX_OPEN + 1, np.uint64)
    counts = np.zeros(SLOTS, np.int32)  # open elements of a slot
    parent[0] = -1
    n, depth, links = 1, 1, 0  # elements, open ones, links open
    m = b = 0  # pieces, blocks
    fresh = True  # the next piece begins a block
    i = k = 0
    last = len(at) - 1
    where = np.zeros(12, np.int32)
    while True:
        while k < last and at[k] < i:
            k += 1
        start = at[k] if k <= last else size
        if start > i:  # text
            if fresh:
                b += 1
                j = depth - 1
                while j and not kinds[stack[j]] & BLOCK:
                    j -= 1
                owners[b - 1], starts[b - 1] = stack[j], m
                fresh = False
            pieces[m, 0], pieces[m, 1], pieces[m, 2], pieces[m, 3], pieces[m, 4] = (
                i,
                start,
                stack[depth - 1],
                b - 1,
                links > 0,
            )
            m += 1
        if k >= last:
            break
        i = start
        closing = data[i + 1] == 47
        if not 97 <= data[i + 1 + closing] <= 122:
            i = no_tag(data, size, i)
            if i == start + 1:  # a "<" that is text: the piece goes on
                if m and pieces[m - 1, 1] == start and not fresh:
                    pieces[m - 1, 1] = start + 1
            continue
        h, i = name_at(data, size, i + 1 + closing)
        slot = h & _MASK
        bits = meant[slot] if known[slot] == h else 0
        where[:] = 0
        i, alone = _attributes(data, size, i, where)
        if i > size:
            break
        if closing:
            if counts[slot]:
                keep = _after_end(h, bits, kinds, stack, names, depth)
                if keep < depth:
                    fresh |= bits & BLOCK > 0
                    while depth > keep:
                        depth -= 1
                        e = stack[depth]
                        counts[names[depth] & _MASK] -= 1
                        links -= kinds[e] & LINK > 0
                        fresh |= kinds[e] & BLOCK > 0
            elif bits & BLOCK:
                fresh = True
            continue
        if bits & BREAK:
            if not fresh and m:
                pieces[m, 0], pieces[m, 1], pieces[m, 2], pieces[m, 3], pieces[m, 4] = (
                    start,
                    start,
                    stack[depth - 1],
                    b - 1,
                    links > 0,
                )
                m += 1
            continue
        keep = _after_start(bits, kinds, stack, depth)
        while depth > keep:
            depth -= 1
            e = stack[depth]
            counts[names[depth] & _MASK] -= 1
            links -= kinds[e] & LINK > 0
        fresh |= bits & BLOCK > 0
        if bits & RAW:
            if bits & PLAIN:
                break
            i = close_of_raw(data, at, k, i, start + 1, h == _SCRIPT)
            continue
        if bits & VOID or (alone and bits == 0):
            continue
        if n < most and depth < MAX_OPEN:
            kinds[n], parent[n] = bits, stack[depth - 1]
            spans[n] = where
            keys[n] = _key(data, where)
            stack[depth], names[depth] = n, h
            counts[slot] += 1
            links += bits & LINK > 0
            depth += 1
            n += 1
    starts[b] = m
    return kinds[:n], parent[:n], spans[:n], pieces[:m], owners[:b], starts[: b + 1], keys[:n]


@compiled
def _key(data, where):
    """A hash of the values of ``ATTRIBUTES``, 0 if there are none."""
    h, some = np.uint64(tags.FNV), False
    for slot in range(0, 12, 2):
        h = (h ^ np.uint64(slot + 1)) * np.uint64(tags.PRIME)
        some |= where[slot + 1] > 0
        for i in range(where[slot], where[slot + 1]):
            h = (h ^ np.uint64(data[i])) * np.uint64(tags.PRIME)
    return h if some else np.uint64(0)


@compiled
def _after_end(h, bits, kinds, stack, names, depth):
    """How many elements stay open behind a closing tag."""
    j = depth - 1
    while j > 0:
        if names[j] == h:
            return j
        here = kinds[stack[j]]
        if here & BLOCK and not bits & BLOCK:
            return depth
        if bits & PARA and here & BLOCK:
            return depth
        if here & _FAMILY and not bits & _FAMILY and not here & SECTION:
            return depth
        j -= 1
    return depth


@compiled
def _after_start(bits, kinds, stack, depth):
    """How many elements stay open below an opening tag whose elders may have been left unclosed."""
    if bits & LINK:
        j = depth - 1
        while j > 0 and not kinds[stack[j]] & BLOCK:
            if kinds[stack[j]] & LINK:
                return j
            j -= 1
        return depth
    if not bits & BLOCK:
        return depth
    j = depth - 1
    while j > 0 and not kinds[stack[j]] & BLOCK:
        j -= 1
    if j > 0 and kinds[stack[j]] & PARA:
        depth = j
    if bits & ITEM:
        j = depth - 1
        low = max(depth - 64, 1)
        while j >= low:
            here = kinds[stack[j]]
            if here & ITEM:
                return j
            if here & (LIST | _FAMILY):
                break
            j -= 1
        return depth
    if bits & (CELL | ROW) or bits & SECTION:
        keep = depth
        j = depth - 1
        while j > 0 and not kinds[stack[j]] & TABLE:
            here = kinds[stack[j]]
            if (
                here & CELL
                or (here & ROW and not bits & CELL)
                or (here & SECTION and bits & SECTION)
            ):
                keep = j
            j -= 1
        return keep if j > 0 else depth
    return depth


@compiled
def _attributes(data, size, i, where):
    """The place behind a tag, and does ``/>`` close it; the values of ``ATTRIBUTES`` go into ``where``."""
    read = 1
    while read == 1:
        i, h, start, stop, read = attribute_at(data, size, i)
        slot = -1
        if read & 1 == 0:
            break
        if h == _CLASS:
            slot = 0
        elif h == _IDENT:
            slot = 2
        elif h == _ROLE:
            slot = 4
        elif h == _PROP:
            slot = 6
        elif h == _STYLE:
            slot = 8
        elif h == _HIDDEN:
            slot = 10
            stop = max(stop, start + 1)
        if slot >= 0 and where[slot + 1] == 0:
            where[slot], where[slot + 1] = start, stop
    return i, read & 4 > 0
