"""Files written whole or not at all, and digests of files."""

import hashlib
import os
from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary name, flushed to disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(path.name + ".tmp")
    with tmp.open("w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    tmp.replace(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files below a folder (names included), in hex."""
    h = hashlib.sha256()
    for p in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if p.is_file():
            h.update(str(p.relative_to(path)).encode())
            with p.open("rb") as f:
                while block := f.read(1 << 20):
                    h.update(block)
    return h.hexdigest()
