"""Checkpoints of a training loop: model, optimizer, RNG and loop state, in safetensors and JSON, never pickle.

``checkpoints/step-000120/`` holds ``model.safetensors``, ``optimizer.safetensors``, ``state.json`` and
``MANIFEST.json`` (SHA-256 of the others). A folder appears under its final name only when it is whole. One that is
damaged, lacks something, or does not fit the model or the optimizer is said so and the one before it is used; nothing
is loaded before all of it is checked. Tensors are whole, so what many processes saved any number of them can load.

Only what is trained is saved. Of weights that are not trained (under an adapter) it has one digest, and it is refused
where they are others: an adapter fits no other base, nor one that it was merged into.
"""

import json
import os
import re
import shutil
import warnings
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import file_digest
from dsmath_lib.base.tensors import tensors_digest
from dsmath_lib.engines.parallel import (
    agreed,
    local_part,
    placed_moments,
    placed_weights,
    whole_state,
    whole_tensors,
)

KEEP = 2  # the newest may be the one a failing disk damaged
_FILES = ("model.safetensors", "optimizer.safetensors", "state.json")
_RNG = ("rng.cpu", "rng.cuda")


class _Unusable(Exception):
    """Why a checkpoint is passed over."""


def save(
    folder: Path, step: int, model: torch.nn.Module, optimizer: torch.optim.Optimizer, **state: Any
) -> Path:
    """Save ``step`` under ``folder``. ``state`` must be JSON; the torch RNG state is added.

    Of many processes all take part, and the first writes.

    Raises:
        StageError: the disk is full, or another failure of it; the checkpoints before are kept.
    """
    weights, moments = whole_state(_trained(model), optimizer)
    state |= {"frozen": _frozen_digest(model)}

    def written() -> str:
        try:
            return str(_write(folder, step, weights, moments, state))
        except (
            OSError,
            SafetensorError,
        ) as err:  # the latter is how safetensors says that a disk is full
            shutil.rmtree(folder / f".tmp-{step:06d}", ignore_errors=True)
            raise StageError(
                f"the checkpoint of step {step} cannot be written ({err}); the one before is kept in {folder}. "
                "Make room, and run the same command again to go on from it"
            ) from None

    return Path(agreed(written))


def _write(
    folder: Path,
    step: int,
    weights: dict[str, torch.Tensor],
    moments: dict[str, Any],
    state: dict[str, Any],
) -> Path:
    final = folder / f"step-{step:06d}"
    tmp = folder / f".tmp-{step:06d}"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True)
    save_file(weights, tmp / "model.safetensors")
    tensors, groups = _flatten(moments)
    tensors["rng.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state()
    save_file(tensors, tmp / "optimizer.safetensors")
    whole = {"step": step, "param_groups": groups, "tensors": sorted(tensors), **state}
    (tmp / "state.json").write_text(json.dumps(whole))
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
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    needs: Collection[str] = (),
) -> dict[str, Any] | None:
    """Load the newest checkpoint that is whole and fits into ``model`` and ``optimizer``; its state, or None.

    Args:
        needs: names that its state must hold.

    Raises:
        StageError: it was trained on other weights than those that ``model`` does not train.
    """
    for path in reversed(_steps(folder)):
        try:
            tensors, moments, state = _read(path, model, optimizer, needs)
        except _Unusable as err:
            warnings.warn(f"checkpoint {path} is {err}; using the one before", stacklevel=2)
            continue
        if state.pop("frozen", "") != _frozen_digest(model):
            raise StageError(
                f"checkpoint {path} was trained on another base model, or its adapter was merged into this one: give "
                "the base it began from, or set resume: false to begin anew"
            )
        groups = state.pop("param_groups")
        cpu, cuda = (moments.pop(n, None) for n in _RNG)
        # tied weights have one of their names only
        model.load_state_dict(placed_weights(model, tensors), strict=False)
        own = placed_moments(optimizer, _unflatten(moments))
        optimizer.load_state_dict({"state": own, "param_groups": groups})
        torch.set_rng_state(cpu)
        if cuda is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(cuda)
        return state
    return None


def clear(folder: Path) -> None:
    """Remove all checkpoints (a finished stage, or ``resume: false``)."""
    shutil.rmtree(folder, ignore_errors=True)


def _steps(folder: Path) -> list[Path]:
    """The folders of checkpoints, in the order of their numbers: as text, step 1,000,000 would be the oldest."""
    found = folder.glob("step-*") if folder.exists() else ()
    named = [(int(m[1]), p) for p in found if (m := re.fullmatch(r"step-([0-9]+)", p.name))]
    return [p for _, p in sorted(named)]


