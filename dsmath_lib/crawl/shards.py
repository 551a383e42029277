"""Shards: pieces of a crawl that one worker reads, and the part files it writes.

A shard is a list of ``Part``s: whole files, byte ranges of JSONL files, row groups of Parquet files,
pieces of a data set. How files are cut depends on the files alone, so any number of workers makes the same part files.
"""

import gzip
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import replaced
from dsmath_lib.base.record_files import (
    BadFile,
    Part,
    hub_parts,
    is_hub,
    open_parquet,
    read_records,
    why,
)
from dsmath_lib.base.records import Document

SHARD_BYTES = 32_000_000
_BATCH = 5_000  # rows of a Parquet row group
_OWN = ("url", "text", "lang", "n_formulas")
Shard = tuple[Part, ...]


@dataclass(frozen=True)
class DocRow(Document):
    """A document with the other fields of its record, which pass through every command."""

    extra: Mapping[str, Any] = field(default_factory=dict)


def plan(paths: Sequence[Path], size: int = SHARD_BYTES) -> list[Shard]:
    """Cut files into shards of about ``size`` bytes, in order: large files are split, small ones put together.

    A file that is missing or not readable gets a shard of its own, and is named when it is read.
    """
    pieces: list[tuple[Part, int]] = []
    for path in paths:
        pieces.extend(_pieces(Path(path), size))
    shards: list[Shard] = []
    now: list[Part] = []
    held = 0
    for part, n in pieces:
        if now and held + n > size:
            shards.append(tuple(now))
            now, held = [], 0
        now.append(part)
        held += n
    return [*shards, tuple(now)] if now else shards


def stamps(shards: Iterable[Shard]) -> list[Any]:
    """What tells that the files of some shards are still the same."""
    return [[p.stamp() for p in s] for s in shards]


def _pieces(path: Path, size: int) -> Iterator[tuple[Part, int]]:
    if is_hub(path):  # what a piece weighs is not known, so each is a shard
        try:
            parts = hub_parts(str(path))
        except BadFile:
            parts = [Part(str(path))]
        yield from ((p, size) for p in parts)
        return
    try:
        total = path.stat().st_size
        groups = _group_bytes(path) if path.suffix == ".parquet" else []
    except (OSError, BadFile):
        yield Part(str(path)), size
        return
    if groups:
        start = held = 0
        for i, n in enumerate(groups):
            held += n
            if held >= size or i == len(groups) - 1:
                yield Part(str(path), start, i + 1), held
                start, held = i + 1, 0
    elif path.suffix == ".jsonl" and total > size:
        cuts = [*range(0, total, size), total]
        for a, b in pairwise(cuts):
            yield Part(str(path), a, b), b - a
    else:
        yield Part(str(path)), total


def _group_bytes(path: Path) -> list[int]:
    with open_parquet(path) as f:
        return [f.metadata.row_group(i).total_byte_size for i in range(f.metadata.num_row_groups)]


# -- reading ---------------------------------------------------------------------------------------------------------
def to_row(record: Mapping[str, Any]) -> DocRow | None:
    """A record with ``text`` as a document; None if it has no text."""
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    n = record.get("n_formulas")
    return DocRow(
        str(record.get("url") or ""),
        text,
        str(record.get("lang") or ""),
        n if isinstance(n, int) else 0,
        {k: v for k, v in record.items() if k not in _OWN},
    )


def read_documents(shard: Shard, counts: Counter, errors: list[str]) -> Iterator[DocRow]:
    """The documents of a shard of JSONL or Parquet files; what cannot be read is named in ``errors``."""
    for part in shard:
        try:
            for record in read_records(part, counts):
                row = to_row(record)
                if row is None:
                    counts["skipped: record without text"] += 1
                else:
                    counts["read: documents"] += 1
                    yield row
        except BadFile as err:
            errors.append(str(err))


# -- writing ---------------------------------------------------------------------------------------------------------
def as_record(doc: Document) -> dict[str, Any]:
    """``{url, text, lang, n_formulas}`` and what else its record held."""
    own = {"url": doc.url, "text": doc.text, "lang": doc.lang, "n_formulas": doc.n_formulas}
    return own | dict(getattr(doc, "extra", {}))


def with_fields(doc: Document, **fields: Any) -> DocRow:
    """A document with more fields in its record."""
    extra = {k: v for k, v in (as_record(doc) | fields).items() if k not in _OWN}
    return DocRow(doc.url, doc.text, doc.lang, doc.n_formulas, extra)


def as_shards(parts: Sequence[Path]) -> list[Shard]:
    """Part files as the shards of the next step."""
    return [(Part(str(p)),) for p in parts]


def dumps(record: Mapping[str, Any]) -> bytes:
    """One line of JSONL. Lone surrogates, which no UTF-8 file can hold, become ``?``."""
    return json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def part_path(folder: Path, i: int) -> Path:
    """The part file that a step leaves in its folder for shard ``i``."""
    return folder / f"{i:05d}.jsonl"


def write_part(docs: Iterable[Document], path: Path) -> int:
    """Write documents as JSONL, whole or not at all; returns how many."""
    n = 0
    with replaced(path) as tmp, tmp.open("wb") as f:
        for d in docs:
            f.write(dumps(as_record(d)))
            n += 1
    return n


def assemble(parts: Sequence[Path], out: str) -> None:
    """Put JSONL parts together as ``out``: ``.jsonl``, ``.jsonl.gz``, ``.parquet``, or ``-`` for standard output.

    Raises:
        ValueError: the records have fields of different kinds, which a Parquet file cannot hold.
    """
    if out == "-":
        _copy(parts, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with replaced(Path(out), wait=True) as tmp:
        if out.endswith(".parquet"):
            _to_parquet(parts, tmp, out)
            return
        with tmp.open("wb") as raw:
            if out.endswith(".gz"):
                with gzip.GzipFile("", "wb", 5, raw, mtime=0) as f:
                    _copy(parts, f)
            else:
                _copy(parts, raw)


def _copy(parts: Iterable[Path], to: Any) -> None:
    for path in parts:
        with path.open("rb") as f:
            shutil.copyfileobj(f, to, 1 << 20)


def _to_parquet(parts: Sequence[Path], path: Path, name: str) -> None:
    """Two passes: the first finds the fields, the second writes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    base = pa.schema([("url", pa.string()), ("text", pa.string()), ("lang", pa.string())])
    schema = base.append(pa.field("n_formulas", pa.int64()))
    try:
        for batch in _batches(parts):
            found = pa.Table.from_pylist(batch).schema
            schema = pa.unify_schemas([schema, found], promote_options="permissive")
        with pq.ParquetWriter(path, schema) as writer:
            for batch in _batches(parts):
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    except (pa.ArrowException, OverflowError) as err:
        raise ValueError(f"{name}: {why(err)}; write .jsonl instead") from None


def _batches(parts: Iterable[Path]) -> Iterator[list[dict[str, Any]]]:
    for p in parts:
        records = read_records(Part(str(p)), Counter())
        while batch := list(islice(records, _BATCH)):
            yield batch
