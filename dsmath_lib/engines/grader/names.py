r"""Names in front of an answer: ``x = 5``, ``f(x) = 2x``, ``Total cost = 11``, ``12 + 3 = 15``."""

import re

from dsmath_lib.engines.grader.answers import as_number
from dsmath_lib.engines.grader.evaluation import value_at
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.relations import infinity, relation
from dsmath_lib.engines.grader.tree import operators, variables
from dsmath_lib.engines.grader.values import Undecided, Value, inexact, is_real, nearly


def has_variables(text: str) -> bool:
    return bool(re.search(r"(?<![A-Za-z\\])[a-z](?![A-Za-z])", text))


_NAME = re.compile(
    r"(\\?[A-Za-z]+'?(?: ?\^ ?\{? ?-1 ?\}?)?(?: ?_ ?(?:\{[^{}]{1,30}\}|\w))?'?(?: ?\( ?[^()=<>]{1,12} ?\))?|\\(?:angle"
    r"|triangle) ?[A-Z]+|\|?[A-Z]{1,3}\|?|[A-Z] ?\( ?[A-Z] ?= ?-?\w+ ?\)"
    r"|\( ?[a-z](?: ?, ?[a-z])+ ?\)|[A-Za-z一-鿿][A-Za-z一-鿿 ]{2,40}"
    r"|\\(?:overline|overrightarrow|vec|mathbf|bar) ?\{? ?[A-Za-z]{1,3} ?\}?"
    r"|\\frac ?\{ ?d? ?[a-z] ?\} ?\{ ?d? ?[a-z] ?\}) ?(?:=|\\approx|\\equiv) ?(.+)"
)
_FUNCTION = re.compile(r"y|[a-zA-Z](?:\([a-z]\))")
_MARKS = re.compile(r"[\s{}|]|\\?(?:angle|overline|triangle|measure|length)(?![a-z])|\\")


def assignment(text: str) -> tuple[str, str] | None:
    """``x = 5`` as ("x", "5"), also ``f(x) = …``, ``(x, y) = …`` and ``Total cost = …``."""
    m = _NAME.fullmatch(text)
    if not m or relation(m[2]):
        return None
    return m[1], m[2].strip()


def same_name(a: str, b: str, values: str) -> bool | None:
    """Whether two names stand for one thing: ``AB`` and ``|AB|``, ``cost`` and ``Total cost``, ``y`` and ``f(x)``.

    None: two names of variables, which only an equation of both could tell.
    """
    u, v = (_MARKS.sub("", n) for n in (a, b))
    if u == v or (u.casefold() == v.casefold() and len(u) > 3):
        return True
    if _FUNCTION.fullmatch(u) and _FUNCTION.fullmatch(v):
        return True if has_variables(values) and "y" in (u, v) else None
    words = [
        set(re.findall(r"[a-z]{3,}|[一-鿿]", re.sub(r"\\[A-Za-z]+", "", n).lower())) for n in (a, b)
    ]
    if any(len(n) > 3 and w for n, w in zip((u, v), words, strict=True)) and "(" not in u + v:
        return all(words) and (words[0] <= words[1] or words[1] <= words[0])
    return None


_LINK = re.compile(r"(?<![<>!\\])=|\\approx(?![A-Za-z])|\\equiv(?![A-Za-z])")
_COUNT = re.compile(r"[PCSVE] ?\([^()]{1,20}\)|\|[A-Z]{1,3}\||[A-Z]{2,3}")


def chain(text: str) -> list[str]:
    """The members of ``a = b = c``; one alone where there is no sign, or another one than equality."""
    found = relation(text.replace(r"\approx", "=").replace(r"\equiv", "="))
    if not found or set(found[1]) != {"="}:
        return [text]
    return [m.strip() for m in _LINK.split(text)]


def _constant(text: str) -> Value | None:
    tree = parse(text)
    if tree is None:
        number = as_number(text)
        return number.value if number else None
    if variables(tree) or "call" in operators(tree):
        return None
    try:
        return value_at(tree)
    except Undecided:
        return None


def holds_together(members: list[str]) -> bool:
    """Whether the last two members of a chain are equal, as far as they are numbers: ``12 = 5`` is no answer."""
    u, v = (_constant(m) for m in members[-2:])
    if u is None or v is None or any(x.isalpha() for x in members[-2] if not x.isascii()):
        return True
    if nearly(u, v, 1):
        return True
    rounded = any("." in m for m in members[-2:])
    return rounded and is_real(u) and abs(inexact(u) - inexact(v)) <= abs(inexact(u)) / 50


def value_of(text: str, other: str) -> str | None:
    """The value that an equation gives, where ``other`` is none: of a name, or of arithmetic such as ``12 + 3 = 15``.

    None: the equation is false.
    """
    if re.fullmatch(r"[A-Za-z] ?= ?[A-Za-z]", text):  # B = C is no value of B
        return text
    if re.match(r"[A-Z]'? ?\([^()]*,", text) and other[:1] == "(":  # P(3, 4) is the point (3, 4)
        return text[text.index("(") :]
    members = chain(text)
    if len(members) == 1:
        m = re.match(r"[A-Za-z] ?\\in(?![a-z]) ?", text)
        return text[m.end() :] if m else text
    if as_group(text) and not assignment(text):
        return text
    first, last = members[0], members[-1]
    found, theirs = assignment(first + "=" + last), assignment(other)
    named = found is not None
    if "=" in other and not (
        found and theirs and same_name(found[0], theirs[0], found[1] + theirs[1])
    ):
        return text
    if re.fullmatch(r"[-+]?[\d.,/]+", first) and re.fullmatch(r"[A-Za-z]", last):  # 5 = x
        return first
    if not holds_together(members):
        return None
    if r"\approx" in text and not re.fullmatch(r"-?[\d.,]+", other):
        return members[-2] if len(members) > 2 or not named else last
    tree = parse(first)
    words = re.sub(r"\\[a-z]+|[A-Za-z]{2,}", "", text[: text.rindex(last)])
    if named or infinity(last) or (not tree and not has_variables(words)):
        return last
    if tree and (not variables(tree) or _COUNT.fullmatch(first)):
        return last
    return text
