"""Parameters: one validated model per stage, flat values, nothing unknown.

The model holds each parameter's default (the toy's value), meaning, range and the paper's value. A scale's YAML holds
what differs. A notebook's parameters cell is written from the model (``dsmath params --write``); the cell after it
builds the model from its variables::

    cfg = GRPOParams.take(globals())

An unknown name, a wrong type or a value out of range is an error that names the file, the key and the allowed range
before anything runs.
"""

import ast
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.names import scale_name
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.flat_yaml import read_yaml, shortened
from dsmath_lib.params.worlds import WorldName

NOTEBOOK_SCALE = "toy"  # the scale whose values are the defaults
OPEN = "not stated"  # the paper has such a thing and leaves its value open


Scale = Annotated[str, AfterValidator(scale_name)]


def par(default: Any, description: str, *, paper: Any = None, **bounds: Any) -> Any:
    """A parameter: the toy's value, what it is, the paper's value (None: the paper has no such thing), its bounds."""
    extra = {"paper": paper}
    return Field(default=default, description=description, json_schema_extra=extra, **bounds)


class Params(BaseModel):
    """What every stage has. Stages add fields of their own, and other values of inherited ones as two tables."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        validate_default=True,
    )

    stage: ClassVar[str] = ""  # whose parameters these are, e.g. "05_grpo"
    defaults: ClassVar[dict[str, Any]] = {}  # other defaults of inherited parameters
    paper: ClassVar[dict[str, Any]] = {}  # other values of the paper
    # parameters that change no result: a stage that was begun with others goes on
    CHANGE_NOTHING: ClassVar[frozenset[str]] = frozenset({"resume", "processes", "nodes"})
    # parameters that decide no result of a run: where it is kept, how often it is saved, what else is run
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = frozenset(
        (
            "resume artifacts_dir scale threads processes nodes log_every checkpoint_every sampler_rows "
            "sampler_cache_gb sampler_sleep_gb mismatch_limit"
        ).split()
    )

    scale: Scale = par("toy", "name of the parameter set; also the report folder")
    seed: int = par(0, "seeds every random stream", ge=0)
    world: WorldName = par("normal", "the toy world, or a control world")
    device: Literal["auto", "cpu", "cuda"] = par("auto", "auto takes the GPU when there is one")
    threads: int = par(0, "CPU threads for torch; 0 leaves torch's own choice", ge=0)
    resume: bool = par(True, "continue from the last checkpoint in the stage folder")
    artifacts_dir: str = par("", "where weights and corpora go; empty: inside the stage folder")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Put the class's ``defaults`` and ``paper`` into its own copies of inherited fields."""
        defaults, paper = vars(cls).get("defaults", {}), vars(cls).get("paper", {})
        for name in {**defaults, **paper}:
            field = cls.model_fields[name]
            field.default = defaults.get(name, field.default)
            field.json_schema_extra = {"paper": paper.get(name, paper_value(field))}
        cls.model_rebuild(force=True)

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
        """``values`` with those of the files of ``values["scale"]`` where the cell has the default."""
        scale = str(values.get("scale"))
        wanted = {} if scale == NOTEBOOK_SCALE else cls._files(scale)
        # papermill gave the files, or should have: what they do not name is the cell's
        left = sorted(k for k in wanted if k not in given and values.get(k) != wanted[k])
        if given and left:
            raise ParamsError(
                f"scale = {scale!r}, but {', '.join(left)} are not those of params/{scale}: give its files too, "
                f"-f params/{scale}/common.yaml -f params/{scale}/{cls.stage}.yaml"
            )
        if given or not wanted:
            return values
        default = cls.default_values()
        changed = sorted(k for k, v in values.items() if default.get(k) != v and k != "scale")
        print(
            f"scale {scale}: values of params/{scale}; changed in the cell: {', '.join(changed) or 'none'}"
        )
        return values | {k: v for k, v in wanted.items() if k not in changed}

    @classmethod
    def _files(cls, scale: str) -> dict[str, Any]:
        """What the files of a scale say of this stage; {} if the stage does not belong to it."""
        paths = [PARAMS_DIR / scale / f"{name}.yaml" for name in ("common", cls.stage)]
        found = scale in {p.name for p in PARAMS_DIR.glob("*")} and all(p.is_file() for p in paths)
        return read_yaml(paths[0]) | read_yaml(paths[1]) if found else {}

    @classmethod
    def default_values(cls) -> dict[str, Any]:
        """Name -> default, in the model's order."""
        return {k: f.get_default() for k, f in cls.model_fields.items()}

    @classmethod
    def check(cls, values: Mapping[str, Any], source: str | Mapping[str, str]) -> Self:
        """Build the model from these values over the defaults; ``source``: where they are, or each key is, from.

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
    where = source if isinstance(source, str) else source.get(key.split(".")[0], source[""])
    if not key:  # a rule about several parameters
        return f"{where}: {error['msg'].removeprefix('Value error, ')}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown parameter '{key}' (known: {', '.join(model.model_fields)})"
    bounds = allowed(model, key.split(".")[0])
    message = error["msg"].removeprefix("Value error, ")
    text = f"{where}: parameter '{key}' = {shortened(error['input'])}: {message}"
    return f"{text} (allowed: {bounds})" if bounds else text


def paper_value(field: FieldInfo) -> Any:
    """What the paper has for a parameter; None if it has no such thing."""
    return (field.json_schema_extra or {}).get("paper")


def schema_of(model: type[Params], key: str) -> dict[str, Any]:
    """The JSON schema of one field; {} if the model has no such field."""
    return _schema(model).get("properties", {}).get(key, {})


@cache
def _schema(model: type[Params]) -> dict[str, Any]:
    return model.model_json_schema()  # 30 ms, and a table asks for each field


def value_text(value: Any) -> str:
    """A value as a table and a comment show it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}".replace("e-0", "e-") if isinstance(value, float) else str(value)


def allowed(model: type[Params], key: str) -> str:
    """The bounds of one field as text, e.g. ``>= 2, <= 64``; empty if it has none."""
    schema = schema_of(model, key)
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
