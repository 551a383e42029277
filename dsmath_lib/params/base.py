"""Parameters: one validated model per stage, flat values, nothing unknown.

A notebook's parameters cell holds plain variables; the cell after it builds the stage's model from them::

    cfg = GRPOParams.take(globals())

The same model validates a YAML file, so an unknown name, a wrong type or a value out of range is an error that
names the file, the key and the allowed range before anything runs.
"""

import ast
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import PARAMS_DIR

NOTEBOOK_SCALE = "toy"  # the scale whose values stand in the parameters cells


def par(description: str, paper: Any = None, **constraints: Any) -> Any:
    """A required field: what it is, the paper's value (None if the paper does not state it), its bounds."""
    return Field(description=description, json_schema_extra={"paper": paper}, **constraints)


class Params(BaseModel):
    """What every stage has. Stages add their own fields; no field has a default (defaults live in the files)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )

    stage: ClassVar[str] = ""  # whose parameters these are, e.g. "05_grpo"
    # parameters that decide no result of a run: where it is kept, how often it is saved, what else is run
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = frozenset(
        "resume artifacts_dir scale threads log_every checkpoint_every sampler_rows sampler_cache_gb".split()
    )

    scale: str = par(
        "name of the parameter set; also the report folder", min_length=1, pattern=r"^[\w.-]+$"
    )
    seed: int = par("seeds every random stream", ge=0)
    device: Literal["auto", "cpu", "cuda"] = par("auto takes the GPU when there is one")
    threads: int = par("CPU threads for torch; 0 leaves torch's own choice", ge=0)
    resume: bool = par("continue from the last checkpoint in the stage folder")
    artifacts_dir: str = par("where weights and corpora go; empty: inside the stage folder")

    @classmethod
    def take(cls, namespace: Mapping[str, Any], source: str = "the notebook's parameters") -> Self:
        """Build the model from a namespace that may hold other names too (a notebook's globals).

        Names that papermill put in are all taken, so that a misspelt ``-p`` is an error and not a warning. Without
        papermill, another ``scale`` in the parameters cell brings that scale's values; those changed in the cell win.
        """
        given = _injected(namespace.get("In", ()))
        names = [*cls.model_fields, *given]
        values = {k: namespace[k] for k in names if k in namespace}
        return cls.check(cls._of_scale(values, given), source)

    @classmethod
    def _of_scale(cls, values: dict[str, Any], given: Collection[str]) -> dict[str, Any]:
        """``values`` with those of the files of ``values["scale"]`` where the cell has the notebook's own."""
        scale = str(values.get("scale"))
        own, wanted = cls._files(NOTEBOOK_SCALE), cls._files(scale)
        if not own or not wanted or scale == NOTEBOOK_SCALE:
            return values
        left = sorted(k for k in wanted if k not in given and values.get(k) != wanted[k])
        if given and left:
            raise ParamsError(
                f"scale = {scale!r}, but {', '.join(left)} are not those of params/{scale}: give its files too, "
                f"-f params/{scale}/common.yaml -f params/{scale}/{cls.stage}.yaml"
            )
        if given:
            return values
        changed = sorted(k for k, v in values.items() if own.get(k) != v and k != "scale")
        print(
            f"scale {scale}: values of params/{scale}; changed in the cell: {', '.join(changed) or 'none'}"
        )
        return values | {k: v for k, v in wanted.items() if k not in changed}

    @classmethod
    def _files(cls, scale: str) -> dict[str, Any]:
        """The values of this stage at a scale; {} if it has none."""
        paths = [PARAMS_DIR / scale / f"{name}.yaml" for name in ("common", cls.stage)]
        found = scale in {p.name for p in PARAMS_DIR.glob("*")} and all(p.is_file() for p in paths)
        return read_yaml(paths[0]) | read_yaml(paths[1]) if found else {}

    @classmethod
    def check(cls, values: Mapping[str, Any], source: str | Mapping[str, str]) -> Self:
        """Build the model from exactly these values; ``source`` says where they are from, or where each key is from.

        Raises:
            ParamsError: one line per bad key, with the source, the value and the allowed range.
        """
        try:
            return cls(**values)
        except ValidationError as err:
            raise ParamsError("\n".join(_line(e, source, cls) for e in err.errors())) from None


def _injected(cells: Iterable[str]) -> list[str]:
    """Names set by the cells that papermill adds, among the sources of the cells that ran (IPython's ``In``)."""
    found = []
    for source in cells:
        if source.startswith("# Parameters\n"):  # papermill's own first line
            for node in ast.parse(source).body:
                if isinstance(node, ast.Assign):
                    found += [t.id for t in node.targets if isinstance(t, ast.Name)]
    return found


def _line(error: dict, source: str | Mapping[str, str], model: type[Params]) -> str:
    key = ".".join(str(p) for p in error["loc"])
    if not key:  # a rule about several parameters
        return f"{source}: {error['msg'].removeprefix('Value error, ')}"
    where = source if isinstance(source, str) else source.get(key.split(".")[0], source[""])
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown parameter '{key}' (known: {', '.join(model.model_fields)})"
    if error["type"] == "missing":
        return f"{where}: parameter '{key}' is missing"
    bounds = allowed(model, key.split(".")[0])
    text = f"{where}: parameter '{key}' = {error['input']!r}: {error['msg']}"
    return f"{text} (allowed: {bounds})" if bounds else text


def allowed(model: type[Params], key: str) -> str:
    """The bounds of one field as text, e.g. ``>= 2, <= 64``; empty if it has none."""
    schema = model.model_json_schema().get("properties", {}).get(key, {})
    signs = {
        "minimum": ">=",
        "exclusiveMinimum": ">",
        "maximum": "<=",
        "exclusiveMaximum": "<",
        "minLength": "length >=",
        "minItems": "length >=",
        "multipleOf": "a multiple of",
        "pattern": "matching",
    }
    parts = [f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema]
    parts += [", ".join(map(str, schema["enum"]))] if "enum" in schema else []
    return ", ".join(parts)


def read_yaml(path: Path) -> dict[str, Any]:
    """One flat parameter file. Nested values, non-string keys and unreadable YAML are errors that name the file."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such parameter file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise ParamsError(f"{path}: not readable as YAML: {err}") from None
    data = {} if data is None else data
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise ParamsError(f"{path}: expected flat 'name: value' lines")
    nested = [k for k, v in data.items() if isinstance(v, dict)]
    if nested:
        raise ParamsError(f"{path}: nested value under {nested}; parameters are flat")
    return data
