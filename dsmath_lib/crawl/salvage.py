"""Text records of a WET file whose Content-Length lines are wrong: split where the next record's header starts."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

_HEAD = re.compile(rb"WARC/\d\.\d+\s*$")
_FIELD = re.compile(rb"(WARC-[\w-]+|Content-[\w-]+)\s*:\s*(.*)", re.I)
_SWALLOWED = re.compile(rb"(?:^|\n)WARC/\d\.\d+\r?\n?(?:\Z|WARC-)", re.I)


def swallowed(body: bytes) -> bool:
    """Does a record's body hold the header of the next record? Then its Content-Length is too large."""
    return bool(_SWALLOWED.search(body))


def records(path: Path, max_bytes: int) -> Iterator[tuple[dict[str, str], bytes]]:
    """``(headers in lower case, body)`` of each record; at most ``max_bytes + 1`` bytes of a body are kept."""
    headers: dict[str, str] = {}
    body: list[bytes] = []
    size, in_head, started = 0, False, False
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as f:
        for line in iter(lambda: f.readline(2**20), b""):
            if _HEAD.match(line):
                if started:
                    yield headers, b"".join(body).strip(b"\r\n")
                headers, body, size, in_head, started = {}, [], 0, True, True
            elif in_head:
                if m := _FIELD.match(line.strip()):
                    headers[m[1].decode("latin-1").lower()] = m[2].decode("utf-8", "replace")
                in_head = bool(line.strip())
            elif started and size <= max_bytes:
                body.append(line)
                size += len(line)
    if started:
        yield headers, b"".join(body).strip(b"\r\n")
