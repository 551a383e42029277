"""Loops over the characters and hashes of one text, compiled by numba: plain code, at the speed of C.

The machine code is kept beside this file after the first call, or in the user's cache; where neither can be written,
each process compiles anew. Integers are unsigned and overflow is meant.
"""

import re
import sys
import zlib
from functools import lru_cache

import numpy as np

from dsmath_lib.base.compiled import compiled

# What a character is to ``words`` and ``spaced``; CJK signs are those in the CJK blocks that are no letters.
SPACE, SIGN, UNDERSCORE, WORD, CJK, CJK_SIGN = range(6)
_CJK = re.compile("[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_LETTERS = 0x40000  # no letter and no space has a higher code point
_RUN = re.compile(r"(\s+)|(_+)|\w+")
LETTER, DIGIT, SINGLE, SPECIAL = 1, 2, 3, 4  # what a UTF-16 unit is to ``pieces``; 0: nothing
BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_COMMAS = (ord(","), ord("，"))
_LEAST_HALF = np.uint64(32)


# -- characters ------------------------------------------------------------------------------------------------------
def codes(text: str) -> np.ndarray:
    """The code points of a text, shape (n,), uint32; a text whose lower case is not made one by one is lowered."""
    if "\u0130" in text or "\u03a3" in text:  # one gives two characters, one depends on its place
        text = text.lower()
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@lru_cache(1)
def characters() -> tuple[np.ndarray, np.ndarray]:
    """Of each code point: its lower case (uint32) and, of that, its kind (uint8)."""
    lower = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    kind = np.full(len(lower), SIGN, np.uint8)
    every = lower[:_LETTERS].tobytes().decode("utf-32-le", "surrogatepass")
    for m in _RUN.finditer(every):
        kind[m.start() : m.end()] = SPACE if m[1] else UNDERSCORE if m[2] else WORD
    cjk = [m.start() for m in _CJK.finditer(every)]
    kind[cjk] = np.where(kind[cjk] == WORD, CJK, CJK_SIGN)
    every = every.replace("\u0130", "i").replace("\u03a3", "\u03c3").lower()
    lower[:_LETTERS] = np.frombuffer(every.encode("utf-32-le", "surrogatepass"), np.uint32)
    return lower, kind[lower]


@lru_cache(1)
def _crc_table() -> np.ndarray:
    """What one byte does to a CRC-32."""
    table = np.array([zlib.crc32(bytes([b])) ^ 0xFF000000 for b in range(256)], np.uint32)
    return table[np.arange(256) ^ 0xFF]


def hash_words(text: str) -> np.ndarray:
    """CRC-32 of each word and CJK character of a text in lower case, as UTF-8, shape (n,), uint64."""
    return _words(codes(text), *characters(), _crc_table())


@compiled
def _words(codes, lower, kind, table):
    out = np.empty(len(codes), np.uint64)
    n = 0
    crc, full = np.uint32(0xFFFFFFFF), np.uint32(0xFFFFFFFF)
    inside = False
    for code in codes:
        k = kind[code]
        alone = k >= CJK and not (inside and k == CJK)
        if inside and (alone or k < WORD):
            out[n] = crc ^ full
            n += 1
            inside = False
        if k < WORD:
            continue
        if not inside:
            crc = full
        c = lower[code]
        if c < 0x80:
            crc = table[(crc ^ c) & 0xFF] ^ (crc >> 8)
        else:
            size = 1 + (c >= 0x800) + (c >= 0x10000)
            lead = (0xC0, 0xE0, 0xF0)[size - 1] | (c >> (6 * size))
            crc = table[(crc ^ lead) & 0xFF] ^ (crc >> 8)
            for i in range(size - 1, -1, -1):
                crc = table[(crc ^ (0x80 | (c >> (6 * i)) & 0x3F)) & 0xFF] ^ (crc >> 8)
        if alone:
            out[n] = crc ^ full
            n += 1
        else:
            inside = True
    if inside:
        out[n] = crc ^ full
        n += 1
    return out[:n]


def spaced(text: str) -> str:
    """A text in lower case with one space in each gap, and round each sign and CJK character."""
    return _spaced(codes(text), *characters()).tobytes().decode("utf-32-le", "surrogatepass")


@compiled
def _spaced(codes, lower, kind):
    out = np.empty(2 * len(codes), np.uint32)
    n = 0
    cut = False
    for code in codes:
        k = kind[code]
        if k == SPACE:
            cut = True
            continue
        alone = k == SIGN or k >= CJK
        if n and (cut or alone):
            out[n] = 32
            n += 1
        out[n] = lower[code]
        n += 1
        cut = alone
    return out[:n]


# -- MinHash ---------------------------------------------------------------------------------------------------------
@compiled
def runs(words, n):
    """A polynomial hash modulo 2^64, mixed, of each run of ``n`` words, of all words if they are fewer."""
    n = min(n, len(words))
    out = np.empty(len(words) - n + 1, np.uint64)
    for i in range(len(out)):
        h = np.uint64(0)
        for word in words[i : i + n]:
            h = h * BASE + word
        h ^= h >> np.uint64(31)
        out[i] = h * _MIX
    return out


@compiled
def least(hashes, a, b):
    """The upper half of the least ``a[j] * x + b[j]`` over all ``x`` in ``hashes``, for each ``j``, uint32."""
    out = np.empty(len(a), np.uint32)
    for j in range(len(a)):
        low, aj, bj = np.uint64(0xFFFFFFFFFFFFFFFF), a[j], b[j]
        for i in range(len(hashes)):
            low = min(low, aj * hashes[i] + bj)
        out[j] = low >> _LEAST_HALF
    return out


# -- grams -----------------------------------------------------------------------------------------------------------
@compiled
def word_pieces(units, kinds, values):
    """The hash of each piece of a text, the unit where it starts, and whether one of its units is ``SPECIAL``.

    A comma between thousands counts as if it were not there.
    """
    size = len(units)
    piece, start = np.empty(size, np.uint64), np.empty(size, np.int64)
    n = i = 0
    special = False
    while i < size:
        k = kinds[units[i]]
        if k == 0:
            i += 1
            continue
        special |= k == SPECIAL
        start[n] = i
        total = np.uint64(0)
        while True:
            total += values[units[i]]
            i += 1
            if k == DIGIT and i < size and units[i] in _COMMAS and _three_digits(units, kinds, i):
                i += 1
            if k == SINGLE or i == size or kinds[units[i]] != k:
                break
        h = np.uint64(np.uint32(total)) * _MIX
        piece[n] = h ^ (h >> np.uint64(29))
        n += 1
    return piece[:n], start[:n], special


@compiled
def _three_digits(units, kinds, at):
    """Do three digits follow, and no fourth?"""
    j = at + 1
    while j < min(at + 5, len(units)) and kinds[units[j]] == DIGIT:
        j += 1
    return j == at + 4


@compiled
def _known(table, shift, h):
    """Is the bit of a hash set?"""
    at = h >> shift
    return table[at >> np.uint64(3)] >> (at & np.uint64(7)) & np.uint64(1)


@compiled
def run_places(piece, n, power, table, shift):
    """Where runs of ``n`` pieces may be known, and their hashes. ``power``: ``BASE`` to the ``n``."""
    places, hashes = np.empty(len(piece), np.int64), np.empty(len(piece), np.uint64)
    found = 0
    h = np.uint64(0)
    for i in range(len(piece)):
        h = h * BASE + piece[i]
        if i >= n:
            h -= piece[i - n] * power
        if i >= n - 1 and _known(table, shift, h):
            places[found], hashes[found] = i - n + 1, h
            found += 1
    return places[:found], hashes[:found]


@compiled
def longer_places(piece, places, hashes, head, longest, table, shift):
    """Of runs of ``head`` pieces: where longer ones with fewer than ``longest`` may be known, and their hashes."""
    size = len(places) * (longest - head)
    out, runs = np.empty(size, np.int64), np.empty(size, np.uint64)
    found = 0
    for k in range(len(places)):
        h = hashes[k]
        for i in range(places[k] + head, min(places[k] + longest - 1, len(piece))):
            h = h * BASE + piece[i]
            if _known(table, shift, h):
                out[found], runs[found] = places[k], h
                found += 1
    return out[:found], runs[:found]
