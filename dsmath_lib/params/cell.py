"""The parameters cell of a notebook, written from the model of its stage: one line per parameter."""

import json
from typing import Any

from dsmath_lib.params.base import Params, allowed, paper_value, schema_of, value_text

WIDTH = 100  # ruff cuts a longer line with a list in it into many, unless told to skip it


def cell_source(model: type[Params]) -> str:
    """One line ``name: type = default  # meaning; paper: value`` per parameter, in the model's order.

    papermill reads type and help from such a line, if it has no other equals sign.
    """
    return "\n".join(_line(model, name) for name in model.model_fields)


def _line(model: type[Params], name: str) -> str:
    field = model.model_fields[name]
    default, words, paper = field.get_default(), field.description or "", paper_value(field)
    code = f"{name}: {type(default).__name__} = {_literal(default)}  # "
    end = "" if paper is None else f"; paper: {value_text(paper)}"
    choices = allowed(model, name) if "enum" in schema_of(model, name) else ""
    listed = f"{words} ({choices})"
    named = all(c in words for c in choices.split(", "))
    line = code + (words if named or len(code + listed + end) > WIDTH else listed) + end
    return line + (
        " # fmt: skip" if default and isinstance(default, list) and len(line) > WIDTH else ""
    )


def _literal(value: Any) -> str:
    """A value as Python code, formatted as ruff wants it."""
    if isinstance(value, str | list):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:_}" if type(value) is int and value >= 10_000 else repr(value)
