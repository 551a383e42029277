"""Files written whole or not at all, locks, and digests."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from dsmath_lib.base.record_files import loads, whole


@contextmanager
def replaced(path: Path, wait: bool = False) -> Iterator[Path]:
    """A name to write a file under; after the block it stands at ``path``. If the block fails, nothing has changed.

    Args:
        wait: until the disk has it, so that it outlives a power cut. Then one process writes this file at a time,
            else several may.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.tmp" if wait else f"{path.name}.{os.getpid()}.tmp")
    tmp.unlink(missing_ok=True)  # a link that lies there is not followed
    try:
        yield tmp
        if wait:
            with tmp.open("r+b") as f:
                os.fsync(f.fileno())
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all, and wait for the disk."""
    with replaced(path, wait=True) as tmp:
        tmp.write_bytes(_bytes(data))


def _bytes(data: str | bytes) -> bytes:
    """Lone surrogates, which JSON can hold and UTF-8 cannot, become U+FFFD."""
    return whole(data).encode() if isinstance(data, str) else data


def write_json(path: Path, value: Any) -> None:
    """Plain data as indented JSON, as ``write_atomic`` writes it."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file; {} if there is none, or it is damaged, or no object."""
    try:
        found = loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_fast(path: Path, data: str | bytes) -> None:
    """Write a file whole or not at all, without waiting for the disk: there are many, and each can be made again."""
    with replaced(path) as tmp:
        tmp.write_bytes(_bytes(data))


def text_digest(text: str) -> str:
    """SHA-256 of a text in hex; lone surrogates are encoded as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key_of(*parts: Any) -> str:
    """A digest of plain data: what makes two runs the same."""
    return text_digest(json.dumps(parts, sort_keys=True, default=str))


def digest_of(x: Any) -> str:
    """16 hex digits of the content of plain data."""
    return text_digest(json.dumps(x, ensure_ascii=False, sort_keys=True))[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files below a folder (names included), in hex. Unchanged files are read once."""
    files = [p for p in (sorted(path.rglob("*")) if path.is_dir() else [path]) if p.is_file()]
    stamps = [(p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return _digest(path, tuple(zip(files, stamps, strict=True)))


@lru_cache(maxsize=256)
def _digest(path: Path, files: tuple[tuple[Path, tuple[int, int]], ...]) -> str:
    h = hashlib.sha256()
    for p, _ in files:
        h.update(str(p.relative_to(path)).encode())
        with p.open("rb") as f:
            while block := f.read(1 << 20):
                h.update(block)
    return h.hexdigest()
