"""The jobs of one round of the mining loop. Each reads and writes files of its shard; ``mining`` says in what order."""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from dsmath_lib.corpus import classifier, rank
from dsmath_lib.corpus.math_domains import math_domains
from dsmath_lib.crawl.exchange import load, save
from dsmath_lib.crawl.jobs import Result
from dsmath_lib.crawl.page_steps import load_model
from dsmath_lib.crawl.prepare import read_counts, write_counts

NEGATIVE = 2**31 - 1  # the "round" of a negative
_SAMPLE = np.dtype([("round", "i4"), ("id", "u8"), ("start", "i8"), ("length", "i4")])
_BATCH = 2_000


def prepared(folder: Path, i: int, suffix: str = ".npy") -> Path:
    """A file of a prepared shard."""
    return folder / "prepared" / "pages" / f"{i:05d}{suffix}"


def made(folder: Path, number: int, name: str, i: int, suffix: str = ".npy") -> Path:
    """A file that a job of a round made for a shard."""
    return folder / f"round-{number}" / name / f"{i:05d}{suffix}"


def joined(folder: Path, i: int, number: int) -> np.ndarray:
    """For each page of a shard the round after which it joined the seed, 0 if none before round ``number``."""
    out = np.zeros(len(load(prepared(folder, i))), dtype=np.int32)
    for r in range(1, number):
        out[load(made(folder, r, "grow", i))] = r
    return out


def lines(folder: Path, i: int) -> Iterator[bytes]:
    """The fastText lines of a shard, without their line ends."""
    with prepared(folder, i, ".txt").open("rb") as f:
        for line in f:
            yield line[:-1]


def sample(folder: Path, number: int, up_to: int, i: int, n: int) -> Result:
    """The training lines of a shard: pages of the seed, and pages not in it with a hash up to ``up_to``."""
    table = load(prepared(folder, i))
    since = joined(folder, i, number)
    negative = (since == 0) & (table["hash"] <= np.uint64(up_to))
    kind = np.where(negative, NEGATIVE, since)
    rank_by = np.where(negative, table["hash"], table["id"])
    path = made(folder, number, "sample", i, ".txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    rows, start = [], 0
    with tmp.open("wb") as f:
        for k, by, line in zip(kind, rank_by, lines(folder, i), strict=True):
            if k:
                rows.append((k, by, start, len(line)))
                start += f.write(line)
    tmp.replace(path)
    save(path.with_suffix(".npy"), np.array(rows, dtype=_SAMPLE))
    return {"negatives": int(negative.sum())}


def score(folder: Path, number: int, i: int, n: int) -> Result:
    """P(math) of every page, float32, and the tokens in each score bin."""
    model = load_model(str(folder / f"round-{number}" / "model.bin"))
    tokens = load(prepared(folder, i))["tokens"]
    out = np.zeros(len(tokens), dtype=np.float32)
    source, at = lines(folder, i), 0
    while batch := [b.decode("utf-8") for b in islice(source, _BATCH)]:
        out[at : at + len(batch)] = classifier.score(model, batch)
        at += len(batch)
    save(made(folder, number, "score", i), out)
    save(made(folder, number, "score", i, ".hist.npy"), rank.histogram(out, tokens))
    return {"documents": len(out)}


def keep(folder: Path, number: int, lowest_bin: int, partitions: int, i: int, n: int) -> Result:
    """The pages from a score bin on, and how many of each domain they are."""
    table = load(prepared(folder, i))
    scores = load(made(folder, number, "score", i))
    kept = rank.bin_of(scores) >= lowest_bin
    before = load(made(folder, number - 1, "keep", i)) if number > 1 else np.zeros(len(kept), bool)
    save(made(folder, number, "keep", i), kept)
    names = hosts(folder, i)
    per_host = np.bincount(table["host"][kept], minlength=len(names))
    counts: Any = {name: int(c) for name, c in zip(names, per_host, strict=True) if name and c}
    write_counts(made(folder, number, "keep", i, ".counts.jsonl"), counts, partitions)
    return {
        "pages": int(kept.sum()),
        "tokens": int(table["tokens"][kept].sum()),
        "again": int(table["tokens"][kept & before].sum()),
        "lowest": float(scores[kept].min()) if kept.any() else 1.0,
    }


def hosts(folder: Path, i: int) -> list[str]:
    """The domains of a shard, in the order of their numbers in the page table."""
    return json.loads(prepared(folder, i, ".hosts.json").read_text(encoding="utf-8"))


def domains(
    folder: Path, number: int, n_shards: int, share: float, min_pages: int, p: int, n: int
) -> Result:
    """The math domains of one partition of the domains, by the totals of the whole crawl."""
    crawl = read_counts((prepared(folder, i, ".counts.jsonl") for i in range(n_shards)), p)
    got = read_counts(
        (made(folder, number, "keep", i, ".counts.jsonl") for i in range(n_shards)), p
    )
    return {"found": math_domains(crawl, got, share=share, min_pages=min_pages)}


def grow(folder: Path, number: int, found: frozenset[str], i: int, n: int) -> Result:
    """Rows of the pages under annotated math paths of math domains that the round did not collect."""
    table = load(prepared(folder, i))
    in_domain = np.array([name in found for name in hosts(folder, i)], dtype=bool)
    missed = table["math_path"] & ~load(made(folder, number, "keep", i))
    missed &= joined(folder, i, number) == 0
    if len(missed):
        missed &= in_domain[table["host"]]
    rows = np.flatnonzero(missed)
    save(made(folder, number, "grow", i), rows)
    return {"added": len(rows)}
