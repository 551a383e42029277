"""The chain: run the notebooks of a scale in order over papermill, skip what is up to date, report always.

A stage is done when its last cell wrote ``results.json`` in this run; papermill's own metadata is not believed
(after a kernel's death it says "completed"). ``digest.json`` beside it holds what the stage was made from::

    reports/<scale>/<stage>/{<stage>.ipynb, <stage>.html, results.json, log.jsonl, digest.json}
"""

import contextlib
import datetime
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.files import file_digest, read_json, write_atomic
from dsmath_lib.base.folders import (
    artifacts_folder,
    lock_folder,
    reports_root,
    scale_folder,
    stage_folder,
    unlock_folder,
)
from dsmath_lib.base.names import scale_name, without_links
from dsmath_lib.base.paths import PARAMS_DIR, ROOT
from dsmath_lib.params import registry
from dsmath_lib.params.overrides import apply_overrides, stage_values
from dsmath_lib.params.table import scale_names
from dsmath_lib.report.html import write_html
from dsmath_lib.report.index import write_index
from dsmath_lib.stage.attempt import Folder
from dsmath_lib.stage.digest import stage_digest
from dsmath_lib.stage.folder import made_of, metrics_digest

_NOTEBOOKS = ROOT / "notebooks"
OK, STAGE_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class StageRun:
    """One stage, validated and ready: where it is, its parameters, where it writes."""

    stage: str
    notebook: Path
    params: dict[str, Any]

    @property
    def folder(self) -> Path:
        return stage_folder(self.params["scale"], self.stage)


def run_stages(
    scale: str,
    stages: Sequence[str] = (),
    overrides: Sequence[tuple[str, str]] = (),
    *,
    into: str = "",
    notebooks: Path = _NOTEBOOKS,
    params: Path = PARAMS_DIR,
) -> int:
    """Run the chain, or the named stages of it; its report is ``into``, or is called as the scale.

    Returns:
        0 when all stages are done, 1 when one failed, 130 when interrupted.

    Raises:
        ParamsError, StageError: bad input or a run already in progress; nothing has run.
    """
    jobs = planned_stages(scale, stages, overrides, into=into, notebooks=notebooks, params=params)
    root = scale_folder(into or scale)
    chain = root / "chain"  # a name to lock, no folder
    lock_folder(chain, wait_s=2)
    try:
        for job in jobs:
            code = _one(job)
            with _no_report_is_no_failure("index"):
                write_index(root.name)
            if code != OK:
                return code
    finally:
        unlock_folder(chain)
    print(f"report: {root / 'index.html'}")
    return OK


# -- before anything runs ----------------------------------------------------------------------


def planned_stages(
    scale: str,
    stages: Sequence[str],
    overrides: Sequence[tuple[str, str]],
    *,
    into: str = "",
    notebooks: Path = _NOTEBOOKS,
    params: Path = PARAMS_DIR,
) -> list[StageRun]:
    """The jobs of a run, in order, with merged and validated parameters.

    Raises:
        ParamsError: unknown scale, stage or parameter, or a bad value; one line for each.
    """
    if not (params / scale_name(scale)).is_dir():
        known = ", ".join(scale_names(params)) or "none"
        raise ParamsError(
            f"unknown scale '{scale}' (known: {known}); a scale is a folder {params / scale}"
        )
    known_stages = [s for s in registry.STAGES if (notebooks / f"{s}.ipynb").is_file()]
    if stages:
        chosen = sorted({find_stage(s, known_stages) for s in stages})
    else:
        chosen = [s for s in known_stages if (params / scale / f"{s}.yaml").is_file()]
    if not chosen:
        raise ParamsError(
            f"scale '{scale}' has no stage to run: no NN_stage.yaml in {params / scale}"
        )
    values = {s: stage_values(params / scale, s) for s in chosen}
    values = apply_overrides(values, overrides)
    errors, jobs = [], []
    for stage, (merged, sources) in values.items():
        try:
            merged["scale"] = into or scale
            cfg = registry.params_model(stage).check(merged, sources)
            jobs.append(StageRun(stage, notebooks / f"{stage}.ipynb", cfg.model_dump(mode="json")))
        except ParamsError as err:
            errors.append(str(err))
    if errors:
        raise ParamsError("\n".join(dict.fromkeys("\n".join(errors).splitlines())))
    return jobs


def find_stage(name: str, known: Sequence[str]) -> str:
    """The stage called ``name``: whole (``05_grpo``), by number (``05``, ``5``) or by word (``grpo``)."""
    number = name.zfill(2) if name.isdigit() else name
    hits = [
        s for s in known if s == name or s.split("_", 1)[0] == number or s.split("_", 1)[1] == name
    ]
    if len(hits) != 1:
        raise ParamsError(f"unknown stage '{name}' (known: {', '.join(known)})")
    return hits[0]


# -- one stage ---------------------------------------------------------------------------------


def _one(job: StageRun) -> int:
    try:
        digest = stage_digest(job.notebook, job.params, _upstream(job))
        if _up_to_date(job, digest) or _prepare(job, digest):
            print(f"{job.stage}: up to date")
            return OK
    except StageError as err:
        print(f"{job.stage} FAILED: {err}", file=sys.stderr)
        return STAGE_FAILED
    results = job.folder / "results.json"
    print(f"{job.stage}: running", flush=True)
    start = time.monotonic()
    code, error = _execute(job)
    seconds = round(time.monotonic() - start, 1)
    done = code == OK
    state = {
        "digest": digest,
        "state": "done" if done else "failed",
        "ended": _now(),
        "seconds": seconds,
        "error": error,
        "results": file_digest(results) if done else None,
    }
    if not done:
        results.unlink(missing_ok=True)  # a stage that failed is not done, whatever it wrote
    write_atomic(job.folder / "digest.json", json.dumps(state, indent=1))
    with _no_report_is_no_failure(job.stage):
        write_html(job.folder / f"{job.stage}.ipynb")
    page = job.folder / f"{job.stage}.html"
    if done:
        print(f"{job.stage}: done in {seconds:.0f} s", flush=True)
    else:
        print(
            f"{job.stage} FAILED after {seconds:.0f} s: {error}. See {page if page.exists() else job.folder}; "
            "run the same command again to go on: finished stages and checkpoints are kept.",
            file=sys.stderr,
            flush=True,
        )
    return code


