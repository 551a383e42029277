"""The stage folder: what a notebook reads, writes, and how it resumes.

``reports/<scale>/<stage>/`` holds ``results.json`` (written last and atomically: a stage is done when it is there),
``log.jsonl`` (one dict per step), ``checkpoints/`` and, unless ``artifacts_dir`` says otherwise, ``artifacts/``.
``attempt.json`` holds the parameters and inputs of the run in progress: with the same ones a run resumes, with others,
or after a finished run, it starts anew.
"""

import atexit
import hashlib
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from dsmath_lib.params.base import ROOT, Params

try:
    import fcntl
    import resource
except ImportError:  # Windows: no lock, and memory from psutil
    fcntl = resource = None

PACKAGES = ("torch", "transformers", "datasets", "vllm", "fasttext-community", "papermill", "numpy")


class StageError(RuntimeError):
    """A stage cannot run: what is missing and which command makes it."""


def reports_root() -> Path:
    """Where reports go: ``DSMATH_REPORTS`` if set (the tests set it), else ``reports/`` of the project."""
    return Path(os.environ.get("DSMATH_REPORTS") or ROOT / "reports").absolute()


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


def clear_stage(folder: Path, artifacts: Path, keep: tuple[str, ...] = ()) -> None:
    """Remove what an earlier run left in a stage folder, and its artifacts; ``keep`` are file suffixes."""
    shutil.rmtree(artifacts, ignore_errors=True)
    for p in folder.iterdir() if folder.exists() else ():
        if p.is_dir():
            shutil.rmtree(p)
        elif not p.name.endswith(keep or ("\0",)):
            p.unlink()


def artifacts_folder(artifacts_dir: str, scale: str, stage: str) -> Path:
    """Where a stage's weights and corpora go (parameter ``artifacts_dir``; empty: in the stage folder)."""
    if artifacts_dir:
        return Path(artifacts_dir).expanduser().absolute() / scale / stage
    return reports_root() / scale / stage / "artifacts"


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


