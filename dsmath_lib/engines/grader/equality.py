r"""Are two answers the same? A ladder of readings, from the cheapest to the dearest.

Text, numbers (exact, units, percent), times and dates, matrices, equations and sets of reals, groups, letters,
expressions (``values.same_function``), words. A reading decides only where it can read both sides whole. Everything
is computed here, within a budget of operations; no text is ever evaluated as code.
"""

import re

from dsmath_lib.engines.grader.answers import as_number, numbers_equal
from dsmath_lib.engines.grader.equations import same_relation
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.forms import Bracketed, Matrix, as_column, as_group, as_matrix
from dsmath_lib.engines.grader.measures import Same, alike, measured
from dsmath_lib.engines.grader.names import assignment, chain, same_name, value_of
from dsmath_lib.engines.grader.relations import as_region, same_region
from dsmath_lib.engines.grader.special import special_values
from dsmath_lib.engines.grader.spelling import spelled
from dsmath_lib.engines.grader.values import Exhausted, new_budget, spend

MAX_ANSWER = 1_000  # characters; a longer "answer" is a piece of the solution
MAX_ITEMS = 20  # in a tuple or list
_MAX_DEPTH = 4  # of tuples in tuples
_COMPARISON = 15  # the work of reading a pair, in operations


def answers_equal(gold: str, pred: str) -> Same:
    """Whether two answers mean the same, and by which reason. Never raises on any text, and its work is bounded."""
    if len(gold) > MAX_ANSWER or len(pred) > MAX_ANSWER:
        return gold == pred, "too long to compare"
    new_budget()
    try:
        (g, i), (p, j) = spelled(gold), spelled(pred)
        if i and j and i != j:  # any name will do for the index of a family
            p = re.sub(rf"(?<![A-Za-z\\]){j}(?![A-Za-z])", i, p)
        if max(len(g), len(p)) > MAX_ANSWER:  # one sign can stand for many
            return g == p, "too long to compare"
        return _equal(g, p, 0)
    except Exhausted:
        return False, "too much work"
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as err:
        return False, f"cannot be compared: {type(err).__name__}"


_SPACE = re.compile(r"\s+(?!\d)|(?<!\d)\s+")  # 1 1/2 is not 11/2


def _equal(g: str, p: str, depth: int) -> Same:
    if not g or not p:
        return g == p, "empty"
    spend(_COMPARISON)
    if _SPACE.sub("", g) == _SPACE.sub("", p):
        return True, "same text"
    a, b = as_number(g), as_number(p)
    if a and b:
        return numbers_equal(a, b), "numbers"
    verdict = special_values(g, p) or _matrices(g, p, depth) or _relations(g, p, depth)
    if verdict is not None:
        return verdict
    u, v = value_of(g, p), value_of(p, g)
    if u is None or v is None:
        return False, "a false equation"
    g, p = alike(u, v)
    if depth < _MAX_DEPTH and (verdict := _groups(g, p, depth + 1)) is not None:
        return verdict
    a, b = as_number(g), as_number(p)
    if a and b:
        return numbers_equal(a, b), "numbers"
    if _LETTERS.fullmatch(g) and _LETTERS.fullmatch(p):
        return g.casefold() == p.casefold(), "letters"
    verdict = measured(g, p, a, b)
    if verdict is not None:
        return verdict
    words = _words(g)
    return bool(words) and words == _words(p), "words" if words else "different forms"


_LETTERS = re.compile(
    r"[A-Za-z]{2,}"
)  # a code, a name, a sequence; a product has a sign or a coefficient somewhere


# -- matrices ----------------------------------------------------------------------------------------------------------
def _matrices(g: str, p: str, depth: int) -> Same | None:
    left, right = (value_of(t, o) or t for t, o in ((g, p), (p, g)))
    a, b = (as_matrix(t) or _scaled(t) for t in (left, right))
    if not (a or b):
        return None
    a, b = a or as_column(g), b or as_column(p)
    if not (a and b):
        other = as_group(right if a else left)
        vector = _vector(a or b)
        if not other or not vector or len(other.items) != len(vector):
            return False, "a matrix and something else"
        return _all(other.items, vector, depth), "vector"
    if a.kind != b.kind or [len(r) for r in a.rows] != [len(r) for r in b.rows]:
        return False, "shapes"
    if a.kind == "cases":
        a_rows, b_rows = (tuple(", ".join(r) for r in m.rows) for m in (a, b))
        return _match(a_rows, b_rows, depth + 1), "cases"
    flat = [[c for r in m.rows for c in r] for m in (a, b)]
    return _all(*flat, depth), "matrix"


