r"""Are two answers the same? A ladder of readings, from the cheapest to the dearest.

Text, numbers (exact rationals, units, percent), times and dates, groups and matrices, equations and sets of reals,
expressions (``values.same_function``). What none of them reads goes to math-verify in another process
(``symbolic.py``), which is killed at a wall clock. No text is ever evaluated as code.
"""

import re
import time
from fractions import Fraction

from dsmath_lib.engines.grader.answers import (
    REL_TOL,
    Number,
    as_number,
    close_numbers,
    normalise,
    numbers_equal,
    strip_braces,
)
from dsmath_lib.engines.grader.equations import same_relation
from dsmath_lib.engines.grader.expression import Expr, parse, variables
from dsmath_lib.engines.grader.forms import Bracketed, Matrix, as_column, as_group, as_matrix
from dsmath_lib.engines.grader.names import assignment, has_variables, value_of
from dsmath_lib.engines.grader.relations import as_region, same_region
from dsmath_lib.engines.grader.special import special_values
from dsmath_lib.engines.grader.symbolic import TIMEOUT, symbolic_equal
from dsmath_lib.engines.grader.units import unit_of
from dsmath_lib.engines.grader.values import Undecided, evaluate, same_function

MAX_ANSWER = 1_000  # characters; a longer "answer" is a piece of the solution
MAX_ITEMS = 20  # in a tuple or list
_MAX_DEPTH = 4  # of tuples in tuples
# seconds; the cap is 0.5, and killing a worker and forking the next take a part of it
BUDGET = 0.45
Same = tuple[bool, str]  # whether two answers mean the same, and by which reason


def answers_equal(gold: str, pred: str, timeout: float = BUDGET) -> Same:
    """Whether two answers mean the same, and by which reason. Never raises on any text.

    Args:
        timeout: seconds that symbolic comparison may take in all; past them the answers count as different.
    """
    if len(gold) > MAX_ANSWER or len(pred) > MAX_ANSWER:
        return gold == pred, "too long to compare"
    g, p = normalise(gold), normalise(pred)
    if max(len(g), len(p)) > MAX_ANSWER:  # one sign can stand for many
        return g == p, "too long to compare"
    return _equal(g, p, time.monotonic() + timeout, 0)


_SPACE = re.compile(r"\s+(?!\d)|(?<!\d)\s+")  # 1 1/2 is not 11/2


def _equal(g: str, p: str, deadline: float, depth: int) -> Same:
    if not g or not p:
        return g == p, "empty"
    if depth and time.monotonic() > deadline:
        return False, TIMEOUT
    if _SPACE.sub("", g) == _SPACE.sub("", p):
        return True, "same text"
    a, b = as_number(g), as_number(p)
    if a and b:
        return numbers_equal(a, b), "numbers"
    verdict = special_values(g, p) or _matrices(g, p, deadline, depth) or _relations(g, p)
    if verdict is not None:
        return verdict
    g, p = _alike(value_of(g, p), value_of(p, g))
    if depth < _MAX_DEPTH and (verdict := _groups(g, p, deadline, depth + 1)) is not None:
        return verdict
    a, b = as_number(g), as_number(p)
    if a and b:
        return numbers_equal(a, b), "numbers"
    x, y = _tree(g, p, a), _tree(p, g, b)
    if x and y:
        return _expressions(x, y, a, b)
    if _words(g) == _words(p) != "":
        return True, "words"
    if ("=" in g) != ("=" in p):
        return False, "an equation and a value"
    if not all(_for_algebra(t) for t in (g, p)):
        return False, "different forms"
    return symbolic_equal(g, p, max(0.0, deadline - time.monotonic()))


# -- matrices ----------------------------------------------------------------------------------------------------------
def _matrices(g: str, p: str, deadline: float, depth: int) -> Same | None:
    a, b = as_matrix(value_of(g, p)), as_matrix(value_of(p, g))
    if not (a or b):
        return None
    a, b = a or as_column(g), b or as_column(p)
    if not (a and b):
        other = as_group(value_of(p, g) if a else value_of(g, p))
        vector = _vector(a or b)
        if not other or not vector or len(other.items) != len(vector):
            return False, "a matrix and something else"
        return _all(other.items, vector, deadline, depth), "vector"
    if a.kind != b.kind or [len(r) for r in a.rows] != [len(r) for r in b.rows]:
        return False, "shapes"
    if a.kind == "cases":
        a_rows, b_rows = (tuple(", ".join(r) for r in m.rows) for m in (a, b))
        return _match(a_rows, b_rows, deadline, depth + 1), "cases"
    flat = [[c for r in m.rows for c in r] for m in (a, b)]
    return _all(*flat, deadline, depth), "matrix"


def _vector(m: Matrix) -> tuple[str, ...]:
    if m.kind == "cases":
        return tuple(", ".join(r) for r in m.rows)
    if len(m.rows) == 1:
        return m.rows[0]
    return tuple(r[0] for r in m.rows) if all(len(r) == 1 for r in m.rows) else ()


