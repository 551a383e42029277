"""Addresses, near duplicates, ranking, domains, annotation."""

import re
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base import urls
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import math_domains as domains
from dsmath_lib.corpus import minhash, rank
from dsmath_lib.crawl import annotate
from dsmath_lib.engines.index import loops

UNIT = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+")


@pytest.mark.parametrize(
    "url",
    [
        "https://www.a.org/x/y",
        "http://A.org:80/x/y/",
        "https://a.org/x/y/index.html",
        "https://a.org/x/./z/../y?utm_source=f&fbclid=1#top",
        "https://a.org/%78/y?",
        "a.org/x/y;jsessionid=1234",
    ],
)
def test_canonical_equal(url: str) -> None:
    assert urls.canonical(url) == "a.org/x/y"


def test_canonical_different() -> None:
    different = [
        "a.org/x",
        "a.org/X",
        "a.org/x?p=1",
        "a.org/x?p=2",
        "b.a.org/x",
        "a.org:8080/x",
        "a.org/x%2Fy",
        "a.org",
    ]
    assert len({urls.canonical(u) for u in different}) >= len(different) - 1
    assert urls.canonical("a.org/x?b=2&a=1") == urls.canonical("a.org/x?a=1&b=2")
    assert urls.host("https://www.mathoverflow.net/questions/1") == "mathoverflow.net"
    assert urls.host("https://math.stackexchange.com/q") == "math.stackexchange.com"
    assert urls.host("file:///x/y.html") == ""


@given(st.text(max_size=60))
def test_canonical_never_raises_and_is_stable(url: str) -> None:
    urls.host(url)
    assert urls.url_hash(url) == urls.url_hash(url)


def test_record_hash() -> None:
    """One address is one record; records without an address, and local files, are known by their text."""
    same = [Document(u, t) for u, t in (("http://a.org/x", "1"), ("https://a.org/x/#a", "2"))]
    assert len({urls.record_hash(d) for d in same}) == 1
    other = [Document("", "1"), Document("", "2"), Document("file:///x/index.html", "3")]
    assert len({urls.record_hash(d) for d in [*same, *other]}) == 4
    assert urls.record_hash(Document("file:///y/a.html", "3")) == urls.record_hash(other[2])
    plain, tagged = Document("http://a.org/x", "t"), Document("http://a.org/x?utm_source=f", "t")
    assert urls.plainness(plain) < urls.plainness(tagged) < 2**64


def words(rng: np.random.Generator, n: int) -> list[str]:
    return [f"w{i}" for i in rng.integers(0, 5000, n)]


def test_minhash_estimates_jaccard() -> None:
    rng, perms = np.random.default_rng(0), minhash.permutations(512)
    for keep in (0, 50, 150, 250, 300):
        base = words(rng, 300)
        other = base[:keep] + words(rng, 300 - keep)
        a, b = (minhash.shingles(" ".join(w), 3) for w in (base, other))
        exact = len(set(a.tolist()) & set(b.tolist())) / len(set(a.tolist()) | set(b.tolist()))
        got = minhash.similarity(minhash.signature(a, perms), minhash.signature(b, perms))
        assert abs(got - exact) < 0.08  # 3.5 standard errors at J = 0.5


def test_shingles() -> None:
    assert len(minhash.shingles("a b c d", 2)) == 3 and len(minhash.shingles("a b a b", 2)) == 2
    assert len(minhash.shingles("", 5)) == len(minhash.shingles("a b", 5)) == 1
    assert len(minhash.shingles("小明有三个苹果", 3)) == 5  # CJK by characters
    assert np.array_equal(minhash.shingles("A, b! c", 2), minhash.shingles("a b c", 2))


@given(st.text(alphabet="aZ1_ \n\xa0.’é中か한İß²\u0301😀𝑥", max_size=40) | st.text(max_size=40))
def test_words_are_those_of_the_pattern(text: str) -> None:
    """The loop finds what the pattern finds."""
    assert loops.hash_words(text).tolist() == [
        zlib.crc32(w.encode()) for w in UNIT.findall(text.lower())
    ]


def test_signature_is_the_least_of_each_function() -> None:
    perms = minhash.permutations(8)
    hashes = np.random.default_rng(0).integers(0, 2**64, 700, dtype=np.uint64)
    each = [
        [(int(h) * int(a) + int(b)) % 2**64 >> 32 for h in hashes]
        for a, b in zip(*perms, strict=True)
    ]
    assert minhash.signature(hashes, perms).tolist() == [min(x) for x in each]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=30),
    st.integers(0, 500),
)
def test_keep_top(pages: list[tuple[float, int]], budget: int) -> None:
    scores, tokens = np.array([p for p, _ in pages]), np.array([t for _, t in pages])
    mask, threshold = rank.keep_top(scores, rank.histogram(scores, tokens), budget)
    best = rank.bin_of(scores) == rank.bin_of(scores).max()
    assert tokens[mask].sum() <= budget or (mask == best).all()
    if mask.any() and not mask.all():
        assert scores[mask].min() >= scores[~mask].max() and threshold == scores[mask].min()
        next_bin = rank.bin_of(scores) == rank.bin_of(scores)[~mask].max()
        assert (
            tokens[mask].sum() + tokens[next_bin].sum() > budget
        )  # nothing more would have fitted


def test_histograms_of_shards_add_up() -> None:
    rng = np.random.default_rng(0)
    scores, tokens = rng.random(1000), rng.integers(1, 100, 1000)
    whole = rank.histogram(scores, tokens)
    parts = sum(rank.histogram(scores[r::7], tokens[r::7]) for r in range(7))
    assert np.array_equal(whole, parts) and whole.sum() == tokens.sum()