_FACTOR = re.compile(r"([^=&]{1,40}?) ?(?:\\cdot|\\times|\*)? ?([(\[]? ?\\begin ?\{.*)", re.DOTALL)


def _scaled(text: str) -> Matrix | None:
    r"""``\frac12 \begin{pmatrix}…``: each entry times what stands before."""
    m = _FACTOR.fullmatch(text) if r"\begin" in text else None
    inner = as_matrix(m[2]) if m else None
    factor = "-1" if m and m[1] == "-" else m[1] if m else ""
    if inner is None or inner.kind != "matrix" or parse(factor) is None:
        return None
    return inner._replace(rows=tuple(tuple(f"({factor})({c})" for c in r) for r in inner.rows))


def _vector(m: Matrix) -> tuple[str, ...]:
    if m.kind == "cases":
        return tuple(", ".join(r) for r in m.rows)
    if len(m.rows) == 1:
        return m.rows[0]
    return tuple(r[0] for r in m.rows) if all(len(r) == 1 for r in m.rows) else ()


def _all(xs, ys, depth: int) -> bool:
    return all(_equal(x, y, depth + 1)[0] for x, y in zip(xs, ys, strict=True))


def _match(xs, ys, depth: int) -> bool:
    """Whether each item of one side has its own equal on the other, in any order."""
    rest = list(ys)
    for x in xs:
        found = next((y for y in rest if _equal(x, y, depth)[0]), None)
        if found is None:
            return False
        rest.remove(found)
    return not rest


# -- equations and sets of reals ---------------------------------------------------------------------------------------
_SETLIKE = re.compile(
    r"\\(?:cup|cap|setminus|in|mathbb|le|ge|lt|gt|ne|mid|leq|geq|neq|leqslant|geqslant)(?![A-Za-z])|[<>]"
    r"|!=|ℝ| or |real numbers|实数|^R$|\\\{ ?[a-z] ?(?:\||:)"
)
_POINT = re.compile(r"\[ ?(-?[^\[\](),;]{1,40}),\1 ?\]")  # [1,1] is the set {1}


def _relations(g: str, p: str, depth: int) -> Same | None:
    setlike = [bool(_SETLIKE.search(t)) for t in (g, p)]
    if "=" in g and "=" in p and not any(setlike) and "," not in g + p:
        return _equations(g, p, depth)
    if any(setlike) or any(_POINT.fullmatch(t) and o[:2] == "\\{" for t, o in ((g, p), (p, g))):
        a, b = as_region(g), as_region(p)
        if a and b:
            return same_region(a, b), "sets of reals"
        if (a is None) != (b is None) and (as_number(g) or as_number(p)):
            return False, "a set and a number"
        if (same := same_relation(g, p)) is not None:
            return same, "relations"
    return None


def _equations(g: str, p: str, depth: int) -> Same | None:
    if as_group(g) or as_group(p):
        return None
    sides = []
    for text in (g, p):
        members = chain(text)
        if len(members) > 2 and assignment(members[0] + "=" + members[-1]):  # S = 3 + 4 = 7
            text = members[0] + "=" + members[-1]
        sides.append(text)
    a, b = map(assignment, sides)
    if a and b:
        calls = [re.fullmatch(r"([A-Za-z]) ?\( ?([a-z]) ?\)", n) for n, _ in (a, b)]
        if all(calls) and calls[0][1] == calls[1][1] and calls[0][2] != calls[1][2]:
            x, t = calls[0][2], calls[1][2]  # f(t) = 2t is f(x) = 2x
            if not re.search(rf"(?<![A-Za-z]){x}(?![A-Za-z])", b[1]):
                b = a[0], re.sub(rf"(?<![A-Za-z\\]){t}(?![A-Za-z])", x, b[1])
        same = same_name(a[0], b[0], a[1] + b[1])
        if same:
            return _equal(a[1], b[1], depth + 1)[0], "equations"
        if same is False:
            return False, "values of different names"
    same = same_relation(*sides)
    return (bool(same), "equations") if same is not None or (a and b) else None


