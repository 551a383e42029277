"""Records (dicts) of JSON Lines, Parquet and Arrow files and of Hugging Face data sets, as plain data.

A record has at most 16 MB and 100 levels, so one takes less than 1 GB in any step. Lone surrogates, which JSON may
hold and no UTF-8 file can, become U+FFFD here, where records are read. A record that cannot be read is counted and
left out; a file that cannot is named.

A data set of the Hub is named ``hub:owner/name[:config]@COMMIT[#split]``; the split is ``train`` unless named. It is
read in pieces, one for each of its files, so a job over it is cut and resumed like one over files.
"""

import gzip
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

HUB = "hub:"
COMMIT = "[0-9a-f]{40}"
MAX_ROW = 16_000_000  # bytes
MAX_NESTING = 100
_GROUP = 256_000_000  # bytes of a row group of Parquet that are unpacked to look at its rows
_ROWS = 1_000  # of a batch that are plain data at a time
_SPEC = re.compile(
    rf"hub:(?P<name>[^@#:]+)(?::(?P<config>[^@#]+))?(?:@(?P<commit>{COMMIT}))?(?:#(?P<split>.+))?"
)
_ESCAPE = re.compile(rb"\\u[dD]")  # may be a surrogate, as its own code in UTF-8 or another charset
_LONE = re.compile("[\ud800-\udfff]")

Record = dict[str, Any]


class BadFile(Exception):
    """A file that cannot be read, or not to its end; the message names it and says why."""


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


def why(err: BaseException) -> str:
    """The first line of what an error says."""
    return (getattr(err, "strerror", None) or str(err) or type(err).__name__).splitlines()[0]


def read_records(part: Part, counts: Counter) -> Iterator[Record]:
    """The records of a part.

    Raises:
        BadFile: the file is missing, of another kind, not readable, or ends early; records before were yielded.
    """
    reader = reader_of(part)
    if reader is None:
        raise BadFile(f"{part.path}: not a .jsonl, .jsonl.gz, .parquet or .arrow file")
    try:
        yield from reader(part, counts)
    except (OSError, EOFError, zlib.error) as err:
        raise BadFile(f"{part.path}: {why(err)}") from None


def reader_of(part: Part) -> Callable[[Part, Counter], Iterator[Record]] | None:
    """What reads a part; None if it holds no records."""
    if is_hub(part.path):
        return _hub
    return next((r for kind, r in READERS.items() if part.path.lower().endswith(kind)), None)


# -- JSON ------------------------------------------------------------------------------------------------------------
def loads(data: bytes) -> Any:
    """JSON as plain data without lone surrogates.

    Raises:
        ValueError: "not JSON: …".
    """
    try:
        value = json.loads(data)
        if b"\xed" in data or b"\0" in data or _ESCAPE.search(data):
            return json.loads(whole(json.dumps(value, ensure_ascii=False)))
        return value
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    except ValueError as err:
        raise ValueError(f"not JSON: {getattr(err, 'msg', err)}") from None


