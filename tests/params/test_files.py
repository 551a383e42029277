"""Parameter files, parameters cells and models say the same, for every scale and stage."""

import ast
from pathlib import Path

import papermill
import pytest

from dsmath_lib.app.runner import scales
from dsmath_lib.base.paths import PARAMS_DIR, ROOT
from dsmath_lib.params.base import Params, read_yaml
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import STAGES, params_model

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
COMMON = list(Params.model_fields)
FILES = sorted(PARAMS_DIR.glob("*/[0-9]*.yaml"))


def ids(paths: list[Path]) -> list[str]:
    return [f"{p.parent.name}-{p.stem}" for p in paths]


def test_the_scales_of_the_readme_are_there():
    assert {"smoke", "toy", "real-smoke"} <= set(scales())


@pytest.mark.parametrize("scale", scales())
def test_every_scale_has_every_stage(scale):
    have = {p.stem for p in (PARAMS_DIR / scale).glob("[0-9]*.yaml")}
    assert {p.stem for p in NOTEBOOKS} <= have <= set(STAGES)


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_file_holds_exactly_the_keys_of_the_model(path):
    model = params_model(path.stem)
    merged, sources = stage_values(path.parent, path.stem)
    model.check(merged, sources)
    own = read_yaml(path)
    assert list(own) == [k for k in model.model_fields if k not in COMMON], (
        "keys in the model's order"
    )
    assert list(read_yaml(path.parent / "common.yaml")) == COMMON


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_each_key_has_a_comment(path):
    lines = [
        x for x in path.read_text().splitlines() if x.strip() and not x.startswith(("#", " ", "-"))
    ]
    assert not [x for x in lines if "  # " not in x]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=ids(NOTEBOOKS))
def test_parameters_cell_holds_the_toy_values_with_type_and_help(notebook):
    model = params_model(notebook.stem)
    found = papermill.inspect_notebook(str(notebook))
    assert list(found) == list(model.model_fields)
    merged, _ = stage_values(PARAMS_DIR / "toy", notebook.stem)
    for name, value in merged.items():
        part = found[name]
        assert part["inferred_type_name"] != "None", f"{name}: no type annotation"
        assert part["help"], f"{name}: no comment"
        assert ast.literal_eval(part["default"]) == value, name
        assert type(ast.literal_eval(part["default"])) is type(value), name