def _read(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, needs: Collection[str]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, Any]]:
    """Weights, tensors of the optimizer and the random state, and the state of a checkpoint, all checked.

    Raises:
        _Unusable: says what is wrong with it.
    """
    try:
        manifest = json.loads((path / "MANIFEST.json").read_text())
        if not isinstance(manifest, dict) or (left := [n for n in _FILES if n not in manifest]):
            names = ", ".join(left) if isinstance(manifest, dict) else "no files"
            raise _Unusable(f"not whole (MANIFEST.json does not name {names})")
        for name in _FILES:
            if file_digest(path / name) != manifest[name]:
                raise _Unusable(f"damaged (the digest of {name} does not match)")
        tensors, moments = (load_file(path / n) for n in _FILES[:2])
        state = json.loads((path / "state.json").read_text())
    except (OSError, ValueError, RecursionError, SafetensorError) as err:
        raise _Unusable(f"damaged ({err})") from None
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise _Unusable("not whole (state.json names no step)")
    _all("state.json", {"param_groups", *needs}, state)
    _check_model(tensors, model)
    names = state.pop("tensors", moments)  # older ones do not list them
    _all("optimizer.safetensors", {_RNG[0], *names}, moments)
    _check_optimizer(moments, state["param_groups"], optimizer)
    return tensors, moments, state


def _all(file: str, names: Collection[str], found: Collection[str]) -> None:
    if left := sorted(set(names) - set(found)):
        raise _Unusable(f"not whole ({file} lacks {', '.join(left[:5])})")


def _check_model(tensors: dict[str, torch.Tensor], model: torch.nn.Module) -> None:
    own = model.state_dict()
    _all("model.safetensors", _trained(model), tensors)
    for name, t in tensors.items():
        if name not in own:
            raise _Unusable(f"of another model (which has {name})")
        if t.shape != own[name].shape or t.dtype != own[name].dtype:
            raise _Unusable(f"of another model ({name}: {_kind(t)}, not {_kind(own[name])})")


def _kind(t: torch.Tensor) -> str:
    return f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}"


def _check_optimizer(
    moments: dict[str, torch.Tensor], groups: Any, optimizer: torch.optim.Optimizer
) -> None:
    own = _flatten(optimizer.state_dict())[1]
    shape = [(sorted(g), g["params"]) for g in own]
    try:
        same = [(sorted(g), g["params"]) for g in groups] == shape
    except (TypeError, KeyError):
        same = False
    if not same:
        raise _Unusable("of another optimizer (its groups of weights differ)")
    weights = [p for g in optimizer.param_groups for p in g["params"]]
    for name, t in moments.items():
        if name in _RNG:
            continue
        number, _, key = name.partition(".")
        p = weights[int(number)] if number.isdecimal() and int(number) < len(weights) else None
        if p is None or not key or t.shape not in _shapes(optimizer, p, key):
            raise _Unusable(f"of another optimizer ({name}: {_kind(t)})")
    rng = moments[_RNG[0]]
    if _kind(rng) != _kind(torch.get_rng_state()):
        raise _Unusable(f"of another library (its random state is {_kind(rng)})")


def _frozen(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    named = model.named_parameters(remove_duplicate=False)
    return {n: p for n, p in named if not p.requires_grad}


def _trained(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    frozen = _frozen(model)
    return _distinct({n: t for n, t in model.state_dict().items() if n not in frozen})


_digests: weakref.WeakKeyDictionary[torch.nn.Module, str] = weakref.WeakKeyDictionary()


def _frozen_digest(model: torch.nn.Module) -> str:
    """Of all weights that are not trained, read once: they do not change. Empty if all are trained."""
    frozen = _frozen(model)
    if frozen and model not in _digests:
        whole = whole_tensors(_distinct(frozen))
        _digests[model] = agreed(lambda: tensors_digest(sorted(whole.items())))
    return _digests[model] if frozen else ""


def _shapes(optimizer: torch.optim.Optimizer, p: torch.Tensor, key: str) -> tuple:
    """What ``key`` of a parameter's state may look like; an optimizer with a form of its own says it (``shapes``)."""
    if hasattr(optimizer, "shapes"):
        return (optimizer.shapes(p).get(key),)
    return p.shape, torch.Size()


def _distinct(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Drop names that share storage with an earlier one (tied embeddings): safetensors refuses them."""
    seen: set[int] = set()
    out = {}
    for name, t in tensors.items():
        own = local_part(t)
        if own.data_ptr() not in seen or own.numel() == 0:
            seen.add(own.data_ptr())
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
