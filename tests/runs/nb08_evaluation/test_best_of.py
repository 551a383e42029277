"""RM@K: samples get the scores of a reward model, kept in the file; nothing is scored twice."""

import pytest
import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.evaluation import EvaluationParams
from dsmath_lib.rewards.models import new_reward_model, score_completions
from dsmath_lib.runs.nb08_evaluation import run
from dsmath_lib.runs.nb08_evaluation.best_of import Ranker, ranked
from dsmath_lib.runs.nb08_evaluation.rescore import regrade_file
from dsmath_lib.runs.nb08_evaluation.scores import BenchmarkScores, sample_rewards
from dsmath_lib.runs.nb08_evaluation.store import read_file, write_file
from dsmath_lib.stage.folder import Stage

TEXTS = ["Tom has 12 apples.\n12+3=15\nThe answer is \\boxed{4}.", "So it is \\boxed{5}."] * 10


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 300)


def save_reward_model(folder, tokenizer, kind="outcome"):
    build_model(Shape(16, 2, 2, 1, 32, 300, 256), seed=1, init_std=0.3).save_pretrained(
        folder / "lm"
    )
    model = new_reward_model(folder / "lm", kind, tokenizer)
    with torch.no_grad():
        model.score.weight.normal_(generator=torch.Generator().manual_seed(0))
    model.save_pretrained(folder / kind)
    return folder / kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer):
    return save_reward_model(tmp_path_factory.mktemp("rm"), tokenizer)


def stage(**changes):
    values = read_yaml(PARAMS_DIR / "smoke/common.yaml")
    values |= read_yaml(PARAMS_DIR / "smoke/08_evaluation.yaml") | changes
    return Stage(EvaluationParams.check(values, "test"), "08_evaluation")


def rows(tokenizer):
    ids = lambda t: tokenizer(t, add_special_tokens=False)["input_ids"]  # noqa: E731
    text = lambda a: f" So it is \\boxed{{{a}}}."  # noqa: E731
    done = lambda a: {"ids": ids(text(a)), "text": text(a), "finish": "eos"}  # noqa: E731
    return [
        {"id": str(i), "question": "?", "answer": "4", "prompt_ids": ids(f"Tom has {i}"),
         "greedy": done(4), "samples": [done(a) for a in (4, 5, 4, 12)]}
        for i in range(3)
    ]  # fmt: skip


JOB = run.EvalJob("sft", "toy-gsm", "cot")


@pytest.mark.numeric
def test_rewards_are_those_of_the_model_and_are_kept(tmp_path, tokenizer, folder, monkeypatch):
    path = run.completions_path(tmp_path, JOB)
    write_file(path, {"digest": "d", "rule": "paper"}, rows(tokenizer))
    ranker = Ranker(str(folder), stage(), "cpu")
    found = ranked(rows(tokenizer), path, ranker, tokenizer)
    for r, rewards in zip(found, sample_rewards(found), strict=True):
        prompts = [r["prompt_ids"]] * 4
        alone = score_completions(
            ranker.model, tokenizer, prompts, [s["ids"] for s in r["samples"]]
        )
        assert rewards == pytest.approx(alone, rel=1e-9, abs=1e-12)
        assert rewards[0] == pytest.approx(rewards[2], rel=1e-9)
        assert rewards[0] != pytest.approx(rewards[1], rel=1e-6)
    header, kept = read_file(path)
    assert header["reward_model"] == ranker.digest and header["digest"] == "d" and kept == found
    monkeypatch.setattr(
        "dsmath_lib.runs.nb08_evaluation.best_of.score_completions", lambda *a, **k: 1 / 0
    )
    assert ranked(kept, path, ranker, tokenizer) == kept  # not scored again
    bare = ranked(kept, path, None, tokenizer)
    assert sample_rewards(bare) == [] and "reward_model" not in read_file(path)[0]


def test_equal_samples_are_scored_once(tokenizer, folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "dsmath_lib.runs.nb08_evaluation.best_of.score_completions",
        lambda model, tok, p, c, dtype: asked.extend(zip(p, c, strict=True)) or [0.0] * len(p),
    )
    Ranker(str(folder), stage(), "cpu").scores(tokenizer, [[1]] * 3, [[2], [3], [2]])
    assert asked == [([1], [2]), ([1], [3])]


def test_best_of_k_is_a_score_and_stands_beside_the_vote(tmp_path, tokenizer):
    made = rows(tokenizer)
    for r in made:
        for s, reward in zip(r["samples"], (0.1, 0.9, 0.2, 0.3), strict=True):  # prefers the 5
            s["reward"] = reward
    path = run.completions_path(tmp_path, JOB)
    write_file(path, {"rule": "paper"}, made)
    results = BenchmarkScores(tmp_path, [1, 4])
    results.add(JOB, made)
    scores = results.metrics()
    assert scores["sft.toy-gsm.cot.rm@1"].value == 0.5
    assert scores["sft.toy-gsm.cot.rm@4"].value == 0.0
    assert scores["sft.toy-gsm.cot.maj@4"].value == 1.0
    assert results.reward_gains()["diff.rm-maj.sft.toy-gsm.cot.@4"].value == -1.0
    assert regrade_file(path, "strict")["new"]["scores"]["rm@4"].value == 0.0  # no model needed


@pytest.mark.numeric
def test_a_process_model_pays_the_worst_step(tmp_path, tokenizer):
    ranker = Ranker(str(save_reward_model(tmp_path, tokenizer, "process")), stage(), "cpu")
    ids = tokenizer("12+3=15\nSo it is 5.", add_special_tokens=False)["input_ids"]
    from dsmath_lib.rewards.models import score_steps

    steps = score_steps(ranker.model, tokenizer, [[5]], [ids])[0]
    assert len(steps) == 2
    assert ranker.scores(tokenizer, [[5]], [ids]) == pytest.approx([min(steps)], rel=1e-9)


def test_only_chat_chains_of_thought_are_ranked():
    assert run.EvalJob("sft", "toy-gsm", "cot").ranked
    assert not run.EvalJob("base", "toy-gsm", "cot", few_shot=True).ranked
    assert not run.EvalJob("sft", "toy-gsm", "tir").ranked


def test_names_that_are_not_there_and_models_of_another_kind(reports, tmp_path, tokenizer, folder):
    with pytest.raises(StageError, match="dsmath run smoke 01 02 03 04"):
        Ranker("pointwise", stage(), "cpu")
    with pytest.raises(StageError, match="no reward model"):
        Ranker(str(folder.parent / "lm"), stage(), "cpu")
    other = train_tokenizer(["quite other words here"] * 5, 280)
    with pytest.raises(StageError, match="another vocabulary"):
        Ranker(str(folder), stage(), "cpu").scores(other, [[1]], [[2]])
    write_atomic(reports / "smoke/04_reward_model/results.json", "{}")
    target = reports / "smoke/04_reward_model/artifacts/pointwise"
    for f in folder.iterdir():
        target.mkdir(parents=True, exist_ok=True)
        (target / f.name).write_bytes(f.read_bytes())
    here = stage()
    assert Ranker("pointwise", here, "cpu").digest and "04_reward_model/pointwise" in here.inputs