def _upstream(job: StageRun) -> dict[str, str]:
    """Digest of each finished stage that this one reads: what made it and what it measured."""
    out = {}
    for name in registry.STAGES[job.stage].reads:
        folder = job.folder.parent / name
        results = read_json(folder / "results.json")
        if results:
            out[name] = (
                f"{read_json(folder / 'digest.json').get('digest')}:{metrics_digest(results)}"
            )
    return out


def _up_to_date(job: StageRun, digest: str) -> bool:
    old, results = read_json(job.folder / "digest.json"), job.folder / "results.json"
    same = old.get("digest") == digest and results.exists()
    return same and old.get("results") == file_digest(results)


def _prepare(job: StageRun, digest: str) -> bool:
    """Make the folder ready (see ``attempt.py``) and note the attempt.

    Returns:
        True if the finished run of this digest was kept aside and is back: nothing is left to do.
    """
    lock_folder(job.folder)
    try:
        cfg = registry.params_model(job.stage).check(job.params, job.stage)
        artifacts = artifacts_folder(cfg.artifacts_dir, cfg.scale, job.stage)
        folder = Folder(without_links(job.folder), without_links(artifacts))
        started = read_json(job.folder / "digest.json")
        if line := folder.settle(made_of(cfg, folder, job.notebook), resume=cfg.resume):
            print(f"{job.stage}: {line}")
        elif started and not folder.finished:
            print(f"{job.stage}: going on where the interrupted run stopped")
        if _up_to_date(job, digest):
            return True
        (job.folder / "results.json").unlink(missing_ok=True)
        state = {"digest": digest, "state": "started", "started": _now()}
        write_atomic(job.folder / "digest.json", json.dumps(state, indent=1))
    finally:
        unlock_folder(job.folder)
    return False


def _execute(job: StageRun) -> tuple[int, str | None]:
    """Run the notebook in its own process. Returns the exit code and, if not 0, one line on what went wrong."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    try:
        with _environment(**_kernel_environment(job)), _log_to_stdout():
            papermill.execute_notebook(
                job.notebook,
                job.folder / f"{job.stage}.ipynb",
                parameters=job.params,
                kernel_name="python3",
                language="python",
                cwd=ROOT,
                log_output=True,
                progress_bar=False,
                autosave_cell_every=30,
                start_timeout=600,  # a busy machine needs more than papermill's 60 s
                # the kernel's own log repeats what the notebook shows
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                # without it each kernel warns "running over TCP without encryption"
                config=Config({"KernelManager": {"transport_encryption": "auto"}}),
            )
    except KeyboardInterrupt:
        # the kernel dies with us: a task that waited for it would print its trace at the end
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        return INTERRUPTED, "interrupted (Ctrl-C)"
    except PapermillExecutionError as err:
        if err.ename == "KeyboardInterrupt":
            return INTERRUPTED, "interrupted (Ctrl-C)"
        return STAGE_FAILED, _short(f"{err.ename}: {err.evalue}")
    except DeadKernelError:
        return STAGE_FAILED, "the notebook's process died (out of memory, or killed)"
    except (
        Exception
    ) as err:  # disk full, no kernel, broken notebook: all end as one line and a report
        return STAGE_FAILED, _short(f"{type(err).__name__}: {err}")
    if not (job.folder / "results.json").exists():
        return (
            STAGE_FAILED,
            "the notebook ended without its results (sys.exit, or no stage.done in the last cell)",
        )
    return OK, None


def _kernel_environment(job: StageRun) -> dict[str, str]:
    return {
        "DSMATH_BATCH": "1",
        "PYTHONUTF8": "1",
        "DSMATH_REPORTS": str(reports_root()),
        "DSMATH_NOTEBOOK": str(job.notebook.absolute()),
    }


def _short(text: str) -> str:
    return " ".join(text.split())[:500].rstrip(".")


@contextlib.contextmanager
def _no_report_is_no_failure(what: str):
    """A page that cannot be made must not hide what the stage did."""
    try:
        yield
    except Exception as err:
        print(f"{what}: no HTML page: {type(err).__name__}: {err}", file=sys.stderr)


@contextlib.contextmanager
def _environment(**names: str):
    old = {k: os.environ.get(k) for k in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for k, v in old.items():
            os.environ.pop(k, None) if v is None else os.environ.__setitem__(k, v)


@contextlib.contextmanager
def _log_to_stdout():
    """Show the cells' printed text while they run."""
    logger = logging.getLogger("papermill")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("  %(message)s"))
    handler.addFilter(_cell_output)
    old = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = old


def _cell_output(record: logging.LogRecord) -> bool:
    """Drop papermill's own chatter (paths, cell marks) and objects without a text form; indent the rest."""
    text = record.getMessage().strip("\n")
    record.msg, record.args = text.replace("\n", "\n  "), ()
    noise = (
        "Input Notebook:",
        "Output Notebook:",
        "Working directory:",
        "Executing notebook",
        "Executing Cell",
        "Ending Cell",
    )
    return bool(text.strip()) and not text.startswith((*noise, "<IPython.core.display."))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
