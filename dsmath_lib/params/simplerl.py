"""Parameters of 07_simplerl_zero. "paper" is SimpleRL's first release here, or Zoo where it says so."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.params.base import par
from dsmath_lib.params.rl import MethodNumbers, RLParams


class SimpleRLParams(RLParams):
    stage: ClassVar[str] = "07_simplerl_zero"
    DECIDE_NO_RUN: ClassVar[frozenset[str]] = RLParams.DECIDE_NO_RUN | {"runs", "compare_steps"}

    question_template: Literal[
        "toy-page", "simplerl-chat", "simplerl-plain", "r1-tags", "toy-cot", "deepseek-cot"
    ] = par("prompt of all runs that name none", "simplerl-chat")
    sft_model: str = par("base model: folder or Hub name; empty: stage 02", "Qwen2.5-Math-7B")
    reward_rule: str = par("rule of all runs; empty: each its own", "+1, -0.5, -1")
    # the same parameters as in all RL stages, with SimpleRL's values beside
    question_source: str = par("world, a file below data_dir, or hub:owner/name", "MATH 3-5")
    questions: int = par("training questions", "8K", ge=1)
    questions_per_step: int = par("questions per step", 1024, ge=1)
    group_size: int = par("completions per question, G", 8, ge=2)
    temperature: float = par("of sampling and of all log-probs", "0.6; Zoo 1.0", gt=0, le=2)
    top_p: float = par("nucleus of sampling; learning assumes 1", 1.0, gt=0, le=1)
    max_new_tokens: int = par("longest completion", "3,000; Zoo 8,192", ge=1)
    reward_model: str = par("not used here; kept empty", "none", max_length=0)
    process_model: str = par("not used here; kept empty", "none", max_length=0)
    steps: int = par("exploration steps of the first run", "about 166", ge=1)
    updates_per_exploration: int = par("updates on each batch", "1 pass in 64 parts", ge=1)
    clip_low: float = par("clip of the ratio below 1", 0.2, ge=0, lt=1)
    clip_high: float = par("clip of the ratio above 1", 0.2, ge=0)
    beta: float = par("weight of the KL; 0: no reference is kept", "0.01; Zoo 1e-4", ge=0)
    kl_estimator: Literal["k1", "k2", "k3"] = par("KL estimator in GRPO's loss", "Zoo: k3")
    lr: float = par("learning rate, constant", 5e-7, gt=0, le=1)
    adam_beta1: float = par("AdamW: decay of the gradient mean", 0.9, ge=0, lt=1)
    adam_beta2: float = par("AdamW: decay of the squared gradient", 0.95, ge=0, lt=1)
    grad_clip: float = par("largest gradient norm; 0: no clipping", 1.0, ge=0)
    eval_temperature: float = par("temperature of the sampled accuracy", "0", gt=0, le=2)
    # base model
    math_tokens: int = par("more pre-training on mined pages; 0: none", "math base", ge=0)
    math_lr: float = par("its learning rate, a tenth in the last fifth", "not stated", gt=0, le=1)
    # prompt
    stop: list[str] = par("strings that end a completion", "none")
    # runs
    runs: list[str] = par("to run", min_length=1)
    compare_steps: int = par("steps of all runs but the first", ge=1)
    # long chain-of-thought start
    warm_samples: int = par("questions with a long solution", "8K", ge=1)
    warm_steps: int = par("training steps on them", "not released", ge=1)
    warm_lr: float = par("their learning rate", "not released", gt=0, le=1)
    # PPO
    gamma: float = par("PPO: discount of GAE", 1.0, ge=0, le=1)
    gae_lambda: float = par("PPO: lambda of GAE", 0.95, ge=0, le=1)
    critic_lr: float = par("PPO: learning rate of the critic", 9e-6, gt=0, le=1)
    value_clip: float = par("PPO: clip of the value; 0: none", 0.2, ge=0)
    whiten: bool = par("PPO: advantages with mean 0, std 1 over the batch", True)

    @property
    def stops(self) -> tuple[str, ...]:
        return tuple(self.stop)

    @property
    def numbers(self) -> MethodNumbers:
        names = ("gamma", "gae_lambda", "critic_lr", "value_clip", "whiten")
        return MethodNumbers(**{n: getattr(self, n) for n in names})

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
