"""What ``dsmath corpus`` does, as functions: shards in, one file out, a line about what was counted.

While a command runs, finished shards lie in ``OUTPUT.work``; the same command goes on from there. The output appears
whole, at the end. A path that cannot be read is named, the others go on, and the exit code is 1.
"""

import gzip
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import key_of, replaced, write_json
from dsmath_lib.base.folders import lock_folder, unlock_folder
from dsmath_lib.base.record_files import READERS, BadFile, Part
from dsmath_lib.corpus import classifier
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.crawl import dedup, mining, pipeline, read_pages
from dsmath_lib.crawl.annotate import propose, read_tables, write_proposals
from dsmath_lib.crawl.jobs import Runner, ShardResult, run_job, total_counts
from dsmath_lib.crawl.look import look
from dsmath_lib.crawl.mined import Mined, Round, Rules
from dsmath_lib.crawl.pipeline import Work, docs_of
from dsmath_lib.crawl.shards import (
    SHARD_BYTES,
    Shard,
    assemble,
    dumps,
    plan,
    read_documents,
    stamps,
    with_fields,
)

_KINDS = (*read_pages.WARC, *read_pages.HTML, *READERS)
CACHES = ("cache-", "indices-")  # files that ``datasets`` leaves beside those of a data set


@dataclass(frozen=True)
class How:
    """How a command runs: bytes of a shard, the unit of work, and what runs its jobs."""

    shard_bytes: int = SHARD_BYTES
    runner: Runner = run_job


HERE = How()


