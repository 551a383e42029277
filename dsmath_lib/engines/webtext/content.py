"""The main content of a page: which blocks of its text belong to the article, thread or chapter.

Rules over one outline, in the order they are applied. *Weight* of a block: its letters outside of links, if it reads
like prose. Elements drop out by kinds or name, unless they hold most of the weight. The *root* is the deepest element
that still holds nearly all weight, or one below it that is named as the article. In it, lists of links and loose short
lines at its ends go; the title, and a lead between title and root, come back.

The numbers were set on one half of the sites of trafilatura's annotated pages (by host); the other half only measures.
"""

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext.names import (
    BODY,
    CAPTION,
    COMMENT,
    HARD,
    HIDDEN,
    LEAD,
    NAMED,
    SOFT,
)  # fmt: skip
from dsmath_lib.engines.webtext.tags import (
    ARTICLE,
    BEARER,
    BLOCK,
    BODY_TAG,
    CAPTION_TAG,
    CELL,
    DROP,
    FORM,
    HEAD,
    ITEM,
    LIST,
    PARA,
    PRE,
    QUOTE,
    ROW,
    SECTION,
    TABLE,
    TITLE_TAG,
)  # fmt: skip

LETTERS, LINKED, STOPS, FORMULAS = range(4)  # columns of the measures of a block
_PROSE, _LONG = (
    60,
    100,
)  # letters of a sentence, of a paragraph that saves its element from a soft name
_SHORT, _LINE = 0.25, 15  # weight of a short line in a paragraph or list, and its least length
_MOST, _NEARLY, _LISTED = (
    0.5,
    0.75,
    0.92,
)  # shares of weight: kept by it, going down, going down into a list
_ENOUGH, _SHARE = 250, 0.25  # weight that must be left when comments and named elements are dropped
_LINKS = 0.5  # of a part's letters: it is a list of links
KEEP_LINE, KEEP_HEAD, KEEP_PROSE = 1, 2, 3
# why an element is left out
BY_NAME, BY_COMMENT, BY_HIDING, BY_TAG, BY_FORM, BY_SOFT, BY_CAPTION = range(1, 8)


@compiled
def measure_pieces(data, pieces):
    """(m, 4): letters of each piece in bytes, those in links, stops that end or part a sentence, formulas."""
    out = np.zeros((len(pieces), 4), np.int32)
    for k in range(len(pieces)):
        start, end, linked = pieces[k, 0], pieces[k, 1], pieces[k, 4]
        letters = stops = formulas = 0
        i = start
        while i < end:
            c = data[i]
            if c <= 32:
                i += 1
                continue
            letters += 1
            if c == 38:  # an entity is one letter, a blank none
                j = i + 1
                while j < end and j < i + 10 and data[j] != 59:
                    j += 1
                if j < end and data[j] == 59:
                    letters -= data[i + 1] == 110 and data[i + 2] == 98
                    i = j
            elif c in (44, 46, 58, 59, 33, 63):
                stops += i + 1 >= end or data[i + 1] <= 32
            elif c >= 0xE2 and i + 2 < end:
                if c == 0xE2 and data[i + 1] == 0x80:  # dashes, quotes, bullets: no letters
                    letters -= 1
                    i += 2
                elif c == 0xE3:
                    stops += data[i + 1] == 0x80 and data[i + 2] in (0x81, 0x82)
                elif c == 0xEF:
                    stops += data[i + 1] == 0xBC and data[i + 2] in (0x81, 0x8C, 0x9F)
                elif c == 0xEE:
                    formulas += data[i + 1] == 0x80 and data[i + 2] == 0x80
            i += 1
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = letters, letters * linked, stops, formulas
    return out


@compiled
def _by_block(pieces, found, drop, n):
    """(n, 4): what the pieces of each block have that are not left out."""
    out = np.zeros((n, 4), np.int64)
    for k in range(len(pieces)):
        if drop[pieces[k, 2]] == 0:
            for c in range(4):
                out[pieces[k, 3], c] += found[k, c]
    return out


@compiled
def _sums(weight, owners, parent, drop):
    total = np.zeros(len(parent))
    for i in range(len(owners)):
        if drop[owners[i]] == 0:
            total[owners[i]] += weight[i]
    for e in range(len(parent) - 1, 0, -1):
        total[parent[e]] += total[e]
    return total


@compiled
def _item(kinds, parent, e):
    """The list item that a block is, or whose only level of blocks it is in; 0 for none."""
    if kinds[e] & ITEM:
        return e
    return parent[e] if e and kinds[parent[e]] & ITEM else 0


