"""Parameter models refuse what they do not know, and say where it stands."""

from typing import ClassVar

import pytest

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import Params, allowed, paper_value, par, read_yaml
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import params_model
from dsmath_lib.params.table import changes, parameter_rows
from dsmath_lib.rows.stages import STAGES

GOOD = dict(scale="toy", seed=0, device="cpu", threads=1, resume=True, artifacts_dir="", size=8)


class SizeParams(Params):
    size: int = par(8, "size", paper=64, ge=2, le=64)
    half: float = par(0.5, "half", paper="not stated")


class LargerParams(SizeParams):
    defaults: ClassVar[dict] = {"size": 16}
    paper: ClassVar[dict] = {"half": 0.25}


def test_takes_its_own_names_from_a_namespace():
    assert SizeParams.take(GOOD | {"other": 1}).size == 8


def test_a_misspelt_papermill_parameter_is_an_error():
    cells = ["", "import os", "size = 8\n# Parameters", "# Parameters\nsize = 8\nsizee = 4\n"]
    given = GOOD | {"sizee": 4, "result": 1}
    assert SizeParams.take(given | {"In": cells[:3]}).size == 8
    with pytest.raises(ParamsError, match="unknown parameter 'sizee'"):
        SizeParams.take(given | {"In": cells})


@pytest.mark.parametrize(
    "change, text",
    [
        ({"size": 1}, "f.yaml: parameter 'size' = 1: Input should be greater than or equal to 2"),
        ({"size": 65}, "allowed: >= 2, <= 64"),
        ({"size": "x"}, "'size' = 'x'"),
        ({"size": True}, "f.yaml: parameter 'size' = True: it is a number, not true or false"),
        ({"half": True}, "f.yaml: parameter 'half' = True: it is a number"),
        ({"sizes": 1}, "f.yaml: unknown parameter 'sizes'; did you mean 'size'?"),
        ({"zzz": 1}, "f.yaml: unknown parameter 'zzz' (known: scale"),
        ({"seed": float("nan")}, "'seed'"),
        ({"scale": "../x"}, "'scale'"),
    ],
)
def test_bad_values_are_one_line_each(change, text):
    with pytest.raises(ParamsError) as err:
        SizeParams.check(GOOD | change, "f.yaml")
    assert text in str(err.value) and "\n" not in str(err.value)


def test_what_is_not_given_is_the_default():
    assert SizeParams.check({"seed": 3}, "f.yaml").model_dump() == {
        "scale": "toy", "seed": 3, "device": "auto", "threads": 0, "resume": True, "artifacts_dir": "",
        "world": "normal",
        "size": 8, "half": 0.5,
    }  # fmt: skip


def test_a_class_may_have_other_values_of_inherited_parameters():
    assert LargerParams().size == 16 and SizeParams().size == 8
    papers = {
        m: [paper_value(m.model_fields[n]) for n in ("size", "half")]
        for m in (SizeParams, LargerParams)
    }
    assert papers == {SizeParams: [64, "not stated"], LargerParams: [64, 0.25]}
    assert list(LargerParams.model_fields) == list(SizeParams.model_fields)
    with pytest.raises(ParamsError, match="allowed: >= 2, <= 64"):
        LargerParams.check({"size": 65}, "")


def test_a_rule_about_several_parameters_names_the_file():
    model, folder = params_model("08_evaluation"), PARAMS_DIR / "smoke"
    values, sources = stage_values(folder, "08_evaluation")
    with pytest.raises(ParamsError) as err:
        model.check(values | {"ks": [99]}, sources)
    assert (
        str(err.value)
        == "params/smoke/08_evaluation.yaml: every K in ks must be between 1 and samples"
    )


def test_allowed_range_as_text():
    assert allowed(SizeParams, "size") == ">= 2, <= 64"
    assert allowed(SizeParams, "device") == "auto, cpu, cuda"
    assert allowed(SizeParams, "resume") == ""


def test_values_that_make_no_sense_are_refused_with_what_is_allowed():
    """Half an odd number of steps is no number, nothing to compare no comparison; bfloat16 needs random rounding."""
    for stage, change, text in (
        ("05_grpo", {"compare_steps": 3}, "allowed: >= 0, a multiple of 2"),
        ("02_pretraining", {"compare_corpora": []}, "allowed: length >= 1"),
        ("03_sft", {"weight_dtype": "bfloat16"}, "set optimizer = adamw-8bit"),
        (
            "05_grpo",
            {"weight_dtype": "bfloat16", "optimizer": "adamw-8bit"},
            "needs dtype = bfloat16",
        ),
    ):
        with pytest.raises(ParamsError) as err:
            params_model(stage).check(
                stage_values(PARAMS_DIR / "smoke", stage)[0] | change, "f.yaml"
            )
        assert text in str(err.value) and "\n" not in str(err.value)


