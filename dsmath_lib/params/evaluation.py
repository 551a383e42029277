"""Parameters of 08_evaluation."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dsmath_lib.base.names import plain_name
from dsmath_lib.params.base import Params, par


def model_label(name: str) -> str:
    """The last part of a folder, an artifact or a Hub name; its completions are kept in a folder called so."""
    return name.partition("@")[0].rstrip("/").rpartition("/")[2]


class EvaluationParams(Params):
    stage: ClassVar[str] = "08_evaluation"

    # who and what
    models: list[str] = par("NN_stage/artifact, folder, or Hub owner/name@commit", min_length=1)
    few_shot: list[str] = par("labels (last part of the name) asked few-shot", "base models")
    shots: int = par("examples in a few-shot prompt; -1: the benchmark's own", "8 on GSM8K", ge=-1)
    demonstrations: Literal["own", "published"] = par("few-shot examples", "published")
    benchmarks: list[str] = par("rows of evaluation/benchmarks.py, or name@commit", min_length=1)
    n_items: list[int] = par("questions of each benchmark; 0: all", "all")
    data_dir: str = par("folder of data files, from the project root")
    # were the questions trained on?
    trained_on: list[str] = par("training texts to check benchmarks against; empty: no check")
    max_leak: float = par("share of leaked questions above which no score is given", ge=0, le=1)
    # decoding
    samples: int = par("samples per question besides the greedy one", "up to 64", ge=0)
    ks: list[int] = par("K of Maj@K and Pass@K", "1 to 64")
    temperature: float = par("sampling temperature", 0.7, gt=0)
    top_p: float = par("nucleus sampling", 1.0, gt=0, le=1)
    max_new_tokens: int = par("longest completion, per round with tools", 1024, ge=1)
    tools: bool = par("also run tool-integrated reasoning", True)
    programs: bool = par("also ask few-shot models for programs", True)
    tool_samples: int = par("samples per question with tools or programs", 0, ge=0)
    tool_protocol: Literal["course", "deepseek", "qwen"] = par("tool loop", "deepseek")
    executor: Literal["monty", "cpython"] = par(
        "what runs programs; cpython has SymPy, Linux only", "CPython, no walls"
    )
    allow_network: bool = par("cpython: run also where no network namespace can be made", "true")
    tool_seconds: float = par("seconds a program may compute", 10, gt=0)
    # can the grader be trusted?
    labelled: list[str] = par("rows of evaluation/labelled.py to grade again; empty: skip")
    # best of K
    reward_model: str = par("model of stage 04, or a folder, for RM@K; empty: none")
    # machine
    sampler: Literal["hf", "vllm"] = par(
        "draws completions: hf (transformers), or vllm (an extra, for GPUs)", "vllm"
    )
    max_rows: int = par("completions decoded at once; changes memory, not results", ge=1)
    sampler_cache_gb: float = par(
        "vllm: GB of its key-value cache; changes memory, not the result", gt=0
    )
    dtype: Literal["float32", "bfloat16"] = par("arithmetic of the models")

    @property
    def sampler_rows(self) -> int:
        """``max_rows``, by its name in the other stages."""
        return self.max_rows

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.n_items) != len(self.benchmarks):
            raise ValueError("n_items needs one number for each name in benchmarks")
        for name in self.models:
            try:
                plain_name(model_label(name))
            except ValueError as err:
                raise ValueError(
                    f"the last part of {name!r} in models names a folder: {err}"
                ) from None
        if self.samples and any(not 1 <= k <= self.samples for k in self.ks):
            raise ValueError("every K in ks must be between 1 and samples")
        return self
