"""Shards: pieces of a crawl that one worker reads, and the part files it writes.

A shard is a list of ``Part``s: whole files, byte ranges of JSONL files, row groups of Parquet files,
pieces of a data set. How files are cut depends on the files alone, so any number of workers makes the same part files.
"""

import gzip
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from dsmath_lib.base.files import temporary
from dsmath_lib.base.records import Document
from dsmath_lib.crawl import dataset
from dsmath_lib.crawl import plain_rows as rows

SHARD_BYTES = 32_000_000
RECORDS = (".jsonl", ".jsonl.gz", ".parquet", ".arrow")
_BATCH = 5_000  # rows of a Parquet row group


class BadFile(Exception):
    """A file that cannot be read, or not to its end; the message names it and says why."""


@dataclass(frozen=True)
class Row(Document):
    """A document with the other fields of its record, which pass through every command."""

    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A file, or its bytes (JSONL), row groups (Parquet) or pieces (``hub:``) ``start:stop``; -1: to the end."""

    path: str
    start: int = 0
    stop: int = -1

    def stamp(self) -> list[Any]:
        """What tells that the file is still the same: path, range, size and time of change."""
        try:
            s = os.stat(self.path)
            return [self.path, self.start, self.stop, s.st_size, s.st_mtime_ns]
        except OSError:
            return [self.path, self.start, self.stop, None, None]


Shard = tuple[Part, ...]


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


def _pieces(path: Path, size: int) -> Iterator[tuple[Part, int]]:
    if dataset.is_hub(path):  # what a piece weighs is not known, so each is a shard
        yield from ((p, size) for p in hub_parts(str(path)))
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


def hub_parts(spec: str) -> list[Part]:
    """The pieces of a data set of the Hub; one that fails is a single part, and is named when it is read."""
    try:
        return [Part(spec, i, i + 1) for i in range(dataset.n_pieces(spec))]
    except dataset.BadDataset:
        return [Part(spec)]


def open_parquet(path: Path):
    """A Parquet file to read from.

    Raises:
        BadFile: it is none.
    """
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as err:
        raise BadFile(f"{path}: not readable as Parquet ({_why(err)})") from None


def _group_bytes(path: Path) -> list[int]:
    with open_parquet(path) as f:
        return [f.metadata.row_group(i).total_byte_size for i in range(f.metadata.num_row_groups)]


def holds_records(part: Part) -> bool:
    """Is this a part that ``read_records`` reads?"""
    return dataset.is_hub(part.path) or part.path.endswith(RECORDS)


# -- reading ---------------------------------------------------------------------------------------------------------
def read_records(part: Part, counts: Counter) -> Iterator[dict[str, Any]]:
    """The records (dicts) of a JSONL, Parquet, Arrow or ``hub:`` part. Lines that hold none are counted.

    Raises:
        BadFile: the file is missing, not readable, or ends early; records before that point were yielded.
    """
    path = Path(part.path)
    try:
        if dataset.is_hub(part.path):
            yield from dataset.hub_records(part.path, part.start)
        elif path.suffix == ".arrow":
            yield from dataset.arrow_records(path, counts)
        elif path.suffix == ".parquet":
            yield from _read_parquet(path, part, counts)
        elif not path.name.endswith((".jsonl", ".jsonl.gz")):
            raise BadFile(f"{path}: not a .jsonl, .jsonl.gz, .parquet or .arrow file")
        else:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as f:
                for line in _lines(f, part):
                    record = rows.of_line(line)
                    if record is None:
                        counts["skipped: line is not a JSON object"] += 1
                    else:
                        yield record
    except dataset.BadDataset as err:
        raise BadFile(str(err)) from None
    except (OSError, EOFError, gzip.zlib.error) as err:
        raise BadFile(f"{path}: {_why(err)}") from None


def _read_parquet(path: Path, part: Part, counts: Counter) -> Iterator[dict[str, Any]]:
    import pyarrow

    with open_parquet(path) as f:
        stop = f.metadata.num_row_groups if part.stop < 0 else part.stop
        try:
            yield from rows.of_groups(f, range(part.start, stop), counts)
        except (OSError, pyarrow.ArrowException) as err:
            raise BadFile(f"{path}: {_why(err)}") from None


def _lines(f: BinaryIO, part: Part) -> Iterator[bytes]:
    """The lines that start inside ``start:stop``; the part before reads the line that crosses the border."""
    at = part.start
    if at:
        f.seek(at - 1)
        at += len(f.readline()) - 1
    while part.stop < 0 or at < part.stop:
        line = f.readline(rows.MAX_ROW)
        if not line:
            return
        at += len(line)
        yield line


def _why(err: BaseException) -> str:
    return (getattr(err, "strerror", None) or str(err) or type(err).__name__).splitlines()[0]


def to_row(record: Mapping[str, Any]) -> Row | None:
    """A record with ``text`` as a document; None if it has no text."""
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        return None
    known = ("url", "text", "lang", "n_formulas")
    n = record.get("n_formulas")
    return Row(
        str(record.get("url") or ""),
        text,
        str(record.get("lang") or ""),
        n if isinstance(n, int) else 0,
        {k: v for k, v in record.items() if k not in known},
    )


def read_documents(shard: Shard, counts: Counter, errors: list[str]) -> Iterator[Row]:
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


def dumps(record: Mapping[str, Any]) -> bytes:
    """One line of JSONL. Lone surrogates, which no UTF-8 file can hold, become ``?``."""
    return json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def write_part(docs: Iterable[Document], path: Path) -> int:
    """Write documents as JSONL, whole or not at all; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    n = 0
    try:
        with tmp.open("wb") as f:
            for d in docs:
                f.write(dumps(as_record(d)))
                n += 1
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)
    return n


def assemble(parts: Iterable[Path], out: str) -> None:
    """Put JSONL parts together as ``out``: ``.jsonl``, ``.jsonl.gz``, ``.parquet``, or ``-`` for standard output.

    Raises:
        ValueError: the records have fields of different kinds, which a Parquet file cannot hold.
    """
    if out == "-":
        for p in parts:
            _copy(p, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = temporary(path)
    if path.suffix == ".parquet":
        _to_parquet(list(parts), tmp)
    elif path.suffix == ".gz":
        with tmp.open("xb") as raw, gzip.GzipFile("", "wb", 5, raw, mtime=0) as f:
            for p in parts:
                _copy(p, f)
    else:
        with tmp.open("xb") as f:
            for p in parts:
                _copy(p, f)
            f.flush()
            os.fsync(f.fileno())
    tmp.replace(path)


def _copy(path: Path, to: Any) -> None:
    with path.open("rb") as f:
        shutil.copyfileobj(f, to, 1 << 20)


def _to_parquet(parts: list[Path], path: Path) -> None:
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
        path.unlink(missing_ok=True)
        raise ValueError(
            f"{path.name.removesuffix('.tmp')}: {_why(err)}; write .jsonl instead"
        ) from None


def _batches(parts: Iterable[Path]) -> Iterator[list[dict[str, Any]]]:
    for p in parts:
        records = read_records(Part(str(p)), Counter())
        while batch := list(islice(records, _BATCH)):
            yield batch
