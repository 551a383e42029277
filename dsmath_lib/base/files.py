"""Files written whole or not at all, locks, and digests."""

import atexit
import hashlib
import json
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, without waiting for the disk: there are many, and each can be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    tmp.write_text(text, encoding="utf-8")
    tmp.replace(path)


def text_digest(text: str) -> str:
    """SHA-256 of a text in hex; lone surrogates are encoded as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def key_of(*parts: Any) -> str:
    """A digest of plain data: what makes two runs the same."""
    return text_digest(json.dumps(parts, sort_keys=True, default=str))


def digest_of(x: Any) -> str:
    """16 hex digits of the content of plain data."""
    return text_digest(json.dumps(x, ensure_ascii=False, sort_keys=True))[:16]


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


_LOCKS: dict[Path, Any] = {}  # held until the process ends, so a killed run frees its lock


@atexit.register
def _close_locks() -> None:
    for f in _LOCKS.values():
        f.close()


def lock_folder(folder: Path, wait_s: float = 15.0) -> None:
    """Make this process the only one that writes to ``folder``, until it ends or unlocks.

    Raises:
        StageError: another process still holds it after ``wait_s`` seconds (a killed run's kernel needs one or two),
            or there is no permission to write.
    """
    if folder in _LOCKS or fcntl is None:
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        f = (folder.parent / f".{folder.name}.lock").open("w")
    except OSError as err:
        raise StageError(
            f"cannot write to {folder.parent} ({err.strerror}); "
            "set the variable DSMATH_REPORTS to a folder you can write to"
        ) from None
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                f.close()
                raise StageError(
                    f"another run or open notebook is writing to {folder}; wait for it, or stop its kernel"
                ) from None
            time.sleep(0.2)
        else:
            _LOCKS[folder] = f
            return


def unlock_folder(folder: Path) -> None:
    """Give up the lock of ``lock_folder``."""
    f = _LOCKS.pop(folder, None)
    if f is not None:
        f.close()
