"""Where reports, stages and artifacts lie, by checked names, and who may write there."""

import atexit
import os
import time
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.names import below, scale_name
from dsmath_lib.base.paths import ROOT

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None


def reports_root() -> Path:
    """Where reports go: ``DSMATH_REPORTS`` if set (the tests set it), else ``reports/`` of the project."""
    return Path(os.environ.get("DSMATH_REPORTS") or ROOT / "reports").absolute()


def scale_folder(scale: str) -> Path:
    """``reports/<scale>``, by a checked name (``paths.BadName``)."""
    return below(reports_root(), scale_name(scale))


def stage_folder(scale: str, stage: str) -> Path:
    """``reports/<scale>/<stage>``, by checked names (``paths.BadName``)."""
    return below(scale_folder(scale), stage)


def artifacts_folder(artifacts_dir: str, scale: str, stage: str) -> Path:
    """Where a stage's weights and corpora go (parameter ``artifacts_dir``; empty: in the stage folder)."""
    folder = stage_folder(scale, stage)
    if not artifacts_dir:
        return below(folder, "artifacts")
    path = below(Path(artifacts_dir).expanduser().absolute(), scale, stage)
    if path.resolve() == folder.resolve():
        raise StageError(
            "artifacts_dir is the folder of the reports; leave it empty, or name another"
        )
    return path


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
    path, deadline = folder.parent / f".{folder.name}.lock", time.monotonic() + wait_s
    while True:
        f = _open_lock(path)
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            f.close()
            if time.monotonic() > deadline:
                raise StageError(
                    f"another run or open notebook is writing to {folder}; wait for it, or stop its kernel"
                ) from None
            time.sleep(0.2)
        else:
            if path.exists() and path.stat().st_ino == os.fstat(f.fileno()).st_ino:
                _LOCKS[folder] = f
                return
            f.close()  # who held it has removed the file: another would lock a new one


def _open_lock(path: Path) -> Any:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+")
    except OSError as err:
        raise StageError(
            f"cannot write to {path.parent} ({err.strerror}); "
            "set the variable DSMATH_REPORTS to a folder you can write to"
        ) from None


def unlock_folder(folder: Path) -> None:
    """Give up the lock of ``lock_folder``."""
    f = _LOCKS.pop(folder, None)
    if f is not None:
        f.close()