def test_yaml_is_flat_and_safe(tmp_path):
    path = tmp_path / "x.yaml"
    for text in ("a: {b: 1}", "[1]", "1: 2", "a: !!python/object/apply:os.system [ls]", "a: b: c"):
        path.write_text(text)
        with pytest.raises(ParamsError, match=r"x\.yaml"):
            read_yaml(path)
    with pytest.raises(ParamsError, match="no such parameter file"):
        read_yaml(tmp_path / "y.yaml")


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_a_model_whose_fields_are_described(stage):
    model = params_model(stage)
    assert list(model.model_fields)[: len(Params.model_fields)] == list(Params.model_fields)
    for name, field in model.model_fields.items():
        assert field.description and not set("=#") & set(field.description), name
    assert model().stage == stage, "each default is in its own range"


def test_stages_read_only_earlier_ones():
    names = list(STAGES)
    for i, (name, spec) in enumerate(STAGES.items()):
        assert set(spec.reads) <= set(names[:i]), name


def test_table_has_a_row_per_parameter_and_a_column_per_scale():
    scales, rows = parameter_rows(["00_start_here"], ["toy", "smoke"])
    assert scales == ["toy", "smoke"]
    by_name = {(r["stage"], r["name"]): r for r in rows}
    assert by_name["common", "threads"]["smoke"] == "1"
    group = by_name["00_start_here", "group_size"]
    assert group["paper"] == "64" and int(group["toy"]) >= 2
    with pytest.raises(ParamsError, match="unknown scale 'x'"):
        parameter_rows([], ["x"])


def test_changes_are_what_makes_a_scale():
    scales, rows = parameter_rows(["00_start_here", "09_paper_vs_ours"], ["toy", "smoke"])
    found = {(r["stage"], r["name"]): (r["toy"], r["smoke"]) for r in changes(scales, rows)}
    assert found == {
        ("common", "threads"): ("0", "1"),
        ("00_start_here", "steps"): ("60", "20"),
        ("09_paper_vs_ours", "k"): ("8", "4"),
    }
    assert changes(["toy"], rows) == []


# -- another scale in the parameters cell of a notebook ----------------------------------------------------------------
CELL = {k: v for k, v in stage_values(PARAMS_DIR / "toy", "05_grpo")[0].items()}
SMOKE = stage_values(PARAMS_DIR / "smoke", "05_grpo")[0]
GRPO = params_model("05_grpo")


def test_each_model_knows_its_stage():
    assert {s: params_model(s).stage for s in STAGES} == {s: s for s in STAGES}


def test_another_scale_in_the_cell_brings_its_values(capsys):
    cfg = GRPO.take(CELL | {"scale": "smoke"})
    assert cfg.model_dump() == GRPO.check(SMOKE, "").model_dump()
    assert capsys.readouterr().out.startswith("scale smoke: values of params/smoke")


def test_what_is_changed_in_the_cell_wins(capsys):
    cfg = GRPO.take(CELL | {"scale": "smoke", "lr": 0.5})
    assert cfg.lr == 0.5 and cfg.steps == SMOKE["steps"]
    assert "changed in the cell: lr" in capsys.readouterr().out


def injected(**values):
    """The namespace of a run by papermill: the cell, over it the given values."""
    source = "# Parameters\n" + "".join(f"{k} = {v!r}\n" for k, v in values.items())
    return CELL | values | {"In": [source]}


def test_papermill_with_the_files_of_a_scale():
    folder = PARAMS_DIR / "smoke"  # -f params/smoke/common.yaml -f params/smoke/05_grpo.yaml
    files = read_yaml(folder / "common.yaml") | read_yaml(folder / "05_grpo.yaml")
    assert len(files) < len(SMOKE)
    assert GRPO.take(injected(**files)).model_dump() == GRPO.check(SMOKE, "").model_dump()
    # -p steps, with the notebook's own value
    assert GRPO.take(injected(**files | {"steps": CELL["steps"]})).steps == CELL["steps"]
    # what no file names is the cell's, also where the reader changed it
    assert GRPO.take(injected(**files) | {"lr": 0.5}).lr == 0.5


def test_papermill_gives_all_values_itself():
    given = SMOKE | {"steps": CELL["steps"]}  # dsmath run
    assert GRPO.take(injected(**given)).steps == CELL["steps"]


def test_papermill_with_nothing_but_the_scale_is_refused():
    with pytest.raises(ParamsError, match=r"scale = 'smoke'.*steps.*-f params/smoke/05_grpo.yaml"):
        GRPO.take(injected(scale="smoke"))
    with pytest.raises(ParamsError, match=r"eval_every.*-f params/smoke/05_grpo.yaml"):
        GRPO.take(injected(scale="smoke", threads=1, steps=4))  # common.yaml and -p alone


def test_a_scale_of_ones_own_without_files_takes_the_cell():
    cfg = GRPO.take(injected(scale="mine"))
    assert cfg.scale == "mine" and cfg.steps == CELL["steps"]


def test_every_prompt_that_a_parameter_takes_is_a_row():
    from typing import get_args

    from dsmath_lib.params.asking import Template
    from dsmath_lib.rows.prompts import PROMPTS, make_prompt

    assert set(get_args(Template)) <= set(PROMPTS)
    for name in get_args(Template):
        assert all("Q?" in make_prompt(name, "Q?", lang).text for lang in ("en", "zh"))
