"""One form of solution against three: the same steps, the shares of each, and the differences by hand."""

import pytest

from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.runs import nb03_formats as formats
from dsmath_lib.runs.nb03_sft import load_sft_data
from dsmath_lib.stage.folder import Stage
from tests.lm import conftest as fixtures
from tests.runs.test_nb03_sft import config

tokenizer = fixtures.tokenizer


def test_shares_and_steps_of_each_form():
    cfg = config(format_steps=8)
    words = formats.format_params(cfg, formats.ALONE["words"])
    assert (words.cot_share, words.program_share, words.tir_share) == (1, 0, 0)
    mixed = formats.format_params(cfg, None)
    assert mixed.cot_share == cfg.cot_share and mixed.tir_share == cfg.tir_share > 0
    assert words.steps == mixed.steps == 8 and words.low_lr_steps == 2


def test_each_form_is_trained_and_asked_for_words_and_programs(tokenizer, tmp_path):
    cfg = config(samples=30, heldout_n=3, format_steps=1, context=400, evals=1, max_new_tokens=4)
    stage = Stage(cfg, "03_sft")
    shape = Shape(16, 2, 2, 1, 32, len(tokenizer), 400)
    build_model(shape, init_std=0.3).save_pretrained(tmp_path / "base")
    data = load_sft_data(cfg)
    found = formats.compare_formats(cfg, tmp_path / "base", tokenizer, data, stage, "cpu")
    assert {n: {k: len(r) for k, r in x.items()} for n, x in found.items()} == {
        n: {"words": 3, "programs": 3} for n in ("words", "programs", "mixed")
    }
    off = cfg.model_copy(update={"format_steps": 0})
    assert formats.compare_formats(off, tmp_path / "base", tokenizer, data, stage, "cpu") == {}


@pytest.mark.numeric
def test_differences_by_hand():
    right = {
        "words": {"words": [True, True, False, False], "programs": [False] * 4},
        "programs": {"words": [False] * 4, "programs": [True] * 4},
        "mixed": {"words": [True] * 4, "programs": [True, True, True, False]},
    }
    got = formats.format_metrics(right)
    assert got["mixed_minus_words"].value == 0.5 and got["mixed_minus_programs"].value == -0.25
    assert got["format.words.programs"].value == 0
    assert formats.formats_table(right)[1]["asked for programs"].value == 1
    assert formats.format_metrics({}) == {} and formats.formats_table({}) == []
