"""A tiny policy, a tokenizer and GRPO parameters small enough for a run in a second."""

import pytest
import torch

from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.base.records import Problem
from dsmath_lib.base.vocabulary import fit_vocabulary
from dsmath_lib.lm.model import Shape, build_model
from dsmath_lib.lm.tokenizer import train_tokenizer
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.rewards.questions import Questions, as_prompts
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.experiment import Experiment, Players, RunId
from dsmath_lib.rl.loop import train_policy
from dsmath_lib.rl.reward_functions import Rewards
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.stage.folder import Stage

TINY = {
    "threads": 1,
    "device": "cpu",
    "questions": 8,
    "questions_per_step": 3,
    "group_size": 4,
    "max_new_tokens": 6,
    "steps": 5,
    "lr": 3e-3,
    "warmup_steps": 0,
    "micro_tokens": 60,
    "eval_every": 2,
    "checkpoint_every": 1,
    "reward_names": ["odd"],
}


@pytest.fixture(scope="session")
def tokenizer():
    return train_tokenizer(["How many apples? 12+3=15. The answer is \\boxed{15}."] * 20, 300)


def tiny_policy(vocab: int = 300, seed: int = 0) -> torch.nn.Module:
    return build_model(Shape(16, 2, 2, 1, 32, vocab, 64), seed=seed, init_std=0.3).eval()


def grpo_params(**changes) -> GRPOParams:
    folder = PARAMS_DIR / "smoke"
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "05_grpo.yaml")
    return GRPOParams.check(values | TINY | changes, "test")


@pytest.fixture
def stage():
    return Stage(grpo_params(), "05_grpo")


@pytest.fixture
def questions(tokenizer) -> Questions:
    problems = [
        Problem(str(i), f"What is {i} + {i}?", str(2 * i), (f"{i}+{i}={2 * i}",)) for i in range(8)
    ]
    return as_prompts(tokenizer, problems, "toy-cot", 50)


def odd_steps(rollouts, golds):
    """Every second token and the last end a step; its reward: is the last token odd?"""
    ends = [sorted({*range(1, len(c), 2), len(c) - 1} - {-1}) for c in rollouts.completions]
    rows = zip(rollouts.completions, ends, strict=True)
    return ends, {"steps": [[float(c[e] % 2) for e in row] for c, row in rows]}


def rewards(function=None) -> Rewards:
    return Rewards(function or odd_reward, {"odd": 1.0}, odd_steps, {"steps": 1.0})


def odd_reward(rollouts, golds) -> dict[str, list[float]]:
    """The share of odd token ids: a policy learns it in a few steps."""
    return {"odd": [sum(t % 2 for t in c) / len(c) for c in rollouts.completions]}


def experiment(cfg, stage, tokenizer, questions, paid=None, start="nowhere") -> Experiment:
    return Experiment(cfg, stage, tokenizer, start, questions, questions, paid or rewards())


def players(method: str) -> Players:
    """A tiny policy, its reference, and a critic where the method has one."""
    policy = tiny_policy()
    critic = Critic(policy) if METHODS[method].needs_critic else None
    return Players(policy, tiny_policy(), critic)


def train(e: Experiment, method: str, run: str = "grpo", evaluate=None) -> Players:
    """``train_policy`` on tiny players, which are returned."""
    these = players(method)
    for model in (these.policy, these.reference):
        fit_vocabulary(model, e.tokenizer)  # as an experiment does with what it loads
    train_policy(e, METHODS[method], these, RunId(run, e.cfg.seed), evaluate)
    return these
