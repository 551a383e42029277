r"""Are two answers the same? A fast exact path for numbers, tuples, sets and words; math-verify behind it.

The fast path compares rationals exactly, in microseconds. What it cannot read goes to math-verify in another process
(``symbolic.py``), which is killed at a wall clock. No text is ever evaluated as code.
"""

import re
import time
from fractions import Fraction

from dsmath_lib.rewards.answers import Group, Number, as_group, as_number, normalise
from dsmath_lib.rewards.symbolic import symbolic_equal

MAX_ANSWER = 1_000  # characters; a longer "answer" is a piece of the solution
REL_TOL = Fraction(
    1, 10_000
)  # when one of two broken numbers is written as a decimal: 1/3 and 0.3333
NOISE = Fraction(1, 10**8)  # floating-point noise next to a whole number: 17.9999999999 is 18


_SAME_UNIT = re.compile(r"(?:e?s)$")
_MEASURES = frozenset(
    "mm cm m km g kg mg l ml s h min inch inche feet foot yard mile meter centimeter kilometer "
    "hour minute second day week gram kilogram".split()
)


def _numbers_equal(gold: Number, pred: Number) -> bool:
    a, b = (_SAME_UNIT.sub("", u.lower()) for u in (gold.unit, pred.unit))
    if a != b and a in _MEASURES and b in _MEASURES:
        return False
    if (
        gold.percent and not pred.percent
    ):  # only with one percent sign: 50% = 50 and 50% = 0.5, never 100 = 1
        return _close(gold, pred) or _close(
            gold._replace(value=gold.value / 100, decimal=True), pred
        )
    if pred.percent and not gold.percent:
        return _numbers_equal(pred, gold)
    return _close(gold, pred)


def _close(a: Number, b: Number) -> bool:
    """Exact for rationals; a tolerance only where a decimal point says that something may be rounded."""
    x, y = a.value, b.value
    if x == y or not (a.decimal or b.decimal):
        return x == y
    if x.denominator == 1 or y.denominator == 1:
        return abs(x - y) <= NOISE * min(1, max(abs(x), abs(y)))
    return abs(x - y) <= REL_TOL * max(abs(x), abs(y))


def _groups_equal(gold: Group, pred: Group, deadline: float, depth: int) -> bool:
    unordered = gold.brackets in ("", "{}") and pred.brackets in ("", "{}")
    if gold.brackets != pred.brackets and not unordered:
        return False
    if len(gold.items) != len(pred.items):
        return False
    if not unordered:
        pairs = zip(gold.items, pred.items, strict=True)
        return all(_equal(g, p, deadline, depth)[0] for g, p in pairs)
    rest = list(pred.items)
    for g in gold.items:
        match = next((p for p in rest if _equal(g, p, deadline, depth)[0]), None)
        if match is None:
            return False
        rest.remove(match)
    return True


# -- the comparison --------------------------------------------------------------------------------------------------
MAX_ITEMS = 20  # in a tuple or list
MAX_DEPTH = 4  # of tuples in tuples
_WORDS = re.compile(r"[A-Za-z一-鿿][A-Za-z一-鿿 .'-]*")
_ASSIGN = re.compile(
    r"^(?:\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([a-z]\))?)\s*(?:=|\\approx|≈|\\in(?![a-z]))\s*(?=\S)"
)
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in)(?![a-z])")
_OPERATION = re.compile(r"[\\^+*/()!=]|(?<=\S)\s*-")
_VARIABLE = re.compile(r"(?<![A-Za-z])(?!e(?![A-Za-z])|i(?![A-Za-z]))[A-Za-z]")
_COMMAND = re.compile(r"\\[A-Za-z]+")


def answers_equal(gold: str, pred: str, timeout: float = 0.5) -> tuple[bool, str]:
    """Whether two answers mean the same, and by which reason. Never raises on any text.

    Args:
        timeout: seconds that symbolic comparison may take in all; past them the answers count as different.
    """
    if len(gold) > MAX_ANSWER or len(pred) > MAX_ANSWER:
        return gold == pred, "too long to compare"
    return _equal(normalise(gold), normalise(pred), time.monotonic() + timeout, 0)


def _equal(g: str, p: str, deadline: float, depth: int) -> tuple[bool, str]:
    g, p = _without_name(g), _without_name(p)
    if ("=" in g) != ("=" in p) and "," not in g + p and not re.search("[<>]", g + p):
        g, p = (t.rpartition("=")[2].strip() for t in (g, p))  # 12 + 3 = 15 is an answer of 15
    if not g or not p:
        return g == p, "empty"
    if re.sub(r"\s", "", g) == re.sub(r"\s", "", p):
        return True, "same text"
    a, b = as_number(g), as_number(p)
    if a and b:
        return _numbers_equal(a, b), "numbers"
    ga, gb = as_group(g), as_group(p)
    if ga and gb and max(len(ga.items), len(gb.items)) <= MAX_ITEMS and depth < MAX_DEPTH:
        return _groups_equal(ga, gb, deadline, depth + 1), "groups"
    if _WORDS.fullmatch(g) and _WORDS.fullmatch(p) and (len(g) > 1 or len(p) > 1):
        return g.casefold().strip(" .") == p.casefold().strip(" ."), "words"
    if (a and _no_number(p)) or (b and _no_number(g)):
        return False, "only one is a number"
    return symbolic_equal(g, p, max(0.0, deadline - time.monotonic()))


def _no_number(text: str) -> bool:
    """Certainly not the value of a number: nothing to compute in it, or a variable."""
    return not _OPERATION.search(text) or bool(_VARIABLE.search(_COMMAND.sub(" ", text)))


def _without_name(text: str) -> str:
    """``x = 5`` is ``5``; an equation such as ``y = 2x + 1`` keeps its left side: it may be the answer."""
    m = _ASSIGN.match(text)
    if not m or _RELATION.search(text, m.end()):
        return text
    value = text[m.end() :]
    return text if re.search(r"(?<![A-Za-z\\])[a-z](?![A-Za-z])", value) else value
