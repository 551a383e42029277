"""Start a class at any notebook: what it reads comes from small kept models of our own, or is made.

``classroom/<scale>/<stage>/`` holds kept stages: ``results.json``, ``log.jsonl`` and the models, below 20 MB together.
They are made again by ``dsmath run toy`` and then ``dsmath class --keep``.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from dsmath_lib.app.runner import find_stage, run_stages
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.folders import stage_folder
from dsmath_lib.base.paths import ROOT
from dsmath_lib.params.registry import upstream_of
from dsmath_lib.rows.stages import STAGES

KEPT = ROOT / "classroom"
MOST = 20_000_000  # bytes of all kept stages together
# stage -> its artifacts that later notebooks read, and that are small
SMALL = {"02_pretraining": ("base", "tokenizer"), "03_sft": ("sft",), "05_grpo": ("policy",)}
_ALWAYS = ("results.json", "log.jsonl")


def open_class(name: str, scale: str = "toy", kept: Path = KEPT) -> int:
    """Bring what a notebook needs into ``reports/<scale>``: what is there stays, what is kept is copied, the rest runs.

    Returns:
        0, or the exit code of the runs.

    Raises:
        StageError: no such notebook.
    """
    stage = find_stage(name, list(STAGES))
    missing = []
    for needed in (s for s in STAGES if s in upstream_of(stage)):
        target = stage_folder(scale, needed)
        if (target / "results.json").exists():
            print(f"{needed}: there")
        elif (kept / scale / needed / "results.json").exists():
            _copy(kept / scale / needed, target)
            print(f"{needed}: from the kept models")
        else:
            missing.append(needed)
    if missing:
        print(f"{', '.join(missing)}: not kept, made now")
        if code := run_stages(scale, missing, []):
            return code
    print(f"ready: open notebooks/{stage}.ipynb, for example with make lab")
    return 0


def keep_class(scale: str = "toy", kept: Path = KEPT) -> list[str]:
    """Keep the stages that are small, from ``reports/<scale>``; those that have not run are left as they are.

    Returns:
        the stages kept.

    Raises:
        StageError: together they would be over ``MOST``; nothing was kept then.
    """
    done = [s for s in SMALL if (stage_folder(scale, s) / "results.json").exists()]
    parts = {s: _parts(stage_folder(scale, s), SMALL[s]) for s in done}
    size = sum(f.stat().st_size for files in parts.values() for f in files)
    if size > MOST:
        raise StageError(f"{size:,} bytes; a class gets at most {MOST:,}")
    for stage, files in parts.items():
        begin, target = stage_folder(scale, stage), kept / scale / stage
        shutil.rmtree(target, ignore_errors=True)
        for file in files:
            place = target / file.relative_to(begin)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    return done


def _parts(folder: Path, artifacts: Sequence[str]) -> list[Path]:
    found = [folder / n for n in _ALWAYS if (folder / n).is_file()]
    for name in artifacts:
        found += (p for p in sorted((folder / "artifacts" / name).rglob("*")) if p.is_file())
    return found


def _copy(begin: Path, target: Path) -> None:
    """All files first, ``results.json`` last: a stage is done when it is there."""
    files = [p for p in begin.rglob("*") if p.is_file()]
    for file in sorted(files, key=lambda p: p.name == "results.json"):
        place = target / file.relative_to(begin)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
