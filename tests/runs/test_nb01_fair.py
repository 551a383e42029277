"""Rivals of the classifier and of the 10 % rule, on a crawl of six pages made by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from dsmath_lib.base.records import Document
from dsmath_lib.runs import nb01_fair as F
from dsmath_lib.runs.nb01_tables import leak_quality

# math.example: two math pages; mixed.example: one of three; sport.example has many numbers
PAGES = [
    ("https://math.example/1", "Solve the equation $x = 3$. Answer: 3", True),
    ("https://math.example/2", "the sum is here and the reader knows what it means", True),
    ("https://mixed.example/1", "solution of the problem: 2 = 2", True),
    ("https://mixed.example/2", "a long story of a dog and a cat by the sea", False),
    ("https://mixed.example/3", "a long story of a cat and a dog by the lake", False),
    ("https://sport.example/1", "they won 3 to 2 and 14 to 7 last week in town", False),
]
TRUTH = {u: m for u, _, m in PAGES}
DOCS = [Document(u, t, "en") for u, t, _ in PAGES]
KEPT = np.array([True, True, False, False, False, False])


def mined(kept=KEPT):
    table = np.zeros(len(PAGES), dtype=[("tokens", np.int64)])
    table["tokens"] = 10
    return SimpleNamespace(
        n_shards=1, table=lambda i: table, kept=lambda number, i: kept, urls=lambda i: [u for u, _, _ in PAGES]
    )  # fmt: skip


def test_rivals_keep_as_many_tokens():
    """Two pages fit: the classifier's are both right, and so are the two with the most keywords; chance is one half."""
    found = F.precision_gains(mined(), 1, TRUTH, lambda i: DOCS)
    assert found["keyword_precision"].value == 1.0 and found["chance_precision"].value == 0.5
    assert found["minus_keywords"].value == 0.0 and found["minus_chance"].value == 0.5
    assert found["minus_chance"].low < 0.5 < found["minus_chance"].high
    worse = F.precision_gains(mined(np.array([1, 0, 0, 1, 0, 0], bool)), 1, TRUTH, lambda i: DOCS)
    assert worse["minus_keywords"].value == -0.5
    assert F.precision_gains(mined(), 1, {}, lambda i: DOCS) == {}


def test_keywords_are_a_share_of_the_tokens():
    assert F.keyword_score("") == 0 and F.keyword_score("a dog by the sea") == 0
    assert F.keyword_score("theorem proof") == pytest.approx(2 / 3)
    assert F.keyword_score("解方程答案是三") == pytest.approx(2 / 7)


def test_thresholds_by_hand():
    """Of math.example all, of mixed.example a third was collected: 50 % finds the first alone, 20 % both."""
    kept = np.array([1, 1, 1, 0, 0, 0], bool)
    rows = {r["threshold"]: r for r in F.domain_rules(mined(kept), 1, TRUTH, min_pages=1)}
    assert list(rows) == list(F.THRESHOLDS)
    assert [rows[t]["found"] for t in (0.1, 0.2, 0.5)] == [2, 2, 1]
    assert rows[0.1]["precision"].value == rows[0.1]["recall"].value == rows[0.1]["f1"] == 1.0
    assert rows[0.5]["recall"].value == 0.5 and rows[0.5]["f1"] == pytest.approx(2 / 3)
    m = F.domain_metrics(list(rows.values()))
    assert m["domain_recall_10"].value == 1.0 and m["domain_f1_below_best"] == 0.0
    nothing = F.domain_rules(mined(np.zeros(6, bool)), 1, {}, min_pages=1)
    assert (
        nothing[0]["precision"] is None
        and F.domain_metrics(nothing)["domain_f1_below_best"] is None
    )


def test_rewritten_leaks_are_counted_apart_from_copies_and_from_clean_pages():
    leaks = {"a": "copy", "b": "copy", "c": "names", "d": "words", "e": "words"}
    before = [Document(u, "t", "en") for u in "abcdefg"]
    found = leak_quality(leaks, before, removed=["a", "b", "c", "d", "f"])
    counts = {
        k: found[k] for k in ("leaks_planted", "leaks_removed", "leaks_left", "clean_removed")
    }
    assert list(counts.values()) == [2, 2, 0, 1]
    assert found["copies_found"].value == 1.0 and found["rewritten_found"].value == pytest.approx(
        2 / 3
    )
    assert found["rewritten_found.words"].value == 0.5 and found["rewritten_found.names"].n == 1
