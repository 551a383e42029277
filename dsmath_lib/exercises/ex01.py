"""Exercises of 01_corpus_mining."""

import math
from typing import Any

from dsmath_lib.exercises import register

_TOKENS_PER_PAGE = 120.2e9 / 35.5e6


@register("01.1", "The corpus has 120.2B tokens and 35.5M pages.", _TOKENS_PER_PAGE)
def _(answer: Any) -> str | None:
    if not isinstance(answer, int | float):
        return "expected a number"
    return None if abs(answer - _TOKENS_PER_PAGE) < 20 else "tokens of the corpus over its pages"


def is_math_domain(collected: int, pages: int) -> bool:
    """The paper's rule: more than 10 % of the domain's pages were collected."""
    return pages > 0 and collected / pages > 0.10


@register("01.2", "Strictly more than 10 %. Think of a domain without pages, too.", is_math_domain)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (collected, pages)"
    for collected, pages in ((1, 10), (2, 10), (0, 0), (11, 100), (10, 100), (5, 5)):
        got, want = answer(collected, pages), is_math_domain(collected, pages)
        if bool(got) != want:
            return f"for {collected} of {pages} pages collected it gives {got!r}, not {want}"
    return None


def jaccard(a: list[str], b: list[str], n: int) -> float:
    """Shared n-grams over all n-grams of two word lists; 0 if there is none at all."""
    x = {tuple(a[i : i + n]) for i in range(len(a) - n + 1)}
    y = {tuple(b[i : i + n]) for i in range(len(b) - n + 1)}
    return len(x & y) / len(x | y) if x | y else 0.0


@register("01.3", "Make the set of n-grams of each list; intersection over union.", jaccard)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (a, b, n)"
    cases = (
        ("a b c d", "a b c d", 2),
        ("a b c d", "b c d e", 2),
        ("a b a b a", "a b", 2),
        ("a", "a", 2),
        ("a b c", "d e f", 1),
    )
    for a, b, n in cases:
        got, want = answer(a.split(), b.split(), n), jaccard(a.split(), b.split(), n)
        if not isinstance(got, int | float) or not math.isclose(got, want):
            return f"for '{a}' and '{b}' with n = {n} it gives {got!r}, not {want:.3f}"
    return None


def contaminated(page: list[str], item: list[str]) -> bool:
    """The paper's two rules for one benchmark item, both given as grams."""
    n = 10 if len(item) >= 10 else len(item)
    if n < 3:
        return False
    grams = {tuple(item[i : i + n]) for i in range(len(item) - n + 1)}
    return any(tuple(page[i : i + n]) in grams for i in range(len(page) - n + 1))


@register(
    "01.4",
    "Items of 10 grams and more: any 10 in a row. Items of 3 to 9: all of them in a row. Shorter: never.",
    contaminated,
)
def _(answer: Any) -> str | None:
    if not callable(answer):
        return "expected a function of (page, item), two lists of grams"
    long = [f"w{i}" for i in range(14)]
    cases = (
        (["x", *long, "y"], long, "the whole item"),
        (["x", *long[3:13], "y"], long, "ten grams in a row"),
        (["x", *long[3:12], "y"], long, "nine grams in a row"),
        ([*long[:5], "x", *long[5:]], long, "an item cut in two, 5 and 9 grams"),
        (["x", "a", "b", "c", "y"], ["a", "b", "c"], "a short item"),
        (["x", "a", "b", "y", "c"], ["a", "b", "c"], "a short item, torn apart"),
        (["a", "b"], ["a", "b"], "an item of two grams"),
    )
    for page, item, what in cases:
        if bool(answer(page, item)) != contaminated(page, item):
            return f"wrong on {what}: {contaminated(page, item)} was expected"
    return None
