"""``dsmath clean``: remove the report of a scale, and nothing that the course did not make.

Of a scale's folder go the index and the stages' folders; of a stage's folder the files and folders that a run writes.
Everything else stays and is named. A link is taken away itself; what it points to is never touched.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.folders import lock_folder, reports_root, scale_folder, unlock_folder
from dsmath_lib.base.names import is_scale_name
from dsmath_lib.params.table import scale_names
from dsmath_lib.rows.stages import STAGES

SCALE_FILES = ("index.html", "results.json")
STAGE_FILES = ("results.json", "log.jsonl", "digest.json", "attempt.json", "bad_batch.safetensors")
STAGE_FIGURES = ("*.png", "*.alt.txt", "demo_annotations.csv")
STAGE_FOLDERS = ("checkpoints", "artifacts", "artifacts.previous", "previous")
LOCKS = (".chain.lock", *(f".{s}.lock" for s in STAGES))
MATHJAX = Path("assets/tex-svg.js")  # all pages share it


@dataclass
class Found:
    """What there is of a scale: ``ours`` to remove, ``others`` to keep, ``stages`` that hold something of ours."""

    folder: Path
    ours: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    stages: list[Path] = field(default_factory=list)


def look(folder: Path) -> Found:
    """Tell apart what the course made of a scale's folder and what it did not."""
    found = Found(folder)
    for path in sorted(folder.iterdir()):
        if path.name in STAGES and path.is_dir() and not path.is_symlink():
            found.stages.append(path)
            for part in sorted(path.iterdir()):
                (found.ours if _of_stage(part) else found.others).append(part)
        elif path.name.removesuffix(".tmp") in SCALE_FILES and _is_file(path):
            found.ours.append(path)
        elif path.name not in LOCKS:
            found.others.append(path)
    return found


def _of_stage(path: Path) -> bool:
    if path.name in STAGE_FOLDERS:
        return path.is_symlink() or path.is_dir()
    pages = tuple(path.parent.name + end for end in (".ipynb", ".html"))
    known = path.name.removesuffix(".tmp") in (*STAGE_FILES, *pages)
    return _is_file(path) and (known or any(path.match(p) for p in STAGE_FIGURES))


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    files = (os.path.join(where, n) for where, _, names in os.walk(path) for n in names)
    return sum(os.lstat(f).st_size for f in files)


def clean_scale(scale: str, *, dry_run: bool = False) -> None:
    """Print what goes, with its size, and remove it; what is not ours is kept and named.

    Raises:
        BadName, ParamsError: no scale can have this name, or there is no report for it.
        StageError: a run or an open notebook holds the chain or one of the stages; nothing was removed.
    """
    folder = scale_folder(scale)
    found = look(folder) if folder.is_dir() else Found(folder)
    if not found.ours and not (folder.is_dir() and scale in scale_names()):
        raise ParamsError(f"no report for scale '{scale}' in {reports_root()}")
    if dry_run:
        _show(found)
        return
    locks = {n: folder / n.removeprefix(".").removesuffix(".lock") for n in LOCKS}
    held = [p for n, p in locks.items() if p.is_dir() or (folder / n).exists()]
    locked = []
    try:
        for path in dict.fromkeys((locks[LOCKS[0]], *held)):
            lock_folder(path, wait_s=2)
            locked.append(path)
        found = look(folder)
        _show(found)
        for path in found.ours:
            _remove(path)
        for path in locked:
            _remove_empty(path)
            (folder / f".{path.name}.lock").unlink(missing_ok=True)
    finally:
        for path in locked:
            unlock_folder(path)
    _remove_empty(folder)
    if not folder.exists():
        print(f"removed {folder}")


def clean_all(*, dry_run: bool = False) -> None:
    """``clean_scale`` for every report; ``reports/reference`` stays."""
    for scale in list(_reports()):
        clean_scale(scale, dry_run=dry_run)
    page_script = reports_root() / MATHJAX
    if page_script.is_file() and not dry_run and not list(_reports()):
        _remove(page_script)
        _remove_empty(page_script.parent)


def _reports() -> Iterator[str]:
    known = scale_names()
    for path in sorted(reports_root().glob("*")):
        if is_scale_name(path.name) and path.is_dir() and not path.is_symlink():
            if path.name in known or look(path).ours:
                yield path.name


def _show(found: Found) -> None:
    sizes = {path: size(path) for path in found.ours}
    print(f"{found.folder}: to be removed, {sum(sizes.values()) / 1e6:.1f} MB in all")
    for path, n in sizes.items():
        link = "  (the link, not what it points to)" if path.is_symlink() else ""
        print(f"  {n / 1e6:9.1f} MB  {path.relative_to(found.folder)}{link}")
    for path in found.others:
        print(f"  kept, not made by a run: {path.relative_to(found.folder)}")


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path)


def _remove_empty(path: Path) -> None:
    """Remove a folder that holds nothing."""
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        path.rmdir()
