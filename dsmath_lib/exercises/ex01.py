"""Exercises of 01_corpus_mining: size of a page, math domains, near duplicates, leaks, what is kept."""

from collections.abc import Sequence

from dsmath_lib.exercises.kinds import function, number, open_question, several

number(
    "01.1",
    120.2e9 / 35.5e6,
    (
        "Which of the two numbers stands on top for tokens *per* page?",
        "120.2 billion tokens over 35.5 million pages; mind the thousands between billion and million.",
    ),
    "120.2e9 tokens / 35.5e6 pages = 3,386 tokens a page",
    tol=20,
    near={3.386: "a factor of 1,000 is missing: a billion is a thousand millions"},
    otherwise="tokens of the corpus over its pages",
)


def is_math_domain(collected: int, pages: int) -> bool:
    """The paper's rule: more than 10 % of the domain's pages were collected."""
    return pages > 0 and collected / pages > 0.10


function(
    "01.2",
    is_math_domain,
    [(1, 10), (2, 10), (0, 0), (11, 100), (10, 100), (5, 5), (1, 1)],
    (
        "Is exactly 10 % enough? And what of a domain without pages?",
        "Strictly more than 10 %; ask first whether there are pages at all.",
    ),
)


def jaccard(a: Sequence[str], b: Sequence[str], n: int) -> float:
    """Shared n-grams over all n-grams of two word lists; 0 if there is none at all."""
    x = {tuple(a[i : i + n]) for i in range(len(a) - n + 1)}
    y = {tuple(b[i : i + n]) for i in range(len(b) - n + 1)}
    return len(x & y) / len(x | y) if x | y else 0.0


function(
    "01.3",
    jaccard,
    [
        (list(a.split()), list(b.split()), n)
        for a, b, n in (
            ("a b c d", "a b c d", 2),
            ("a b c d", "b c d e", 2),
            ("a b a b a", "a b", 2),
            ("a", "a", 2),
            ("a b c", "d e f", 1),
        )
    ],
    (
        "Python's sets have & and |. What can stand in a set: a list, or a tuple?",
        "{tuple(a[i : i + n]) for i in range(len(a) − n + 1)}, the same for b; intersection over union.",
    ),
)


def contaminated(page: list[str], item: list[str]) -> bool:
    """The paper's two rules for one benchmark item, both given as grams."""
    n = 10 if len(item) >= 10 else len(item)
    if n < 3:
        return False
    grams = {tuple(item[i : i + n]) for i in range(len(item) - n + 1)}
    return any(tuple(page[i : i + n]) in grams for i in range(len(page) - n + 1))


_LONG = [f"w{i}" for i in range(14)]
_LEAKS = (
    (["x", *_LONG, "y"], _LONG, "the whole item"),
    (["x", *_LONG[3:13], "y"], _LONG, "ten grams in a row"),
    (["x", *_LONG[4:]], _LONG, "ten grams at the end of the page"),
    (["x", *_LONG[3:12], "y"], _LONG, "nine grams in a row"),
    ([*_LONG[:5], "x", *_LONG[5:]], _LONG, "an item cut in two, 5 and 9 grams"),
    (["x", *_LONG[:10], "y"], _LONG[:10], "an item of exactly ten grams"),
    (["x", "a", "b", "c", "y"], ["a", "b", "c"], "a short item"),
    (["x", "a", "b", "y", "c"], ["a", "b", "c"], "a short item, torn apart"),
    (["x", *_LONG[:6], "y"], _LONG[:6], "the whole of an item of six grams"),
    (["x", *_LONG[1:5], "y"], _LONG[:6], "four of the six grams of an item"),
    (["a", "b"], ["a", "b"], "an item of two grams"),
)


def _which_leak(case: tuple, got: object, want: bool) -> str:
    return f"wrong on {next(what for page, item, what in _LEAKS if (page, item) == case)}: {want} was expected"


function(
    "01.4",
    contaminated,
    [(page, item) for page, item, _ in _LEAKS],
    (
        "Two rules: one for items of 10 grams and more, one for items of 3 to 9.",
        "Long items: any 10 in a row. Items of 3 to 9: all of them in a row. Shorter ones: never.",
    ),
    say=_which_leak,
)

several(
    "01.5",
    (0.8, 0.6),
    (
        "Precision looks at what was kept, recall at what was there.",
        "Precision: 120 of 150. Recall: 120 of 200.",
    ),
    "precision 120/150, recall 120/200",
    5e-3,
    (
        "precision: of the kept pages, the share that holds mathematics",
        "recall: of the pages that hold mathematics, the share that was kept",
    ),
    "a pair (precision, recall)",
)


def kept_pages(scores: list[float], tokens: list[int], budget: int) -> list[int]:
    """Numbers of the best pages whose tokens fit into the budget, best first; the first that does not fit ends it."""
    kept, used = [], 0
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if used + tokens[i] > budget:
            break
        kept.append(i)
        used += tokens[i]
    return kept


function(
    "01.6",
    kept_pages,
    [
        ([0.2, 0.9, 0.5], [10, 10, 10], 20),
        ([0.2, 0.9, 0.5], [5, 30, 10], 45),
        ([0.9, 0.8, 0.7], [10, 50, 10], 30),
        ([0.9, 0.8], [10, 11], 20),
        ([0.5], [10], 5),
        ([], [], 5),
    ],
    (
        "Sort the numbers of the pages by score, not the scores.",
        "sorted(range(len(scores)), key=lambda i: −scores[i]); add pages until one would pass the budget.",
    ),
    gives="a list of page numbers, best first",
)

open_question(
    "01",
    """Without a least score the budget alone decides. Below the true share it stays full in each round: precision is
    high, recall is bounded by the budget, and the pages that domains bring in push out others at the edge. So the
    set keeps changing by those at the edge, and the share that was collected before stays below the rule's level. A
    least score lets the set stop growing by itself.""",
)
