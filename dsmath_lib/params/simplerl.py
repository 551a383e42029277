"""Parameters of 07_simplerl_zero. "paper" is SimpleRL's first release here, or Zoo where it says so."""

from typing import Any, ClassVar, Self

from pydantic import model_validator

from dsmath_lib.params.asking import Template
from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.rl import PPONumbers, RLParams


class SimpleRLParams(PPONumbers, RLParams):
    stage: ClassVar[str] = "07_simplerl_zero"
    defaults: ClassVar[dict[str, Any]] = {
        "levels": [1, 2],
        "group_size": 8,
        "max_new_tokens": 64,
        "beta": 1e-3,
        "lr": 5e-4,
        "eval_questions": 100,
        "eval_samples": 4,
        "eval_temperature": 1.0,
        "gae_lambda": 0.95,
        "critic_lr": 1e-3,
    }
    paper: ClassVar[dict[str, Any]] = {
        "question_source": "MATH 3-5",
        "questions": "8K",
        "questions_per_step": 1024,
        "group_size": 8,
        "temperature": "0.6; Zoo 1.0",
        "top_p": 1.0,
        "max_new_tokens": "3,000; Zoo 8,192",
        "updates_per_exploration": "1 pass in 64 parts",
        "clip_low": 0.2,
        "clip_high": 0.2,
        "beta": "0.01; Zoo 1e-4",
        "kl_estimator": "Zoo: k3",
        "lr": 5e-7,
        "adam_beta1": 0.9,
        "adam_beta2": 0.95,
        "grad_clip": 1.0,
        "eval_temperature": "0",
        "gamma": 1.0,
        "gae_lambda": 0.95,
        "critic_lr": 9e-6,
        "value_clip": 0.2,
        "whiten": True,
    }
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {
        "runs",
        "compare_steps",
        "transfer_questions",
        "bases",
    }

    # of all RL stages, but with another meaning here
    question_template: Template = par(
        "toy-page", "prompt of all runs that name none", paper="simplerl-chat"
    )
    sft_model: str = par(
        "", "base model: folder or Hub name; empty: stage 02", paper="Qwen2.5-Math-7B"
    )
    reward_rule: str = par("", "rule of all runs; empty: each its own", paper="+1, -0.5, -1")
    reward_model: str = par("", "not used here; kept empty", paper="none", max_length=0)
    process_model: str = par("", "not used here; kept empty", paper="none", max_length=0)
    steps: int = par(50, "exploration steps of the first run", paper="about 166", ge=1)
    # base model
    math_tokens: int = par(
        1_200_000, "more pre-training on mined pages; 0: none", paper="math base", ge=0
    )
    math_lr: float = par(
        0.002, "its learning rate, a tenth in the last fifth", paper=OPEN, gt=0, le=1
    )
    # prompt
    stop: list[str] = par(["\n\n"], "strings that end a completion", paper="none")
    # runs
    runs: list[str] = par(["zero-grpo", "zero-ppo", "format", "r1-worked"], "to run", min_length=1)
    compare_steps: int = par(2, "steps of all runs but the first", ge=1)
    transfer_questions: int = par(
        0, "of each kind that no run saw, for main run and sft; 0: none", ge=0
    )
    bases: int = par(
        0, "other base models, each with RL of its own; 0: none", paper=10, ge=0, le=10
    )
    # long chain-of-thought start
    warm_samples: int = par(2000, "questions with a long solution", paper="8K", ge=1)
    warm_steps: int = par(60, "training steps on them", paper="not released", ge=1)
    warm_lr: float = par(0.001, "their learning rate", paper="not released", gt=0, le=1)

    @property
    def stops(self) -> tuple[str, ...]:
        return tuple(self.stop)

    @model_validator(mode="after")
    def _known(self) -> Self:
        from dsmath_lib.rows.rewards import REWARDS
        from dsmath_lib.rows.zero_runs import RUNS

        if bad := [n for n in self.runs if n not in RUNS]:
            raise ValueError(f"unknown run '{bad[0]}' (known: {', '.join(RUNS)})")
        if len(set(self.runs)) != len(self.runs):
            raise ValueError("a run is named twice")
        if self.reward_rule and self.reward_rule not in REWARDS:
            known = ", ".join(REWARDS)
            raise ValueError(f"unknown reward_rule '{self.reward_rule}' (known: {known})")
        if not all(self.stop):
            raise ValueError("stop holds an empty string")
        return self
