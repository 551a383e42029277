"""Parameters that every RL stage has: questions, exploration, reward, objective, optimiser."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from dsmath_lib.params.asking import SYSTEM_WORDS, TEMPLATE_WORDS, Template
from dsmath_lib.params.base import OPEN, par
from dsmath_lib.params.lora import LoraParams
from dsmath_lib.rows.prompts import PromptStyle


class PPONumbers(BaseModel):
    """Numbers of PPO and its critic."""

    model_config = ConfigDict(frozen=True)

    gamma: float = par(1.0, "PPO: discount of GAE", paper=OPEN, ge=0, le=1)
    gae_lambda: float = par(1.0, "PPO: lambda of GAE", paper=OPEN, ge=0, le=1)
    critic_lr: float = par(5e-4, "PPO: learning rate of the critic", paper=OPEN, gt=0, le=1)
    value_clip: float = par(0.2, "PPO: clip of the value; 0: none", paper=OPEN, ge=0)
    whiten: bool = par(True, "PPO: advantages with mean 0, std 1 over the batch", paper=OPEN)


class MethodNumbers(PPONumbers):
    """All numbers that only some methods use; a stage that has one as a parameter sets it."""

    dpo_beta: float = par(0.1, "DPO: scale of the margin", paper=OPEN, gt=0)


class RLParams(LoraParams):
    # questions
    question_source: str = par(
        "world", "world, a file below data_dir, or hub:owner/name", paper="GSM8K+MATH"
    )
    data_dir: str = par("", "folder of data files, from the project root")
    data_revision: str = par("", "commit of a hub: source")
    questions: int = par(4000, "training questions", paper="144K", ge=1)
    levels: list[Literal[1, 2, 3, 4, 5]] = par(
        [1, 2, 3, 4], "levels of the world's problems", min_length=1
    )
    langs: list[Literal["en", "zh"]] = par(
        ["en"], "languages of the world's problems", min_length=1
    )
    question_template: Template = par("toy-cot", TEMPLATE_WORDS, paper="deepseek-cot")
    system_prompt: str = par("", SYSTEM_WORDS, paper="none")
    # start
    sft_model: str = par(
        "", "start and reference: folder or Hub name; empty: stage 03", paper="Instruct 7B"
    )
    sft_revision: str = par("", "commit of sft_model on the Hub")
    # exploration
    questions_per_step: int = par(
        32, "questions per step", paper="16, if its batch of 1,024 counts outputs", ge=1
    )
    group_size: int = par(16, "completions per question, G", paper=64, ge=2)
    temperature: float = par(1.0, "of sampling and of all log-probs", paper=OPEN, gt=0, le=2)
    top_p: float = par(
        1.0, "nucleus of sampling; learning assumes 1", paper="below 1, not stated", gt=0, le=1
    )
    max_new_tokens: int = par(96, "longest completion", paper=1024, ge=1)
    sampler: Literal["hf", "vllm"] = par(
        "hf", "draws completions: hf (transformers), or vllm (an extra, for GPUs)"
    )
    sampler_rows: int = par(1024, "rows decoded at once; changes memory, not the result", ge=1)
    sampler_cache_gb: float = par(
        1.0, "GB of keys and values at once; changes memory, not the result", gt=0
    )
    sampler_sleep_gb: float = par(
        0.0, "vllm: GB of the GPU in use while it sleeps, at most; 0: no limit", ge=0
    )
    mismatch_limit: float = par(
        1.1,
        "alarm: exp of the mean log-prob gap to the sampler; 0: none",
        ge=0,
    )
    mismatch_fix: Literal["none", "truncate", "mask"] = par(
        "none", "weigh tokens by trainer over sampler (truncate, mask)", paper="none"
    )
    mismatch_cap: float = par(2.0, "cap of these weights", gt=1)
    # reward
    reward_rule: str = par("accuracy", "rule of dsmath_lib.rewards", paper="a learned reward model")
    reward_model: str = par("", "outcome model of stage 04, or a folder", paper="from Base")
    process_model: str = par("", "process model of 04, or a folder; empty: rule", paper="from Base")
    reward_names: list[str] = par(["accuracy"], "named rewards that count", min_length=1)
    reward_weights: list[float] = par([1.0], "their weights in the sum", min_length=1)
    step_names: list[str] = par(
        ["steps"], "named rewards that count in process supervision", min_length=1
    )
    step_weights: list[float] = par([1.0], "their weights in the sum of a step", min_length=1)
    # advantage
    std_ddof: Literal[0, 1] = par(1, "std of a group divides by G - ddof", paper=OPEN)
    std_eps: float = par(0.0001, "added to the std", paper=OPEN, ge=0)
    # objective
    steps: int = par(40, "exploration steps", paper="about 9,000 (Figure 5)", ge=1)
    updates_per_exploration: int = par(1, "updates on each batch, the paper's mu", paper=1, ge=1)
    clip_low: float = par(0.2, "clip of the ratio below 1", paper=OPEN, ge=0, lt=1)
    clip_high: float = par(0.2, "clip of the ratio above 1", paper=OPEN, ge=0)
    beta: float = par(0.04, "weight of the KL term; 0: no reference is kept", paper=0.04, ge=0)
    reference_dtype: Literal["policy", "bfloat16"] = par(
        "policy", "dtype of the reference's weights: the policy's, or half of float32", paper=OPEN
    )
    kl_estimator: Literal["k1", "k2", "k3"] = par(
        "k3", "KL estimator in the loss", paper="k3 (Eq. 4)"
    )
    kl_ratio: bool = par(
        False, "KL term times the importance ratio: mends the gradient of k3", paper=False
    )
    skip_zero_variance: bool = par(
        False, "leave out groups without signal; exact at beta 0", paper=False
    )
    # optimiser
    lr: float = par(0.0002, "learning rate, constant", paper=1e-6, gt=0, le=1)
    warmup_steps: int = par(2, "steps of linear warm-up", paper=OPEN, ge=0)
    adam_beta1: float = par(0.9, "AdamW: decay of the gradient mean", paper=OPEN, ge=0, lt=1)
    adam_beta2: float = par(0.99, "AdamW: decay of the squared gradient", paper=OPEN, ge=0, lt=1)
    weight_decay: float = par(0.0, "AdamW: weight decay, not on norms", paper=OPEN, ge=0, le=1)
    grad_clip: float = par(1.0, "largest gradient norm; 0: no clipping", paper=OPEN, ge=0)
    micro_tokens: int = par(
        2048, "tokens at once, padding too; changes memory, not the result", ge=1
    )
    share_prompt: int = par(
        8, "completions that share a prompt's forward pass; changes speed only", ge=1
    )
    # looking and saving
    eval_every: int = par(10, "steps between validations; 0: first and last only", ge=0)
    eval_questions: int = par(300, "validation questions", ge=2)
    eval_samples: int = par(8, "samples of each in the sampled accuracy, before and after", ge=1)
    eval_temperature: float = par(0.7, "temperature of the sampled accuracy", paper=0.7, gt=0, le=2)
    checkpoint_every: int = par(10, "steps between checkpoints; 0: none", ge=0)

    @property
    def style(self) -> PromptStyle:
        """How questions are asked."""
        return PromptStyle(self.question_template, self.system_prompt)

    @property
    def stops(self) -> tuple[str, ...]:
        """Strings that end a completion."""
        return ()

    @property
    def numbers(self) -> MethodNumbers:
        """Numbers of single methods; without a parameter of its own the critic learns like the policy."""
        own = {n: getattr(self, n) for n in MethodNumbers.model_fields if hasattr(self, n)}
        return MethodNumbers(**{"critic_lr": self.lr} | own)

    @model_validator(mode="after")
    def _one_weight_per_name(self) -> Self:
        for kind in ("reward", "step"):
            if len(getattr(self, f"{kind}_names")) != len(getattr(self, f"{kind}_weights")):
                raise ValueError(f"{kind}_names and {kind}_weights must have the same length")
        if self.mismatch_fix != "none" and self.top_p < 1:
            raise ValueError(
                "mismatch_fix needs top_p = 1: a nucleus changes the sampler's log-probs"
            )
        return self
