"""The compiled loops against the plain forms of what they do."""

import random
import re
import sys

import pytest
from numba import njit

from dsmath_lib.base.compiled import compiled
from dsmath_lib.base.text import fold
from dsmath_lib.engines.index import loops
from dsmath_lib.engines.index.gramfilter import _tables, _units
from dsmath_lib.engines.webtext.places import needles, places


def test_table_of_characters_is_complete() -> None:
    """Beyond the table no character is a letter or a space or has a lower case; only one gives two characters."""
    high = "".join(map(chr, range(loops._LETTERS, sys.maxunicode + 1)))
    assert not re.search(r"[\w\s]", high) and high.lower() == high
    low = map(chr, range(loops._LETTERS))
    assert [c for c in low if len(c.lower()) > 1] == ["\u0130"]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 515, 3000])
def test_places_are_those_of_a_search(size: int) -> None:
    """Needles are found wherever they stand, over the borders of blocks and at both ends."""
    patterns = (rb"math", rb"tex(?!t)", rb"<div", rb"</su")
    words = needles(b"math", b"tex!t", b"<div", b"</su")
    rng = random.Random(size)
    for _ in range(20):
        parts = [b"math", b"text", b"tex", b"<div", b"</su", b"ma", b"te", b"<", b"x"]
        data = b"".join(rng.choices(parts, k=size))[:size]
        counts, at = places(data, words, 2, 10_000)
        assert counts.tolist() == [len(re.findall(p, data)) for p in patterns]
        expected = sorted(m.start() for p in patterns[:2] for m in re.finditer(p, data))
        assert at.tolist() == expected
        assert places(data, words, 2, 3)[1].tolist() == expected[:3]


def test_pieces_join_thousands() -> None:
    def pieces(text: str) -> list[int]:
        kinds, values, _ = _tables(fold)
        return loops.word_pieces(_units(text), kinds, values)[0].tolist()

    assert pieces("1,000 km") == pieces("1000km") == pieces("１，０００ KM")
    assert pieces("1,234,567,") == pieces("1234567")
    for text in ("1,00", "1,0000", "1,,000"):
        assert pieces(text) != pieces(text.replace(",", ""))


def test_a_loop_that_has_no_place_for_its_machine_code_runs():
    """numba finds no folder for a function without a file, as in a project and a home that cannot be written."""
    names = {}
    exec("def more(x):\n    return x + 1", names)
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(names["more"])
    assert compiled(names["more"])(1) == 2
