"""Which texts may hold a gram of the index? Told from arrays of characters, without making a single gram.

Each gram is cut into pieces: runs of letters, runs of digits, CJK characters and the signs ``+ / = < > ^ %``. The
pieces of a page are those of its grams in a row, so a page that holds a gram holds the gram's pieces in a row. A piece
has the sum of its characters' random values as its hash, and runs of pieces are compared by a polynomial of those.
Where a run's hash is that of a key, the grams round it are compared. "No" is certain; "yes" is not.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain

import numpy as np

from dsmath_lib.engines.index import loops
from dsmath_lib.engines.index.loops import BASE, DIGIT, LETTER, SINGLE, SPECIAL

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_SIGNS = frozenset("+/=<>^%")
_HEAD = 3  # short texts are looked for where their first pieces stand
LONGEST = 10  # pieces that are compared
_WINDOW = 4 * LONGEST + 2  # pieces that are read again where hashes are equal
_AT_ONCE = 20_000  # keys
_NONE = np.zeros(0, np.uint64)
GramStep = Callable[[str], str]


class GramFilter:
    """Tells texts that hold none of the given grams.

    Args:
        keys: gram tuples, each joined by spaces.
        fold: what is done to the characters of a text, whole.
        layout: what is done to a folded text after that. ``layout(fold(text))`` made the texts of the keys.
        holds: does a piece of text hold a key? Asked where hashes are equal.
    """

    def __init__(
        self, keys: Iterable[str], fold: GramStep, layout: GramStep, holds: Callable[[str], bool]
    ):
        self._fold, self._layout, self._holds = fold, layout, holds
        # a key without pieces: every text may hold it; one of "-" and "*" alone, like a ruled line, is looked for
        self._all = False
        self._rule: re.Pattern | None = None
        hashes: dict[int, list[np.ndarray]] = {}
        heads: list[np.ndarray] = []
        keys = list(keys)
        kinds, values = _plain_tables()
        for i in range(0, len(keys), _AT_ONCE):
            some = keys[i : i + _AT_ONCE]
            units = _units("\n".join(some))
            piece, unit, _ = loops.word_pieces(units, kinds, values)
            ends = np.cumsum([len(_units(k)) + 1 for k in some])
            first = np.searchsorted(unit, np.concatenate([[0], ends]))
            count = np.minimum(np.diff(first), LONGEST)
            self._without_pieces([some[i] for i in np.flatnonzero(count == 0)])
            for n in set(count.tolist()) - {0}:
                at = first[:-1][count == n]
                hashes.setdefault(n, []).append(_run_at(piece, at, n))
                if _HEAD < n < LONGEST:
                    heads.append(_run_at(piece, at, _HEAD))
        whole = sorted(n for n in hashes if n <= _HEAD or n == LONGEST)
        self._whole = {n: _HashSet(np.concatenate(hashes.pop(n))) for n in whole}
        self._heads = _HashSet(np.concatenate(heads)) if heads else None
        between = [h for hs in hashes.values() for h in hs]
        self._between = _HashSet(np.concatenate(between or [_NONE]))

    def _without_pieces(self, keys: list[str]) -> None:
        self._all |= any(k.strip("-* ") for k in keys)
        if keys:
            signs = "".join(map(re.escape, _unkept(self._fold)))
            least = min(len(k.split()) for k in keys)
            self._rule = re.compile(rf"(?:[{signs}](?:[^\w{signs}]|_)*){{{least}}}")

    def may_hold(self, text: str) -> bool:
        """False: the text holds none of the grams."""
        if self._all or (self._rule and self._rule.search(text)):
            return True
        units, piece, unit, simple = self._pieces_of(text)
        last = 0  # pieces before are looked at
        for i in self._found(piece):
            if not simple:
                return True
            if i < last:
                continue
            # also signs that are no piece, up to the next piece; a number with a point is two
            stop = min(i + _WINDOW, len(unit))
            a = unit[i - 1] if i else 0
            b = unit[stop] if stop < len(unit) else len(units)
            if self._holds(units[a:b].tobytes().decode("utf-16-le", "surrogatepass")):
                return True
            last = stop - 2 * LONGEST - 1
        return False

    def _found(self, piece: np.ndarray) -> list[int]:
        """Where runs stand that have the hash of a key, in order."""
        out = []
        for n, known in self._whole.items():
            out += known.among(*self._runs(piece, n, known))
        if self._heads is not None:
            heads = self._runs(piece, _HEAD, self._heads)
            between = self._between
            longer = loops.longer_places(piece, *heads, _HEAD, LONGEST, *between.table)
            out += between.among(*longer)
        return sorted(out)

    @staticmethod
    def _runs(piece: np.ndarray, n: int, known: "_HashSet") -> tuple[np.ndarray, np.ndarray]:
        return loops.run_places(piece, n, np.uint64(pow(int(BASE), n, 2**64)), *known.table)

    def _pieces_of(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        """A text's units, its pieces, and where they start; is each unit one of the text, only not folded?"""
        kinds, values, foreign = _tables(self._fold)
        laid, simple = any(c in text for c in "\\{}"), text  # the loop knows commas without braces
        if laid:
            simple = self._layout(text.lower().replace("，", ","))
        units = _units(simple)
        piece, unit, special = loops.word_pieces(units, kinds, values)
        if text.isascii() or not (special or (laid and foreign.take(units).any())):
            return units, piece, unit, True
        units = _units(self._layout(self._fold(text)))
        return units, *loops.word_pieces(units, *_plain_tables())[:2], False


