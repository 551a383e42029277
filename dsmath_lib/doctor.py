"""``dsmath doctor``: is this machine ready, and what does each scale need?"""

import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from dsmath_lib.params.base import ROOT
from dsmath_lib.reporting.index import read_stage
from dsmath_lib.runner import scales
from dsmath_lib.stage import reports_root

PACKAGES = (
    "torch", "transformers", "tokenizers", "datasets", "accelerate", "safetensors", "numpy",
    "fasttext-community", "fastwarc", "resiliparse", "selectolax", "math-verify", "pydantic-monty",
    "papermill", "jupyterlab", "nbconvert", "pydantic", "vllm",
)  # fmt: skip
OPTIONAL = {"vllm"}
# minutes and GB of memory, for scales without a measured run
ESTIMATES = {"smoke": (4, 2.0), "toy": (15, 3.0), "real-smoke": (6, 3.0)}


def pinned(path: Path = ROOT / "constraints.txt") -> dict[str, str]:
    """Package -> version of ``constraints.txt``; of several lines for one package, all, joined by ``|``."""
    out: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if m := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            name = m[1].lower()
            out[name] = f"{out[name]}|{m[2]}" if name in out else m[2]
    return out


def versions() -> list[dict[str, Any]]:
    """Rows ``{"package", "installed", "pinned", "ok"}``; a local build tag (``+cpu``) does not matter."""
    pins, rows = pinned(), []
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


def needs(scale: str) -> dict[str, str]:
    """Time and peak memory of a scale: measured here, else from ``reports/reference``, else an estimate, and which."""
    for folder, where in (
        (reports_root() / scale, "measured here"),
        (ROOT / "reports" / "reference" / scale, "measured, reference run"),
    ):
        parts = [read_stage(p) for p in sorted(folder.glob("[0-9]*")) if p.is_dir()]
        parts += _stored(folder / "results.json") if not parts else []
        done = [p for p in parts if p["state"] == "done"]
        if len(done) > 5:
            seconds = sum(p["seconds"] or 0 for p in done)
            peaks = [max((p["results"].get("peak_memory_mb") or {"": 0}).values()) for p in done]
            cores = (done[-1]["results"].get("environment") or {}).get("cores")
            return {
                "scale": scale,
                "time": f"{seconds / 60:.1f} min",
                "memory": f"{max(peaks) / 1000:.1f} GB",
                "from": f"{where}, {len(done)} stages, {cores} cores",
            }
    if scale in ESTIMATES:
        minutes, gb = ESTIMATES[scale]
        return {
            "scale": scale,
            "time": f"{minutes} min",
            "memory": f"{gb:.1f} GB",
            "from": "estimate, 2 cores",
        }
    return {"scale": scale, "time": "?", "memory": "?", "from": "not measured yet"}


def _stored(path: Path) -> list[dict[str, Any]]:
    import json

    if not path.exists():
        return []
    stages = json.loads(path.read_text(encoding="utf-8")).get("stages", {})
    return [{"state": "done", "seconds": r.get("seconds"), "results": r} for r in stages.values()]


def print_doctor() -> int:
    """Print all; returns 1 if a needed package is missing, else 0."""
    from dsmath_lib.reporting.notebook import table

    for name, text in machine().items():
        print(f"{name:8} {text}")
    rows = versions()
    print("\n" + repr(table(rows, "packages")))
    print("\n" + repr(table([needs(s) for s in scales()], "what each scale needs")))
    missing = [r["package"] for r in rows if r["installed"] == "–" and not r["ok"]]
    differ = [r["package"] for r in rows if not r["ok"] and r["package"] not in missing]
    if missing:
        print(f"\nmissing: {', '.join(missing)}; set up again with: make env")
    if differ:
        print(
            f"\nother versions than tested: {', '.join(differ)} (constraints.txt); set up again with: make env"
        )
    return 1 if missing else 0
