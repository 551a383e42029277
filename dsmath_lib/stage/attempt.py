"""What a stage's folder was made from, and what happens to it when that changes: it is kept aside, never deleted.

``attempt.json`` in the stage folder holds the parameters, the digests of the inputs and the digests of the library
files of the run whose results, log, checkpoints and artifacts lie there. When the stage is opened

- with the same, everything is used as it lies there;
- with others, it moves to ``previous/<digest>-<n>/`` (artifacts to ``artifacts.previous/``) and a new attempt
  begins. Opened again with the old ones, it moves back. Finished runs that the change does not touch are linked
  into the new attempt (``carry``). When the new results are complete, what was kept aside is removed.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import read_json, text_digest, write_atomic

ASIDE = "previous"
_FILE = "attempt.json"


@dataclass(frozen=True)
class MadeOf:
    """``params`` without ``resume``; ``inputs``: name -> SHA-256; ``code``: library file -> digest of its code."""

    params: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """12 hex digits."""
        return text_digest(json.dumps(asdict(self), sort_keys=True, default=str))[:12]

    def changes(self, now: "MadeOf") -> list[str]:
        """What is different now, in words: ``lr was 0.001, is 0.0005``. An input not yet read again is none."""
        out = [
            f"{k} was {self.params.get(k)!r}, is {now.params.get(k)!r}"
            for k in sorted(self.params.keys() | now.params.keys())
            if self.params.get(k) != now.params.get(k)
        ]
        out += [f"{k} is another" for k, v in self.inputs.items() if now.inputs.get(k, v) != v]
        files = sorted(self.code.keys() | now.code.keys())
        files = [k for k in files if self.code.get(k) != now.code.get(k)]
        if files:
            more = f" and {len(files) - 2} more" if len(files) > 2 else ""
            out.append(f"the code of {', '.join(files[:2])}{more} has changed")
        return out


@dataclass
class Folder:
    """A stage folder with its artifacts, which may lie elsewhere."""

    path: Path
    artifacts: Path

    # -- the attempt that lies there ------------------------------------------------------
    def read(self) -> dict[str, Any]:
        """The whole ``attempt.json``; {} if there is none or it is damaged."""
        return read_json(self.path / _FILE)

    def made_of(self) -> MadeOf | None:
        """What lies there was made of; None if nothing lies there."""
        return _made_of(self.read())

    def write(self, made: MadeOf, **more: Any) -> None:
        """Note what the attempt is made of; ``more`` are further JSON parts, others stay."""
        text = json.dumps(self.read() | asdict(made) | more, ensure_ascii=False)
        write_atomic(self.path / _FILE, text)

    def known_inputs(self) -> list[str]:
        """Names of all inputs that an attempt read, that in place or one kept aside."""
        made = [self.made_of(), *(_made_of(read_json(f / _FILE)) for f in self._folders())]
        return sorted({k for m in made if m for k in m.inputs})

    @property
    def finished(self) -> bool:
        """Were there results, of what lies there?"""
        return bool(self.read().get("results"))

    # -- aside and back -------------------------------------------------------------------
    def settle(self, now: MadeOf, *, resume: bool = True) -> str:
        """Make the folder ready for ``now``: as it lies there, brought back, or new with the rest kept aside.

        Returns:
            One line for the reader, empty if nothing changed.
        """
        old = self.made_of()
        changes = old.changes(now) if old else []
        if old and resume and not changes:
            return ""
        was_finished = self.finished
        if old or self.artifacts.exists():
            self._set_aside(old)
        if resume and (found := self._aside(now)):
            self._bring_back(found)
            return f"{'; '.join(changes)}: back to the run that was made with these"
        self.path.mkdir(parents=True, exist_ok=True)
        self.write(now)
        if not old:
            return ""
        kept = "the finished results are" if was_finished else "what the earlier run made is"
        why = "; ".join(changes) or "resume is off"
        return f"{why}: done anew; {kept} kept in {ASIDE}/ until the new results are complete"

    def _set_aside(self, old: MadeOf | None) -> None:
        name = self._free_name(old.digest if old else "unknown")
        inside = self.artifacts.is_relative_to(self.path)
        stay = {ASIDE, self._artifacts_aside.name} if inside else {ASIDE}
        target = self.path / ASIDE / name
        target.mkdir(parents=True)
        # the note of what it was made of goes first: what is left by a kill is not taken for whole
        for p in sorted(self.path.iterdir(), key=lambda p: p.name != _FILE):
            if p.name not in stay and p != self.artifacts:
                p.rename(target / p.name)
        if self.artifacts.exists():
            weights = self._artifacts_aside / name
            weights.parent.mkdir(parents=True, exist_ok=True)
            self.artifacts.rename(weights)

    def _free_name(self, name: str) -> str:
        """A run kept aside is never overwritten, not by another one of the same parameters either."""
        taken = {
            p.name for place in (self.path / ASIDE, self._artifacts_aside) for p in place.glob("*")
        }
        n = next(n for n in range(1, len(taken) + 2) if f"{name}-{n}" not in taken)
        return f"{name}-{n}"

    def _bring_back(self, name: str) -> None:
        source, weights = self.path / ASIDE / name, self._artifacts_aside / name
        if weights.exists():
            weights.rename(self.artifacts)
        for p in sorted(source.iterdir(), key=lambda p: p.name == _FILE):
            p.rename(self.path / p.name)
        source.rmdir()

    def _aside(self, now: MadeOf) -> str | None:
        found = []
        for folder in self._folders():
            attempt = read_json(folder / _FILE)
            made = _made_of(attempt)
            if made and not made.changes(now):
                found.append((not attempt.get("results"), len(found), folder.name))
        return min(found)[2] if found else None  # a finished one first, else the newest

    def drop_aside(self) -> None:
        """Remove what was kept aside: the new results are complete."""
        shutil.rmtree(self.path / ASIDE, ignore_errors=True)
        shutil.rmtree(self._artifacts_aside, ignore_errors=True)

    # -- finished parts of other attempts ---------------------------------------------------
    def carry(
        self,
        path: Path,
        code: Mapping[str, str],
        inputs: Mapping[str, str],
        valid: Callable[[Path], bool] = Path.exists,
    ) -> Path | None:
        """Link ``path`` of this attempt from one kept aside, if the code and the inputs that make it are the same.

        Args:
            path: a file or folder below the stage folder or its artifacts; nothing happens when it is there.
            code: file -> digest of the code that makes it. inputs: name -> digest of what it reads.
            valid: says of the copy kept aside if it is what is wanted.

        Returns:
            The folder kept aside that it came from, None if it was not carried over.
        """
        if path.exists():
            return None
        for folder in self._folders():
            made = _made_of(read_json(folder / _FILE))
            if path.is_relative_to(self.artifacts):
                old = self._artifacts_aside / folder.name / path.relative_to(self.artifacts)
            else:
                old = folder / path.relative_to(self.path)
            same = made and code.items() <= made.code.items()
            same = same and all(made.inputs.get(k, v) == v for k, v in inputs.items())
            if same and old.exists() and valid(old):
                _link(old, path)
                return folder
        return None

    @property
    def _artifacts_aside(self) -> Path:
        return self.artifacts.with_name(f"{self.artifacts.name}.{ASIDE}")

    def _folders(self) -> list[Path]:
        """The attempts kept aside, newest first."""
        found = [p for p in (self.path / ASIDE).glob("*") if p.is_dir()]
        return sorted(found, key=lambda p: p.stat().st_mtime_ns, reverse=True)


def _link(source: Path, target: Path) -> None:
    """The same files under another name (a copy where links are refused); nobody writes into a file that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _made_of(attempt: Mapping[str, Any]) -> MadeOf | None:
    parts = {k: attempt.get(k) for k in ("params", "inputs", "code")}
    whole = all(isinstance(v, dict) for v in parts.values())
    digests = [*parts["inputs"].values(), *parts["code"].values()] if whole else [None]
    return MadeOf(**parts) if all(isinstance(d, str) for d in digests) and whole else None
