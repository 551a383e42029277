"""The stage folder: what a notebook reads, writes, and how it resumes.

``reports/<scale>/<stage>/`` holds ``results.json`` (written last and atomically: a stage is done when it is there),
``log.jsonl`` (one dict per step), ``checkpoints/`` and, unless ``artifacts_dir`` says otherwise, ``artifacts/``.
Opened with the same parameters, inputs and library code, everything that lies there is used: an interrupted run goes
on, a finished one is read. With others a new run begins, and the old one is kept aside (see ``attempt.py``).
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import file_digest, read_json, text_digest, write_atomic
from dsmath_lib.base.folders import (
    artifacts_folder,
    lock_folder,
    scale_folder,
    stage_folder,
    unlock_folder,
)
from dsmath_lib.base.machine import environment, peak_memory_mb
from dsmath_lib.base.names import BadName, below, without_links
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.record_files import loads, of_line, whole
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import upstream_of
from dsmath_lib.stage.attempt import Folder, MadeOf
from dsmath_lib.stage.digest import code_of_module, code_of_notebook

OUTSIDE = "outside:"  # marks an input that no stage made
CLOCKS = ("seconds", "timings", "peak_memory_mb", "environment")


class Stage:
    """One stage of one scale. Holds the folder, the log and the clock.

    Raises:
        StageError: another process is running this stage.
    """

    def __init__(self, cfg: Params, name: str):
        self.cfg, self.name = cfg, name
        self.dir = without_links(stage_folder(cfg.scale, name))
        self.artifacts = without_links(artifacts_folder(cfg.artifacts_dir, cfg.scale, name))
        self.started = time.monotonic()
        self.inputs: dict[str, str] = {}
        self.watchers: list[Callable[[dict[str, Any]], None]] = []  # called with each new row
        lock_folder(self.dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self._folder = Folder(self.dir, self.artifacts)
        notebook = os.environ.get("DSMATH_NOTEBOOK") or ROOT / "notebooks" / f"{name}.ipynb"
        self._settle(made_of(cfg, self._folder, Path(notebook)))
        if self.log_path.exists():
            self.truncate_log(sys.maxsize)  # a kill may have left half a line
        if self.finished:
            print(f"{name}: finished already; what it made is loaded, and nothing is removed")

    def _settle(self, made: MadeOf) -> None:
        # the runner has made the folder ready; with resume off it would be emptied twice
        ready = os.environ.get("DSMATH_NOTEBOOK") and self._folder.made_of() is not None
        if line := self._folder.settle(made, resume=self.cfg.resume or bool(ready)):
            print(f"{self.name}: {line}")
        self.artifacts.mkdir(parents=True, exist_ok=True)

    @property
    def finished(self) -> bool:
        """Was this stage finished before, with the same parameters, inputs and code?"""
        return bool(self._folder.read().get("results"))

    def carry(
        self,
        path: Path,
        module: str,
        valid: Callable[[Path], bool] = Path.exists,
        *,
        any_input: bool = False,
    ) -> Path | None:
        """Take a finished file or folder over from a run kept aside, if what made it is unchanged.

        Args:
            path: below this stage's folder or artifacts; nothing happens when it is there.
            module: makes it; its code and that of all it imports must be the same, and so must the stage's inputs.
            valid: says of the copy kept aside if the parameters that made it are those of now.
            any_input: ``valid``, or what reads the file, knows its inputs.

        Returns:
            The log of the run it came from, None if it was not taken over.
        """
        inputs = {} if any_input else self._folder.made_of().inputs
        if not self.cfg.resume:
            return None
        found = self._folder.carry(path, code_of_module(module), inputs, valid)
        if found is None:
            return None
        print(f"{self.name}: {path.name} is unchanged and was taken over")
        return found / self.log_path.name

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Plain data from ``make()``: made once, then read from ``artifacts/kept/`` while the stage is the same."""
        path = self.artifacts / "kept" / f"{name}.json"
        if self.cfg.resume and path.is_file():
            with suppress(ValueError):  # damaged: it is made again
                return loads(path.read_bytes())
        write_atomic(path, json.dumps(plain_data(make()), ensure_ascii=False))
        return loads(path.read_bytes())

    def _input(self, key: str, digest: str) -> None:
        """Note an input; when this run has read another version of it, a new run begins."""
        self.inputs[key] = digest
        made = self._folder.made_of()
        now = replace(made, inputs=made.inputs | {key: digest})
        if key in made.inputs:
            self._settle(now)
        else:
            self._folder.write(now)

    def _need(self, stage: str, name: str, path: Path) -> None:
        root = scale_folder(self.cfg.scale)
        if (root / stage / "results.json").exists() and path.exists():
            return
        chain = [s for s in upstream_of(stage) if not (root / s / "results.json").exists()]
        numbers = " ".join(s.partition("_")[0] for s in sorted({*chain, stage}))
        command = Path(sys.executable).with_name("dsmath")
        command = command if command.exists() else "dsmath"
        raise StageError(
            f"{self.name} needs {stage}{' (' + name + ')' if name else ''}, which is not there. "
            f"Make it with: {command} run {self.cfg.scale} {numbers}"
        )

    def upstream(self, stage: str, name: str = "") -> Path:
        """Path of an artifact of an earlier stage; its digest goes into this stage's results.

        Raises:
            StageError: the earlier stage is not done, or the artifact is gone; names the command that makes it.
        """
        path = _artifact(self.cfg, stage, name)
        self._need(stage, name, path)
        self._input(f"{stage}/{name}", file_digest(path))
        return path

    def source(self, given: str, stage: str, name: str) -> Path | str:
        """What a parameter names, a folder or a Hub name; when it is empty, an artifact of an earlier stage.

        The content of a folder goes into this stage's results.

        Raises:
            StageError: see ``upstream``.
        """
        if not given:
            return self.upstream(stage, name)
        if Path(given).is_dir():
            self._input(f"{OUTSIDE}{given}", file_digest(Path(given)))
        return given

    def upstream_results(self, stage: str) -> dict[str, Any]:
        """The ``results.json`` of an earlier stage (same error as ``upstream``)."""
        path = stage_folder(self.cfg.scale, stage) / "results.json"
        self._need(stage, "", path)
        results = read_json(path)
        if not results:
            raise StageError(f"{path} is damaged; make it again: remove it, then run {stage}")
        self._input(f"{stage}/results.json", metrics_digest(results))
        return results

    # -- log --------------------------------------------------------------------------------
    @property
    def log_path(self) -> Path:
        return self.dir / "log.jsonl"

    def log(self, kind: str, step: int, **numbers: Any) -> None:
        """Append one row ``{"kind", "step", ...}`` to ``log.jsonl``."""
        row = {"kind": kind, "step": step, **plain_data(numbers)}
        with self.log_path.open("a", encoding="utf-8") as f:
            f.write(whole(json.dumps(row, ensure_ascii=False)) + "\n")
        for watch in self.watchers:
            watch(row)

    def read_log(self, kind: str) -> list[dict[str, Any]]:
        """All rows of one kind, in order. A half-written last line (a kill) is dropped."""
        return [r for r in self._rows() if r["kind"] == kind]

    def _rows(self, log: Path | None = None) -> Iterator[dict[str, Any]]:
        log = log or self.log_path
        if not log.exists():
            return
        for line in log.read_bytes().split(b"\n"):  # not at a line sign in a text
            try:
                row = of_line(line)
            except ValueError:
                continue  # half a line of a kill
            if isinstance(row.get("kind"), str) and isinstance(row.get("step"), int | float):
                yield row

    def take_rows(self, log: Path, kinds: Collection[str]) -> None:
        """The rows of these kinds from another run's log, in place of those that are here."""
        rows = [r for r in self._rows() if r["kind"] not in kinds]
        rows += [r for r in self._rows(log) if r["kind"] in kinds]
        self._write_log(rows)

    def truncate_log(self, step: int, kind: str | None = None) -> None:
        """Forget rows after ``step`` (of one kind, or all), so a resumed loop does not log them twice."""
        keep = [
            r for r in self._rows() if r["step"] <= step or (kind is not None and r["kind"] != kind)
        ]
        self._write_log(keep)

    def _write_log(self, rows: Iterable[Mapping[str, Any]]) -> None:
        write_atomic(self.log_path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))

    # -- results ----------------------------------------------------------------------------
    def done(self, metrics: Mapping[str, Any], **extra: Any) -> None:
        """Write ``results.json``; the last cell of every notebook calls this and nothing else marks a stage done.

        Args:
            metrics: name -> number, or estimate with interval (``evaluation.metrics.Estimate``), or one for each seed.
            extra: further JSON parts, e.g. ``tables``, ``headline`` (names of metrics for the index), ``figure``.
        """
        results = {
            "stage": self.name,
            "scale": self.cfg.scale,
            "params": self.cfg.model_dump(),
            "metrics": plain_data(metrics),
            **plain_data(extra),
            "inputs": self.inputs,
            "seconds": round(time.monotonic() - self.started, 1),
            "peak_memory_mb": peak_memory_mb(),
            "environment": environment(),
        }
        before = self._folder.read().get("results")
        before = before if isinstance(before, dict) else {}
        if before and metrics_digest(before) == metrics_digest(results):
            # read again: the clock is that of the run that made it
            results |= {k: before[k] for k in CLOCKS if k in before}
        write_atomic(
            self.dir / "results.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n"
        )
        self._folder.write(self._folder.made_of(), results=results)
        if not before:
            self._folder.drop_aside()
        unlock_folder(self.dir)  # an open notebook must not hold up other runs
        print(f"{self.name}: results written")


