"""Equal addresses and near duplicates out of a sharded crawl, in memory that does not grow with it.

    sign      shard      signatures and address hashes; hashes go to the partition that owns them
    addresses partition  of records with one canonical address and like texts, the plainest stays
    bands     shard      band keys of the pages that are left go to their partitions
    pairs     partition  pages in one bucket are compared; pairs go to the partitions of their pages
    groups    all        the smallest id of each connected group, passed along pairs until nothing changes
    keep      shard      read again, and write what stays

A page is known by its id (``urls.record_hash``) and found by its place (shard << 32 | row). Pages with one address but
other texts (``#/lesson2``, ``?sid=2``) all stay; each but the plainest gets an id of its own.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from dsmath_lib.base.files import key_of, write_fast
from dsmath_lib.base.urls import plainness, record_hash
from dsmath_lib.corpus import minhash
from dsmath_lib.crawl.exchange import BucketRows, gather, load_bucket, save_bucket, scatter
from dsmath_lib.crawl.jobs import Job, Runner, ShardResult, run_job
from dsmath_lib.crawl.shards import Shard, dumps, part_path, read_documents, stamps, write_part

_ID = np.dtype([("id", "u8"), ("rank", "u8"), ("place", "u8")])
_BAND = np.dtype([("key", "u8"), ("id", "u8"), ("place", "u8")])
_EDGE = np.dtype([("node", "u8"), ("other", "u8"), ("place", "u8")])
_MESSAGE = np.dtype([("node", "u8"), ("label", "u8")])
_DROP = np.dtype([("place", "u8"), ("of", "u8")])
_ROWS = np.uint64(0xFFFFFFFF)
_ODD, _ALL = 0x9E3779B97F4A7C15, 2**64 - 1
Take = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class DedupSettings:
    """``bands`` times ``rows`` MinHash values over ``shingle`` words; pages from ``min_similarity`` on are one.

    ``partitions``: how many parts the joins are cut into. The result does not change; the memory of a join does
    (about 2 KB for each page of a partition).
    """

    bands: int
    rows: int
    shingle: int
    min_similarity: float
    partitions: int = 1


def dedup_shards(
    shards: Sequence[Shard], folder: Path, settings: DedupSettings, runner: Runner = run_job
) -> tuple[list[Path], list[ShardResult]]:
    """Run all jobs; finished ones in ``folder`` are taken from there.

    Returns:
        The part files, one per shard, in order, and the result of each: ``counts``, ``errors``.
    """
    n, p = len(shards), settings.partitions
    key = key_of(stamps(shards), asdict(settings))
    same = dict(folder=folder, key=key)
    last = Job("keep", n=n, do=partial(_keep, shards, folder, p), **same)
    if any(last.finished(i) is None for i in range(n)):
        signed = runner(Job("sign", n=n, do=partial(_sign, shards, folder, settings), **same))
        runner(Job("addresses", n=p, do=partial(_addresses, folder, n, settings), **same))
        runner(Job("bands", n=n, do=partial(_bands, folder, settings), **same))
        runner(Job("pairs", n=p, do=partial(_pairs, folder, n, settings), **same))
        runner(Job("groups", n=1, do=partial(_groups, folder, n, p), **same))
        errors = [e for r in signed for e in r["errors"]]
    else:
        errors = []
    results = runner(last)
    if errors:  # a file that could be read the first time only, or the second: say so once
        results[0]["errors"] = list(dict.fromkeys([*errors, *results[0]["errors"]]))
    return [part_path(folder / "keep", i) for i in range(n)], results


def dropped_path(folder: Path, i: int) -> Path:
    """What went from shard ``i``: JSONL rows ``{url, why, of}``; ``of`` is the id of the page that stays."""
    return folder / "keep" / f"{i:05d}.dropped.jsonl"


def _path(folder: Path, name: str, i: int) -> Path:
    return folder / name / f"{i:05d}.npy"


def _paths(folder: Path, name: str, n: int) -> list[Path]:
    return [_path(folder, name, i) for i in range(n)]


def _shard_of(places: np.ndarray) -> np.ndarray:
    return (places >> np.uint64(32)).astype(np.int64)


def _owner(hashes: np.ndarray, partitions: int) -> np.ndarray:
    return (hashes % np.uint64(partitions)).astype(np.int64)


# -- the jobs --------------------------------------------------------------------------------------------------------
def _sign(shards: Sequence[Shard], folder: Path, s: DedupSettings, i: int, n: int) -> ShardResult:
    errors: list[str] = []
    perms = minhash.permutations(s.bands * s.rows)
    sigs, ids = [], []
    for row, d in enumerate(read_documents(shards[i], Counter(), errors)):
        sigs.append(minhash.signature(minhash.shingles(d.text, s.shingle), perms))
        ids.append((record_hash(d), plainness(d), i << 32 | row))
    table = np.array(ids, dtype=_ID)
    none = np.zeros((0, s.bands * s.rows), np.uint32)
    save_bucket(_path(folder, "sign", i), np.stack(sigs) if sigs else none)
    save_bucket(_path(folder, "ids", i), table["id"])
    to = _owner(table["id"], s.partitions)
    scatter(_path(folder, "to-addresses", i), table, to, s.partitions)
    return {"documents": len(ids), "errors": errors}


def _addresses(folder: Path, n_shards: int, s: DedupSettings, p: int, n: int) -> ShardResult:
    rows = gather(_paths(folder, "to-addresses", n_shards), p)
    rows = rows[np.lexsort((rows["place"], rows["rank"], rows["id"]))]
    again = np.r_[False, rows["id"][1:] == rows["id"][:-1]] if len(rows) else np.zeros(0, bool)
    lost, renamed = _compared(rows, again, _taker(folder), s.min_similarity)
    for name, found in (("addresses", lost), ("renamed", renamed)):
        table = np.array(found, dtype=_DROP)
        scatter(_path(folder, name, p), table, _shard_of(table["place"]), n_shards)
    return {"duplicates": len(lost)}


def _compared(
    rows: np.ndarray, again: np.ndarray, take: Take, least: float
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Of pages with one address: those whose text is like that of one that stays, and the new ids of the others.

    Both as (place, id). ``again``: rows with the address of the row before.
    """
    lost: list[tuple[int, int]] = []
    renamed: list[tuple[int, int]] = []
    stay: list[tuple[int, np.ndarray]] = []  # (id, signature) of the pages of one address that stay
    for at in np.flatnonzero(again):
        if not again[at - 1]:
            stay = [(int(rows["id"][at - 1]), take(rows["place"][at - 1 : at])[0])]
        own = take(rows["place"][at : at + 1])[0]
        like = next((i for i, sig in stay if minhash.similarity(sig, own) >= least), None)
        place = int(rows["place"][at])
        if like is not None:
            lost.append((place, like))
            continue
        new = int(rows["id"][at]) ^ (int(rows["rank"][at]) * _ODD & _ALL) or 1
        renamed.append((place, new))
        if len(stay) < minhash.MAX_LEADERS:
            stay.append((new, own))
    return lost, renamed


