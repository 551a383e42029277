"""The jobs of the mining loop over shards. Each reads and writes files of its shard; ``mining`` says in what order.

``pages`` makes once what the rounds need of every page: a line for fastText, tokens, domain, annotated path, hashes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from dsmath_lib.base.files import replaced, write_fast
from dsmath_lib.base.records import Document
from dsmath_lib.base.urls import host, record_hash, url_hash
from dsmath_lib.corpus import classifier, rank
from dsmath_lib.corpus.math_domains import math_domains, page_counts
from dsmath_lib.crawl.annotate import Annotations
from dsmath_lib.crawl.exchange import load_bucket, save_bucket
from dsmath_lib.crawl.jobs import ShardResult
from dsmath_lib.crawl.shards import Shard, read_documents

PAGE = np.dtype(
    [("id", "u8"), ("hash", "u8"), ("tokens", "i8"), ("host", "i4"), ("math_path", "?")]
)
_NEGATIVE = 2**31 - 1  # the "round" of a negative
_SAMPLE = np.dtype([("round", "i4"), ("id", "u8"), ("start", "i8"), ("length", "i4")])
_BATCH = 2_000


def prepared(folder: Path, i: int, suffix: str = ".npy") -> Path:
    """A file of a prepared shard."""
    return folder / "prepared" / "pages" / f"{i:05d}{suffix}"


def made(folder: Path, number: int, name: str, i: int, suffix: str = ".npy") -> Path:
    """A file that a job of a round made for a shard."""
    return folder / f"round-{number}" / name / f"{i:05d}{suffix}"


def pages(
    crawl: Sequence[Shard], table: Annotations, folder: Path, partitions: int, i: int, n: int
) -> ShardResult:
    """One shard: ``lines`` (text), ``table`` (one ``PAGE`` a row), ``urls`` and ``hosts`` (JSON)."""
    counts: Counter = Counter()
    errors: list[str] = []
    rows, urls = [], []
    hosts: dict[str, int] = {}
    digest = hashlib.sha256()
    path = prepared(folder, i, ".txt")
    with replaced(path) as tmp, tmp.open("wb") as f:
        for d in read_documents(crawl[i], counts, errors):
            line = line_of(d)
            f.write(line)
            digest.update(d.url.encode("utf-8", "replace") + b"\n" + line)
            h = hosts.setdefault(host(d.url), len(hosts))
            yes = table.decide(d.url) is True
            rows.append((record_hash(d), sample_hash(d), rank.n_tokens(d.text), h, yes))
            urls.append(d.url)
    found = np.array(rows, dtype=PAGE)
    save_bucket(path.with_suffix(".npy"), found)
    write_fast(path.with_suffix(".urls.json"), json.dumps(urls))
    write_fast(path.with_suffix(".hosts.json"), json.dumps(list(hosts)))
    write_counts(path.with_suffix(".counts.jsonl"), page_counts(urls), partitions)
    return {
        "documents": len(urls),
        "tokens": int(found["tokens"].sum()),
        "digest": digest.hexdigest(),
        "counts": dict(counts),
        "errors": errors,
    }


def sample_hash(doc: Document) -> int:
    """The stable hash by which negatives are drawn, independent of the id's."""
    if doc.url:
        return url_hash(doc.url, "negatives")
    text = b"negatives" + doc.text.encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def line_of(doc: Document) -> bytes:
    """A document as a line for fastText."""
    return classifier.one_line(doc.text).encode("utf-8", "replace") + b"\n"


def write_seed(path: Path, docs: Iterable[Document]) -> tuple[int, str]:
    """The seed as fastText lines in one file; returns how many, and their digest."""
    digest, n = hashlib.sha256(), 0
    with replaced(path) as tmp, tmp.open("wb") as f:
        for line in map(line_of, docs):
            digest.update(line)
            f.write(line)
            n += 1
    return n, digest.hexdigest()


def write_counts(path: Path, counts: Counter[str], partitions: int) -> None:
    """Pages per domain, one JSON line per partition of the domains."""
    parts: list[dict[str, int]] = [{} for _ in range(partitions)]
    for name, n in counts.items():
        parts[url_hash(name) % partitions][name] = n
    write_fast(path, "".join(json.dumps(p) + "\n" for p in parts))


def read_counts(paths: Iterable[Path], p: int) -> Counter[str]:
    """Pages per domain of one partition, summed over shards."""
    total: Counter[str] = Counter()
    for path in paths:
        with path.open(encoding="utf-8") as f:
            for _ in range(p):
                f.readline()
            total.update(json.loads(f.readline()))
    return total


