"""The kept blocks of a page as plain text: paragraphs apart, lists and tables by lines, code as it stands."""

import html

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext.tags import CELL, ITEM, LIST, POINT, PRE, ROW, RUBY


@compiled
def _rendered(data, kinds, parent, drop, owners, pieces, keep):
    """The text as bytes: entities are left, blanks are one, blocks begin as their elements ask."""
    out = np.empty(len(data) + 8 * len(owners) + 16, np.uint8)
    m = 0
    last, row_before, item_before = -1, -1, -1  # block, its row, its list item
    in_pre, blank = False, False
    for k in range(len(pieces)):
        start, end, e, b = pieces[k, 0], pieces[k, 1], pieces[k, 2], pieces[k, 3]
        if not keep[b]:
            continue
        if drop[e]:
            if not kinds[e] & RUBY:
                blank = not in_pre and b == last
            continue
        if b != last:
            row = item = -1
            pre = False
            x, steps = owners[b], 0
            while x > 0 and steps < 12:  # the nearest row and item
                bits = kinds[x]
                pre |= bits & PRE > 0
                if bits & ITEM and item < 0 and row < 0:
                    item = x
                if bits & ROW and row < 0 and kinds[owners[b]] & CELL:
                    row = x
                if bits & LIST and item < 0:
                    break
                x = parent[x]
                steps += 1
            i = start
            while i < end and data[i] <= 32:
                i += 1
            if i == end:  # nothing yet
                continue
            if m:
                if row >= 0 and row == row_before:
                    out[m] = 9
                    m += 1
                else:
                    out[m] = 10
                    m += 1
                    near = row >= 0 and row_before >= 0 and parent[row] == parent[row_before]
                    near |= item >= 0 and item_before >= 0 and item != item_before
                    if not near:
                        out[m] = 10
                        m += 1
            if item >= 0 and item != item_before and kinds[item] & POINT:
                out[m], out[m + 1], out[m + 2], out[m + 3] = 0xE2, 0x80, 0xA2, 32
                m += 4
            last, row_before, item_before, in_pre, blank = b, row, item, pre, False
            if not pre:
                start = i
        if start == end:  # a break
            while m and out[m - 1] == 32:
                m -= 1
            out[m] = 10
            m += 1
            blank = False
            continue
        for i in range(start, end):
            c = data[i]
            if in_pre and c != 13:
                out[m] = c
                m += 1
            elif c <= 32:
                blank = True
            else:
                if blank and m and out[m - 1] != 10:
                    out[m] = 32
                    m += 1
                blank = False
                out[m] = c
                m += 1
    return out[:m]


def rendered(data: np.ndarray, kinds, parent, drop, owners, pieces, keep) -> str:
    """The text of the kept blocks."""
    got = (
        _rendered(data, kinds, parent, drop, owners, pieces, keep)
        .tobytes()
        .decode("utf-8", "replace")
    )
    return plain(got)


def plain(markup: str) -> str:
    """Text of mark-up without tags: entities undone, hard blanks as blanks, no soft hyphens."""
    text = html.unescape(markup) if "&" in markup else markup
    if "\xa0" in text:
        text = text.replace("\xa0", " ")
    return text.replace("\xad", "") if "\xad" in text else text
