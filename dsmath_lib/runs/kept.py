"""Trained models made once and kept in the stage's artifacts."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.files import read_json, write_atomic
from dsmath_lib.engines.adapters import ADAPTER_FOLDER, adapter_of, merged
from dsmath_lib.lm.model import load_model
from dsmath_lib.params.base import Params
from dsmath_lib.stage import checkpoint
from dsmath_lib.stage.folder import Stage

Made = tuple[PreTrainedModel, dict[str, Any]]  # a model and its numbers


def decided_by(cfg: Params, **more: Any) -> dict[str, Any]:
    """What decides a run: the parameters, without those that decide none, and ``more``."""
    return cfg.model_dump(exclude=set(cfg.DECIDE_NO_RUN)) | more


class Kept:
    """The place of a trained model, ``artifacts/run``: what lies there is valid if it was made from the same.

    Args:
        run: the folder's name, also of its checkpoints.
        made_of: JSON values that decide the result, beside the stage's inputs; see ``decided_by``.
        module: makes it; a finished model of another attempt is taken over while this code is the same.
        load: opens the folder of a finished model, as ``load_model`` does.
    """

    def __init__(
        self,
        stage: Stage,
        run: str,
        made_of: Mapping[str, Any],
        module: str,
        load: Callable[..., PreTrainedModel] = load_model,
    ):
        text = json.dumps(made_of, sort_keys=True, default=str)
        self.digest = hashlib.sha256(text.encode()).hexdigest()
        self.stage, self.module, self.load = stage, module, load
        self.folder: Path = stage.artifacts / run
        self.checkpoints = stage.dir / "checkpoints" / run
        self.kinds: set[str] = set()  # of log rows

    def found(self, device: torch.device | str) -> Made | None:
        """The finished model with its numbers, or None; then it must be made, and ``keep`` be called."""
        stage, marker = self.stage, self.folder / "done.json"
        log = stage.carry(
            self.folder,
            self.module,
            lambda old: read_json(old / "done.json").get("digest") == self.digest,
        )
        if log is not None:
            stage.take_rows(log, read_json(marker)["kinds"])
        if stage.cfg.resume and read_json(marker).get("digest") == self.digest:
            numbers = read_json(marker)["numbers"]
            return self.load(self.folder, device=device), numbers
        started_for = self.checkpoints / "settings.json"
        if not (stage.cfg.resume and read_json(started_for).get("digest") == self.digest):
            checkpoint.clear(self.checkpoints)  # of another run under the same name
            write_atomic(started_for, json.dumps({"digest": self.digest}))
        stage.watchers.append(self._note)
        return None

    def keep(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        numbers: Mapping[str, Any],
    ) -> Made:
        """Write the model; its checkpoints go. With an adapter: base and adapter as one plain model, and the adapter.

        Returns:
            what ``found`` returns later: a plain model.
        """
        if self._note in self.stage.watchers:
            self.stage.watchers.remove(self._note)
        # written anew: its files may have a second name in a run kept aside
        shutil.rmtree(self.folder, ignore_errors=True)
        if adapter := adapter_of(model):
            base = adapter.config
            pristine = self.load(base.base_model_name_or_path, revision=base.revision or "")
            adapter.save(self.folder / ADAPTER_FOLDER)
            model = merged(adapter, pristine).to(model.device).eval()
        model.save_pretrained(self.folder)
        tokenizer.save_pretrained(self.folder)
        model.name_or_path = str(self.folder)  # where these weights are, not those it began with
        marker = {"digest": self.digest, "numbers": numbers, "kinds": sorted(self.kinds)}
        write_atomic(self.folder / "done.json", json.dumps(marker))
        checkpoint.clear(self.checkpoints)
        return model, dict(numbers)

    def _note(self, row: Mapping[str, Any]) -> None:
        self.kinds.add(row["kind"])