@compiled
def _weights(owners, kinds, measures):
    weight = np.zeros(len(owners))
    for i in range(len(owners)):
        bits, letters = kinds[owners[i]], measures[i, 0] - measures[i, 1]
        if 2 * measures[i, 1] >= measures[i, 0]:
            continue
        if letters >= _PROSE:
            weight[i] = letters * (1.0 if measures[i, 2] else 0.25)
            weight[i] *= 1.25 if bits & PARA else 1.0
        elif measures[i, 3] or bits & (PARA | PRE | CELL) or (letters >= _LINE and bits & ITEM):
            weight[i] = letters * _SHORT
    return weight


@compiled
def _dropped(mode, kinds, parent, named, held, long, formulas):
    """Why each element is left out. ``mode`` 1 keeps comments, 2 what is named as no article, too."""
    drop = np.zeros(len(kinds), np.int8)
    for e in range(1, len(kinds)):
        if drop[parent[e]]:
            drop[e] = drop[parent[e]]
            continue
        f, bits = named[e], kinds[e]
        heavy = held[e] > max(_MOST * held[0], _ENOUGH)
        why = 0
        if bits & DROP:
            if not (bits & BEARER and (held[e] > max(0.8 * held[0], _ENOUGH) or formulas[e] > 0)):
                why = BY_TAG
        elif bits & FORM and not heavy:
            why = BY_FORM
        elif f and not heavy and not bits & BODY_TAG:
            if f & HIDDEN and formulas[e] == 0:
                why = BY_HIDING
            elif f & BODY or formulas[e] > 0:
                why = 0
            elif mode < 2 and f & HARD:
                why = BY_NAME
            elif mode < 1 and f & COMMENT:
                why = BY_COMMENT
            elif mode < 2 and f & SOFT and long[e] == 0 and bits & BLOCK:
                why = BY_SOFT
            elif f & CAPTION and formulas[0] == 0:
                why = BY_CAPTION
        if bits & CAPTION_TAG and formulas[0] == 0 and why == 0:
            why = BY_CAPTION
        drop[e] = why
    return drop


@compiled
def _root(kinds, parent, named, held, formulas):
    """The deepest element with nearly all weight and all formulas, or one below it that is named as the article."""
    n = len(kinds)
    best = np.zeros(n, np.int32)  # the heaviest child
    for e in range(n - 1, 0, -1):
        p = parent[e]
        if held[e] > 0 and (best[p] == 0 or held[e] >= held[best[p]]):
            best[p] = e
    root = 0
    while best[root] and held[root] >= _ENOUGH:
        c = best[root]
        bits = kinds[c]
        if not bits & BLOCK or bits & (PARA | HEAD | PRE | QUOTE):
            break
        listed = bits & (LIST | ITEM | TABLE | ROW | CELL | SECTION)
        if held[c] < (_LISTED if listed else _NEARLY) * held[root] or formulas[c] < formulas[root]:
            break
        root = c
    inside = np.zeros(n, np.bool_)
    inside[root] = True
    found = root
    for e in range(root + 1, n):
        inside[e] = inside[parent[e]]
        if formulas[e] < formulas[root]:
            continue
        if inside[e] and (named[e] & (NAMED | BODY) or kinds[e] & ARTICLE):
            if held[e] >= (_MOST * held[root] if found == root else 0.8 * held[found]):
                found = e
    inside[:] = False
    inside[found] = True
    for e in range(found + 1, n):
        inside[e] = inside[parent[e]]
    return found, inside