@contextmanager
def workplace(
    inputs: Sequence[str], out: str, how: How, *key: Any
) -> Iterator[tuple[Work, list[Shard]]]:
    """The shards of the inputs, and the place of a command's unfinished work; it goes when the output is there.

    Standard input or output cannot be resumed, so then it is a temporary folder.
    """

    def at(folder: Path) -> tuple[Work, list[Shard]]:
        shards = plan(find(inputs, folder), how.shard_bytes)
        return Work(folder, len(shards), key_of(stamps(shards), key), how.runner), shards

    if out == "-" or "-" in inputs:
        with tempfile.TemporaryDirectory(prefix="dsmath-") as tmp:
            yield at(Path(tmp))
        return
    folder = Path(out + ".work")
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock_folder(folder, wait_s=2)
    try:
        yield at(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        unlock_folder(folder)
        (folder.parent / f".{folder.name}.lock").unlink(missing_ok=True)


def find(inputs: Sequence[str], folder: Path) -> list[Path]:
    """The files of the inputs, in order: a folder gives those below it of a known kind, ``-`` is standard input.

    A data set of the Hub (``hub:…``) stays as it is named.
    """
    out: list[Path] = []
    for name in inputs:
        path = Path(name)
        if name == "-":
            out.append(_spool(folder))
        elif path.is_dir():
            below = (p for p in sorted(path.rglob("*")) if p.name.lower().endswith(_KINDS))
            out += [p for p in below if p.is_file() and not p.name.startswith(CACHES)]
        else:
            out.append(path)
    return list(dict.fromkeys(out))


def _spool(folder: Path) -> Path:
    """Standard input as a file; its first bytes say what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stdin"
    with path.open("wb") as f:
        shutil.copyfileobj(sys.stdin.buffer, f)
    head = path.open("rb").read(8)
    if head.startswith(b"\x1f\x8b"):
        kind = ".jsonl.gz" if gzip.open(path).read(1) == b"{" else ".warc.gz"
    else:
        kinds = {b"WARC": ".warc", b"PAR1": ".parquet"}
        kind = kinds.get(head[:4], ".jsonl" if head.lstrip()[:1] in (b"{", b"") else ".html")
    return path.rename(path.with_suffix(kind))


def finish(parts: Sequence[Path], results: Sequence[ShardResult], out: str) -> int:
    """Put the parts together, say what was counted and what went wrong; returns the exit code."""
    assemble(parts, out)
    counts = total_counts(results)
    for what, n in sorted(counts.items()):
        print(what if what.startswith("note: ") else f"{what}: {n:,}", file=sys.stderr)
    n = sum(r.get("documents", 0) for r in results)
    print(f"{n:,} documents in {'standard output' if out == '-' else out}", file=sys.stderr)
    errors = list(dict.fromkeys(e for r in results for e in r.get("errors", ())))
    for e in errors:
        print(f"error: {e}", file=sys.stderr)
    return 1 if errors else 0


# -- the commands ----------------------------------------------------------------------------------------------------
def extract_files(inputs: Sequence[str], out: str, *, max_chars: int, how: How = HERE) -> int:
    """Pages of any kind of file to ``{url, text, lang, n_formulas}``."""
    with workplace(inputs, out, how) as (work, shards):
        pages = partial(_pages, shards, max_chars)
        return finish(*pipeline.extract_docs(work, pages, max_chars), out)


def _pages(
    shards: Sequence[Shard], max_chars: int, i: int, n: int, result: ShardResult
) -> Iterator:
    counts, errors = result["counts"], result["errors"]
    return read_pages.read_shard(shards[i], counts, errors, max_chars=max_chars)


def deduplicate(
    inputs: Sequence[str],
    out: str,
    settings: dedup.DedupSettings,
    *,
    dropped: str = "",
    how: How = HERE,
) -> int:
    """One document of each canonical address and of each group of near duplicates."""
    with workplace(inputs, out, how) as (work, shards):
        parts, results = dedup.dedup_shards(shards, work.folder, settings, work.runner)
        if dropped:
            assemble([dedup.dropped_path(work.folder, i) for i in range(work.n)], dropped)
        return finish(parts, results, out)


def classify_files(
    inputs: Sequence[str], out: str, *, model: str, min_score: float = 0.0, how: How = HERE
) -> int:
    """Documents with their ``score``; those under ``min_score`` are left out."""
    model = str(Path(model).absolute())
    classifier.load(model)  # say at once if it is none
    with workplace(inputs, out, how, Part(model).stamp()) as (work, shards):
        make = partial(_scored, shards, model, min_score)
        return finish(*work.over("classify", make, min_score), out)


def _scored(
    shards: Sequence[Shard], model: str, min_score: float, i: int, n: int, result: ShardResult
) -> Iterator:
    scored = pipeline.classify_docs(docs_of(shards, i, n, result), model)
    return (d for d in scored if d.extra["score"] >= min_score)


def train_files(
    positives: Sequence[str],
    negatives: Sequence[str],
    settings: classifier.FastTextSettings,
    out: str,
) -> None:
    """Train a classifier on two sets of documents and save it, whole or not at all.

    Raises:
        BadFile: a file cannot be read.
        ValueError: one of the sets is empty.
    """
    errors: list[str] = []
    path = Path(out)

    def lines(inputs: Sequence[str]) -> Iterator[str]:
        return (classifier.one_line(d.text) for d in _documents(inputs, path.parent, errors))

    model = classifier.train_classifier(
        lines(positives), lines(negatives), settings, path.absolute().parent
    )
    if errors:
        raise BadFile(errors[0])
    classifier.save(model, path)


def _documents(inputs: Sequence[str], folder: Path, errors: list[str]) -> Iterator:
    for shard in plan(find(inputs, folder)):
        yield from read_documents(shard, Counter(), errors)


def mine_files(
    inputs: Sequence[str],
    out: str,
    *,
    seed: Sequence[str],
    annotations: Sequence[str],
    rules: Rules,
    settings: classifier.FastTextSettings,
    partitions: int = 1,
    how: How = HERE,
) -> int:
    """The loop over deduplicated documents; leaves ``mined.jsonl``, rounds, the classifier and proposals in ``out``."""
    folder = Path(out)
    table = read_tables(*map(Path, annotations))
    with workplace(inputs, str(folder / "mined"), how) as (work, shards):
        bad: list[str] = []
        docs = _documents(seed, work.folder, bad)
        at = work.folder / "rounds"
        ready = mining.prepare(shards, docs, table, at, partitions, work.runner)
        rows: list[dict[str, Any]] = []
        got = mining.mine(ready, rules, settings, on_round=lambda r: rows.append(_say(r)))
        last = got.rounds[-1].number
        write_json(folder / "rounds.json", rows)
        domains = set().union(*(r.domains for r in got.rounds))
        write_proposals(folder / "proposals.csv", propose(got.scored(last), domains, known=table))
        shutil.copyfile(got.round_folder(last) / "model.bin", folder / "model.bin")
        docs_at = lambda i: read_documents(shards[i], Counter(), [])  # noqa: E731
        with replaced(folder / "look.jsonl") as tmp:
            tmp.write_bytes(b"".join(map(dumps, look(got, docs_at))))
        make = partial(_kept, shards, got, last)
        parts, results = work.over("mined", make, rows, [r.domains for r in got.rounds])
        results[0]["errors"] = [*bad, *got.errors, *results[0]["errors"]]
        return finish(parts, results, str(folder / "mined.jsonl"))


def _say(r: Round) -> dict[str, Any]:
    row = {k: v for k, v in r.row().items() if k not in ("precision", "recall")}
    print("; ".join(f"{k} {v}" for k, v in row.items()), file=sys.stderr)
    return row


def _kept(
    shards: Sequence[Shard], got: Mined, last: int, i: int, n: int, result: ShardResult
) -> Iterator:
    docs = read_documents(shards[i], Counter(), result["errors"])
    rows = zip(docs, got.kept(last, i), got.scores(last, i), strict=True)
    return (with_fields(d, score=round(float(p), 6)) for d, k, p in rows if k)


@cache
def benchmark_index(specs: tuple[str, ...], n: int, min_grams: int) -> decon.Index:
    """The index of some benchmark files, once per process."""
    texts = [t for s in specs for t in pipeline.benchmark_texts(s)]
    return decon.build_index(texts, n=n, min_grams=min_grams)


def decontaminate_files(
    inputs: Sequence[str],
    out: str,
    *,
    benchmarks: Sequence[str],
    report: str = "",
    n: int = 10,
    min_grams: int = 3,
    mode: str = "page",
    how: How = HERE,
) -> int:
    """Documents without benchmark text, and a report of what was found."""
    index = partial(benchmark_index, tuple(benchmarks), n, min_grams)
    index()  # say at once what is wrong with it
    texts = [[b, pipeline.benchmark_texts(b)] for b in benchmarks]
    with workplace(inputs, out, how, texts, n, min_grams) as (work, shards):
        docs = partial(docs_of, shards)
        parts, results, found = pipeline.decontaminate_docs(work, docs, index, mode)
        if report:
            write_json(Path(report), found.as_json())
        for row in found.rows():
            print(", ".join(f"{k} {v}" for k, v in row.items()), file=sys.stderr)
        return finish(parts, results, out)