def whole(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates; the same object where it has none."""
    return _LONE.sub("\ufffd", text) if not text.isascii() and _LONE.search(text) else text


def of_line(line: bytes) -> Record:
    """The JSON object of a line.

    Raises:
        ValueError: it holds none, or one that is nested too deep.
    """
    row = loads(line)
    if not isinstance(row, dict):
        raise ValueError("expected an object")
    if _nested(row):
        raise ValueError("not JSON: nested too deep")
    return row


def _nested(row: Record) -> bool:
    """Is there a value below ``MAX_NESTING`` others?"""
    level: list[Any] = [row]
    for _ in range(MAX_NESTING):
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
        if not level:
            return False
    return True


def _json_lines(part: Part, counts: Counter) -> Iterator[Record]:
    with (gzip.open if part.path.lower().endswith(".gz") else open)(part.path, "rb") as f:
        for line in _lines(f, part):
            try:
                yield of_line(line)
            except ValueError:
                counts["skipped: line is not a JSON object"] += 1


def _lines(f: BinaryIO, part: Part) -> Iterator[bytes]:
    """The lines that start inside ``start:stop``; the part before reads the line that crosses the border."""
    at = part.start
    if at:
        f.seek(at - 1)
        at += len(f.readline()) - 1
    while part.stop < 0 or at < part.stop:
        line = f.readline(MAX_ROW)
        if not line:
            return
        at += len(line)
        yield line


# -- Parquet and Arrow -----------------------------------------------------------------------------------------------
def open_parquet(path: str | Path) -> Any:
    """A Parquet file to read from.

    Raises:
        BadFile: it is none.
    """
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as err:
        raise BadFile(f"{path}: not readable as Parquet ({why(err)})") from None


def _parquet(part: Part, counts: Counter) -> Iterator[Record]:
    """The rows of some row groups, batches as large as the bound lets them be."""
    import pyarrow

    with open_parquet(part.path) as file:
        for i in range(part.start, file.num_row_groups if part.stop < 0 else part.stop):
            group = file.metadata.row_group(i)
            each = max(group.total_byte_size / max(group.num_rows, 1), 1)
            shared = _dictionaries(part.path, group)
            if (each > MAX_ROW and group.total_byte_size > _GROUP) or shared > _GROUP:
                counts["skipped: over the size bound"] += group.num_rows
                continue
            try:
                rows = min(int(MAX_ROW / each), _GROUP // max(shared, 1), _ROWS)
                for batch in file.iter_batches(max(rows, 1), row_groups=[i]):
                    yield from of_batch(batch, counts)
            except pyarrow.ArrowException as err:
                raise BadFile(f"{part.path}: {why(err)}") from None


def _dictionaries(path: str, group: Any) -> int:
    """Bytes that the dictionaries of a row group unpack to: a value in one is stored once, and given to many rows."""
    total = 0
    with open(path, "rb") as f:
        for column in map(group.column, range(group.num_columns)):
            at = column.dictionary_page_offset
            if column.has_dictionary_page and at is not None:
                f.seek(at)
                total += _page_bytes(f.read(24))
    return total


def _page_bytes(head: bytes) -> int:
    """The unpacked size in a page's head (Thrift, compact: two numbers, kind and size); a head of another form is 0."""
    at, numbers = 0, []
    while len(numbers) < 2:
        value, shift = 0, 0
        at += 1  # the field's number and type
        while True:
            if at >= len(head):
                return 0
            value |= (head[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if head[at - 1] < 128:
                break
        numbers.append(value >> 1)
    return numbers[1]


def _arrow(part: Part, counts: Counter) -> Iterator[Record]:
    """The rows of an Arrow file (stream format), as ``save_to_disk`` writes them, a batch at a time."""
    import pyarrow

    try:
        with open(part.path, "rb") as f, pyarrow.ipc.open_stream(f) as stream:
            for batch in stream:
                for start in range(0, batch.num_rows, _ROWS):
                    yield from of_batch(batch.slice(start, _ROWS), counts)
    except pyarrow.ArrowException as err:
        raise BadFile(f"{part.path}: not readable as Arrow ({why(err)})") from None


def of_batch(batch: Any, counts: Counter) -> Iterator[Record]:
    """The rows of an Arrow record batch, at most ``MAX_ROW`` bytes of them at a time.

    A row over it, or with a value that Python cannot hold (text that is no UTF-8, a date after 9999), is counted.
    """
    if batch.nbytes <= MAX_ROW:
        try:
            rows = batch.to_pylist()
        except Exception as err:  # of many types, by the kind of value
            if batch.num_rows == 1:
                counts[f"skipped: row not readable ({type(err).__name__})"] += 1
                return
        else:
            yield from rows
            return
    elif batch.num_rows <= 1:
        counts["skipped: over the size bound"] += 1
        return
    half = batch.num_rows // 2
    yield from of_batch(batch.slice(0, half), counts)
    yield from of_batch(batch.slice(half), counts)


# -- the Hub ---------------------------------------------------------------------------------------------------------
def is_hub(source: str | Path) -> bool:
    """Is this the name of a data set of the Hub, and not a path?"""
    return str(source).startswith(HUB)


@lru_cache(maxsize=2)
def _stream(spec: str) -> Any:
    m = _SPEC.fullmatch(spec)
    if not m:
        raise BadFile(f"{spec}: not of the form hub:owner/name[:config]@COMMIT[#split]")
    if not (m["commit"] or Path(m["name"]).is_dir()):
        raise BadFile(f"{spec}: needs a commit (@ and 40 hex digits), because a branch can move")
    import datasets  # slow to import, and only this path needs it

    try:
        return datasets.load_dataset(
            m["name"], m["config"], split=m["split"] or "train", revision=m["commit"], streaming=True
        )  # fmt: skip
    except Exception as err:  # no network, no such data set, no such split: many types, one meaning
        raise BadFile(f"{spec}: {why(err)}") from None


def hub_parts(spec: str) -> list[Part]:
    """The pieces of a data set of the Hub.

    Raises:
        BadFile: no such data set, split or commit, or no network.
    """
    return [Part(spec, i, i + 1) for i in range(_stream(spec).num_shards)]


def _hub(part: Part, counts: Counter) -> Iterator[Record]:
    stream = _stream(part.path)
    try:
        yield from stream.shard(num_shards=stream.num_shards, index=part.start)
    except Exception as err:  # a lost connection or a broken file, through many libraries
        raise BadFile(f"{part.path}, piece {part.start}: {why(err)}") from None


READERS = {
    ".jsonl": _json_lines, ".jsonl.gz": _json_lines, ".parquet": _parquet, ".arrow": _arrow,
}  # fmt: skip
