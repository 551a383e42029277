"""A training handed to several processes is the training of one; what cannot be handed over is said."""

import json
import multiprocessing
import os
from dataclasses import replace
from functools import partial

import pytest
import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.base.records import Prompt, Sample
from dsmath_lib.engines import parallel
from dsmath_lib.lm.mixture import mixture_stream, tokenize_documents
from dsmath_lib.lm.packing import PackedExamples, tokenize_samples
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.pretraining import PretrainingParams
from dsmath_lib.params.sft import SFTParams
from dsmath_lib.rewards.models import load_reward_model, new_reward_model
from dsmath_lib.rewards.training import training_rows
from dsmath_lib.rl.experiment import RunId
from dsmath_lib.rl.reward_functions import rewards_from
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.runs import jobs, rank
from dsmath_lib.runs.nb02_pretraining import heldout_problems, pretrain
from dsmath_lib.runs.nb03_sft import finetune
from dsmath_lib.runs.nb04_assess import watcher
from dsmath_lib.runs.nb04_train import RewardTask, train_reward_model
from dsmath_lib.runs.nb05_grpo import greedy_accuracy
from dsmath_lib.runs.nb06_methods import sampled_accuracy
from dsmath_lib.runs.policy_run import train_run
from dsmath_lib.stage import checkpoint
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import sample_problems
from tests.rewards.conftest import made_solution, reward_params
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment, grpo_params, tiny_policy
from tests.rounding import assert_same

questions, tokenizer = fixtures.questions, fixtures.tokenizer
pytestmark = pytest.mark.numeric


@pytest.fixture(autouse=True)
def forked(monkeypatch):
    """Ranks are forked from the test, which has imported everything, instead of started anew."""

    def run_ranks(folder, cfg, address="", node=0, watch=lambda: None):
        ctx, port = multiprocessing.get_context("fork"), parallel.free_port()

        def child(number):
            own = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": cfg.processes}
            own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
            os.environ |= {k: str(v) for k, v in own.items()}
            torch.set_num_threads(1)  # as in tests/ranks.py
            rank.rank_of_job(folder / "job.json")

        started = [ctx.Process(target=child, args=(r,)) for r in range(cfg.processes)]
        for p in started:
            p.start()
        for p in started:
            p.join(60)
            p.kill()
        codes = {r: p.exitcode for r, p in enumerate(started)}
        if any(codes.values()):
            raise parallel.RankError(parallel.failure_line(folder, codes, cfg.processes))
        watch()

    monkeypatch.setattr(jobs, "run_ranks", run_ranks)


@pytest.fixture
def folder(tokenizer, tmp_path):
    """A policy with its tokenizer, and an outcome model."""
    tiny_policy(len(tokenizer)).save_pretrained(tmp_path / "lm")
    tokenizer.save_pretrained(tmp_path / "lm")
    model = new_reward_model(tmp_path / "lm", "outcome", tokenizer)
    torch.nn.init.normal_(model.score.weight, generator=torch.Generator().manual_seed(0))
    model.save_pretrained(tmp_path / "outcome")
    return tmp_path


def params(model, **changes):
    smoke = PARAMS_DIR / "smoke"
    values = read_yaml(smoke / "common.yaml") | read_yaml(smoke / f"{model.stage}.yaml")
    return model.check(values | {"device": "cpu"} | changes, "test")


def compared(train, stages=("one", "two")):
    """``train(scale, processes)`` with one and with two processes: weights, numbers and rows of the log."""
    made = []
    for scale, n in zip(stages, (1, 2), strict=True):
        model, numbers, stage, kinds = train(scale, n)
        clocks = {"seconds", "tokens_per_s"}
        made.append(
            {
                "weights": [p.detach().clone() for p in model.parameters()],
                "numbers": {k: v for k, v in numbers.items() if k not in clocks},
                "log": [
                    {k: v for k, v in row.items() if k not in clocks}
                    for kind in kinds for row in stage.read_log(kind)
                ],
            }
        )  # fmt: skip
        assert not list(stage.dir.glob("ranks/*")) and len(made[-1]["log"]) > 2
    assert_same(made[1], made[0])
    return made[0]