# -- groups ------------------------------------------------------------------------------------------------------------
def _groups(g: str, p: str, depth: int) -> Same | None:
    a, b = as_group(g), as_group(p)
    if a is None and b is None:
        return None
    if a is None or b is None:
        if depth > 1 and (a or b).brackets == "{}":  # in a set, {1} is not 1
            return False, "groups"
        a, b = (x or _single(t) for x, t in ((a, g), (b, p)))
        if a is None or b is None:
            return None
    if max(len(a.items), len(b.items)) > MAX_ITEMS:
        return False, "too many items"
    return _groups_equal(a, b, depth), "groups"


def _single(text: str) -> Bracketed | None:
    """One item beside a group: a set of one, or ``1, 1`` beside ``1``."""
    return Bracketed("", (text,)) if parse(text) or as_number(text) else None


def _groups_equal(gold: Bracketed, pred: Bracketed, depth: int) -> bool:
    (gold, names), (pred, others) = _named(gold), _named(pred)
    if names and others and names != others:
        return False
    kinds = {gold.brackets, pred.brackets}
    if "{}" in kinds and kinds <= {"", "{}"}:
        gold, pred = (_distinct(x, depth) for x in (gold, pred))
    if len(gold.items) != len(pred.items):
        return False
    if kinds <= {"", "{}"} or kinds == {"", "[]"}:
        return _match(gold.items, pred.items, depth)
    plain = len(gold.items) > 2 and kinds <= {"", "[]", "()"}  # a list of code, not an interval
    if len(kinds) > 1 and not plain and kinds != {"", "()"}:
        many = kinds == {"[]", "{}"} and len(gold.items) > 2
        return many and _match(gold.items, pred.items, depth)
    return _all(gold.items, pred.items, depth)


def _root(name: str) -> str:
    """x of x_1."""
    head, _, index = name.partition("_")
    return head if re.fullmatch(r"\w++", index) else name


def _named(group: Bracketed) -> tuple[Bracketed, tuple[str, ...]]:
    """``x = 1, y = 2`` ordered by name is the pair ``(1, 2)``; ``x = 1, x = 2`` are two values of one x."""
    if group.brackets not in ("", "()", "{}"):
        return group, ()
    found = [assignment(t) for t in group.items]
    if found[:1] != [None] and found and not any(found[1:]) and len(found[0][0]) <= 2:
        return Bracketed("{}", (found[0][1], *group.items[1:])), ()
    if None in found:
        return group, ()
    names = [re.sub(r"[\s\\{}]", "", n) for n, _ in found]
    roots = {_root(n) for n in names}
    if len(set(names)) == 1 or (
        len(roots) == 1 and len(names) > 1
    ):  # x = 1, x = 2, and x_1 = 1, x_2 = 2
        return Bracketed("{}" if len(set(names)) == 1 else "", tuple(v for _, v in found)), ()
    if len(set(names)) < len(names):
        return group, ()
    order = sorted(range(len(names)), key=names.__getitem__)
    return Bracketed("()", tuple(found[i][1] for i in order)), tuple(names[i] for i in order)


def _distinct(group: Bracketed, depth: int) -> Bracketed:
    kept: list[str] = []
    for item in group.items:
        if not any(_equal(item, k, depth)[0] for k in kept):
            kept.append(item)
    return group._replace(items=tuple(kept))


# -- words -------------------------------------------------------------------------------------------------------------
_FIRST = re.compile(r"^(?:(?:on|in|at|to) )?(?:(?:the|a|an) )?")
_TOKENS = re.compile(
    r"(?<![\w)])-?\d+(?:[.,:/]\d+)*|-\d+(?:[.,:/]\d+)*|\d+(?:[.,:/]\d+)*|[^\W\d_]+"
)


def _words(text: str) -> str:
    """Prose without case, spaces, hyphens, and a first article, its numbers apart; "" where it holds other signs."""
    plain = re.sub(r"\\(?:text|mathrm)\w* ?|[{}]", "", text)
    if re.search(r"[\\^_=<>]", plain) or not re.search(r"[^\W\d_]", plain):
        return ""
    tokens = _TOKENS.findall(_FIRST.sub("", plain.casefold().strip()))
    return "".join(f" {t} " if t[-1].isdigit() else t for t in tokens)
