"""The tokeniser of HTML's standard over a page's bytes in lower case: names, attributes, what is no tag, raw text.

``data`` has some bytes of 0 behind its ``size``; a place is an index of it.
"""

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext.tags import FNV, PRIME

_WORD, _SEED = np.uint64(PRIME), np.uint64(FNV)


@compiled
def blank(c):
    return c == 32 or 9 <= c <= 10 or 12 <= c <= 13


@compiled
def name_at(data, size, i):
    """The hash of a tag's name, and where it ends."""
    h = _SEED
    while i < size and not (blank(data[i]) or data[i] == 47 or data[i] == 62):
        h = (h ^ np.uint64(data[i])) * _WORD
        i += 1
    return h, i


@compiled
def attribute_at(data, size, i):
    """The next attribute of a tag: the place behind it, its name's hash, its value's ends, and what was read.

    Read: 1 an attribute, + 2 the tag's end, + 4 that by "/>". A place over ``size``: the page ends in the tag.
    """
    h, start, stop = _SEED, 0, 0
    while i < size and (blank(data[i]) or data[i] == 47):
        i += 1
    if i >= size:
        return size + 1, h, start, stop, 2
    if data[i] == 62:
        return i + 1, h, start, stop, 6 if data[i - 1] == 47 else 2
    first = i  # a name may begin with "="
    while i < size and (i == first or not (blank(data[i]) or data[i] in (47, 61, 62))):
        h = (h ^ np.uint64(data[i])) * _WORD
        i += 1
    start = stop = i
    j = i
    while j < size and blank(data[j]):
        j += 1
    if j >= size or data[j] != 61:
        return i, h, start, stop, 1
    i = j + 1
    while i < size and blank(data[i]):
        i += 1
    start = i
    if i < size and data[i] in (34, 39):
        start += 1
        i += 1
        while i < size and data[i] != data[start - 1]:
            i += 1
        return i + 1, h, start, i, 1
    while i < size and not (blank(data[i]) or data[i] == 62):
        i += 1
    if i < size and data[i] == 62:  # a slash before it is the value's
        return i + 1, h, start, i, 3
    return i, h, start, i, 1


@compiled
def find_three(data, size, i, a, b, c):
    """The place behind the next three bytes ``a b c``."""
    while i < size and not (data[i] == a and data[i + 1] == b and data[i + 2] == c):
        i += 1
    return i + 3


@compiled
def no_tag(data, size, i):
    """The place behind a "<" that opens a comment, or nothing."""
    c = data[i + 1]
    if c != 33 and c != 63 and (c != 47 or i + 2 >= size):
        return i + 1
    i += 2
    if c == 33 and data[i] == 45 and data[i + 1] == 45:
        i += 2
        if data[i] == 62 or (data[i] == 45 and data[i + 1] == 62):
            return i + 1
        while i < size and not (
            data[i] == 45
            and data[i + 1] == 45
            and (data[i + 2] == 62 or (data[i + 2] == 33 and data[i + 3] == 62))
        ):
            i += 1
        return i + 3
    while i < size and data[i] != 62:
        i += 1
    return i + 1


@compiled
def close_of_raw(data, at, k, i, name, script):
    """Where the closing tag of an element begins whose text is no mark-up; its name stands at ``name``."""
    escaped = 0  # in a script: 1 in a comment, 2 in a script inside of it
    for j in at[k:-1]:
        if j < i:
            continue
        if escaped:
            for q in range(i, j):
                if data[q] == 45 and data[q + 1] == 45 and data[q + 2] == 62:
                    escaped = 0
        i = j + 1
        closing = data[i] == 47
        if _same(data, at[-1], i + closing, name):
            if closing and escaped < 2:
                return j
            if escaped:
                escaped = 1 if closing else 2
        elif script and data[i] == 33 and data[i + 1] == 45 and data[i + 2] == 45:
            escaped = max(escaped, 1)
    return at[-1]


@compiled
def _same(data, size, i, name):
    """Does the tag's name at ``name`` stand at ``i``, too?"""
    while i < size and data[i] == data[name] and 97 <= data[i] <= 122:
        i, name = i + 1, name + 1
    ends = blank(data[i]) or data[i] == 47 or data[i] == 62
    return ends and not 97 <= data[name] <= 122
