"""Parameters of a run: defaults, ``common.yaml``, the stage's file, ``-p name value``: merged, each with its source."""

import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import ROOT
from dsmath_lib.params.base import Params, nearest, read_yaml
from dsmath_lib.params.flat_yaml import load_yaml
from dsmath_lib.params.registry import params_model

COMMON = tuple(Params.model_fields)
Values = tuple[dict[str, Any], dict[str, str]]  # values, and where each is from ("" for all others)


def stage_values(folder: Path, stage: str) -> Values:
    """All values of one stage: the defaults, over them ``<folder>/common.yaml`` and ``<folder>/<stage>.yaml``.

    Raises:
        ParamsError: a file is missing or unreadable, a key stands in both, or ``scale`` is not the folder.
    """
    common_path, own_path = folder / "common.yaml", folder / f"{stage}.yaml"
    common, own = read_yaml(common_path), read_yaml(own_path)
    twice = sorted(set(common) & set(own))
    if twice:
        raise ParamsError(f"{_rel(own_path)}: {', '.join(twice)} already in {_rel(common_path)}")
    if common.get("scale") != folder.name:
        raise ParamsError(
            f"{_rel(common_path)}: parameter 'scale' = {common.get('scale')!r}: must be {folder.name!r}, "
            "the name of its folder (else another scale's report is overwritten)"
        )
    sources = {k: _rel(common_path) for k in (*common, *COMMON)} | {k: _rel(own_path) for k in own}
    return params_model(stage).default_values() | common | own, sources | {"": _rel(own_path)}


def apply_overrides(
    values: Mapping[str, Values], overrides: Sequence[tuple[str, str]]
) -> dict[str, Values]:
    """Put ``-p name value`` into every stage that has the parameter.

    Raises:
        ParamsError: no stage has it (names the nearest known one), or it is ``scale``.
    """
    out = {stage: (dict(v), dict(s)) for stage, (v, s) in values.items()}
    for name, text in overrides:
        if name == "scale":
            raise ParamsError(
                "-p scale: the scale is the folder of parameters; copy params/toy to make your own"
            )
        hits = [s for s in out if name in params_model(s).model_fields]
        if not hits:
            known = sorted({k for s in out for k in params_model(s).model_fields})
            line = f"-p {name}: unknown parameter of {', '.join(out)}{nearest(name, known)}"
            raise ParamsError(line)
        if len(hits) > 1 and name not in COMMON:
            print(f"-p {name} {text}: applies to {', '.join(hits)}")
        for stage in hits:
            merged, sources = out[stage]
            merged[name] = parse_value(text, params_model(stage).model_fields[name].annotation)
            sources[name] = f"-p ({stage})"
    return out


def parse_value(text: str, kind: Any) -> Any:
    """A value from the command line. Text stays text where text is asked for; else it is read as YAML."""
    kinds = (
        typing.get_args(kind)
        if typing.get_origin(kind) in (typing.Union, types.UnionType)
        else (kind,)
    )
    if str in kinds or any(isinstance(a, str) for a in typing.get_args(kind)):
        return text
    try:
        return load_yaml(text)
    except ValueError:
        return text  # the model says what it wants instead


def _rel(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
