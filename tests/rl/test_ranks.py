"""RL by several processes: rollouts, gradients, norms, diagnostics and weights are those of one process."""

import os
import signal

import pytest
import torch

from dsmath_lib.engines import parallel
from dsmath_lib.engines.adapters import AdapterOff, with_adapter
from dsmath_lib.engines.memory import Form
from dsmath_lib.lm import train as training
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.rewards.ask import Sampling, ask
from dsmath_lib.rl import loop
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.experiment import Players, RunId
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.stage.folder import Stage
from dsmath_lib.stage.ranks import RankStage
from tests.ranks import on_ranks
from tests.rl.conftest import experiment, grpo_params
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric
STEPS = {
    "steps": 3,
    "questions_per_step": 4,
    "grad_clip": 0.05,
    "eval_every": 2,
    "weight_decay": 0.1,
}
# an adapter on layers that are computed again; A has a gradient only from the second step, as B begins at 0
ADAPTER = {"lora_rank": 8, "lora_alpha": 16, "layer_checkpointing": True, "beta": 0.04, "lr": 3e-2}


def policy(tie: bool) -> torch.nn.Module:
    return build_model(Shape(16, 2, 2, 1, 32, 300, 64), tie=tie, init_std=0.3).eval()


def run(
    tokenizer,
    questions,
    method: str,
    tie: bool = True,
    scale: str = "ranks",
    killed=None,
    **changes,
):
    """``work`` for ``on_ranks``: a run, and what can be seen of it from outside.

    killed: the rank that is killed in its third step.
    """
    cfg = grpo_params(scale=scale, **STEPS | changes)
    opened = Stage(cfg, "05_grpo")

    def work():
        stage = RankStage(cfg, "05_grpo", opened.dir, opened.artifacts)
        e = experiment(cfg, stage, tokenizer, questions)
        net, row = with_adapter(policy(tie), cfg), METHODS[method]
        critic = Critic(net) if row.needs_critic else None
        for trained in (net, critic):
            if trained is not None:
                Form.of(cfg).apply(trained)
        reference = AdapterOff(net) if cfg.lora_rank else policy(tie)
        players = Players(*map(parallel.shard, (net, reference, critic)))
        drawn, gradients = [], []
        plain_explore, plain_clip = loop.explore, training.clip

        def explore(*args):
            if killed == parallel.rank() and len(drawn) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            drawn.append(plain_explore(*args))
            return drawn[-1]

        def clip(model, limit):
            own = [p.grad for p in model.parameters() if p.requires_grad]
            gradients.append(numbers(own))
            return plain_clip(model, limit)

        loop.explore, training.clip = explore, clip  # of this process alone

        def evaluate(sampler):
            answers = ask(sampler, e.validation[:5], Sampling(4, 2, 1.0), seed=7)
            return {"lengths": answers.lengths}

        loop.train_policy(e, row, players, RunId("grpo", 0), evaluate)
        kinds = ("grpo", "grpo.eval", "grpo.alarm", "grpo.samples")
        return {
            "rollouts": [[r.completions, r.finish, r.texts, r.group.tolist()] for r in drawn],
            "log-probs": [r.logprobs for r in drawn],
            "rewards": [[{k: v.tolist() for k, v in r.rewards.items()}, r.step_rewards] for r in drawn],
            "gradients": gradients,
            "weights": [numbers(m.parameters()) for m in players.trained],
            "dtypes": sorted({str(p.dtype) for m in players.trained for p in m.parameters()}),
            "log": [r for kind in kinds for r in stage.read_log(kind)],
        }  # fmt: skip

    return work


def numbers(tensors) -> list:
    return [(t.full_tensor() if hasattr(t, "full_tensor") else t).tolist() for t in tensors]


@pytest.mark.parametrize(
    ("method", "tie", "changes"),
    [
        ("grpo-os", True, {}),
        ("grpo-ps", False, {"updates_per_exploration": 2}),
        ("ppo", True, {"updates_per_exploration": 2}),
        ("dapo", True, {"steps": 1}),
        ("dpo", True, {"steps": 1}),
        ("grpo-os", False, ADAPTER | {"steps": 2}),
        ("ppo", True, ADAPTER | {"steps": 1}),
    ],
)
def test_any_number_of_processes_gives_the_run_of_one(tokenizer, questions, method, tie, changes):
    """Three processes and four questions: one has two groups. Micro-batches differ in number."""
    work = [run(tokenizer, questions, method, tie, f"by{n}", **changes) for n in (1, 2, 3)]
    want = on_ranks(1, work[0])[0]
    assert want["dtypes"] == ["torch.float64"]
    assert len(want["log"]) > 3 and any(g for step in want["gradients"] for p in step for g in p)
    both = method in ("grpo-os", "ppo") and not changes.get("lora_rank")
    for n in (2, 3) if both else (3,):
        first, *others = on_ranks(n, work[n - 1])
        assert_same(first, want)
        for other in others:  # all know the whole batch; the first writes the log
            assert other == first


def test_more_processes_than_questions(tokenizer, questions):
    works = [
        run(tokenizer, questions, "grpo-os", scale=f"few{n}", questions_per_step=2, steps=1)
        for n in (1, 3)
    ]
    want = on_ranks(1, works[0])[0]
    assert_same(on_ranks(3, works[1])[0], want)


@pytest.mark.parametrize(("method", "before", "after"), [("grpo-os", 2, 3), ("ppo", 3, 1)])
def test_two_steps_a_kill_and_two_more_are_four(tokenizer, questions, method, before, after):
    """Critic and moments of the optimizer too; and on another number of processes."""
    four = {"steps": 4, "checkpoint_every": 2}
    want = on_ranks(1, run(tokenizer, questions, method, scale="straight", **four))[0]
    with pytest.raises(AssertionError, match=r"was killed|onnection"):
        on_ranks(
            before, run(tokenizer, questions, method, scale="killed", killed=before - 1, **four)
        )
    got = on_ranks(after, run(tokenizer, questions, method, scale="killed", **four))[0]
    assert len(got["rollouts"]) == 2
    for name in ("rollouts", "log-probs", "gradients"):
        want[name] = want[name][-len(got[name]) :]
    assert_same(got, want | {"rewards": want["rewards"][2:]})


def test_a_rank_that_fails_ends_the_others(tokenizer, questions):
    work = run(tokenizer, questions, "grpo-os", scale="fails", steps=1)

    def failing():
        if parallel.rank() == 1:
            raise ValueError("no reward today")
        return work()

    with pytest.raises(AssertionError, match=r"no reward today|onnection|was killed"):
        on_ranks(3, failing, limit_s=20)
