r"""Names in front of an answer: ``x = 5``, ``f(x) = 2x``, ``Total cost = 11``, ``12 + 3 = 15``."""

import re

from dsmath_lib.engines.grader.expression import parse, variables
from dsmath_lib.engines.grader.forms import as_group
from dsmath_lib.engines.grader.relations import infinity, relation


def has_variables(text: str) -> bool:
    return bool(re.search(r"(?<![A-Za-z\\])[a-z](?![A-Za-z])", text))


_NAME = re.compile(
    r"(\\?[A-Za-z]+'?(?: ?\^ ?\{? ?-1 ?\}?)?(?: ?_ ?(?:\{[^{}]{1,30}\}|\w))?'?(?: ?\( ?[^()=<>]{1,12} ?\))?|\\(?:angle"
    r"|triangle) ?[A-Z]+|\|?[A-Z]{1,3}\|?"
    r"|\( ?[a-z](?: ?, ?[a-z])+ ?\)|[A-Za-z一-鿿][A-Za-z一-鿿 ]{2,40}"
    r"|\\frac ?\{ ?d? ?[a-z] ?\} ?\{ ?d? ?[a-z] ?\}) ?(?:=|\\approx|\\equiv) ?(.+)"
)


def assignment(text: str) -> tuple[str, str] | None:
    """``x = 5`` as ("x", "5"), also ``f(x) = …``, ``(x, y) = …`` and ``Total cost = …``."""
    m = _NAME.fullmatch(text)
    if not m or relation(m[2]):
        return None
    return re.sub(r"[\s\\]", "", m[1]), m[2].strip()


def value_of(text: str, other: str) -> str:
    """The right side where only ``text`` is an equation: of a name, or of arithmetic such as ``12 + 3 = 15``."""
    if re.fullmatch(r"[A-Za-z] ?= ?[A-Za-z]", text):  # B = C is no value of B
        return text
    if re.match(r"[A-Z]'? ?\([^()]*,", text) and other[:1] == "(":  # P(3, 4) is the point (3, 4)
        return text[text.index("(") :]
    if "=" not in text and r"\approx" not in text:
        m = re.match(r"[A-Za-z] ?\\in(?![a-z]) ?", text)
        return text[m.end() :] if m else text
    found = assignment(text)
    if found and not (len(found[0]) == 1 and re.fullmatch("[A-Za-z]", found[1])):  # B = C
        alone = "=" not in other or assignment(other) is not None
        return found[1] if alone else text
    if "=" in other or as_group(text):
        return text
    left, _, right = text.rpartition("=")
    left, right = left.strip(), right.strip()
    first = left.split("=")[0].strip()
    if assignment(first + "=" + right):  # S = 3 + 4 = 7
        return right
    if re.fullmatch(r"[-+]?[\d.,/]+", first) and re.fullmatch(r"[A-Za-z]", right):  # 5 = x
        return first
    tree = parse(first)
    if tree and (not variables(tree) or _COUNT.fullmatch(first)):
        return right
    if infinity(right) or (
        not tree and not has_variables(re.sub(r"\\[a-z]+|[A-Za-z]{2,}", "", left))
    ):
        return right
    return text


_COUNT = re.compile(r"[PCSVE] ?\([^()]{1,20}\)|\|[A-Z]{1,3}\||[A-Z]{2,3}")
