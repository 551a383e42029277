"""Deduplication over shards: equal to a plain search over all pairs, for any cutting and order."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base import urls
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import minhash
from dsmath_lib.crawl import dedup, exchange, jobs
from dsmath_lib.crawl.shards import as_shards, read_documents, write_part
from dsmath_lib.engines.webtext import extract

SETTINGS = dedup.DedupSettings(bands=28, rows=4, shingle=3, min_similarity=0.7)


def pages() -> list[Document]:
    """60 texts; some with edited copies, chains of edits, copies under tagged addresses, and pages of no address."""
    rng = random.Random(0)
    out = []
    for i in range(60):
        words = rng.choices([f"w{k}" for k in range(500)], k=80)
        out.append(Document(f"http://a{i % 7}.org/{i}", " ".join(words)))
        if i % 3 == 0:
            for j in range(i % 4):  # every copy is an edit of the one before
                words = [*words[:-2], f"e{j}", f"f{j}"][j % 2 :]
                out.append(Document(f"http://b.org/{i}/{j}", " ".join(words)))
        if i % 5 == 0:
            out.append(Document(f"{out[-1].url}?utm_source=x", out[-1].text + " tagged"))
        if i % 10 == 0:
            out.append(Document("", " ".join(words)))
    return out


def plain_search(docs: list[Document]) -> set[str]:
    """One page of an address, then connected groups over all pairs that share a band and are similar enough."""
    first: dict[int, Document] = {}
    for d in docs:
        h = urls.record_hash(d)
        if h not in first or urls.plainness(d) < urls.plainness(first[h]):
            first[h] = d
    docs = [first[h] for h in sorted(first)]
    perms = minhash.permutations(SETTINGS.bands * SETTINGS.rows)
    sigs = [minhash.signature(minhash.shingles(d.text, SETTINGS.shingle), perms) for d in docs]
    label = list(range(len(docs)))
    for i in range(len(docs)):
        for j in range(i):
            bands = (sigs[i] == sigs[j]).reshape(SETTINGS.bands, SETTINGS.rows).all(axis=1)
            if bands.any() and minhash.similarity(sigs[i], sigs[j]) >= SETTINGS.min_similarity:
                label = [label[j] if x == label[i] else x for x in label]
    return {docs[min(k for k, x in enumerate(label) if x == g)].text for g in set(label)}


def run(docs: list[Document], folder: Path, n: int, partitions: int) -> list[Document]:
    for i in range(n):
        write_part(docs[i::n], folder / f"{i}.jsonl")
    given = as_shards([folder / f"{i}.jsonl" for i in range(n)])
    settings = dedup.DedupSettings(**{**vars(SETTINGS), "partitions": partitions})
    parts, results = dedup.dedup_shards(given, folder / "work", settings)
    kept = [d for s in as_shards(parts) for d in read_documents(s, Counter(), [])]
    gone = dedup.read_dropped(folder / "work", n)
    assert len(kept) + len(gone) == len(docs)
    assert Counter(r["why"] for r in gone) == {
        k: v for k, v in jobs.total_counts(results).items() if not k.startswith("read")
    }
    ids = {f"{urls.record_hash(d):016x}" for d in kept}
    assert all(r["of"] in ids for r in gone if r["why"] == "near duplicates")
    return kept


def test_any_cutting_gives_what_a_plain_search_gives(tmp_path: Path) -> None:
    docs = pages()
    want = plain_search(docs)
    assert 60 <= len(want) < len(docs) - 20
    for k, (n, p) in enumerate(((1, 1), (2, 5), (7, 3))):
        random.Random(k).shuffle(docs)
        got = run(docs, tmp_path / str(k), n, p)
        assert {d.text for d in got} == want and len(got) == len(want)


def test_real_near_duplicates(data_dir: Path, tmp_path: Path) -> None:
    """Variants of one open textbook: each chapter's templates come down to one page, chapters stay apart."""
    folder = data_dir / "web/html/neardup"
    names = ["nonlin001", "nonlin-sol001", "nonlin-solarized001", "nonlin002", "nonlin-sol002"]
    docs = [
        Document(f"http://x.org/{n}", extract((folder / f"nonlin__{n}.html").read_text()).text)
        for n in names
    ]
    kept = run(docs, tmp_path, 2, 1)
    assert sorted(d.url[-1] for d in kept) == ["1", "2"]


def test_a_finished_run_is_not_done_again_and_other_settings_are(
    tmp_path: Path, monkeypatch
) -> None:
    docs = pages()
    whole = run(docs, tmp_path, 2, 2)
    monkeypatch.setattr(minhash, "signature", lambda *a: pytest.fail("signed again"))
    given = as_shards([tmp_path / f"{i}.jsonl" for i in range(2)])
    settings = dedup.DedupSettings(**{**vars(SETTINGS), "partitions": 2})
    parts, _ = dedup.dedup_shards(given, tmp_path / "work", settings)
    assert [d for s in as_shards(parts) for d in read_documents(s, Counter(), [])] == whole
    monkeypatch.undo()
    other = dedup.DedupSettings(**{**vars(settings), "min_similarity": 1.0})
    parts, _ = dedup.dedup_shards(given, tmp_path / "work", other)
    assert sum(1 for p in parts for _ in p.open()) > len(whole)


def test_a_large_bucket_of_equal_pages_costs_little() -> None:
    sigs = np.zeros((20_000, 8), np.uint32)
    asked = []
    take = lambda at: asked.append(len(at)) or sigs[at]  # noqa: E731
    found = list(
        minhash.near_pairs(
            np.zeros(20_000, np.uint64), np.arange(20_000, dtype=np.uint64), take, 0.7
        )
    )
    assert [len(m) for _, m in found] == [19_999] and max(asked) <= 4096


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1000)), max_size=30))
def test_scatter_and_gather(tmp_path_factory, rows: list[tuple[int, int]]) -> None:
    folder = tmp_path_factory.mktemp("x")
    paths = [folder / f"{i}.npy" for i in range(3)]
    for i, path in enumerate(paths):
        part = rows[i::3]
        values = np.array([v for _, v in part], dtype=np.int64)
        exchange.scatter(path, values, np.array([t for t, _ in part], dtype=np.int64), 5)
    for p in range(5):
        want = [v for i in range(3) for t, v in rows[i::3] if t == p]
        assert exchange.gather(paths, p).tolist() == want