class Stage:
    """One stage of one scale. Holds the folder, the log and the clock.

    Raises:
        StageError: another process is running this stage.
    """

    def __init__(self, cfg: Params, name: str):
        self.cfg, self.name = cfg, name
        self.dir = reports_root() / cfg.scale / name
        self.artifacts = artifacts_folder(cfg.artifacts_dir, cfg.scale, name)
        self.started = time.monotonic()
        self.inputs: dict[str, str] = {}
        self.watchers: list[Callable[[dict[str, Any]], None]] = []  # called with each new row
        self.dir.mkdir(parents=True, exist_ok=True)
        lock_folder(self.dir)
        self._params = cfg.model_dump(mode="json", exclude={"resume"})
        self._attempt = self._read_attempt()
        finished = (self.dir / "results.json").exists()
        if finished or not cfg.resume or self._attempt.get("params") != self._params:
            self._start_anew()
        self.artifacts.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists():
            self.truncate_log(sys.maxsize)  # a kill may have left half a line

    def _read_attempt(self) -> dict[str, Any]:
        try:
            return json.loads((self.dir / "attempt.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _start_anew(self) -> None:
        clear_stage(self.dir, self.artifacts, keep=(".ipynb", ".html", "digest.json"))
        self.artifacts.mkdir(parents=True, exist_ok=True)
        self._attempt = {"params": self._params, "inputs": {}}
        write_atomic(self.dir / "attempt.json", json.dumps(self._attempt))

    def _input(self, key: str, digest: str) -> None:
        """Note an input; when an interrupted run read another version of it, its checkpoints are of no use."""
        self.inputs[key] = digest
        if self._attempt["inputs"].get(key, digest) != digest:
            print(f"{key} has changed since the interrupted run of {self.name}: starting anew")
            self._start_anew()
        if key not in self._attempt["inputs"]:
            self._attempt["inputs"][key] = digest
            write_atomic(self.dir / "attempt.json", json.dumps(self._attempt))

    def _need(self, stage: str, name: str, path: Path) -> None:
        done = (reports_root() / self.cfg.scale / stage / "results.json").exists()
        if not done or not path.exists():
            raise StageError(
                f"{self.name} needs {stage}{' (' + name + ')' if name else ''}, which is not there. "
                f"Make it with: dsmath run {self.cfg.scale} {stage}"
            )

    def upstream(self, stage: str, name: str = "") -> Path:
        """Path of an artifact of an earlier stage; its digest goes into this stage's results.

        Raises:
            StageError: the earlier stage is not done, or the artifact is gone; names the command that makes it.
        """
        path = artifacts_folder(self.cfg.artifacts_dir, self.cfg.scale, stage) / name
        self._need(stage, name, path)
        self._input(f"{stage}/{name}", file_digest(path))
        return path

    def upstream_results(self, stage: str) -> dict[str, Any]:
        """The ``results.json`` of an earlier stage (same error as ``upstream``)."""
        path = reports_root() / self.cfg.scale / stage / "results.json"
        self._need(stage, "", path)
        results = json.loads(path.read_text(encoding="utf-8"))
        self._input(f"{stage}/results.json", metrics_digest(results))
        return results

    # -- log --------------------------------------------------------------------------------
    @property
    def log_path(self) -> Path:
        return self.dir / "log.jsonl"

    def log(self, kind: str, step: int, **numbers: Any) -> None:
        """Append one row ``{"kind", "step", ...}`` to ``log.jsonl``."""
        row = {"kind": kind, "step": step, **_plain(numbers)}
        with self.log_path.open("a", encoding="utf-8") as f:
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
        for watch in self.watchers:
            watch(row)

    def read_log(self, kind: str) -> list[dict[str, Any]]:
        """All rows of one kind, in order. A half-written last line (a kill) is dropped."""
        return [r for r in self._rows() if r["kind"] == kind]

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.log_path.exists():
            return
        for line in self.log_path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue

    def truncate_log(self, step: int, kind: str | None = None) -> None:
        """Forget rows after ``step`` (of one kind, or all), so a resumed loop does not log them twice."""
        keep = [
            r for r in self._rows() if r["step"] <= step or (kind is not None and r["kind"] != kind)
        ]
        write_atomic(self.log_path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in keep))

    # -- results ----------------------------------------------------------------------------
    def done(self, metrics: Mapping[str, Any], **extra: Any) -> None:
        """Write ``results.json``; the last cell of every notebook calls this and nothing else marks a stage done.

        Args:
            metrics: name -> number, or name -> ``{"value", "low", "high", "n", ...}`` for an estimate with interval.
            extra: further JSON parts, e.g. ``tables``, ``headline`` (names of metrics for the index), ``figure``.
        """
        results = {
            "stage": self.name,
            "scale": self.cfg.scale,
            "params": self.cfg.model_dump(),
            "metrics": _plain(metrics),
            **_plain(extra),
            "inputs": self.inputs,
            "seconds": round(time.monotonic() - self.started, 1),
            "peak_memory_mb": peak_memory_mb(),
            "environment": environment(),
        }
        write_atomic(
            self.dir / "results.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n"
        )
        unlock_folder(self.dir)  # an open notebook must not hold up other runs
        print(f"{self.name}: results written")


def metrics_digest(results: Mapping[str, Any]) -> str:
    """SHA-256 of what a stage measured, without clocks: equal runs have equal digests."""
    part = {k: results.get(k) for k in ("stage", "params", "metrics", "inputs")}
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()


def _plain(x: Any) -> Any:
    """JSON-ready copy: tensors and numpy numbers become Python numbers, non-finite floats become None."""
    if isinstance(x, Mapping):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(v) for v in x]
    if hasattr(x, "tolist"):
        return _plain(x.tolist())
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    return str(x) if isinstance(x, Path) else x


def peak_memory_mb() -> dict[str, float]:
    """Peak resident memory of this process and, on a GPU, peak device memory, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if resource is None:
        peak = psutil.Process().memory_info().peak_wset
    elif status.exists():
        # ru_maxrss of Linux begins at the peak of the process that started this one
        line = next(
            x for x in status.read_text("utf-8", "replace").splitlines() if x.startswith("VmHWM:")
        )
        peak = int(line.split()[1]) * 1024
    else:  # macOS, in bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out = {"resident": peak / 1e6}
    import torch

    if torch.cuda.is_available():
        out["device"] = torch.cuda.max_memory_allocated() / 1e6
    return {k: round(v, 1) for k, v in out.items()}


def environment() -> dict[str, Any]:
    """Versions, machine and commit, so that a number can be traced to what made it."""
    import torch

    versions = {}
    for p in PACKAGES:
        try:
            versions[p] = metadata.version(p)
        except metadata.PackageNotFoundError:
            versions[p] = None
    try:
        command = ["git", "rev-parse", "HEAD"]
        git = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    except OSError:  # no git here
        git = ""
    return {
        "python": platform.python_version(),
        "versions": versions,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "git_commit": git.strip() or None,
    }