def joined(folder: Path, i: int, number: int) -> np.ndarray:
    """For each page of a shard the round after which it joined the seed, 0 if none before round ``number``."""
    out = np.zeros(len(load_bucket(prepared(folder, i))), dtype=np.int32)
    for r in range(1, number):
        out[load_bucket(made(folder, r, "grow", i))] = r
    return out


def lines(folder: Path, i: int) -> Iterator[bytes]:
    """The fastText lines of a shard, without their line ends."""
    with prepared(folder, i, ".txt").open("rb") as f:
        for line in f:
            yield line[:-1]


def sample(folder: Path, number: int, up_to: int, i: int, n: int) -> ShardResult:
    """The training lines of a shard: pages of the seed, and pages not in it with a hash up to ``up_to``."""
    table = load_bucket(prepared(folder, i))
    since = joined(folder, i, number)
    negative = (since == 0) & (table["hash"] <= np.uint64(up_to))
    kind = np.where(negative, _NEGATIVE, since)
    rank_by = np.where(negative, table["hash"], table["id"])
    path = made(folder, number, "sample", i, ".txt")
    rows, start = [], 0
    with replaced(path) as tmp, tmp.open("wb") as f:
        for k, by, line in zip(kind, rank_by, lines(folder, i), strict=True):
            if k:
                rows.append((k, by, start, len(line)))
                start += f.write(line)
    save_bucket(path.with_suffix(".npy"), np.array(rows, dtype=_SAMPLE))
    return {"negatives": int(negative.sum())}


def score(folder: Path, number: int, i: int, n: int) -> ShardResult:
    """P(math) of every page, float32, and the tokens in each score bin."""
    model = classifier.load(str(folder / f"round-{number}" / "model.bin"))
    tokens = load_bucket(prepared(folder, i))["tokens"]
    out = np.zeros(len(tokens), dtype=np.float32)
    source, at = lines(folder, i), 0
    while batch := [b.decode("utf-8") for b in islice(source, _BATCH)]:
        out[at : at + len(batch)] = classifier.score_lines(model, batch)
        at += len(batch)
    save_bucket(made(folder, number, "score", i), out)
    save_bucket(made(folder, number, "score", i, ".hist.npy"), rank.histogram(out, tokens))
    return {"documents": len(out)}


def keep(
    folder: Path, number: int, cut: tuple[np.ndarray, int, float], partitions: int, i: int, n: int
) -> ShardResult:
    """The pages that ``rank.keep_top`` keeps, and how many of each domain they are.

    ``cut``: tokens per score bin of the whole crawl, the budget, and the least score.
    """
    table = load_bucket(prepared(folder, i))
    kept, lowest = rank.keep_top(load_bucket(made(folder, number, "score", i)), *cut)
    before = (
        load_bucket(made(folder, number - 1, "keep", i))
        if number > 1
        else np.zeros(len(kept), bool)
    )
    save_bucket(made(folder, number, "keep", i), kept)
    names = hosts(folder, i)
    per_host = np.bincount(table["host"][kept], minlength=len(names))
    counts: Any = {name: int(c) for name, c in zip(names, per_host, strict=True) if name and c}
    write_counts(made(folder, number, "keep", i, ".counts.jsonl"), counts, partitions)
    return {
        "pages": int(kept.sum()),
        "tokens": int(table["tokens"][kept].sum()),
        "again": int(table["tokens"][kept & before].sum()),
        "lowest": lowest,
    }


def hosts(folder: Path, i: int) -> list[str]:
    """The domains of a shard, in the order of their numbers in the page table."""
    return json.loads(prepared(folder, i, ".hosts.json").read_text(encoding="utf-8"))


def domains(
    folder: Path, number: int, n_shards: int, share: float, min_pages: int, p: int, n: int
) -> ShardResult:
    """The math domains of one partition of the domains, by the totals of the whole crawl."""
    crawl = read_counts((prepared(folder, i, ".counts.jsonl") for i in range(n_shards)), p)
    got = read_counts(
        (made(folder, number, "keep", i, ".counts.jsonl") for i in range(n_shards)), p
    )
    return {"found": math_domains(crawl, got, share=share, min_pages=min_pages)}


def grow(folder: Path, number: int, found: frozenset[str], i: int, n: int) -> ShardResult:
    """Rows of the pages under annotated math paths of math domains that the round did not collect."""
    table = load_bucket(prepared(folder, i))
    in_domain = np.array([name in found for name in hosts(folder, i)], dtype=bool)
    missed = table["math_path"] & ~load_bucket(made(folder, number, "keep", i))
    missed &= joined(folder, i, number) == 0
    if len(missed):
        missed &= in_domain[table["host"]]
    rows = np.flatnonzero(missed)
    save_bucket(made(folder, number, "grow", i), rows)
    return {"added": len(rows)}