def made_of(cfg: Params, folder: Folder, notebook: Path) -> MadeOf:
    """What a run of a stage would be made of now: its parameters, the inputs that runs there have read, its code."""
    keys = folder.known_inputs()
    inputs = {k: d for k in keys if (d := _input_digest(cfg, k)) is not None}
    params = cfg.model_dump(mode="json", exclude=set(cfg.CHANGE_NOTHING))
    return MadeOf(params, inputs, code_of_notebook(notebook))


def _artifact(cfg: Params, stage: str, name: str) -> Path:
    folder = artifacts_folder(cfg.artifacts_dir, cfg.scale, stage)
    return below(folder, *name.split("/")) if name else folder


def _input_digest(cfg: Params, key: str) -> str | None:
    """Digest of an input as it is now; None if it is gone."""
    if key.startswith(OUTSIDE):
        path = Path(key.removeprefix(OUTSIDE))
    else:
        stage, _, name = key.partition("/")
        try:
            path = _artifact(cfg, stage, name)
        except BadName:  # no run of ours wrote it down
            return None
        if name == "results.json":
            path = stage_folder(cfg.scale, stage) / name
            found = read_json(path)
            return metrics_digest(found) if found else None
    return file_digest(path) if path.exists() else None


def metrics_digest(results: Mapping[str, Any]) -> str:
    """SHA-256 of what a stage measured, without clocks: equal runs have equal digests."""
    part = {k: results.get(k) for k in ("stage", "params", "metrics", "inputs")}
    part["params"] = {
        k: v for k, v in (results.get("params") or {}).items() if k not in Params.CHANGE_NOTHING
    }
    return text_digest(json.dumps(part, sort_keys=True))


def plain_data(x: Any) -> Any:
    """JSON-ready copy: tensors and numpy numbers become Python numbers, non-finite floats become None."""
    if isinstance(x, Mapping):
        return {str(k): plain_data(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [plain_data(v) for v in x]
    if hasattr(x, "tolist"):
        return plain_data(x.tolist())
    # an estimate
    if hasattr(x, "as_json"):
        return plain_data(x.as_json())
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    return str(x) if isinstance(x, Path) else x
