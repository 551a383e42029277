"""The steps of the pipeline as plain functions over a shard: ``step(documents, rank, world_size)``.

Every step takes and gives an iterator, so one document is in memory at a time. What a step needs beside the documents
is a keyword, set with ``functools.partial``. The same functions run in a notebook, in the pool of ``jobs``, and in a
pipeline of datatrove (``cluster``).
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from dsmath_lib.base.records import Document, Page
from dsmath_lib.corpus import classifier, decontaminate
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.crawl.shards import BadFile, Row, Shard, as_record, holds_records, read_records
from dsmath_lib.engines.webtext import documents as extracted
from dsmath_lib.engines.webtext import language
from dsmath_lib.stage.data import read_rows

BATCH = 500  # documents scored in one call
QUESTION_FIELDS = ("question", "problem", "prompt", "text")


# -- read ------------------------------------------------------------------------------------------------------------
def read_pages(
    shard: Shard, counts: Counter, errors: list[str], *, max_chars: int
) -> Iterator[Page | Document]:
    """Pages and documents of a shard of any kind of file; what cannot be read is named in ``errors``."""
    for part in shard:
        path = Path(part.path)
        try:
            if holds_records(part):
                rows = read_records(part, counts)
                yield from reading.read_rows(rows, counts, max_bytes=max_chars)
                continue
            with path.open("rb") as f:
                f.read(1)
        except BadFile as err:
            errors.append(str(err))
            continue
        except OSError as err:
            errors.append(f"{path}: {err.strerror or err}")
            continue
        before = Counter(counts)
        yield from reading.read(path, counts, max_bytes=max_chars)
        for reason in (counts - before).keys():
            if reason.startswith("file ended early"):
                counts[f"note: {path}: {reason.removeprefix('file ')}"] += 1
            elif reason == "skipped: unknown kind of file":
                errors.append(f"{path}: not a kind of file that is known here")


# -- steps -----------------------------------------------------------------------------------------------------------
def extract(
    documents: Iterable[Page | Document],
    rank: int,
    world_size: int,
    *,
    counts: Counter,
    max_chars: int,
) -> Iterator[Document]:
    """Pages to text with formulas; a page that cannot be used is counted by reason."""
    return extracted(documents, counts, max_chars=max_chars)


def tell_language(documents: Iterable[Document], rank: int, world_size: int) -> Iterator[Document]:
    """Documents with their language set where it was not."""
    for d in documents:
        yield d if d.lang else replace(d, lang=language(d.text))


def load_model(path: str) -> Any:
    """A fastText model to score with (``classifier.compact``); a process keeps the one it used last.

    Raises:
        ValueError: missing, or not a fastText model; names the file.
    """
    try:
        return _load_model(path, os.stat(path).st_mtime_ns)
    except OSError as err:
        raise ValueError(f"{path}: {err.strerror or err}") from None


@lru_cache(maxsize=1)
def _load_model(path: str, changed: int) -> Any:
    try:
        return classifier.compact(classifier.load_fasttext().load_model(path))
    except (ValueError, MemoryError) as err:
        raise ValueError(f"{path}: not a fastText model ({err})") from None


def classify(
    documents: Iterable[Document], rank: int, world_size: int, *, model: str
) -> Iterator[Row]:
    """Documents with ``score``, the classifier's P(mathematics)."""
    documents = iter(documents)
    while batch := list(islice(documents, BATCH)):
        lines = [classifier.one_line(d.text) for d in batch]
        for d, p in zip(batch, classifier.score(load_model(model), lines), strict=True):
            yield with_fields(d, score=round(float(p), 6))


def with_fields(doc: Document, **fields: Any) -> Row:
    """A document with more fields in its record."""
    record = as_record(doc) | fields
    known = ("url", "text", "lang", "n_formulas")
    extra = {k: v for k, v in record.items() if k not in known}
    return Row(doc.url, doc.text, doc.lang, doc.n_formulas, extra)


def clean(
    documents: Iterable[Document],
    rank: int,
    world_size: int,
    *,
    index: decontaminate.Index,
    report: decontaminate.Report,
    mode: str,
) -> Iterator[Document]:
    """Documents without benchmark text; what was found goes into ``report``."""
    return decontaminate.decontaminate(documents, index, report, mode=mode)


# -- benchmarks and reports ------------------------------------------------------------------------------------------
def benchmark_texts(spec: str) -> list[decontaminate.BenchmarkText]:
    """The texts of ``FILE`` or ``FILE:field``; a list in a field gives one text each.

    Without a field, the first of ``QUESTION_FIELDS`` that the first row has.

    Raises:
        StageError: the file is missing, or a row lacks the field; names both.
    """
    path, _, name = (spec, "", "") if Path(spec).exists() else spec.rpartition(":")
    if not path or "/" in name:
        path, name = spec, ""
    source = str(Path(path).absolute())
    if not name:
        first = read_rows(source)[0]
        name = next((f for f in QUESTION_FIELDS if f in first), QUESTION_FIELDS[0])
    stem = Path(path).name
    while stem.endswith((".jsonl", ".json", ".tsv", ".parquet", ".gz")):
        stem = stem[: stem.rindex(".")]
    benchmark = f"{Path(source).parent.name}/{stem}"  # many are called test.jsonl
    out = []
    for i, row in enumerate(read_rows(source, fields=(name,))):
        values = row[name] if isinstance(row[name], list) else [row[name]]
        out += [decontaminate.BenchmarkText(benchmark, str(i), str(v)) for v in values]
    return out


def report_state(report: decontaminate.Report) -> dict[str, Any]:
    """A shard's report as plain data that ``add_report`` can add to another."""
    return {
        "pages": report.pages,
        "removed": report.removed,
        "segments": report.segments,
        "grams": dict(report.grams),
        "items_hit": {b: sorted(items) for b, items in report.items_hit.items()},
        "pages_hit": dict(report.pages_hit),
    }


def add_report(report: decontaminate.Report, state: Mapping[str, Any]) -> None:
    """Add what one shard found to the report of all."""
    report.pages += state["pages"]
    report.removed += state["removed"]
    report.segments += state["segments"]
    report.grams.update(state["grams"])
    report.pages_hit.update(state["pages_hit"])
    for benchmark, items in state["items_hit"].items():
        report.items_hit[benchmark].update(items)