def test_pretraining(tokenizer):
    problems = sample_problems(7, split="val", seed=1)
    texts = [p.question for p in sample_problems(40, split="train", seed=1)]
    docs = {"mined": tokenize_documents(tokenizer, texts)}

    def train(scale, n):
        sizes = {"hidden_size": 16, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate_size": 32}
        how = {"tokens": 1200, "context": 48, "batch_size": 5, "micro_batch": 2, "evals": 2}
        cfg = params(PretrainingParams, scale=scale, processes=n, **sizes, **how)
        stage = Stage(cfg, "02_pretraining")
        stream = mixture_stream(docs, {"mined": 1.0}, 1200 // 240 * 240 + 1, 0)
        heldout = heldout_problems(tokenizer, problems)
        seen = []
        stage.watchers.append(seen.append)
        made = pretrain(stage, "base", stream, tokenizer, heldout, "cpu")
        assert {r["kind"] for r in seen} == {"base", "base.eval"}  # a panel would have moved
        return *made, stage, ("base", "base.eval")

    compared(train)


def test_fine_tuning(tokenizer, folder):
    samples = [Sample(Prompt(f"{i}+1="), ((f" {i + 1}", True),)) for i in range(20)]
    examples = tokenize_samples(tokenizer, samples)

    def train(scale, n):
        how = {"steps": 4, "batch_size": 3, "micro_batch": 1, "context": 24, "evals": 2, "lr": 0.01}
        cfg = params(SFTParams, scale=scale, processes=n, **how)
        stage = Stage(cfg, "03_sft")
        packed = PackedExamples(examples, 24, 12, 0, isolate=True, pad=tokenizer.pad_token_id)
        made = finetune(stage, folder / "lm", tokenizer, packed, examples[:7], "cpu")
        return *made, stage, ("sft", "sft.eval")

    compared(train)


@pytest.mark.parametrize("name", ["pairwise", "process_soft"])
def test_reward_models(tokenizer, folder, name):
    found = [
        made_solution(tokenizer, f"What is {i}+4?", r, steps=(0.5, float(r)))
        for i in range(6) for r in (True, False)
    ]  # fmt: skip
    rows = training_rows(name, found, 96, 2, 0)

    def train(scale, n):
        how = {"steps": 4, "batch_size": 3, "micro_batch": 1, "context": 96, "lr": 0.01}
        cfg = reward_params(scale=scale, processes=n, evals=2, log_every=1, **how)
        stage = Stage(cfg, "04_reward_model")
        look = watcher(cfg, tokenizer, name, found)
        task = RewardTask(name, rows, "x", look)
        made = train_reward_model(cfg, stage, task, folder / "lm", tokenizer)
        return *made, stage, (name, f"{name}.eval")

    compared(train)


@pytest.mark.parametrize(("method", "lora"), [("grpo-os", 0), ("rft", 0), ("rft", 1)])
def test_policies(tokenizer, questions, folder, method, lora):
    """With a reward model; ``rft`` learns from what the start drew, which is kept in a file.

    With an adapter the start is the policy with it off.
    """

    def train(scale, n):
        paid = {"reward_names": ["model", "accuracy"], "reward_weights": [1.0, 0.5]}
        paid |= {"reward_model": str(folder / "outcome"), "lora_rank": lora, "beta": 0.04}
        cfg = grpo_params(scale=scale, processes=n, steps=2, **paid)
        stage = Stage(cfg, "05_grpo")
        paid = rewards_from(cfg, tokenizer, load_reward_model(folder / "outcome"))
        e = experiment(cfg, stage, tokenizer, questions, paid, folder / "lm")
        evaluate = greedy_accuracy if method == "grpo-os" else sampled_accuracy
        made = train_run(e, METHODS[method], RunId("policy", 0, log="grpo"), evaluate)
        assert made[0].name_or_path == str(stage.artifacts / "policy")
        return *made, stage, ("grpo", "grpo.eval", "grpo.samples")

    compared(train)


def test_a_failure_names_rank_and_cause_and_the_same_call_goes_on(
    tokenizer, questions, folder, monkeypatch
):
    cfg = grpo_params(processes=2, steps=3, reward_names=["accuracy"])
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions, rewards_from(cfg, tokenizer), folder / "lm")
    call = partial(
        train_run, e, METHODS["grpo-os"], RunId("policy", 0, log="grpo"), greedy_accuracy
    )

    def disk(folder, step, *args):
        if step == 2:
            raise OSError(28, "No space left on device")
        return written(folder, step, *args)

    written = checkpoint._write
    monkeypatch.setattr(checkpoint, "_write", disk)
    with pytest.raises(parallel.RankError) as err:
        call()
    said = (
        "rank 0 of 2: StageError: the checkpoint of step 2 cannot be written ([Errno 28] No space"
    )
    assert str(err.value).startswith(said)
    assert "run the same command again to go on" in str(err.value) and "\n" not in str(err.value)
    monkeypatch.setattr(checkpoint, "_write", written)
    assert [p.name for p in (stage.dir / "checkpoints/policy").glob("step-*")] == ["step-000001"]
    call()
    assert [r["step"] for r in stage.read_log("grpo")] == [1, 2, 3]


def test_only_the_librarys_own_can_be_handed_over(tokenizer, questions, folder, tmp_path):
    cfg = grpo_params(processes=2)
    stage = Stage(cfg, "05_grpo")
    e = experiment(cfg, stage, tokenizer, questions, start=folder / "lm")  # rewards of the test
    with pytest.raises(StageError, match=r"cannot be handed to another process.*processes: 1"):
        train_run(e, METHODS["grpo-os"], RunId("policy", 0), greedy_accuracy)
    own = replace(e, rewards=rewards_from(cfg, tokenizer))
    with pytest.raises(StageError, match=r"lambda.*cannot be handed"):
        train_run(own, METHODS["grpo-os"], RunId("policy", 0), lambda e, s: {})
    for name in ("os:system", "dsmath_lib.base.files:write_atomic", "builtins:eval"):
        with pytest.raises(StageError, match="none of the library's"):
            jobs.thaw({"call": name, "args": ["x"]}, tmp_path)
    for name in jobs.ALLOWED:
        assert jobs.name_of(jobs.job_part(name)) == name


def test_arguments_come_back_as_they_were(tokenizer, tmp_path):
    example = tokenize_samples(tokenizer, [Sample(Prompt("a"), ((" b", True),))])[0]
    plain = (None, 0.1, [1, "x", None], (1, (2, 3)), {"k": [(1,)]}, [[1, 2], [], [3]], tmp_path)
    for value in (*plain, [example]):
        text = json.dumps(jobs.freeze(value, tmp_path))
        assert jobs.thaw(json.loads(text), tmp_path) == value
