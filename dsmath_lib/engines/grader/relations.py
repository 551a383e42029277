r"""Equations, inequalities and sets of reals: two spellings of the same set are the same answer.

A one-variable condition (``-1 < x \le 2``, ``(-\infty,1) \cup [3,4)``, ``x \ne 2``, ``|x| > 1``) is a ``Region``: a
predicate on the reals and the places where it may change: all roots of its sides' difference, of denominators, and of
what stands between bars. Two regions are equal if they agree on those places, between them and outside.
"""

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.engines.grader.evaluation import value_at
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.forms import as_group, closes_at_end, split_top
from dsmath_lib.engines.grader.polynomials import polynomial, quotient, real_roots
from dsmath_lib.engines.grader.tree import Expr, variables, walk
from dsmath_lib.engines.grader.values import (
    Undecided,
    Value,
    inexact,
    is_real,
    largest_of,
    nearly,
    real,
)

MAX_PIECES = 12
MAX_MARKS = 40
_OP = re.compile(
    r"\\(?:leqslant|geqslant|leqq|geqq|leq|geq|le|ge|lt|gt|neq|ne)(?![A-Za-z])|<=|>=|!=|[<>=]"
)
_CANON = {
    r"\leqslant": "<=", r"\leqq": "<=", r"\leq": "<=", r"\le": "<=", r"\geqslant": ">=", r"\geqq": ">=",
    r"\geq": ">=", r"\ge": ">=", r"\lt": "<", r"\gt": ">", r"\neq": "!=", r"\ne": "!=",
}  # fmt: skip
FLIP = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
MAX_BARS = 3


class Region(NamedTuple):
    """``holds`` may change only at ``marks``."""

    name: str
    holds: Callable[[Value], bool]
    marks: tuple[Value, ...]


