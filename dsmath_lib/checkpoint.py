"""Checkpoints of a training loop: model, optimizer, RNG and loop state, in safetensors and JSON, never pickle.

``checkpoints/step-000120/`` holds ``model.safetensors``, ``optimizer.safetensors``, ``state.json`` and
``MANIFEST.json`` (SHA-256 of the others). A folder appears under its final name only when it is whole; a folder whose
digests do not match is said so and the one before it is used.
"""

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from dsmath_lib.files import file_digest

KEEP = 2  # the newest may be the one a failing disk damaged


def save(
    folder: Path, step: int, model: torch.nn.Module, optimizer: torch.optim.Optimizer, **state: Any
) -> Path:
    """Save ``step`` under ``folder``. ``state`` must be JSON; the torch RNG state is added."""
    final = folder / f"step-{step:06d}"
    tmp = folder / f".tmp-{step:06d}"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    save_file(_distinct(model.state_dict()), tmp / "model.safetensors")
    tensors, groups = _flatten(optimizer.state_dict())
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    save_file(tensors, tmp / "optimizer.safetensors")
    (tmp / "state.json").write_text(json.dumps({"step": step, "param_groups": groups, **state}))
    names = sorted(p.name for p in tmp.iterdir())
    (tmp / "MANIFEST.json").write_text(json.dumps({n: file_digest(tmp / n) for n in names}))
    for p in tmp.iterdir():
        with p.open("rb") as f:
            os.fsync(f.fileno())
    shutil.rmtree(final, ignore_errors=True)
    tmp.rename(final)
    for old in _steps(folder)[:-KEEP]:
        shutil.rmtree(old)
    return final


def load_latest(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, Any] | None:
    """Load the newest whole checkpoint into ``model`` and ``optimizer``; returns its state, or None."""
    for path in reversed(_steps(folder)):
        if not _whole(path):
            warnings.warn(
                f"checkpoint {path} is damaged (its digests do not match); using the one before",
                stacklevel=2,
            )
            continue
        model.load_state_dict(load_file(path / "model.safetensors"), strict=False)
        tensors = load_file(path / "optimizer.safetensors")
        torch.set_rng_state(tensors.pop("rng.cpu"))
        cuda = tensors.pop("rng.cuda", None)
        if cuda is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(cuda)
        state = json.loads((path / "state.json").read_text())
        optimizer.load_state_dict(
            {"state": _unflatten(tensors), "param_groups": state.pop("param_groups")}
        )
        return state
    return None


def clear(folder: Path) -> None:
    """Remove all checkpoints (a finished stage, or ``resume: false``)."""
    shutil.rmtree(folder, ignore_errors=True)


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*")) if folder.exists() else []


def _whole(path: Path) -> bool:
    try:
        manifest = json.loads((path / "MANIFEST.json").read_text())
        return all(file_digest(path / n) == d for n, d in manifest.items())
    except (OSError, ValueError):
        return False


def _distinct(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Drop names that share storage with an earlier one (tied embeddings): safetensors refuses them."""
    seen: set[int] = set()
    out = {}
    for name, t in tensors.items():
        if t.data_ptr() not in seen or t.numel() == 0:
            seen.add(t.data_ptr())
            out[name] = t.detach().contiguous()
    return out


def _flatten(sd: dict) -> tuple[dict[str, torch.Tensor], list[dict]]:
    tensors = {f"{i}.{k}": torch.as_tensor(v) for i, s in sd["state"].items() for k, v in s.items()}
    return tensors, [{k: v for k, v in g.items() if not callable(v)} for g in sd["param_groups"]]


def _unflatten(tensors: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, t in tensors.items():
        i, key = name.split(".", 1)
        state.setdefault(int(i), {})[key] = t
    return state