def test_shards_keep_what_the_whole_keeps() -> None:
    """Each page once, by the budget of the whole crawl; a least score holds also when tokens are left."""
    rng = np.random.default_rng(1)
    scores, tokens = rng.random(500), rng.integers(1, 100, 500)
    hist = rank.histogram(scores, tokens)
    for least in (0.0, 0.9):
        whole, _ = rank.keep_top(scores, hist, 9_000, least)
        parts = np.zeros(500, dtype=bool)
        for r in range(3):
            parts[r::3] = rank.keep_top(scores[r::3], hist, 9_000, least)[0]
        assert np.array_equal(whole, parts) and 0 < tokens[whole].sum() <= 9_000
    assert scores[whole].min() > 0.89


def test_tokens() -> None:
    assert (
        rank.n_tokens("one two three") == 4
        and rank.n_tokens("小明 has") == 3
        and rank.n_tokens("") == 0
    )


def test_domains_over_ten_percent() -> None:
    crawl = domains.page_counts(
        [
            f"http://{h}/{i}"
            for h, n in (("a.org", 20), ("b.org", 10), ("c.org", 2))
            for i in range(n)
        ]
    )
    got = Counter({"a.org": 3, "b.org": 1, "c.org": 2})
    assert domains.math_domains(crawl, got, share=0.1, min_pages=5) == {"a.org": 0.15}
    assert list(domains.math_domains(crawl, got, share=0.1, min_pages=1)) == ["c.org", "a.org"]


def test_annotations(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "domain,path_prefix,math,decided_by\na.org,/,no,x\nwww.a.org,/math,yes,x\na.org,/math/news/,no,x\n",
        "utf-8",
    )
    table = annotate.read_tables(path)
    assert table.decide("https://www.a.org/math/1?x=1") is True
    assert table.decide("https://a.org/math/news/2") is False
    assert table.decide("https://a.org/mathematics") is False  # not below /math, but below /
    assert table.decide("https://b.org/math") is None
    pages = [(f"http://a.org/math/{i}", 0.9) for i in range(3)] + [
        ("http://b.org/q/1", 0.5),
        ("http://b.org/q/2", 0.7),
    ]
    rows = annotate.propose(iter(pages), ["a.org", "b.org"], known=table)
    assert [(r["path_prefix"], r["pages"], r["mean_score"], r["decided"]) for r in rows] == [
        ("/q", 2, 0.6, ""),
        ("/math", 3, 0.9, "yes"),
    ]


def test_proposals_are_cut_where_pages_differ() -> None:
    """A folder of equal pages stays whole, a mixed one is cut, the rest of it is proposed too."""
    plan = [
        ("/q", 0.9, 6),
        ("/blog/maths", 0.8, 5),
        ("/blog/food", 0.1, 4),
        ("/blog", 0.2, 3),
        ("/a/b/c", 0.9, 2),
    ]
    pages = [(f"http://x.org{at}/{i}", s) for at, s, n in plan for i in range(n)]
    known = annotate.Annotations(
        {"x.org": {"/blog/maths": True, "/blog/food": False, "/a": True, "/a/b/c/1": False}}
    )
    rows = annotate.propose(pages, ["x.org"], known=known)
    got = {r["path_prefix"]: (r["pages"], r["mean_score"], r["decided"]) for r in rows}
    assert got == {"/q": (6, 0.9, ""), "/blog/maths": (5, 0.8, "yes"), "/blog/food": (4, 0.1, "no"),
                   "/blog": (3, 0.2, ""), "/a/b/c": (2, 0.9, "in part")}  # fmt: skip
    assert [r["path_prefix"] for r in rows][:2] == ["/q", "/blog"] and len(rows[0]["samples"]) == 3
    again = annotate.propose(pages[::-1], ["x.org"], known=known)
    assert again == rows  # samples are drawn by hash, so order does not matter
    docs = [Document(u, f"Text of\n{u}") for u, _ in pages]
    shown = annotate.sample_texts(rows[:1], docs, width=30)
    assert len(shown) == 3 and all(x["text"].startswith("Text of http://x.org/q/") for x in shown)


def test_decisions_are_recorded_with_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    annotate.record(path, [("www.A.org", "/q/", True), ("b.org", "x", False)], "Ann")
    annotate.record(path, [("a.org", "/q", False)], "Bob")
    assert path.read_text().splitlines()[1:] == ["a.org,/q,no,Bob", "b.org,/x,no,Ann"]
    with pytest.raises(ValueError, match="decided_by is empty"):
        annotate.record(path, [("a.org", "/q", True)], " ")
    rows = annotate.propose([("http://c.org/q/1", 0.9), ("http://c.org/q/2", 0.9)], ["c.org"],
                            known=annotate.read_tables(path))  # fmt: skip
    annotate.write_proposals(tmp_path / "p.csv", rows)
    assert annotate.read_tables(tmp_path / "p.csv").decide("http://c.org/q/1") is None
    filled = (tmp_path / "p.csv").read_text().replace("/q,,,", "/q,yes,Ann,")
    (tmp_path / "p.csv").write_text(filled)
    assert annotate.read_tables(tmp_path / "p.csv").decide("http://c.org/q/1") is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("domain,path_prefix,math,decided_by\na,/,yes,\n", "line 2: decided_by is empty"),
        ("domain,math,decided_by\n", "column path_prefix is missing"),
        ("domain,path_prefix,math,decided_by\na,/,maybe,x\n", "line 2: math must be yes or no"),
    ],
)
def test_bad_annotation_tables(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=says):
        annotate.read_tables(tmp_path / "t.csv")
