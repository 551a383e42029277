"""Parameters of 08_evaluation."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.base.names import plain_name
from dsmath_lib.params.asking import SYSTEM_WORDS, Template
from dsmath_lib.params.base import Params, par


def model_label(name: str) -> str:
    """``label`` of ``name as label``, else the last part of a folder, an artifact or a Hub name.

    The completions are kept in a folder called so.
    """
    name, _, label = name.partition(" as ")
    return label or name.partition("@")[0].rstrip("/").rpartition("/")[2]


class EvaluationParams(Params):
    stage: ClassVar[str] = "08_evaluation"

    # who and what
    models: list[str] = par(
        ["02_pretraining/base", "03_sft/sft", "05_grpo/policy"],
        "folder or name@commit, as label",
        min_length=1,
    )
    page_models: list[str] = par(
        ["07_simplerl_zero/base as base0", "07_simplerl_zero/zero-grpo as zero"],
        "as on a page",
    )
    side_items: int = par(
        100, "questions of each benchmark for page_models and tuned_shots; 0: none", ge=0
    )
    tuned_shots: int = par(
        2, "examples shown to tuned models, too; 0: none", paper="not told", ge=0
    )
    few_shot: list[str] = par(
        ["base"], "labels (last part of the name) asked few-shot", paper="base models"
    )
    shots: int = par(
        2, "examples in a few-shot prompt; -1: the benchmark's own", paper="8 on GSM8K", ge=-1
    )
    demonstrations: Literal["own", "published"] = par("own", "few-shot examples", paper="published")
    benchmarks: list[str] = par(
        ["toy-gsm", "toy-math", "toy-cmath", "toy-heldout"],
        "known, or Hub name@commit",
        min_length=1,
    )
    n_items: list[int] = par(
        [500, 200, 200, 200], "questions of each benchmark; 0: all", paper="all"
    )
    data_dir: str = par("", "folder of data files, from the project root")
    question_template: Literal["", Template] = par(
        "", "zero-shot prompt; empty: the benchmark's own", paper="deepseek-cot"
    )
    system_prompt: str = par("", SYSTEM_WORDS, paper="none")
    # were the questions trained on?
    trained_on: list[str] = par(
        ["01_corpus_mining/corpora/mined.jsonl.gz"], "texts to check; empty: no check"
    )
    max_leak: float = par(
        0.01, "share of leaked questions above which no score is given", ge=0, le=1
    )
    # decoding
    samples: int = par(8, "samples per question besides the greedy one", paper="up to 64", ge=0)
    ks: list[int] = par([1, 4, 8], "K of Maj@K and Pass@K", paper="1 to 64")
    temperature: float = par(0.7, "sampling temperature", paper=0.7, gt=0)
    top_p: float = par(1.0, "nucleus sampling", paper=1.0, gt=0, le=1)
    max_new_tokens: int = par(96, "longest completion, per round with tools", paper=1024, ge=1)
    tools: bool = par(True, "also run tool-integrated reasoning", paper=True)
    programs: bool = par(True, "also ask few-shot models for programs", paper=True)
    tool_samples: int = par(0, "samples per question with tools or programs", paper=0, ge=0)
    tool_protocol: Literal["course", "deepseek", "qwen"] = par(
        "course", "tool loop", paper="deepseek"
    )
    executor: Literal["monty", "cpython"] = par(
        "monty", "runs programs; cpython has SymPy, Linux only", paper="CPython, no walls"
    )
    allow_network: bool = par(
        False, "cpython: run also where no network namespace can be made", paper="true"
    )
    tool_seconds: float = par(2.0, "seconds a program may compute", paper=10, gt=0)
    # can the grader be trusted?
    labelled: list[str] = par([], "published completions to grade again; empty: skip")
    # best of K
    reward_model: str = par("pointwise", "model of stage 04, or a folder, for RM@K; empty: none")
    # machine
    sampler: Literal["hf", "vllm"] = par(
        "hf", "draws completions: hf (transformers), or vllm (extra, for GPUs)", paper="vllm"
    )
    max_rows: int = par(512, "completions decoded at once; changes memory, not results", ge=1)
    sampler_cache_gb: float = par(
        1.0, "GB of keys and values at once; changes memory, not the result", gt=0
    )
    dtype: Literal["float32", "bfloat16"] = par("float32", "arithmetic of the models")

    @property
    def all_models(self) -> list[str]:
        """Those asked as on a page first; before and after RL are the last two."""
        return [*(self.page_models if self.side_items else ()), *self.models]

    @property
    def sampler_rows(self) -> int:
        """``max_rows``, by its name in the other stages."""
        return self.max_rows

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.n_items) != len(self.benchmarks):
            raise ValueError("n_items needs one number for each name in benchmarks")
        for name in (*self.models, *self.page_models):
            try:
                plain_name(model_label(name))
            except ValueError as err:
                raise ValueError(
                    f"the last part of {name!r} in models names a folder: {err}"
                ) from None
        if self.samples and any(not 1 <= k <= self.samples for k in self.ks):
            raise ValueError("every K in ks must be between 1 and samples")
        return self
