"""``dsmath doctor``: is this machine ready, and what does each scale need?"""

import json
import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from dsmath_lib.base.folders import reports_root, scale_folder
from dsmath_lib.base.paths import PARAMS_DIR, ROOT
from dsmath_lib.params.table import scale_names
from dsmath_lib.report.index import read_stage

PACKAGES = (
    "torch", "transformers", "tokenizers", "datasets", "pyarrow", "safetensors", "numpy",
    "fasttext-community", "fastwarc", "resiliparse", "selectolax", "math-verify", "pydantic-monty",
    "papermill", "jupyterlab", "nbconvert", "pydantic", "peft", "torchao", "vllm",
)  # fmt: skip
OPTIONAL = {"peft", "torchao", "vllm"}
REFERENCE = ROOT / "reports" / "reference"


def pinned_versions(path: Path = ROOT / "constraints.txt") -> dict[str, str]:
    """Package -> version of ``constraints.txt``; of several lines for one package, all, joined by ``|``."""
    out: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if m := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            name = m[1].lower()
            out[name] = f"{out[name]}|{m[2]}" if name in out else m[2]
    return out


def versions() -> list[dict[str, Any]]:
    """Rows ``{"package", "installed", "pinned", "ok"}``; a local build tag (``+cpu``) does not matter."""
    pins, rows = pinned_versions(), []
    for name in PACKAGES:
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            have = None
        want = pins.get(name, "")
        ok = have.split("+")[0] in want.split("|") if have else name in OPTIONAL
        rows.append({"package": name, "installed": have or "–", "pinned": want, "ok": ok})
    return rows


def machine() -> dict[str, str]:
    """Cores, memory, GPU and disk of this machine, as text."""
    import psutil
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory()
    root = reports_root()
    disk = shutil.disk_usage(next(p for p in (root, *root.parents) if p.exists()))
    gpus = [
        f"{torch.cuda.get_device_name(i)}, {torch.cuda.get_device_properties(i).total_memory / 1e9:.0f} GB"
        for i in range(torch.cuda.device_count())
    ]
    return {
        "python": platform.python_version(),
        "cores": f"{usable} usable of {os.cpu_count()}",
        "memory": f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB free",
        "GPU": "; ".join(gpus) or "none (the toy needs none)",
        "disk": f"{disk.free / 1e9:.0f} GB free for {root}",
    }


def needs(scale: str, reference: Path = REFERENCE) -> dict[str, str]:
    """Time and peak memory of a scale as measured: here, else by a run kept in ``reports/reference``, else unknown.

    The time is the sum of the stages' own clocks (kernels that start and pages that are written are not in it), of the
    run with the most stages; the memory is the most that one stage took.
    """
    kept: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((reference / scale).glob("seed*/[0-9]*.json")):
        kept.setdefault(path.parent.name, []).append(json.loads(path.read_text(encoding="utf-8")))
    here = [read_stage(p)["results"] for p in sorted(scale_folder(scale).glob("[0-9]*"))]
    stages = len(list((PARAMS_DIR / scale).glob("[0-9]*.yaml")))
    runs = [(here, "measured here"), *((r, f"kept run, {name}") for name, r in kept.items())]
    best, where = max(runs, key=lambda run: len(_timed(run[0])))
    best = _timed(best)
    if not best:
        return {"scale": scale, "time": "?", "memory": "?", "from": "not measured yet"}
    environment = best[-1].get("environment") or {}
    peaks = [max((r.get("peak_memory_mb") or {"": 0}).values()) for r in best]
    part = f"{len(best)} stages" if len(best) >= stages else f"{len(best)} of {stages} stages"
    return {
        "scale": scale,
        "time": f"{sum(r['seconds'] for r in best) / 60:.1f} min",
        "memory": f"{max(peaks) / 1000:.1f} GB",
        "from": f"{where}, {part}, {environment.get('device')}, {environment.get('cores')} cores",
    }


def _timed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in results if r.get("seconds")]


def print_doctor() -> int:
    """Print all; returns 1 if a needed package is missing, else 0."""
    from dsmath_lib.report.notebook import table

    for name, text in machine().items():
        print(f"{name:8} {text}")
    rows = versions()
    print("\n" + repr(table(rows, "packages")))
    print(
        "\n"
        + repr(
            table(
                [needs(s) for s in scale_names()],
                "what each scale needs (time: the notebooks' own clocks)",
            )
        )
    )
    missing = [r["package"] for r in rows if r["installed"] == "–" and not r["ok"]]
    differ = [r["package"] for r in rows if not r["ok"] and r["package"] not in missing]
    if missing:
        print(f"\nmissing: {', '.join(missing)}; set up again with: make env")
    if differ:
        print(
            f"\nother versions than tested: {', '.join(differ)} (constraints.txt); set up again with: make env"
        )
    return 1 if missing else 0
