"""Rows of JSONL, Parquet and Arrow as plain data that every later step can take; what cannot be is counted, left out.

A row has at most 16 MB and 100 levels, so one row takes less than 1 GB in any step. Lone surrogates, which JSON may
hold and no UTF-8 file can, become U+FFFD here, where rows are read, and not in each step that would fail on them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dsmath_lib.stage.data import encodable

MAX_ROW = 16_000_000  # bytes
MAX_NESTING = 100
_ESCAPE = re.compile(rb"\\u[dD]")  # may be a surrogate, as its own code in UTF-8 or another charset
_GROUP = 256_000_000  # bytes of a row group of Parquet that are unpacked to look at its rows


def of_line(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None if there is none, or it is nested too deep."""
    try:
        row = json.loads(line)
        if not isinstance(row, dict) or _nested(row):
            return None
        if b"\xed" in line or b"\0" in line or _ESCAPE.search(line):
            row = encodable(row)
    except (ValueError, RecursionError):
        return None
    return row


def _nested(row: dict[str, Any]) -> bool:
    """Is there a value below ``MAX_NESTING`` others?"""
    level: list[Any] = [row]
    for _ in range(MAX_NESTING):
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for values in inner for v in values if isinstance(v, dict | list)]
        if not level:
            return False
    return True


def of_batch(batch: Any, counts: Counter) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow record batch, at most ``MAX_ROW`` bytes of them at a time.

    A row over it, or with a value that Python cannot hold (text that is no UTF-8, a date after 9999), is counted.
    """
    if batch.num_rows > 1 and batch.nbytes > MAX_ROW:
        yield from _halves(batch, counts)
    elif batch.nbytes > MAX_ROW:
        counts["skipped: over the size bound"] += 1
    else:
        try:
            rows = batch.to_pylist()
        except Exception as err:  # of many types, by the kind of value
            if batch.num_rows > 1:
                yield from _halves(batch, counts)
            else:
                counts[f"skipped: row not readable ({type(err).__name__})"] += 1
        else:
            yield from rows


def _halves(batch: Any, counts: Counter) -> Iterator[dict[str, Any]]:
    half = batch.num_rows // 2
    yield from of_batch(batch.slice(0, half), counts)
    yield from of_batch(batch.slice(half), counts)


def of_groups(file: Any, groups: range, counts: Counter, columns: Any = None) -> Iterator[dict]:
    """The rows of some row groups of an open Parquet file, batches as large as the bound lets them be."""
    for i in groups:
        group = file.metadata.row_group(i)
        each = max(group.total_byte_size / max(group.num_rows, 1), 1)
        if each > MAX_ROW and group.total_byte_size > _GROUP:
            counts["skipped: over the size bound"] += group.num_rows
            continue
        size = min(max(int(MAX_ROW / each), 1), 1_000)
        for batch in file.iter_batches(size, row_groups=[i], columns=columns):
            yield from of_batch(batch, counts)
