"""The records of a WARC file, whatever is wrong with some of them: damage costs the record it is in.

fastwarc gives up a file at a chunk length that is none, or a header that is too long, and a length that is too large
swallows what follows. Then, and only then, reading goes on at the next place that looks like a record: as long as the
lengths are right nothing inside a page can pass for one.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

RECORD_KINDS = (
    WarcRecordType.response
    | WarcRecordType.resource
    | WarcRecordType.conversion
    | WarcRecordType.warcinfo
)
_HEADER = 16_000_000  # bytes of a header; a cookie may have 100,000
_START = b"WARC/"
_MEMBER = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_LOOK = 1 << 16  # packed bytes that are enough to unpack a record's first line


class WarcRecords:
    """Iterates over ``fastwarc`` records; after damage it goes on with the next record and counts that it did.

    Lenient mode goes on after malformed records, where the default stops without a word.
    """

    def __init__(self, path: Path, counts: Counter):
        self.path, self.counts, self._damaged = path, counts, False
        self.here, self.length = (
            0,
            -1,
        )  # of the record that was given last: its place in the file, what it says
        self._damaged = False

    def __iter__(self) -> Iterator[Any]:
        start: int | None = 0
        with self.path.open("rb") as file:
            while start is not None:
                file.seek(start)
                self.here, self.length, self._damaged = start, -1, False
                try:
                    records = ArchiveIterator(
                        file, record_types=RECORD_KINDS, quirks_mode=True, auto_decode="transfer",
                        max_header_len=_HEADER,
                    )  # fmt: skip
                    for record in records:
                        self.here = record.stream_pos
                        said = (record.headers.get("Content-Length") or "").strip()
                        self.length = int(said) if said.isdecimal() and len(said) < 20 else -1
                        yield record
                        if self._damaged:
                            break
                    else:
                        if self.length < 0 or ends_where_it_says(self.path, self.here, self.length):
                            return
                except Exception:  # OSError, ValueError and fastwarc's own, on broken files
                    pass
                start = next_start(self.path, self.here)
                if start is None:
                    self.counts["file ended early: damaged"] += 1
                else:
                    self.counts["note: went on after a damaged record"] += 1

    def swallowed(self) -> bool:
        """Does the record given last hold others, because its length is wrong? Then the next is the first of them."""
        self._damaged = not ends_where_it_says(self.path, self.here, self.length)
        return self._damaged


def next_start(path: Path, after: int) -> int | None:
    """Where the first record past this place starts, in a packed file: its gzip member; None if there is none."""
    if not path.stat().st_size:
        return None
    with path.open("rb") as f, mmap(f.fileno(), 0, access=ACCESS_READ) as data:
        packed = data[:3] == _MEMBER
        mark = _MEMBER if packed else b"\n" + _START
        at = after
        while (at := data.find(mark, at + 1)) >= 0:
            if not packed:
                return at + 1
            if _unpacked(data[at : at + _LOOK]).startswith(_START):
                return at
    return None


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(data, len(_START))
    except zlib.error:
        return b""


def ends_where_it_says(path: Path, start: int, length: int) -> bool:
    """Does the record at ``start`` end after ``length`` bytes, at the end of its gzip member or before another one?"""
    with path.open("rb") as f:
        f.seek(start)
        head = f.read(_LOOK)
        if head.startswith(_ZSTD):
            return True  # cannot be told
        if head.startswith(_MEMBER):
            f.seek(start)
            head, size = _member(f)
            body = head.find(b"\r\n\r\n") + 4
            return body > 3 and size - 4 <= body + length <= size
        body = head.find(b"\r\n\r\n") + 4
        if body < 4:
            return False
        f.seek(0, 2)
        end = f.tell()
        f.seek(start + body + length)
        rest = f.read(4 + len(_START)).lstrip(b"\r\n")
        return start + body + length <= end and rest == _START[: len(rest)]


def _member(f: Any) -> tuple[bytes, int]:
    """Beginning and size of the unpacked gzip member at this place; nothing is kept in memory."""
    unpack, head, size = zlib.decompressobj(31), b"", 0
    try:
        while not unpack.eof and (data := unpack.unconsumed_tail or f.read(_LOOK)):
            piece = unpack.decompress(data, 1 << 20)
            head, size = head or piece[:_LOOK], size + len(piece)
    except zlib.error:
        return head, -1
    return head, size
