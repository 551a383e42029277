"""Dry runs: every GPU scale in miniature has valid parameters, and one stage of one goes through papermill."""

import json

import pytest

from dsmath_lib.app.dry_run import dry_run, prepare_dry
from dsmath_lib.app.plan_command import checked_params
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.table import scale_names

SCALES = [s for s in scale_names() if s.startswith(("gpu-", "simplerl-", "paper-"))]


@pytest.mark.parametrize("scale", SCALES)
def test_every_stage_has_a_miniature_that_names_nothing_remote(scale, tmp_path):
    params = prepare_dry(scale, tmp_path)
    files = sorted((params / scale).glob("[0-9]*.yaml"))
    assert [p.stem for p in files] == list(checked_params(scale))
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "hub:" not in text and "Qwen/" not in text and "deepseek-ai/" not in text
        assert "cuda" not in text and "vllm" not in text
        values = read_yaml(path)
        folders = [values[k] for k in values if k.endswith("_model") and "/" in str(values[k])]
        assert all((tmp_path / "models" / f.rpartition("/")[2]).is_dir() for f in folders)


def test_one_scale_goes_through_papermill(tmp_path, capsys):
    """A step of GRPO on the stand-in of Qwen2.5-0.5B-Instruct, with data in GSM8K's form."""
    assert dry_run("gpu-24gb", tmp_path, ("05_grpo",)) == 0
    assert "plan of gpu-24gb" in capsys.readouterr().out
    path = tmp_path / "reports" / "gpu-24gb" / "05_grpo" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["params"]["beta"] == checked_params("gpu-24gb")["05_grpo"].beta
    assert results["plan"]["peak_mb"] > 0 and results["metrics"]["mismatch"] is not None