def relation(text: str) -> tuple[list[str], list[str]] | None:
    """Sides and operators of ``a < b <= c``; None if the text has no relation."""
    found = list(_OP.finditer(text))
    if not found:
        return None
    cuts = [0, *(x for m in found for x in m.span()), len(text)]
    sides = [text[a:b].strip() for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
    return sides, [_CANON.get(m[0], m[0]) for m in found]


_INFINITY = re.compile(
    r"([+-]|正|负|negative|minus|) ?(?:\\infty|oo|inf|infinity|infinite|无穷大?)", re.IGNORECASE
)


def infinity(text: str) -> int:
    r"""1 for ``\infty``, -1 for ``-\infty``, else 0."""
    m = _INFINITY.fullmatch(text.strip())
    return 0 if m is None else 1 if m[1] in ("", "+", "正") else -1


def constant_of(text: str) -> Value | None:
    """The value of an expression without variables, or infinity as +1 or -1 in a tuple; None if it is not one."""
    if sign := infinity(text):
        return (sign,)
    tree = parse(text)
    if tree is None or variables(tree):
        return None
    try:
        value = value_at(tree, real=True)
    except Undecided:
        return None
    return real(value) if is_real(value) else None


def _compare(x: Value, op: str, y: Value) -> bool:
    if isinstance(y, tuple):  # an infinite end
        return {"<": y[0] > 0, "<=": y[0] > 0, ">": y[0] < 0, ">=": y[0] < 0}.get(op, False)
    same = nearly(x, y, largest_of(x, y, 1))
    if op in ("=", "!="):
        return same == (op == "=")
    if same:
        return op in ("<=", ">=")
    return (inexact(x) < inexact(y)) == (op[0] == "<")


def _interval(text: str) -> Region | None:
    group = as_group(text)
    if group is None or len(group.items) != 2 or group.brackets[:1] not in ("(", "["):
        return None
    low, high = (constant_of(t) for t in group.items)
    if low is None or high is None:
        return None
    ops = (">" if group.brackets[0] == "(" else ">=", "<" if group.brackets[1] == ")" else "<=")

    def holds(x: Value) -> bool:
        return _compare(x, ops[0], low) and _compare(x, ops[1], high)

    return Region("", holds, tuple(v for v in (low, high) if not isinstance(v, tuple)))


def _finite(text: str) -> Region | None:
    group = as_group(text)
    if group is None or group.brackets != "{}":
        return None
    values = [constant_of(t) for t in group.items]
    if any(v is None or isinstance(v, tuple) for v in values):
        return None
    return Region("", lambda x: any(_compare(x, "=", v) for v in values), tuple(values))


def _piece(left: Expr, op: str, right: Expr, name: str) -> Region | None:
    marks: list[Value] = []
    for tree in _without_bars(("-", left, right)):
        for part in quotient(tree):
            p = polynomial(part, name)
            if p is None:
                return None
            marks += real_roots(p)

    def holds(x: Value) -> bool:
        try:
            sides = [value_at(t, {name: x}, real=True) for t in (left, right)]
        except Undecided:
            return False
        return all(map(is_real, sides)) and _compare(real(sides[0]), op, real(sides[1]))

    return Region(name, holds, tuple(marks))


def _without_bars(tree: Expr) -> list[Expr]:
    """The tree with each ``|u|`` as ``u`` and as ``-u``, and each ``u``: their roots hold all of its changes."""
    bars = list(dict.fromkeys(t for t in walk(tree) if t[0] == "abs"))
    if len(bars) > MAX_BARS:
        raise Undecided("too many bars")
    out = []
    for signs in itertools.product((1, -1), repeat=len(bars)):
        out.append(_replaced(tree, dict(zip(bars, signs, strict=True))))
    return out + [part for bar in bars for part in _without_bars(bar[1])]


def _replaced(tree: Expr, signs: dict[Expr, int]) -> Expr:
    parts = tuple(_replaced(t, signs) if isinstance(t, tuple) else t for t in tree[1:])
    if tree in signs:
        return parts[0] if signs[tree] > 0 else ("neg", parts[0])
    return (tree[0], *parts)


def _chain(text: str) -> Region | None:
    found = relation(text)
    if found is None:
        return None
    sides, ops = found
    infinite = [infinity(s) for s in sides]
    if any(infinite):  # -\infty < x < 3
        keep = [i for i, s in enumerate(infinite) if not s]
        if keep != list(range(keep[0], keep[-1] + 1)) or len(keep) < 1:
            return None
        sides, ops = [sides[i] for i in keep], ops[keep[0] : keep[-1]]
    trees = [parse(s) for s in sides]
    if None in trees:
        return None
    names = frozenset().union(*(variables(t) for t in trees))
    if len(names) != 1:
        return None
    name = next(iter(names))
    try:
        pieces = [_piece(a, op, b, name) for a, op, b in zip(trees, ops, trees[1:], strict=False)]
    except Undecided:
        return None
    if None in pieces:
        return None
    return _join(pieces, all) if pieces else Region(name, lambda x: True, ())


def _join(regions: list[Region], how: Callable) -> Region | None:
    names = {r.name for r in regions} - {""}
    if len(names) > 1 or len(regions) > MAX_PIECES:
        return None
    marks = tuple(dict.fromkeys(v for r in regions for v in r.marks))
    if len(marks) > MAX_MARKS:
        return None
    return Region(names.pop() if names else "", lambda x: how(r.holds(x) for r in regions), marks)


_REALS = re.compile(
    r"\\mathbb ?\{? ?R ?\}?|ℝ|all real(?:s| numbers)|real numbers|\(? ?-\\infty ?, ?\+?\\infty ?\)?|全体实数|R"
)
_EMPTY = re.compile(
    r"\\emptyset|\\varnothing|\\\{ ?\\\}|∅|空集|empty set|no (?:real )?solutions?|无解|none",
    re.IGNORECASE,
)
_HALF = re.compile(
    r"(?:all |the )?(?:set of )?(non-?)?(positive|negative) reals?(?: numbers?)?"
    r"|\\mathbb ?\{? ?R ?\}? ?[_^] ?\{? ?(?:([+-])|([<>]|\\[gl]eq?) ?0) ?\}?"
)
_EXCEPT = re.compile(r"(.{1,60}?),? (?:except|other than)(?: for)? (.{1,60})")
_MEMBER = re.compile(r"([A-Za-z]) ?\\in(?![A-Za-z]) ?")
_BUILDER = re.compile(
    r"\\\{ ?([A-Za-z]) ?(?:\\in ?(?:\\mathbb ?\{?R\}?|R) ?)?(?:\||:|\\mid|\\vert|\\colon) ?(.+?) ?\\\}"
)
_UNION = re.compile(r" ?(?:\\cup(?![A-Za-z])|∪| U (?=[(\[\\])| or |\\lor|\\vee|或) ?")
_CUT = re.compile(r" ?(?:\\cap(?![A-Za-z])| and |\\land|\\wedge|且) ?")
_ALSO = re.compile(r",? and ")
_MINUS = re.compile(r" ?(?:\\setminus|\\backslash|(?<=[)\]}R]) ?[-\\] ?(?=\\\{))")


@lru_cache(maxsize=2048)
def as_region(text: str) -> Region | None:
    """A condition on one real variable, or a set of reals; None if it is neither."""
    text = text.strip()
    if not text or len(text) > 300:
        return None
    if m := _BUILDER.fullmatch(text):
        inner = as_region(m[2])
        return inner if inner and inner.name in ("", m[1]) else None
    if m := _MEMBER.match(text):
        inner = as_region(text[m.end() :])
        return inner._replace(name=m[1]) if inner else None
    if _REALS.fullmatch(text):
        return Region("", lambda x: True, ())
    if m := _HALF.fullmatch(text):
        up = m[2] == "positive" or m[3] == "+" or (m[4] or "")[:2] in (">", r"\g")
        if m[1]:  # not negative
            return as_region("[0,\\infty)" if not up else "(-\\infty,0]")
        closed = bool(m[4]) and len(m[4]) > 1
        return as_region(("(["[closed] + "0,\\infty)") if up else "(-\\infty,0" + ")]"[closed])
    if m := _EXCEPT.fullmatch(text):
        a, b = as_region(m[1]), as_region(r"\{" + _ALSO.sub(",", m[2]) + r"\}")
        return _without(a, b) if a and b else None
    if _EMPTY.fullmatch(text):
        return Region("", lambda x: False, ())
    for pattern, how in ((_UNION, any), (_CUT, all)):
        if len(parts := pattern.split(text)) > 1:
            regions = [as_region(p) for p in parts]
            return _join(regions, how) if None not in regions else None
    if len(parts := _MINUS.split(text)) == 2 and all(parts):
        a, b = (as_region(p) for p in parts)
        return _without(a, b) if a and b else None
    if _OP.search(text):
        parts = split_top(text)
        if len(parts) > 1:
            return _listed(parts)
        return _chain(text)
    if text[0] in "([" and closes_at_end(text):
        return _interval(text)
    if r"\infty" in text and len(parts := split_top(text)) > 1:  # intervals in a row
        regions = [as_region(p) for p in parts]
        return _join(regions, any) if None not in regions else None
    return _finite(text)


def _without(a: Region, b: Region) -> Region:
    return Region(a.name, lambda x: a.holds(x) and not b.holds(x), a.marks + b.marks)


def _listed(parts: list[str]) -> Region | None:
    r"""``x = 1, x = 2`` lists points; ``x > 1, x < 3`` are conditions that hold together; ``x < 1, x > 3`` cannot.

    ``x \ne 1, 2`` says it of both.
    """
    head = relation(parts[0])
    if head and head[1] == ["!="]:
        parts = [p if relation(p) else f"{head[0][0]} != {p}" for p in parts]
    regions = [as_region(p) for p in parts]
    if None in regions:
        return None
    if all("=" in (relation(p) or ((), ()))[1] for p in parts):
        return _join(regions, any)
    both = _join(regions, all)
    if both is None:
        return None
    return both if any(both.holds(x) for x in _places(both.marks)) else _join(regions, any)


def _places(marks: tuple[Value, ...]) -> list[Value]:
    """The marks, a point between each two, and points outside."""
    ordered = sorted(marks, key=inexact)
    if not ordered:
        return [Fraction(0)]
    between = [
        (inexact(a) + inexact(b)) / 2 for a, b in itertools.pairwise(ordered) if not nearly(a, b)
    ]
    return [ordered[0] - 1, *ordered, *between, ordered[-1] + 1]


def same_region(a: Region, b: Region) -> bool:
    """Whether two sets of reals are equal."""
    if a.name and b.name and a.name != b.name:
        return False
    return all(a.holds(x) == b.holds(x) for x in _places(a.marks + b.marks))