def _run_at(piece: np.ndarray, at: np.ndarray, n: int) -> np.ndarray:
    """Hashes of the runs of ``n`` pieces that start ``at`` some places."""
    out = piece[at]
    for j in range(1, n):
        out = out * BASE + piece[at + j]
    return out


class _HashSet:
    """64-bit hashes: a table of bits that lets few others through, and the hashes themselves."""

    def __init__(self, hashes: np.ndarray):
        self._known = set(hashes.tolist())
        bits = min(max(int(np.ceil(np.log2(32 * len(hashes) + 1))), 10), 26)
        table, shift = np.zeros(2**bits, np.uint8), np.uint64(64 - bits)
        table[(hashes >> shift).view(np.int64)] = 1
        self.table = np.packbits(table, bitorder="little"), shift

    def among(self, places: np.ndarray, hashes: np.ndarray) -> list[int]:
        """The places whose hashes are known."""
        pairs = zip(places.tolist(), hashes.tolist(), strict=True)
        return [at for at, h in pairs if h in self._known]


def _units(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)


def _kind(c: str) -> int:
    if _CJK.match(c) or c in _SIGNS:
        return SINGLE
    return 0 if not (c.isalnum()) else DIGIT if c.isdecimal() else LETTER


@lru_cache(1)
def _unkept(fold: GramStep) -> list[str]:
    """Characters that become a gram but no piece: ``-`` depends on its neighbours, ``*`` on a second one."""
    return [c for c in map(chr, range(0xD800)) if fold(c) in ("-", "*")] + ["－", "﹣", "＊", "﹡"]


def _values(codes: np.ndarray) -> np.ndarray:
    """A random number for each character."""
    x = (codes + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(32)).astype(np.uint32)


@lru_cache(1)
def _plain_tables() -> tuple[np.ndarray, np.ndarray]:
    """Kind and value of each UTF-16 unit of a folded text."""
    kind = np.array([_kind(chr(c)) if not 0xD800 <= c < 0xE000 else 0 for c in range(2**16)])
    return kind.astype(np.uint8), _values(np.arange(2**16, dtype=np.uint64)) * (kind > 0)


@lru_cache(1)
def _tables(fold: GramStep) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kind and value that each UTF-16 unit will have after ``fold``; which units become ASCII letters or digits.

    ``SPECIAL`` are units whose folded form depends on their neighbours or is not one character of the same kind.
    """
    kind = _plain_tables()[0].copy()
    value = _values(np.arange(2**16, dtype=np.uint64))
    foreign = np.zeros(2**16, bool)
    special = np.zeros(2**16, bool)
    special[0x1160:0x1200] = True  # Hangul vowels and finals join with the syllable before
    special[0xD800:0xD83D] = special[[0xD83E, 0xD87E]] = True  # letters and digits beyond 2^16
    for c in map(chr, chain(range(0xD800), range(0xE000, 2**16))):
        n = fold(c)
        canonical, *second = unicodedata.decomposition(c).split() or [""]
        if second and canonical[0] != "<":
            special[int(second[-1], 16)] = True  # it may join with the character before
        if n == c and not unicodedata.combining(c):
            continue
        if len(n) > 1 and not _joins(c, n) and len(set(map(_kind, n))) == 1 and _kind(n[0]) < DIGIT:
            kind[ord(c)] = _kind(n[0])  # an ellipsis, a ligature
            foreign[ord(c)] = n.isascii() and n.isalnum()
            value[ord(c)] = _values(np.array([*map(ord, n)], np.uint64)).sum(dtype=np.uint32)
        elif (
            len(n) != 1
            or any(map(unicodedata.combining, c + n))
            or (n in "\\{}," and c != "，")
            or ord(n) > 0xFFFF
        ):
            special[ord(c)] = True
        else:
            kind[ord(c)], value[ord(c)] = _kind(n), value[ord(n)]
            foreign[ord(c)] = n.isascii() and n.isalnum() and not c.isascii()
    kind[special] = SPECIAL
    value[(kind == 0) | special] = 0
    return kind, value, foreign


def _joins(c: str, folded: str) -> bool:
    """May a part of the folded character join with its neighbours, or be part of LaTeX or of a number?"""
    if folded[0] == " ":  # an accent on a space
        return any(x in "\\{}," or not unicodedata.combining(x) for x in folded[1:])
    return any(x in "\\{}," or unicodedata.combining(x) for x in c + folded)
