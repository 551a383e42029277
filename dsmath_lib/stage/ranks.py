"""A stage's folder seen by the processes of a run: the first one writes, and who started them follows the log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.engines.parallel import agreed, first_rank
from dsmath_lib.params.base import Params
from dsmath_lib.stage.attempt import Folder
from dsmath_lib.stage.folder import Stage, plain_data


class RankStage(Stage):
    """The stage of one rank. The folder was made ready, and is locked, by the process that started the ranks."""

    def __init__(self, cfg: Params, name: str, folder: Path, artifacts: Path):
        self.cfg, self.name, self.dir, self.artifacts = cfg, name, folder, artifacts
        self.inputs, self.watchers = {}, []
        self._folder = Folder(folder, artifacts)

    def log(self, kind: str, step: int, **numbers: Any) -> None:
        """As ``Stage.log``, by the first rank."""
        if first_rank():
            super().log(kind, step, **numbers)

    def truncate_log(self, step: int, kind: str | None = None) -> None:
        """As ``Stage.truncate_log``, by the first rank."""
        if first_rank():
            super().truncate_log(step, kind)

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """As ``Stage.kept``: all ranks make it, since many hands may be needed, or none."""
        path = self.artifacts / "kept" / f"{name}.json"
        if not agreed(lambda: self.cfg.resume and path.exists()):
            text = json.dumps(plain_data(make()), ensure_ascii=False)
            agreed(lambda: write_atomic(path, text))
        return json.loads(path.read_text(encoding="utf-8"))


class LogTail:
    """Hands the new rows of a log that another process writes to the stage's watchers (the panel is one)."""

    def __init__(self, stage: Stage):
        self.stage = stage
        self.seen, self.mark = self._lines(), None

    def _lines(self) -> list[str]:
        """The whole lines; the last may still be under way."""
        if not self.stage.log_path.exists():
            return []
        return self.stage.log_path.read_text(encoding="utf-8").split("\n")[:-1]

    def feed(self) -> None:
        """Call the watchers with each row that is new since the last call; rows of a log written anew, after what is
        left of the old ones, are new."""
        try:
            now = self.stage.log_path.stat()
        except FileNotFoundError:
            return
        mark = (now.st_ino, now.st_size)
        if mark == self.mark:
            return
        lines, self.mark = self._lines(), mark
        pairs = zip(lines, self.seen, strict=False)
        same = next(
            (i for i, (a, b) in enumerate(pairs) if a != b), min(len(lines), len(self.seen))
        )
        self.seen = lines
        for line in lines[same:]:
            row = json.loads(line)
            for watch in list(self.stage.watchers):
                watch(row)