def _all(xs, ys, deadline: float, depth: int) -> bool:
    return all(_equal(x, y, deadline, depth + 1)[0] for x, y in zip(xs, ys, strict=True))


def _match(xs, ys, deadline: float, depth: int) -> bool:
    """Whether each item of one side has its own equal on the other, in any order."""
    rest = list(ys)
    for x in xs:
        found = next((y for y in rest if _equal(x, y, deadline, depth)[0]), None)
        if found is None:
            return False
        rest.remove(found)
    return not rest


# -- equations and sets of reals ---------------------------------------------------------------------------------------
_SETLIKE = re.compile(
    r"\\(?:cup|cap|setminus|in|mathbb|le|ge|lt|gt|ne|mid|leq|geq|neq|leqslant|geqslant)(?![A-Za-z])|[<>]"
    r"|!=|ℝ| or |real numbers|实数|^R$|\\\{ ?[a-z] ?(?:\||:)"
)


def _relations(g: str, p: str) -> Same | None:
    if not (_SETLIKE.search(g) or _SETLIKE.search(p) or ("=" in g and "=" in p)):
        return None
    if (
        "=" in g
        and "=" in p
        and not (_SETLIKE.search(g) or _SETLIKE.search(p))
        and "," not in g + p
    ):
        return _equations(g, p)
    if _SETLIKE.search(g) or _SETLIKE.search(p):
        a, b = as_region(g), as_region(p)
        if a and b and (same := same_region(a, b)) is not None:
            return same, "sets of reals"
        if (a is None) != (b is None) and (as_number(g) or as_number(p)):
            return False, "a set and a number"
        if (same := same_relation(g, p)) is not None:
            return same, "relations"
    return None


def _equations(g: str, p: str) -> Same | None:
    a, b = assignment(g), assignment(p)
    if a and b and a[0] != b[0] and len(a[0]) == len(b[0]) == 1 and not has_variables(a[1] + b[1]):
        return False, "values of different names"
    same = same_relation(g, p)
    if same or (same is not None and not (a and b)):
        return same, "equations"
    if a and b and (a[0] == b[0] or min(len(a[0]), len(b[0])) > 0):
        x, y = parse(a[1]), parse(b[1])
        if x and y and (a[0] == b[0] or "(" in a[0] + b[0]):
            return same_function(x, y) is True, "equations"
    return (
        (False, "equations")
        if same is False and not (_words(a[0]) and len(a[0]) > 6 if a else False)
        else None
    )


# -- groups ------------------------------------------------------------------------------------------------------------
def _groups(g: str, p: str, deadline: float, depth: int) -> Same | None:
    a, b = as_group(g), as_group(p)
    if a is None and b is None:
        return None
    if a is None or b is None:
        a, b = (x or _single(t) for x, t in ((a, g), (b, p)))
        if a is None or b is None:
            return None
    if max(len(a.items), len(b.items)) > MAX_ITEMS:
        return False, "too many items"
    return _groups_equal(a, b, deadline, depth), "groups"


def _single(text: str) -> Bracketed | None:
    """One item beside a group: a set of one, or ``1, 1`` beside ``1``."""
    return Bracketed("", (text,)) if parse(text) or as_number(text) else None


def _groups_equal(gold: Bracketed, pred: Bracketed, deadline: float, depth: int) -> bool:
    gold, pred = (_named(x) for x in (gold, pred))
    kinds = {gold.brackets, pred.brackets}
    if "{}" in kinds and kinds <= {"", "{}"}:
        gold, pred = (_distinct(x, deadline, depth) for x in (gold, pred))
    if len(gold.items) != len(pred.items):
        return False
    if kinds <= {"", "{}"}:
        return _match(gold.items, pred.items, deadline, depth)
    plain = len(gold.items) > 2 and kinds <= {"", "[]", "()"}  # a list of code, not an interval
    if len(kinds) > 1 and not plain and kinds != {"", "()"}:
        return (
            kinds == {"[]", "{}"}
            and len(gold.items) > 2
            and _match(gold.items, pred.items, deadline, depth)
        )
    if kinds == {"", "[]"}:
        return _match(gold.items, pred.items, deadline, depth)
    return _all(gold.items, pred.items, deadline, depth)


def _named(group: Bracketed) -> Bracketed:
    """``x = 1, y = 2`` ordered by name is the pair ``(1, 2)``; ``x = 1, x = 2`` and ``x = 1, 2`` are lists."""
    if group.brackets not in ("", "()"):
        return group
    found = [assignment(t) for t in group.items]
    if found[0] and not any(found[1:]) and len(found[0][0]) <= 2:
        return Bracketed("", (found[0][1], *group.items[1:]))
    if None in found:
        return group
    names = [n for n, _ in found]
    if len(set(names)) == 1:
        return Bracketed("", tuple(v for _, v in found))
    if len(set(names)) < len(names):
        return group
    return Bracketed("()", tuple(v for _, v in sorted(found)))


def _distinct(group: Bracketed, deadline: float, depth: int) -> Bracketed:
    kept: list[str] = []
    for item in group.items:
        if not any(_equal(item, k, deadline, depth)[0] for k in kept):
            kept.append(item)
    return group._replace(items=tuple(kept))


