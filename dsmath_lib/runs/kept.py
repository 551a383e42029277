"""A trained model made once and kept in the stage's artifacts."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.files import write_atomic
from dsmath_lib.lm.model import load_model
from dsmath_lib.stage import checkpoint
from dsmath_lib.stage.folder import Stage


def train_once(
    stage: Stage,
    run: str,
    settings: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    make: Callable[[], tuple[PreTrainedModel, dict[str, float]]],
    device: torch.device | str,
    load: Callable[..., PreTrainedModel] = load_model,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """``make()`` and keep its model in ``artifacts/run``, or load it if it was made from the same settings.

    Args:
        settings: JSON values that decide the result (sizes, rates), beside the stage's inputs.
        make: trains and returns the model and its numbers.
        load: opens the folder of a finished model, as ``load_model`` does.
    """
    folder: Path = stage.artifacts / run
    text = json.dumps(settings, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    marker = folder / "done.json"
    checkpoints = stage.dir / "checkpoints" / run
    log = stage.carry(folder, make.__module__, lambda old: _digest_in(old / "done.json") == digest)
    if log is not None:
        stage.take_rows(log, json.loads(marker.read_text("utf-8"))["kinds"])
    if stage.cfg.resume and _digest_in(marker) == digest:
        return load(folder, device=device), json.loads(marker.read_text("utf-8"))["numbers"]
    started_for = checkpoints / "settings.json"
    same = _digest_in(started_for) == digest
    if not (stage.cfg.resume and same):
        checkpoint.clear(checkpoints)  # of another run under the same name
        write_atomic(started_for, json.dumps({"digest": digest}))
    kinds: set[str] = set()
    stage.watchers.append(seen := lambda row: kinds.add(row["kind"]))
    try:
        model, numbers = make()
    finally:
        stage.watchers.remove(seen)
    # written anew: its files may have a second name in a run kept aside
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_atomic(marker, json.dumps({"digest": digest, "numbers": numbers, "kinds": sorted(kinds)}))
    checkpoint.clear(checkpoints)
    return model, numbers


def _digest_in(path: Path) -> str | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError):
        return None
