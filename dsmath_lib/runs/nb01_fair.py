"""What the mining is held against: a list of keywords with the same budget, chance, other thresholds for domains."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from dsmath_lib.base import urls
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import rank
from dsmath_lib.corpus.math_domains import math_domains, page_counts
from dsmath_lib.crawl.mined import Mined
from dsmath_lib.evaluation.metrics import Estimate, independent_difference, share_of

THRESHOLDS = (0.01, 0.05, 0.1, 0.2, 0.5)  # of a domain's pages; the paper's is 0.1
# what a person would search for: no look at the pages went into it
MATH_WORDS = re.compile(
    r"\b(?:math\w*|equations?|theorems?|proofs?|solve[ds]?|solutions?|answers?|formulas?|algebra|geometry|arithmetic"
    r"|problems?|numbers?|sums?|fractions?)\b|[=^]|\\[a-z]+|数学|方程|解答|答案|公式|题目|几何|计算",
    re.IGNORECASE,
)


def keyword_score(text: str) -> float:
    """Keywords per token, at most 1: the ranking of a crawl without a classifier."""
    return min(1.0, len(MATH_WORDS.findall(text)) / max(rank.n_tokens(text), 1))


def precision_gains(
    mined: Mined,
    number: int,
    truth: Mapping[str, bool],
    shard_docs: Callable[[int], Iterable[Document]],
) -> dict[str, Any]:
    """Precision of a round's pages minus that of as many tokens found by keywords, and minus that of random pages.

    Pages of unknown truth count for nothing. {} where none is known.

    Returns:
        ``keyword_precision``, ``chance_precision`` (shares) and ``minus_keywords``, ``minus_chance`` (0–1): estimates.
    """
    tables = [mined.table(i) for i in range(mined.n_shards)]
    scores = [
        np.array([keyword_score(d.text) for d in shard_docs(i)], dtype=np.float32)
        for i in range(mined.n_shards)
    ]
    pairs = zip(scores, tables, strict=True)
    hist = sum(rank.histogram(s, t["tokens"]).astype(np.int64) for s, t in pairs)
    kept = [mined.kept(number, i) for i in range(mined.n_shards)]
    budget = int(sum(t["tokens"][k].sum() for t, k in zip(tables, kept, strict=True)))
    by_words = [rank.keep_top(s, hist, budget)[0] for s in scores]
    known = [[truth.get(u) for u in mined.urls(i)] for i in range(mined.n_shards)]
    ours, words = _precision(known, kept), _precision(known, by_words)
    chance = _precision(known, [np.ones(len(k), bool) for k in known])
    if None in (ours, words, chance):
        return {}
    return {
        "keyword_precision": words,
        "chance_precision": chance,
        "minus_keywords": independent_difference(ours, words),
        "minus_chance": independent_difference(ours, chance),
    }


def _precision(
    known: Sequence[Sequence[bool | None]], kept: Sequence[np.ndarray]
) -> Estimate | None:
    found = [
        t for row, mask in zip(known, kept, strict=True) for t, k in zip(row, mask, strict=True)
        if k and t is not None
    ]  # fmt: skip
    return share_of(sum(found), len(found)) if found else None


def domain_rules(
    mined: Mined, number: int, truth: Mapping[str, bool], min_pages: int
) -> list[dict[str, Any]]:
    """Thresholds of the domain rule beside the paper's 10 %, on the pages of one round.

    A math domain holds a page that is known to be mathematics; domains under ``min_pages`` are not judged.

    Returns:
        rows ``{"threshold", "found", "precision", "recall", "f1"}``; shares are estimates, None where undefined.
    """
    every = [mined.urls(i) for i in range(mined.n_shards)]
    crawl = page_counts(u for row in every for u in row)
    kept = page_counts(
        u
        for i, row in enumerate(every)
        for u, k in zip(row, mined.kept(number, i), strict=True)
        if k
    )
    math = {urls.host(u) for u, m in truth.items() if m}
    math = {d for d in math if crawl.get(d, 0) >= min_pages}
    out = []
    for share in THRESHOLDS:
        found = set(math_domains(crawl, kept, share=share, min_pages=min_pages))
        hit = len(found & math)
        out.append(
            {
                "threshold": share,
                "found": len(found),
                "precision": share_of(hit, len(found)) if found else None,
                "recall": share_of(hit, len(math)) if math else None,
                "f1": 2 * hit / (len(found) + len(math)) if found or math else None,
            }
        )
    return out


def domain_metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers of ``domain_rules`` for the ledger: those of the paper's 10 %, and how far it is from the best."""
    at = next(r for r in rows if r["threshold"] == 0.1)
    scores = [r["f1"] for r in rows if r["f1"] is not None]
    return {
        "domain_precision_10": at["precision"],
        "domain_recall_10": at["recall"],
        "domain_f1_below_best": max(scores) - at["f1"] if scores else None,
    }