def _taker(folder: Path) -> Take:
    """Places (k,) -> signatures (k, n_perm)."""

    @lru_cache(maxsize=256)
    def signatures(i: int) -> BucketRows:
        return BucketRows(_path(folder, "sign", i))

    def take(places: np.ndarray) -> np.ndarray:
        wanted = zip(_shard_of(places).tolist(), (places & _ROWS).tolist(), strict=True)
        return np.stack([signatures(i).row(r) for i, r in wanted])

    return take


def _bands(folder: Path, s: DedupSettings, i: int, n: int) -> ShardResult:
    lost = gather(_paths(folder, "addresses", s.partitions), i)
    renamed = gather(_paths(folder, "renamed", s.partitions), i)
    ids = np.array(load_bucket(_path(folder, "ids", i)))
    ids[(renamed["place"] & _ROWS).astype(np.int64)] = renamed["of"]
    rows = np.setdiff1d(np.arange(len(ids)), (lost["place"] & _ROWS).astype(np.int64))
    keys = minhash.band_keys(load_bucket(_path(folder, "sign", i))[rows], s.bands)
    table = np.zeros(keys.size, dtype=_BAND)
    table["key"] = keys.ravel()
    table["id"] = np.repeat(ids[rows], s.bands)
    table["place"] = np.repeat(np.uint64(i << 32) | rows.astype(np.uint64), s.bands)
    scatter(_path(folder, "bands", i), table, _owner(table["key"], s.partitions), s.partitions)
    return {"documents": len(rows)}


