"""What the mining loop needs of every page, made once: a line for fastText, tokens, domain, annotated path, hashes."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from dsmath_lib.base.files import key_of, temporary, write_text
from dsmath_lib.base.records import Document
from dsmath_lib.base.urls import host, record_hash, url_hash
from dsmath_lib.corpus.classifier import one_line
from dsmath_lib.corpus.math_domains import page_counts
from dsmath_lib.corpus.rank import n_tokens
from dsmath_lib.crawl.annotate import Annotations
from dsmath_lib.crawl.exchange import save
from dsmath_lib.crawl.jobs import Job, Result, Runner
from dsmath_lib.crawl.shards import Shard, read_documents

PAGE = np.dtype(
    [("id", "u8"), ("hash", "u8"), ("tokens", "i8"), ("host", "i4"), ("math_path", "?")]
)


def prepare(
    crawl: Sequence[Shard], table: Annotations, folder: Path, partitions: int, runner: Runner
) -> list[Result]:
    """Prepare every shard; returns ``documents``, ``tokens`` and a ``digest`` of each."""
    key = key_of([[p.stamp() for p in s] for s in crawl], table.rules, partitions)
    do = partial(prepare_shard, crawl, table, folder, partitions)
    return runner(Job("pages", folder, len(crawl), key, do))


def prepare_shard(
    crawl: Sequence[Shard], table: Annotations, folder: Path, partitions: int, i: int, n: int
) -> Result:
    """One shard: ``lines`` (text), ``table`` (one ``PAGE`` a row), ``urls`` and ``hosts`` (JSON)."""
    counts: Counter = Counter()
    errors: list[str] = []
    rows, urls = [], []
    hosts: dict[str, int] = {}
    digest = hashlib.sha256()
    path = folder / "pages" / f"{i:05d}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with tmp.open("wb") as f:
        for d in read_documents(crawl[i], counts, errors):
            line = one_line(d.text).encode("utf-8", "replace") + b"\n"
            f.write(line)
            digest.update(d.url.encode("utf-8", "replace") + b"\n" + line)
            h = hosts.setdefault(host(d.url), len(hosts))
            yes = table.decide(d.url) is True
            rows.append((record_hash(d), sample_hash(d), n_tokens(d.text), h, yes))
            urls.append(d.url)
    tmp.replace(path)
    pages = np.array(rows, dtype=PAGE)
    save(path.with_suffix(".npy"), pages)
    write_text(path.with_suffix(".urls.json"), json.dumps(urls))
    write_text(path.with_suffix(".hosts.json"), json.dumps(list(hosts)))
    write_counts(path.with_suffix(".counts.jsonl"), page_counts(urls), partitions)
    return {
        "documents": len(urls),
        "tokens": int(pages["tokens"].sum()),
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


def write_counts(path: Path, counts: Counter[str], partitions: int) -> None:
    """Pages per domain, one JSON line per partition of the domains."""
    parts: list[dict[str, int]] = [{} for _ in range(partitions)]
    for name, n in counts.items():
        parts[url_hash(name) % partitions][name] = n
    write_text(path, "".join(json.dumps(p) + "\n" for p in parts))


def read_counts(paths: Iterable[Path], p: int) -> Counter[str]:
    """Pages per domain of one partition, summed over shards."""
    total: Counter[str] = Counter()
    for path in paths:
        with path.open(encoding="utf-8") as f:
            for _ in range(p):
                f.readline()
            total.update(json.loads(f.readline()))
    return total


def write_seed(path: Path, docs: Iterable[Document]) -> tuple[int, str]:
    """The seed as fastText lines in one file; returns how many, and their digest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, n = hashlib.sha256(), 0
    tmp = temporary(path)
    with tmp.open("xb") as f:
        for d in docs:
            line = one_line(d.text).encode("utf-8", "replace") + b"\n"
            digest.update(line)
            f.write(line)
            n += 1
    tmp.replace(path)
    return n, digest.hexdigest()