# -- expressions -------------------------------------------------------------------------------------------------------
_UNIT_BEHIND = re.compile(
    r" ?(?:square |cubic |sq\.? )?(?<![A-Za-z一-鿿])([A-Za-z一-鿿]{2,}+(?: ?(?:\^ ?\{?[23]\}?|/ ?[a-z]+))?\.?)$"
)
_TRIG = re.compile(r"cis|sin|cos|tan|cot|sec|csc")


def _plain(text: str) -> str:
    """An expression without the unit behind it: ``6\\pi cm^2``."""
    text = strip_braces(text)
    m = _UNIT_BEHIND.search(text, max(0, len(text) - 80))
    if m and m.start():
        unit = m[0].strip()
        if unit == "degrees" and _TRIG.search(text):
            return text
        if unit_of(unit) or unit.rstrip(".") in ("units", "unit", "square units", "cubic units"):
            return text[: m.start()].strip()
    return text


_CONSTANT = re.compile(r"(?:[xt]|\(?[xt]\)).{0,60}\+ ?[Cc]$")  # of an integral


def _alike(g: str, p: str) -> tuple[str, str]:
    """Names that differ by custom only: the imaginary j for i, a constant c for C."""
    if _CONSTANT.search(g) and _CONSTANT.search(p):
        p = p[:-1] + g[-1]
    letters = [set(re.findall(r"(?<![A-Za-z\\])[ij](?![A-Za-z])", t)) for t in (g, p)]
    if sorted(map(sorted, letters)) == [["i"], ["j"]]:
        g, p = (re.sub(r"(?<![A-Za-z\\])j(?![A-Za-z])", "i", t) for t in (g, p))
    return g, p


def _tree(text: str, other: str, number: Number | None) -> Expr | None:
    """The expression of a text; a number is its value (``1e-3`` is no product), 45° beside a multiple of π radians."""
    if number and not number.percent:
        if number.unit.startswith("degree"):
            turn = r"\pi" in other or other.startswith((r"\arc", "arc"))
            return ("degrees", ("num", number.value)) if turn else ("num", number.value)
        return ("num", number.value)
    return parse(_plain(text))


def _expressions(x: Expr, y: Expr, a: Number | None, b: Number | None) -> Same:
    same = same_function(x, y)
    if same is None:
        return False, "too large to compute"
    if same or variables(x) or variables(y):
        return same, "expressions"
    decimal = [bool(n and n.decimal) or _has_decimal(t) for n, t in ((a, x), (b, y))]
    if any(decimal):
        try:
            u, v = evaluate(x), evaluate(y)
        except Undecided:
            return False, "expressions"
        if isinstance(u, Fraction) and isinstance(v, Fraction):
            first, second = (Number(w, d, False, "") for w, d in ((u, decimal[0]), (v, decimal[1])))
            return close_numbers(first, second), "expressions"
        return abs(complex(u) - complex(v)) <= REL_TOL * abs(complex(u)), "expressions, rounded"
    return False, "expressions"


def _has_decimal(tree: Expr) -> bool:
    if tree[0] == "num":
        return tree[1].denominator > 1
    return any(_has_decimal(t) for t in tree[1:] if isinstance(t, tuple))


# -- words -------------------------------------------------------------------------------------------------------------
_STOP = re.compile(r"^(?:(?:on|in|at|to) )?(?:(?:the|a|an) )?|[\s.\"'-]+")


def _words(text: str) -> str:
    """Prose without case, spaces, hyphens, and a first article; "" where it holds other signs."""
    plain = re.sub(r"\\(?:text|mathrm)\w* ?|[{}]", "", text)
    return "" if re.search(r"[\\^_=<>]", plain) else _STOP.sub("", plain.casefold().strip())


def _is_prose(text: str) -> bool:
    """Words that stand for no mathematics: nothing a computer algebra system could read."""
    if re.search(r"[\\^=<>]", text):
        return bool(re.search(r"[a-z]{4} [a-z]{2,}+ [a-z]{2}", re.sub(r"\\[A-Za-z]+", "", text)))
    return bool(re.search(r"[A-Za-z]{4,}|[一-鿿]", text)) or not re.search(r"[A-Za-z0-9]", text)


def _for_algebra(text: str) -> bool:
    """Something a computer algebra system could read: a formula of ours, or whole LaTeX."""
    if parse(text):
        return True
    return "\\" in text and _balanced(text) and not _GARBAGE.search(text) and not _is_prose(text)


def _balanced(text: str) -> bool:
    """Braces that pair up, and as many closing brackets as opening ones; what a parser cannot do without."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    begins = text.count(r"\begin") == text.count(r"\end")
    return (
        depth == 0 and begins and len(re.findall(r"[(\[]", text)) == len(re.findall(r"[)\]]", text))
    )


_GARBAGE = re.compile(
    r"[-+*/^_=<]$|__|[\x00-\x08\x0e-\x1f\ud800-\udfff]|\\boxed|[a-z]\.[a-z]|[;&#@]|\d{200}|([A-Za-z|!_^*/=<>%])\1{3}"
)
