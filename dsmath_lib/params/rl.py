"""Parameters that every RL stage has: questions, exploration, reward, objective, optimiser."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import model_validator

from dsmath_lib.params.base import Params, par


@dataclass(frozen=True)
class MethodNumbers:
    """Numbers that only some methods use; the defaults are what is usual where the paper states nothing.

    gamma, gae_lambda: of GAE. critic_lr: None: the policy's. value_clip: of the critic's loss. whiten: advantages of
    PPO get mean 0 and std 1 over the batch. dpo_beta: scale of DPO's margin.
    """

    gamma: float = 1.0
    gae_lambda: float = 1.0
    critic_lr: float | None = None
    value_clip: float = 0.2
    whiten: bool = True
    dpo_beta: float = 0.1


class RLParams(Params):
    # questions
    question_source: str = par("world, a file below data_dir, or hub:owner/name", "GSM8K+MATH")
    data_dir: str = par("folder of data files, from the project root")
    data_revision: str = par("commit of a hub: source")
    questions: int = par("training questions", "144K", ge=1)
    levels: list[Literal[1, 2, 3, 4, 5]] = par("levels of the world's problems", min_length=1)
    langs: list[Literal["en", "zh"]] = par("languages of the world's problems", min_length=1)
    question_template: Literal["toy-cot", "deepseek-cot"] = par("prompt", "deepseek-cot")
    # start
    sft_model: str = par("start and reference: folder or Hub name; empty: stage 03", "Instruct 7B")
    sft_revision: str = par("commit of sft_model on the Hub")
    # exploration
    questions_per_step: int = par(
        "questions per step", "16, if its batch of 1,024 counts outputs", ge=1
    )
    group_size: int = par("completions per question, G", 64, ge=2)
    temperature: float = par("of sampling and of all log-probs", "not stated", gt=0, le=2)
    top_p: float = par(
        "nucleus of sampling; learning assumes 1",
        "below 1, not stated",
        gt=0,
        le=1,
    )
    max_new_tokens: int = par("longest completion", 1024, ge=1)
    sampler: Literal["hf", "vllm"] = par(
        "draws completions: hf (transformers), or vllm (an extra, for GPUs)"
    )
    sampler_rows: int = par("rows decoded at once; changes memory, not the result", ge=1)
    sampler_cache_gb: float = par(
        "vllm: GB of its key-value cache; changes memory, not the result", gt=0
    )
    # reward
    reward_rule: str = par("rule of dsmath_lib.rewards", "a learned reward model")
    reward_model: str = par("outcome model of stage 04, or a folder", "from Base")
    process_model: str = par("process model of 04, or a folder; empty: rule", "from Base")
    reward_names: list[str] = par("named rewards that count", min_length=1)
    reward_weights: list[float] = par("their weights in the sum", min_length=1)
    step_names: list[str] = par("named rewards that count in process supervision", min_length=1)
    step_weights: list[float] = par("their weights in the sum of a step", min_length=1)
    # advantage
    std_ddof: Literal[0, 1] = par("std of a group divides by G - ddof", "not stated")
    std_eps: float = par("added to the std", "not stated", ge=0)
    # objective
    steps: int = par("exploration steps", "about 9,000 (Figure 5)", ge=1)
    updates_per_exploration: int = par("updates on each batch, the paper's mu", 1, ge=1)
    clip_low: float = par("clip of the ratio below 1", "not stated", ge=0, lt=1)
    clip_high: float = par("clip of the ratio above 1", "not stated", ge=0)
    beta: float = par("weight of the KL term; 0: no reference is kept", 0.04, ge=0)
    kl_estimator: Literal["k1", "k2", "k3"] = par("KL estimator in the loss", "k3 (Eq. 4)")
    kl_ratio: bool = par("KL term times the importance ratio: mends the gradient of k3", False)
    skip_zero_variance: bool = par(
        "leave out groups without signal; exact at beta 0",
        False,
    )
    # optimiser
    lr: float = par("learning rate, constant", 1e-6, gt=0, le=1)
    warmup_steps: int = par("steps of linear warm-up", "not stated", ge=0)
    adam_beta1: float = par("AdamW: decay of the gradient mean", "not stated", ge=0, lt=1)
    adam_beta2: float = par("AdamW: decay of the squared gradient", "not stated", ge=0, lt=1)
    weight_decay: float = par("AdamW: weight decay, not on norms", "not stated", ge=0, le=1)
    grad_clip: float = par("largest gradient norm; 0: no clipping", "not stated", ge=0)
    dtype: Literal["float32", "bfloat16"] = par("arithmetic; weights stay float32", "not stated")
    micro_tokens: int = par("tokens at once, padding too; changes memory, not the result", ge=1)
    share_prompt: int = par(
        "completions that share a prompt's forward pass; changes speed only", ge=1
    )
    # looking and saving
    eval_every: int = par("steps between validations; 0: first and last only", ge=0)
    eval_questions: int = par("validation questions", ge=2)
    eval_samples: int = par("samples of each in the sampled accuracy, before and after", ge=1)
    eval_temperature: float = par("temperature of the sampled accuracy", 0.7, gt=0, le=2)
    checkpoint_every: int = par("steps between checkpoints; 0: none", ge=0)

    @property
    def stops(self) -> tuple[str, ...]:
        """Strings that end a completion."""
        return ()

    @property
    def numbers(self) -> MethodNumbers:
        """Numbers of single methods."""
        return MethodNumbers()

    @model_validator(mode="after")
    def _one_weight_per_name(self) -> Self:
        for kind in ("reward", "step"):
            if len(getattr(self, f"{kind}_names")) != len(getattr(self, f"{kind}_weights")):
                raise ValueError(f"{kind}_names and {kind}_weights must have the same length")
        return self
