"""YAML as parameters need it: flat, each key once, numbers as people mean them.

``safe_load`` reads YAML 1.1, where ``010`` is 8, ``1:30`` is 90 and the second of two equal keys wins without a word.
Here these are errors that name the line; aliases, which make a few lines grow without bound, are refused, too.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from dsmath_lib.base.errors import ParamsError

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_OCTAL = re.compile(r"[-+]?0[0-7_]+|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
MAX_BYTES = 100_000
SHOWN = 200  # characters of a value in an error


class _Loader(yaml.SafeLoader):
    """``SafeLoader`` that refuses what can be misread."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="an alias (*); write the value", problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"'{key.value}' stands here twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _number(loader: _Loader, node: Any) -> Any:
    if _OCTAL.fullmatch(node.value):
        problem = f"{node.value} is an octal or base-60 number in YAML; write it in decimals, or in quotes as text"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    make = yaml.SafeLoader.yaml_constructors[node.tag]
    return make(loader, node)


def _date(loader: _Loader, node: Any) -> str:
    return node.value  # no parameter is a date; a model that wants text gets it


for _tag in (_INT, _FLOAT):
    _Loader.add_constructor(_tag, _number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)


def load_yaml(text: str) -> Any:
    """A YAML document as plain data.

    Raises:
        ValueError: not readable; one line that says what and where.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"{len(text):,} characters (at most {MAX_BYTES:,})")
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise ValueError(f"{err.problem or err.context}{where}") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    except (
        yaml.YAMLError,
        ValueError,
        OverflowError,
    ) as err:  # signs that YAML refuses, numbers of 5,000 digits
        raise ValueError(" ".join(str(err).split())[:SHOWN]) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """One flat parameter file.

    Raises:
        ParamsError: missing or unreadable, a key stands twice, a value is nested or can be misread; names the file.
    """
    try:
        data = load_yaml(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such parameter file") from None
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or err
        raise ParamsError(f"{path}: not readable as YAML: {why}") from None
    data = {} if data is None else data
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise ParamsError(f"{path}: expected flat 'name: value' lines")
    nested = [k for k, v in data.items() if isinstance(v, dict | set)]
    if nested:
        raise ParamsError(f"{path}: nested value under {nested}; parameters are flat")
    return data


def shortened(value: Any) -> str:
    """A value as an error shows it: its beginning."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
