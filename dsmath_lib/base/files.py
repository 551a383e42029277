"""Files written whole or not at all, locks, and digests."""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, without waiting for the disk: there are many, and each can be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    tmp.write_text(text, encoding="utf-8")
    tmp.replace(path)


def key_of(*parts: Any) -> str:
    """A digest of plain data: what makes two runs the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def digest_of(x: Any) -> str:
    """16 hex digits of the content of plain data."""
    text = json.dumps(x, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def temporary(path: Path) -> Path:
    """A name beside ``path``, to be written and then renamed. What lies there is removed, so no link is followed."""
    tmp = path.with_name(path.name + ".tmp")
    tmp.unlink(missing_ok=True)
    return tmp


def write_atomic(path: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary name, flushed to disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = temporary(path)
    with tmp.open("x", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    tmp.replace(path)


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