@compiled
def choose(kinds, parent, named, owners, pieces, found):
    """The root, what drops out, what is left of each block: ``(drop, inside, dense, weight, first block, measures)``.

    ``found``: (m, 4) of ``measure_pieces``.
    """
    n = len(kinds)
    none = np.zeros(n, np.int8)
    measures = _by_block(pieces, found, none, len(owners))
    weight = _weights(owners, kinds, measures)
    whole = _sums(weight, owners, parent, none)
    long = weight.copy()
    for i in range(len(owners)):
        if measures[i, 0] - measures[i, 1] < _LONG or measures[i, 2] == 0:
            long[i] = 0.0
    long = _sums(long, owners, parent, none)
    formulas = np.zeros(n)  # outside of links
    for k in range(len(pieces)):
        formulas[pieces[k, 2]] += 0 if pieces[k, 4] else found[k, 3]
    for e in range(n - 1, 0, -1):
        formulas[parent[e]] += formulas[e]
    drop, held = none, whole
    for mode in range(3):
        drop = _dropped(mode, kinds, parent, named, whole, long, formulas)
        measures = _by_block(pieces, found, drop, len(owners))
        weight = _weights(owners, kinds, measures)
        held = _sums(weight, owners, parent, drop)
        if held[0] >= _ENOUGH or held[0] >= _SHARE * whole[0]:
            break
    left = np.zeros(n)  # formulas that are not left out
    for k in range(len(pieces)):
        if drop[pieces[k, 2]] == 0 and not pieces[k, 4]:
            left[pieces[k, 2]] += found[k, 3]
    for e in range(n - 1, 0, -1):
        left[parent[e]] += left[e]
    root, inside = _root(kinds, parent, named, held, left)
    letters = _sums(measures[:, 0].astype(np.float64), owners, parent, drop)
    linked = _sums(measures[:, 1].astype(np.float64), owners, parent, drop)
    dense = np.zeros(n, np.bool_)
    whole_parts = PARA | HEAD | ITEM | CELL | ROW
    for e in range(root + 1, n):
        if inside[e]:
            dense[e] = dense[parent[e]] or (
                kinds[e] & BLOCK > 0
                and linked[e] > _LINKS * letters[e]
                and not kinds[e] & whole_parts
                and held[e] < 0.1 * held[root]
                and formulas[e] == 0
            )
    first = len(owners)
    for i in range(len(owners)):
        if inside[owners[i]] and drop[owners[i]] == 0 and measures[i, 0]:
            first = i
            break
    return drop, inside, dense, weight, first, measures


@compiled
def _whole_lists(kinds, parent, owners, measures, keep, inside, drop, dense):
    """Keep what is left of lists that are kept for the most part: links among items of prose."""
    all_of, kept_of = np.zeros(len(kinds)), np.zeros(len(kinds))
    for i in range(len(owners)):
        at = parent[_item(kinds, parent, owners[i])]  # its list; -1 for none
        if at > 0:
            all_of[at] += measures[i, 0]
            kept_of[at] += measures[i, 0] if keep[i] else 0
    for i in range(len(owners)):
        e = owners[i]
        at = parent[_item(kinds, parent, e)]
        if at > 0 and keep[i] == 0 and measures[i, 0] and 2 * kept_of[at] > all_of[at]:
            if inside[e] and drop[e] == 0 and not dense[e]:
                keep[i] = KEEP_LINE


@compiled
def kept_blocks(kinds, parent, named, owners, choice, title, double):
    """How each block is kept: 0 not at all, else ``KEEP_…``. ``title``, ``double``: blocks of a title, or -1."""
    drop, inside, dense, weight, first, measures = choice
    n = len(owners)
    keep = np.zeros(n, np.int8)
    low, high = n, -1  # first and last prose
    for i in range(n):
        e = owners[i]
        bits = kinds[e]
        if measures[i, 0] == 0:
            continue
        if 0 <= title <= i < first and not inside[e]:
            up = parent[e] if e else 0
            lead = (named[e] | named[up]) & LEAD > 0
            fits = drop[e] == 0 or (drop[e] == BY_TAG and lead)
            if i == title:
                keep[i] = KEEP_HEAD
            elif fits and measures[i, 1] < 0.3 * measures[i, 0]:
                said = weight[i] > 0 and measures[i, 0] >= 80 and measures[i, 2] > 0
                if said or (lead and measures[i, 0] >= 30) or measures[i, 3]:
                    keep[i] = KEEP_PROSE
        elif inside[e] and drop[e] == 0 and i != double and (not dense[e] or bits & TITLE_TAG):
            if weight[i] > 0:
                keep[i] = KEEP_PROSE
            elif bits & HEAD:
                keep[i] = KEEP_HEAD
            elif measures[i, 3] or measures[i, 1] <= 0.6 * measures[i, 0]:
                keep[i] = KEEP_PROSE if measures[i, 3] else KEEP_LINE
        if keep[i] == KEEP_PROSE:
            low, high = min(low, i), i
    _whole_lists(kinds, parent, owners, measures, keep, inside, drop, dense)
    if high >= 0:
        for i in range(high + 1, n):
            if not kinds[owners[i]] & (ITEM | CELL | PRE | PARA):
                keep[i] = 0
        for i in range(low):
            if keep[i] == KEEP_LINE and not kinds[owners[i]] & PARA:
                keep[i] = 0
    below = False  # is there text below a heading?
    for i in range(n - 1, -1, -1):
        if keep[i] == KEEP_HEAD and not below:
            keep[i] = 0
        elif keep[i]:
            below = True
    return keep
