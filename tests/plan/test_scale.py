"""The plan of every scale: made offline, says what does not fit and what to change, shares among processes."""

import pytest

from dsmath_lib.app.plan_command import checked_params, plan_rows, print_plan
from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.table import scale_names
from dsmath_lib.plan.architecture import config_of
from dsmath_lib.plan.scale import plan_stages
from dsmath_lib.plan.stages import GIB, PLANS

GPU = [s for s in scale_names() if s.startswith(("gpu-", "simplerl-", "paper-"))]


@pytest.mark.parametrize("scale", scale_names())
def test_every_scale_has_a_plan(scale):
    cfgs = checked_params(scale)
    plans = plan_stages(cfgs, gpu_gb=80)
    assert [p.memory.stage for p in plans] == [s for s in cfgs if s in PLANS]
    for p in plans:
        lines = p.memory.lines
        assert max(lines.values()) < p.memory.peak <= sum(lines.values())
    assert all({"peak", "fits", "time"} <= set(r) for r in plan_rows(plans))


def test_there_are_scales_for_gpus():
    assert {
        "gpu-offline",
        "gpu-24gb",
        "gpu-80gb",
        "simplerl-zoo",
        "simplerl-7b",
        "paper-7b",
    } <= set(GPU)


def test_what_does_not_fit_is_named_with_what_to_change(capsys):
    """A 7 B model with all its weights on one small card: the line, its size, the parameters that help."""
    assert print_plan("simplerl-zoo", 24, 1, [("micro_tokens", "1024")]) == 1
    said = capsys.readouterr().out
    line = next(x for x in said.splitlines() if x.startswith("07_simplerl_zero: "))
    assert "21.6 usable" in line and "the largest line is optimizer" in line
    assert "processes" in line and "adamw-8bit" in line


def test_more_processes_need_less_each():
    cfgs = {"07_simplerl_zero": checked_params("simplerl-zoo")["07_simplerl_zero"]}
    one, many = (plan_stages(cfgs, 80, n)[0].memory for n in (1, 8))
    for name in ("gradients", "optimizer", "reference"):
        assert many.lines[name] == pytest.approx(one.lines[name] / 8, rel=1e-6)
    assert (
        many.lines["sampler weights"] == one.lines["sampler weights"]
    )  # every engine holds it all
    assert many.peak < one.peak


def test_memory_of_a_7b_model_is_that_of_its_weights():
    """16 bytes a weight, of 6.91 billion: 103 GiB, as the arithmetic of the paper's model says."""
    cfgs = {"07_simplerl_zero": checked_params("simplerl-zoo")["07_simplerl_zero"]}
    lines = plan_stages(cfgs, 80, 1)[0].memory.lines
    assert (lines["gradients"] + lines["optimizer"]) / GIB == pytest.approx(
        12 * 6.91e9 / GIB, rel=0.001
    )


def test_a_name_without_a_known_shape_is_one_clear_line(tmp_path):
    with pytest.raises(ParamsError, match=r"the sizes of 'nobody/nothing' are not known.*commit"):
        config_of("nobody/nothing")
    with pytest.raises(ParamsError, match=r"the table of models has 7ae557604adf"):
        config_of("Qwen/Qwen2.5-0.5B-Instruct", "0" * 40)
    with pytest.raises(ParamsError, match=r"no folder with a config\.json"):
        config_of(str(tmp_path))
