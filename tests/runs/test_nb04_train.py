"""Training: it learns, and a killed run resumes; data pieces resume too."""

from dataclasses import replace

import pytest
import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.decode.sampler import HFSampler
from dsmath_lib.engines.memory import Form
from dsmath_lib.lm.train import TrainSettings, train_model
from dsmath_lib.rewards.labels import read_solutions
from dsmath_lib.rewards.models import load_reward_model, new_reward_model, score_completions
from dsmath_lib.rewards.training import label_loss_and_backward, step_batches, training_rows
from dsmath_lib.runs import nb04_solutions as data
from dsmath_lib.runs.nb04_train import RewardTask, train_reward_model
from dsmath_lib.stage.folder import Stage
from tests.rewards import conftest as fixtures
from tests.rewards.conftest import made_solution, reward_params
from tests.rounding import assert_same

lm_folder, stage, tokenizer = fixtures.lm_folder, fixtures.stage, fixtures.tokenizer

pytestmark = pytest.mark.numeric
label = data.label_some

SETTINGS = TrainSettings(
    steps=8, lr=lambda _: 5e-3, micro_batch=4, log_every=1, checkpoint_every=3,
    loss=label_loss_and_backward,
)  # fmt: skip


@pytest.fixture(scope="module")
def solutions(tokenizer):
    return [
        made_solution(
            tokenizer, f"What is {i}+4?", r, steps=(0.5, float(r)) if i % 3 else (1.0, float(r))
        )
        for i in range(6)
        for r in (True, False)
    ]


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("name", ["pairwise", "process_soft"])
def test_layers_computed_again_change_no_number(stage, tokenizer, lm_folder, solutions, name):
    rows, found = training_rows(name, solutions, 96, 2, 0), []
    for again in (False, True):
        kind = "process" if name.startswith("process") else "outcome"
        model = new_reward_model(lm_folder, kind, tokenizer)
        settings = replace(SETTINGS, steps=2, form=Form(layer_checkpointing=again))
        train_model(model, step_batches(rows, 4, 0), settings, stage, f"again-{again}")
        found.append(weights(model))
    assert_same(found[1], found[0])


@pytest.mark.parametrize("name", ["pointwise", "pairwise", "process_soft"])
@pytest.mark.parametrize("kill_at", [2, 3, 5])
def test_killed_and_resumed_is_the_same(stage, tokenizer, lm_folder, solutions, name, kill_at):
    rows = training_rows(name, solutions, 96, 2, 0)
    kind = "process" if name.startswith("process") else "outcome"
    straight = new_reward_model(lm_folder, kind, tokenizer)
    numbers = train_model(straight, step_batches(rows, 4, 0), SETTINGS, stage, "straight")

    class Killed(list):
        reads = 0

        def __getitem__(self, i):
            Killed.reads += 1
            if Killed.reads > kill_at * 4:
                raise KeyboardInterrupt
            return super().__getitem__(i)

    killed = new_reward_model(lm_folder, kind, tokenizer)
    with pytest.raises(KeyboardInterrupt):
        train_model(killed, step_batches(Killed(rows), 4, 0), SETTINGS, stage, "resumed")
    resumed = new_reward_model(lm_folder, kind, tokenizer)
    again = train_model(resumed, step_batches(rows, 4, 0), SETTINGS, stage, "resumed")
    assert_same(weights(resumed), weights(straight))
    assert_same([again[k] for k in ("loss", "tokens")], [numbers[k] for k in ("loss", "tokens")])


@pytest.mark.parametrize("name", ["pointwise", "pairwise", "process_hard"])
def test_it_learns_to_tell_7_from_8(stage, tokenizer, lm_folder, solutions, name):
    cfg = reward_params(steps=40, lr=1e-2, batch_size=12, micro_batch=12, context=96)
    rows = training_rows(name, solutions, 96, 2, 0)
    model, numbers = train_reward_model(
        cfg, stage, RewardTask(name, rows, "1"), lm_folder, tokenizer
    )
    assert numbers["loss"] < 0.2
    if name == "process_hard":
        return
    asked = [s.prompt for s in solutions], [s.completion for s in solutions]
    scores = score_completions(model, tokenizer, *asked)
    right = [v for v, s in zip(scores, solutions, strict=True) if s.correct]
    wrong = [v for v, s in zip(scores, solutions, strict=True) if not s.correct]
    assert min(right) > max(wrong)
    again = load_reward_model(stage.artifacts / name)
    assert_same(score_completions(again, tokenizer, *asked), scores)
    assert again.config.reward_probability is (name != "pairwise")


