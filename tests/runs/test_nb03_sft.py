import json

import pytest
import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.grader.verdict import grade
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.packing import PackedExamples, tokenize_samples
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.sft import SFTParams
from dsmath_lib.rewards.ask import Sampling, ask
from dsmath_lib.rewards.questions import as_prompts
from dsmath_lib.runs.nb03_sft import example_html, finetune, load_sft_data
from dsmath_lib.runs.read_questions import solved
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.families import HELD_OUT
from dsmath_lib.world.problems import split_of
from tests.lm import conftest as fixtures

tokenizer = fixtures.tokenizer

ROW = {
    "question": "Tom had 48 clips and sold half. How many did he sell? ",
    "answer": "Tom sold 48/2 = <<48/2=24>>24 clips.\nThat is $<<1000+24=1024>>1,024.\n#### 1,024",
}


def config(**changes) -> SFTParams:
    values = read_yaml(PARAMS_DIR / "smoke/common.yaml") | read_yaml(
        PARAMS_DIR / "smoke/03_sft.yaml"
    )
    return SFTParams.check(values | changes, "test")


def test_world_data_holds_no_heldout_question():
    data = load_sft_data(config(samples=60, heldout_n=10))
    assert len(data.train) == 60 and len(data.problems) == len(data.references) == 10
    assert all(split_of(p.question) == "val" for p in data.problems)
    assert all(p.family != HELD_OUT for p in data.problems)
    assert not {s.prompt.question for s in data.train} & {p.question for p in data.problems}
    assert {s.prompt.before for s in data.train} == {"User: "}


def test_rows_are_split_and_too_few_are_an_error(tmp_path):
    rows = [ROW | {"question": f"Question {i}?"} for i in range(30)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    cfg = config(dataset="train.jsonl", data_dir=str(tmp_path), samples=20, heldout_n=5)
    data = load_sft_data(cfg)
    assert len(data.train) == 20 and len(data.problems) == 5
    asked = {s.prompt for s in data.train}
    assert not asked & {s.prompt for s in data.references}
    with pytest.raises(StageError, match="leaves none"):
        load_sft_data(config(dataset="train.jsonl", data_dir=str(tmp_path), heldout_n=30))


def test_real_gsm8k_rows_parse(data_dir):
    cfg = config(
        dataset="math/gsm8k/train.jsonl", data_dir=str(data_dir), samples=300, heldout_n=20
    )
    data = load_sft_data(cfg)
    for p, s in zip(data.problems, data.references, strict=True):
        assert grade(p.answer, s.segments[0][0]).correct


def test_a_short_run_lowers_the_heldout_loss(tokenizer, tmp_path):
    cfg = config(samples=50, heldout_n=8, steps=12, context=160, evals=2, max_new_tokens=4)
    data = load_sft_data(cfg)
    stage = Stage(cfg, "03_sft")
    examples, held = (tokenize_samples(tokenizer, s) for s in (data.train, data.references))
    rows = cfg.steps * cfg.batch_size
    packed = PackedExamples(examples, 400, rows, 0, isolate=True, pad=2)
    shape = Shape(16, 2, 2, 1, 32, len(tokenizer), 400)  # prompts are long in so small a vocabulary
    build_model(shape, init_std=0.3).save_pretrained(tmp_path / "base")
    model, _ = finetune(stage, tmp_path / "base", tokenizer, packed, held)
    losses = [r["heldout_loss"] for r in stage.read_log("sft.eval")]
    assert len(losses) == 2 and losses[1] < losses[0]
    again, _ = finetune(stage, "nowhere", tokenizer, packed, held)  # finished: loaded
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))
    answers = ask(
        HFSampler(model, tokenizer), as_prompts(tokenizer, data.problems, "toy-cot"), Sampling(4), 0
    )
    assert len(answers.correct) == len(answers.texts) == 8


def test_example_html_marks_trained_tokens_and_escapes(tokenizer):
    _, sample = solved(ROW | {"question": "<script>$1?"}, "toy-cot", "a row")
    (e,) = tokenize_samples(tokenizer, [sample])
    page = example_html(tokenizer, e)
    assert "<script>" not in page
    assert page.count("border-bottom") == sum(e.trained)
