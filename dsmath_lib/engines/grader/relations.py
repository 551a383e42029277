r"""Equations, inequalities and sets of reals: two spellings of the same set are the same answer.

A one-variable condition (``-1 < x \le 2``, ``(-\infty,1) \cup [3,4)``, ``x \ne 2``, ``|x| > 1``) is a ``Region``: a
predicate on the reals and the places where it may change. Two regions are equal if they agree on those places, between
them and outside. Two equations are equal if their sides differ by the same expression up to a constant factor.
"""

import itertools
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from dsmath_lib.engines.grader.expression import Expr, parse, variables
from dsmath_lib.engines.grader.forms import as_group, closes_at_end, split_top
from dsmath_lib.engines.grader.values import Undecided, Value, evaluate, nearly

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
INFINITY = float("inf")


class Region(NamedTuple):
    """``solved``: all places where ``holds`` may change are in ``marks``."""

    name: str
    holds: Callable[[Value], bool]
    marks: tuple[Value, ...]
    solved: bool = True


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
    """The value of an expression without variables, or a float infinity; None if it is not one."""
    if sign := infinity(text):
        return complex(sign * INFINITY)
    tree = parse(text)
    if tree is None or variables(tree):
        return None
    try:
        value = evaluate(tree, real=True)
    except Undecided:
        return None
    return value if isinstance(value, Fraction) or abs(value.imag) < 1e-12 else None


def order(x: Value) -> float:
    return float(x) if isinstance(x, Fraction) else x.real


def _compare(x: Value, op: str, y: Value) -> bool:
    infinite = INFINITY in (abs(order(x)), abs(order(y)))
    same = x == y or (not infinite and nearly(x, y))
    if op in ("=", "!="):
        return same == (op == "=")
    if same:
        return op in ("<=", ">=")
    return (order(x) < order(y)) == (op[0] == "<")


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

    return Region("", holds, tuple(v for v in (low, high) if abs(order(v)) != INFINITY))


def _finite(text: str) -> Region | None:
    group = as_group(text)
    if group is None or group.brackets != "{}":
        return None
    values = [constant_of(t) for t in group.items]
    if None in values:
        return None
    return Region("", lambda x: any(_compare(x, "=", v) for v in values), tuple(values))


def _roots(f: Callable[[Value], Value]) -> tuple[Value, ...] | None:
    """Real roots of a polynomial of degree 1 or 2, from its values; None if it is not one."""
    try:
        y = [f(Fraction(k)) for k in range(5)]
        y = y if all(isinstance(v, Fraction) for v in y) else [complex(v) for v in y]
    except (Undecided, OverflowError):
        return None
    d1 = [b - a for a, b in itertools.pairwise(y)]
    d2 = [b - a for a, b in itertools.pairwise(d1)]
    scale = max(abs(v) for v in y) or 1
    if any(abs(b - a) > 1e-9 * scale for a, b in itertools.pairwise(d2)):
        return None
    a, c = d2[0] / 2, y[0]
    b = d1[0] - a
    if abs(a) <= 1e-9 * scale:
        return () if abs(b) <= 1e-9 * scale else (-c / b,)
    inside = b * b - 4 * a * c
    if order(inside) < 0:
        return ()
    root = evaluate(("root", ("num", inside), ("num", Fraction(2))))
    a, b = (v if isinstance(root, Fraction) else complex(v) for v in (a, b))
    return ((-b - root) / (2 * a), (-b + root) / (2 * a))


def _piece(left: Expr, op: str, right: Expr, name: str) -> Region:
    def holds(x: Value) -> bool:
        try:
            sides = [evaluate(t, {name: x}, real=True) for t in (left, right)]
        except Undecided:
            return False
        return _compare(sides[0], op, sides[1])

    def difference(x: Value) -> Value:
        return evaluate(("-", left, right), {name: x}, real=True)

    roots = _roots(difference)
    numbers = tuple(t[1] * s for t in _leaves(left) + _leaves(right) for s in (1, -1))
    return Region(name, holds, numbers if roots is None else roots, roots is not None)


def _leaves(tree: Expr) -> list[Expr]:
    if tree[0] == "num":
        return [tree]
    return [leaf for t in tree[1:] if isinstance(t, tuple) for leaf in _leaves(t)]


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
    pieces = [_piece(a, op, b, name) for a, op, b in zip(trees, ops, trees[1:], strict=False)]
    return _join(pieces, all) if pieces else Region(name, lambda x: True, ())


def _join(regions: list[Region], how: Callable) -> Region | None:
    names = {r.name for r in regions} - {""}
    if len(names) > 1 or len(regions) > MAX_PIECES:
        return None
    marks = tuple(dict.fromkeys(v for r in regions for v in r.marks))
    if len(marks) > MAX_MARKS:
        return None
    solved = all(r.solved for r in regions)
    return Region(
        names.pop() if names else "", lambda x: how(r.holds(x) for r in regions), marks, solved
    )


_REALS = re.compile(
    r"\\mathbb ?\{? ?R ?\}?|ℝ|all real(?:s| numbers)|real numbers|\(? ?-\\infty ?, ?\+?\\infty ?\)?|全体实数|R"
)
_EMPTY = re.compile(
    r"\\emptyset|\\varnothing|\\\{ ?\\\}|∅|空集|empty set|no (?:real )?solutions?|无解|none",
    re.IGNORECASE,
)
_MEMBER = re.compile(r"([A-Za-z]) ?\\in(?![A-Za-z]) ?")
_BUILDER = re.compile(
    r"\\\{ ?([A-Za-z]) ?(?:\\in ?(?:\\mathbb ?\{?R\}?|R) ?)?(?:\||:|\\mid|\\vert|\\colon) ?(.+?) ?\\\}"
)
_UNION = re.compile(r" ?(?:\\cup(?![A-Za-z])|∪| U (?=[(\[\\])| or |\\lor|\\vee|或) ?")
_CUT = re.compile(r" ?(?:\\cap(?![A-Za-z])| and |\\land|\\wedge|且) ?")
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
    if _EMPTY.fullmatch(text):
        return Region("", lambda x: False, ())
    for pattern, how in ((_UNION, any), (_CUT, all)):
        if len(parts := pattern.split(text)) > 1:
            regions = [as_region(p) for p in parts]
            return _join(regions, how) if None not in regions else None
    if len(parts := _MINUS.split(text)) == 2 and all(parts):
        a, b = (as_region(p) for p in parts)
        if a and b:
            marks, solved = a.marks + b.marks, a.solved and b.solved
            return Region(a.name, lambda x: a.holds(x) and not b.holds(x), marks, solved)
        return None
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
    ordered = sorted(marks, key=order)
    out: list[Value] = [Fraction(-1013, 10), Fraction(1013, 10), *ordered]
    out += [
        (complex(a) + complex(b)) / 2 for a, b in itertools.pairwise(ordered) if not nearly(a, b)
    ]
    if ordered:
        out += [
            complex(ordered[0]) - 1,
            complex(ordered[-1]) + 1,
            complex(ordered[0]) - 1e6,
            complex(ordered[-1]) + 1e6,
        ]
    return out


def same_region(a: Region, b: Region) -> bool | None:
    """Whether two sets of reals are equal; None if neither could be solved."""
    if a.name and b.name and a.name != b.name:
        return False
    if not a.solved and not b.solved:
        return None
    places = _places(a.marks + b.marks)
    if not (a.solved and b.solved):
        places += [Fraction(k, 7) for k in range(-90, 91, 4)]
    return all(a.holds(x) == b.holds(x) for x in places)
