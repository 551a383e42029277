"""Parameter files, parameters cells and the README say what the models say, for every scale and stage."""

import ast
from pathlib import Path

import papermill
import pytest
import yaml

from dsmath_lib.app.notebook_files import generated
from dsmath_lib.base.paths import PARAMS_DIR, ROOT
from dsmath_lib.params.base import NOTEBOOK_SCALE, Params, read_yaml
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import params_model
from dsmath_lib.params.table import scale_names
from dsmath_lib.report.verdict_rules import holds
from dsmath_lib.rows.stages import STAGES

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STAGE_FILES = sorted(PARAMS_DIR.glob("*/[0-9]*.yaml"))
GENERATED = generated(ROOT)
FILES = sorted([*STAGE_FILES, *PARAMS_DIR.glob("*/common.yaml")])
WHOLE = ("smoke", "toy", "claims", "real-smoke")  # scales of the whole chain


def ids(paths: list[Path]) -> list[str]:
    return [f"{p.parent.name}-{p.stem}" for p in paths]


def model_of(path: Path) -> type[Params]:
    return Params if path.stem == "common" else params_model(path.stem)


def values(scale: str, stage: str) -> dict:
    return stage_values(PARAMS_DIR / scale, stage)[0]


def test_every_scale_has_its_stages():
    assert set(WHOLE) <= set(scale_names())
    for scale in scale_names():
        have = {p.stem for p in STAGE_FILES if p.parent.name == scale}
        assert have <= set(STAGES) and (scale not in WHOLE or have == {p.stem for p in NOTEBOOKS})


@pytest.mark.parametrize("path", STAGE_FILES, ids=ids(STAGE_FILES))
def test_values_of_a_scale_are_valid_and_all_there(path):
    merged, sources = stage_values(path.parent, path.stem)
    assert list(merged) == list(model_of(path).model_fields)
    cfg = model_of(path).check(merged, sources)
    assert cfg.model_dump() == merged, "a file writes a value as the model reads it"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_file_holds_only_what_differs_in_the_models_order(path):
    default, own = model_of(path).default_values(), read_yaml(path)
    assert list(own) == [k for k in default if k in own]
    same = [k for k, v in own.items() if v == default[k] and k != "scale"]
    assert not same, "these are the defaults; a scale's file holds only what differs"


@pytest.mark.parametrize("path", FILES, ids=ids(FILES))
def test_each_key_has_a_comment_and_each_file_a_purpose(path):
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    what = path.parent.name if path.stem == "common" else f"{path.stem} at scale {path.parent.name}"
    assert first.startswith(f"# {what}: ")
    lines = [x for x in rest if x.strip() and not x.startswith(("#", " ", "-"))]
    assert not [x for x in lines if "  # " not in x]


def test_what_the_scales_are_for():
    """A default or a line that goes wrong is seen by what the scale promises."""
    assert all(read_yaml(p) == {} for p in (PARAMS_DIR / NOTEBOOK_SCALE).glob("[0-9]*.yaml"))
    for stage in STAGES:
        model = params_model(stage)
        toy, smoke = values("toy", stage), values("smoke", stage)
        size = [k for k in ("steps", "tokens", "samples", "questions", "n_pages") if k in toy]
        assert all(smoke[k] <= 0.6 * toy[k] for k in size), "smoke takes seconds"
        assert smoke["threads"] == 1, "smoke repeats to the bit"
        assert not [k for k in model.model_fields if k.endswith("_revision") and toy[k]]
    real = [values("real-smoke", s) for s in STAGES if "data_dir" in params_model(s).model_fields]
    assert len(real) == 7 and all(v["data_dir"] for v in real)
    assert all(v.get("question_source") != "world" for v in real)
    for stage in STAGES:
        if stage[:2] in ("00", "01", "03"):
            own = {
                k: values("claims", stage)[k]
                for k in ("heldout_n", "format_steps")
                if stage == "03_sft"
            }
            assert values("claims", stage) == values("toy", stage) | {"scale": "claims"} | own
    claims, toy = (values(scale, "02_pretraining") for scale in ("claims", "toy"))
    more = {k for k in claims if claims[k] != toy[k]} - {"scale", "evals"}
    assert more <= params_model("02_pretraining").DECIDE_NO_RUN - {"tokens"}, (
        "the base model is the toy's"
    )
    assert values("claims", "06_one_gradient")["seeds"] == [0, 1, 2]


def test_claims_is_long_enough_for_every_row_of_the_ledger():
    """What a row asks of the parameters before it gives a verdict, the scale that is made for verdicts has."""
    rows = yaml.safe_load((ROOT / "dsmath_lib/report/claims.yaml").read_text(encoding="utf-8"))
    asked = [p["only_if"] for r in rows for p in r.get("parts", ()) if "only_if" in p]
    assert len(asked) > 10
    for wanted in asked:
        have = values("claims", wanted["stage"])
        known = {k: w for k, w in wanted.items() if k in have and k != "stage"}
        assert all(holds(w, have[k]) for k, w in known.items()), wanted
    evaluation = values("claims", "08_evaluation")
    assert values("claims", "09_paper_vs_ours")["k"] == max(evaluation["ks"])
    least = dict(zip(evaluation["benchmarks"], evaluation["n_items"], strict=True))
    assert min(least["toy-gsm"], least["toy-math"]) >= 400


@pytest.mark.parametrize("path", GENERATED, ids=lambda p: p.stem)
def test_cells_and_tables_are_written_from_the_models(path):
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run: dsmath params --write"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
def test_papermill_reads_names_values_types_and_help_from_the_cell(notebook):
    default = params_model(notebook.stem).default_values()
    found = papermill.inspect_notebook(str(notebook))
    assert list(found) == list(default)
    for name, value in default.items():
        part = found[name]
        assert part["inferred_type_name"] == type(value).__name__, name
        assert part["help"], f"{name}: no comment"
        assert ast.literal_eval(part["default"]) == value, name
        assert type(ast.literal_eval(part["default"])) is type(value), name