def _pairs(folder: Path, n_shards: int, s: DedupSettings, p: int, n: int) -> ShardResult:
    table = gather(_paths(folder, "bands", n_shards), p)
    found: set[tuple[int, int, int, int]] = set()
    ids, places, by_place = table["id"], table["place"], _taker(folder)
    take: Take = lambda at: by_place(places[at])  # noqa: E731
    for leader, members in minhash.near_pairs(table["key"], ids, take, s.min_similarity):
        for m in members:
            found.add((int(ids[leader]), int(ids[m]), int(places[leader]), int(places[m])))
    both = [(a, b, pa) for a, b, pa, _ in found] + [(b, a, pb) for a, b, _, pb in found]
    edges = np.array(sorted(both), dtype=_EDGE)
    scatter(_path(folder, "pairs", p), edges, _owner(edges["node"], s.partitions), s.partitions)
    return {"pairs": len(found)}


def _groups(folder: Path, n_shards: int, partitions: int, i: int, n: int) -> ShardResult:
    """Every page takes the smallest id it hears of from its pairs, until no page hears of a smaller one."""
    for p in range(partitions):
        edges = np.unique(gather(_paths(folder, "pairs", partitions), p))
        nodes, first = np.unique(edges["node"], return_index=True)
        save_bucket(_path(folder, "edges", p), edges)
        save_bucket(_path(folder, "places", p), edges["place"][first])
        save_bucket(_path(folder, "nodes", p), nodes)
        save_bucket(_path(folder, "labels", p), nodes)
    rounds, changed = 0, True
    while changed:
        rounds, changed = rounds + 1, False
        for p in range(partitions):
            edges, nodes = (
                load_bucket(_path(folder, "edges", p)),
                load_bucket(_path(folder, "nodes", p)),
            )
            told = np.zeros(len(edges), dtype=_MESSAGE)
            told["node"] = edges["other"]
            told["label"] = load_bucket(_path(folder, "labels", p))[
                np.searchsorted(nodes, edges["node"])
            ]
            to = _owner(told["node"], partitions)
            scatter(_path(folder, "messages", p), told, to, partitions)
        for p in range(partitions):
            told = gather(_paths(folder, "messages", partitions), p)
            nodes = load_bucket(_path(folder, "nodes", p))
            before = np.array(load_bucket(_path(folder, "labels", p)))
            labels = before.copy()
            np.minimum.at(labels, np.searchsorted(nodes, told["node"]), told["label"])
            if (labels != before).any():
                changed = True
                save_bucket(_path(folder, "labels", p), labels)
    for p in range(partitions):
        nodes, labels = (
            load_bucket(_path(folder, "nodes", p)),
            load_bucket(_path(folder, "labels", p)),
        )
        goes = np.asarray(labels != nodes)
        lost = np.zeros(int(goes.sum()), dtype=_DROP)
        lost["place"], lost["of"] = load_bucket(_path(folder, "places", p))[goes], labels[goes]
        scatter(_path(folder, "groups", p), lost, _shard_of(lost["place"]), n_shards)
    return {"rounds": rounds}


def _keep(shards: Sequence[Shard], folder: Path, partitions: int, i: int, n: int) -> ShardResult:
    counts: Counter = Counter()
    errors: list[str] = []
    lost: dict[int, tuple[str, int]] = {}
    for name, why in (("addresses", "duplicate address"), ("groups", "near duplicates")):
        for place, of in gather(_paths(folder, name, partitions), i).tolist():
            lost[place & 0xFFFFFFFF] = (why, of)
    dropped = []

    def stays():
        for row, d in enumerate(read_documents(shards[i], counts, errors)):
            if row not in lost:
                yield d
                continue
            why, of = lost[row]
            counts[why] += 1
            dropped.append({"url": d.url, "why": why, "of": f"{of:016x}"})

    written = write_part(stays(), part_path(folder / "keep", i))
    write_fast(dropped_path(folder, i), b"".join(map(dumps, dropped)))
    return {"documents": written, "counts": dict(counts), "errors": errors}


def read_dropped(folder: Path, n_shards: int) -> list[dict[str, str]]:
    """All rows about what went, in the order of the shards."""
    return [
        json.loads(line)
        for i in range(n_shards)
        for line in dropped_path(folder, i).read_text(encoding="utf-8").split("\n")[:-1]
    ]