def test_a_finished_model_is_loaded_and_other_data_train_anew(
    stage, tokenizer, lm_folder, solutions
):
    cfg = reward_params(steps=3, context=96)
    rows = training_rows("pointwise", solutions, 96, 2, 0)
    run = lambda d: train_reward_model(  # noqa: E731
        cfg, stage, RewardTask("pointwise", rows, d), lm_folder, tokenizer
    )
    first, _ = run("1")
    steps = len(stage.read_log("pointwise"))
    again, _ = run("1")
    assert torch.equal(weights(first), weights(again))
    assert len(stage.read_log("pointwise")) == steps
    other, _ = run("2")
    assert_same(weights(other), weights(first), "the same rows and seed")


@pytest.fixture
def sampler(lm_folder, tokenizer):
    from dsmath_lib.lm.model import load_model

    return HFSampler(load_model(lm_folder), tokenizer)


def tiny(**changes):
    size = {"questions": 6, "eval_questions": 4, "save_every": 2, "max_new_tokens": 4, "samples": 3}
    size |= {"context": 256, "langs": ["en"], "levels": [1], "eval_samples": 2}
    return reward_params(**size | changes)


@pytest.mark.parametrize("source", ["rollouts", "annotators"])
def test_pieces_resume_exactly(source, tokenizer, sampler, monkeypatch):
    cfg = tiny(data=source)
    straight = data.load_data(cfg, Stage(cfg, "04_reward_model"), sampler, tokenizer)
    assert len(straight.train) == 18 and len(straight.test) == 8
    assert not data.shared_questions(straight)
    second = Stage(cfg.model_copy(update={"scale": "again"}), "04_reward_model")
    made = []

    def dies(path, rows):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(path.name)
        write(path, rows)

    write = data.write_solutions
    monkeypatch.setattr(data, "write_solutions", dies)
    with pytest.raises(KeyboardInterrupt):
        data.load_data(cfg, second, sampler, tokenizer)
    monkeypatch.setattr(data, "write_solutions", write)
    calls = []
    monkeypatch.setattr(data, "label_some", lambda *a: calls.append(1) or label(*a))
    again = data.load_data(cfg, second, sampler, tokenizer)
    assert again == straight and len(calls) == 3, "the two finished pieces are not made again"
    assert read_solutions(second.artifacts / "data/train.jsonl.gz") == straight.train


def test_annotators_write_right_and_wrong_solutions(tokenizer, sampler):
    cfg = tiny(data="annotators", questions=20)
    found = data.load_data(cfg, Stage(cfg, "04_reward_model"), sampler, tokenizer)
    numbers = data.solution_counts(found.train)
    assert 0.25 < numbers["right"] < 0.75 and numbers["truncated"] == 0
    assert numbers["questions"] == 20 and numbers["questions with both"] > 5


def test_labelled_data_needs_files(tokenizer, sampler):
    from dsmath_lib.base.errors import ParamsError

    with pytest.raises(ParamsError, match="labelled_files"):
        tiny(data="labelled")
    with pytest.raises(ParamsError, match="annotators live in the world"):
        tiny(question_source="x.jsonl")
    cfg = tiny(data="labelled", labelled_files=["nothing.jsonl"])
    with pytest.raises(StageError, match="data_dir"):
        data.load_data(cfg, Stage(cfg, "04_reward_model"), sampler, tokenizer)


def test_real_labelled_data_make_rows_for_every_model(tokenizer, sampler, data_dir):
    cfg = tiny(
        data="labelled",
        data_dir=str(data_dir),
        labelled_files=["math/process_reward/mr_gsm8k_labelled.jsonl"],
        questions=120,
        eval_questions=20,
        context=1500,
    )
    found = data.load_data(cfg, Stage(cfg, "04_reward_model"), sampler, tokenizer)
    assert not data.shared_questions(found)
    numbers = data.solution_counts(found.train)
    assert numbers["questions"] <= 120 and data.solution_counts(found.test)["questions"] <= 20
    for name in ("pointwise", "process_hard", "process_soft"):
        assert training_rows(name, found.train, cfg.context, 2, 0)
