"""The memory of each stage, line by line: what stays, and what each phase (drawing, learning) adds for a while."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dsmath_lib.engines.memory import LOGITS_AT_ONCE
from dsmath_lib.plan.architecture import Architecture
from dsmath_lib.plan.parts import (
    BYTES_OF,
    LOGIT_COPIES,
    activation_bytes,
    draw_bytes,
    key_value_bytes,
    logit_bytes,
    way_back_bytes,
)
from dsmath_lib.rows.methods import METHODS
from dsmath_lib.rows.zero_runs import RUNS

GIB = 2**30
PROMPTS_OF = {"world": 40}  # tokens of a prompt by source of the questions, and of any other:
ANY_PROMPT = 256
# measured with bench/plan_memory.py: a kernel with the libraries, its notebook's plots and data; on a GPU its context
PROCESS = {"cpu": int(0.50e9), "cuda": GIB}
GRAPHS = 2 * GIB  # of vLLM, for its graphs and workspace (peers measure 1 to 3)
# What the C library of a CPU keeps between tensors, as a share of those that come and go; measured, see PROCESS. It is
# history: more where training rows alternate with held-out ones.
GAPS = {"supervised": 0.65, "policy": 0.4}
# models that a notebook keeps beside the run, for its lessons: float32 copies of the start on a GPU, and more on a CPU
LESSON_COPIES = {"02_pretraining": (3, 0), "03_sft": (3, 0), "06_one_gradient": (1, 2)}
MEMORY_LINES = (
    "weights", "gradients", "optimizer", "reference", "critic", "reward models", "sampler weights",
    "keys and values", "logits", "activations", "gaps", "lesson", "process",
)  # fmt: skip


@dataclass(frozen=True)
class StageMemory:
    """Bytes of each line (its largest value), and of each phase in all. ``a``: the model; ``device``: cpu or cuda."""

    stage: str
    device: str
    a: Architecture
    phases: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def lines(self) -> dict[str, int]:
        """Line -> its largest value over the phases."""
        return {
            n: max((p.get(n, 0) for p in self.phases.values()), default=0) for n in MEMORY_LINES
        }

    @property
    def worst(self) -> tuple[str, dict[str, int]]:
        """The phase that needs most, with its lines."""
        return max(self.phases.items(), key=lambda item: sum(item[1].values()))

    @property
    def peak(self) -> int:
        """Bytes of the phase that needs most."""
        return sum(self.worst[1].values())


@dataclass(frozen=True)
class Machine:
    """What it runs on. device: cpu or cuda. processes: their number, each with a GPU of its own."""

    device: str = "cpu"
    processes: int = 1


def _get(cfg: Any, name: str, default: Any) -> Any:
    return getattr(cfg, name, default)


def training_state(a: Architecture, cfg: Any, m: Machine) -> dict[str, int]:
    """Weights, gradients and AdamW's averages of one trained model, on each of the processes."""
    rank = _get(cfg, "lora_rank", 0)
    share = m.processes  # sharded: each process holds its part
    small = _get(cfg, "optimizer", "adamw") != "adamw"
    wide = BYTES_OF[_get(cfg, "weight_dtype", "float32")]
    n = a.adapter(rank) if rank else a.parameters
    own = (wide * a.parameters + 4 * n) if rank else wide * n
    out = {
        "weights": own // share,
        "gradients": (4 if rank else wide) * n // share,
        "optimizer": (2 if small else 8) * n // share,
    }
    if m.processes > 1:  # one layer, and the output layer, are whole at a time
        out["weights"] += 2 * BYTES_OF[cfg.dtype] * (a.layer_parameters + a.embedding)
    if cfg.dtype != "float32" and wide == 4:
        out["weights"] += BYTES_OF[cfg.dtype] * a.parameters // share  # copies for the arithmetic
    return out


def _lesson(stage: str, cfg: Any, a: Architecture, m: Machine) -> dict[str, int]:
    gpu, more = LESSON_COPIES.get(stage, (1, 0))
    if (
        stage == "05_grpo"
    ):  # its model goes before the run; the comparison of forms comes before that
        gpu = 1 if cfg.compare_steps else 0
    return {"lesson": (gpu + (more if m.device == "cpu" else 0)) * 4 * a.parameters}


def _gaps(kind: str, m: Machine, step: Mapping[str, int]) -> dict[str, int]:
    return {"gaps": round(GAPS[kind] * sum(step.values()))} if m.device == "cpu" else {}


def prompt_tokens(cfg: Any) -> int:
    """Tokens of a prompt: a guess, the questions are not read yet."""
    return PROMPTS_OF.get(_get(cfg, "question_source", ""), ANY_PROMPT)


def _first_backward(fixed: dict[str, int], step: dict[str, int], cut: bool) -> dict[str, int]:
    """One micro-batch alone: gradients appear as activations go, so only the larger of both counts."""
    if cut:
        return fixed | step
    late = {k: v for k, v in fixed.items() if k != "gradients"}
    early = sum(step.values())
    return late | step if early >= fixed["gradients"] else fixed


def _learning(cfg: Any, a: Architecture, tokens: int, targets: int, seen: float) -> dict[str, int]:
    """A micro-batch: activations of ``tokens``, logits of ``targets`` or of as many as go at once."""
    checkpointed = _get(cfg, "layer_checkpointing", False)
    piece = min(targets, max(1, LOGITS_AT_ONCE // a.vocab))
    frozen = _get(cfg, "lora_rank", 0) > 0
    return {
        "activations": activation_bytes(a, tokens, cfg.dtype, seen=seen, checkpointed=checkpointed),
        "logits": max(
            logit_bytes(a, piece, LOGIT_COPIES[cfg.dtype], frozen=frozen),
            0 if checkpointed else way_back_bytes(a, tokens, cfg.dtype, seen),
        ),
    }


def supervised(stage: str, cfg: Any, a: Architecture, m: Machine) -> StageMemory:
    """02, 03, 04: rows of ``context`` tokens, ``micro_batch`` of them at once."""
    rows = min(cfg.micro_batch, cfg.batch_size) * (2 if stage == "04_reward_model" else 1)
    packed = _get(cfg, "isolate_documents", _get(cfg, "isolate_examples", False))
    fixed = training_state(a, cfg, m) | _lesson(stage, cfg, a, m) | {"process": PROCESS[m.device]}
    step = _learning(cfg, a, rows * cfg.context, rows * cfg.context, float(packed))
    if stage == "04_reward_model":
        step["logits"] = 0
    learn = _first_backward(fixed, step, cfg.micro_batch < cfg.batch_size)
    learn |= _gaps("supervised", m, step)
    return StageMemory(stage, m.device, a, {"learning": learn, "optimizer's step": fixed})


def _drawing(cfg: Any, a: Architecture, rows: int, m: Machine) -> dict[str, int]:
    length = min(prompt_tokens(cfg) + cfg.max_new_tokens, a.context)
    if cfg.sampler == "vllm":
        room = int(cfg.sampler_cache_gb * GIB)
        weights = BYTES_OF[cfg.dtype] * a.parameters
        return {"sampler weights": weights + GRAPHS, "keys and values": room}
    rows = min(cfg.sampler_rows, -(-rows // m.processes))
    return {
        "keys and values": min(
            key_value_bytes(a, rows, length, cfg.dtype), int(cfg.sampler_cache_gb * GIB)
        ),
        "logits": draw_bytes(a, rows),
    }


def policy(stage: str, cfg: Any, a: Architecture, m: Machine) -> StageMemory:
    """05, 06, 07: draw groups, then learn from ``micro_tokens`` tokens at once."""
    fixed = training_state(a, cfg, m) | _lesson(stage, cfg, a, m) | {"process": PROCESS[m.device]}
    names = _methods(stage, cfg)
    if any(METHODS[n].needs_reference(cfg.beta) for n in names) and not _get(cfg, "lora_rank", 0):
        named = {"policy": _get(cfg, "weight_dtype", "float32"), "bfloat16": "bfloat16"}
        wide = BYTES_OF[named[_get(cfg, "reference_dtype", "policy")]]
        fixed["reference"] = wide * a.parameters // m.processes
    if any(METHODS[n].needs_critic for n in names):
        fixed["critic"] = 16 * a.body // m.processes
    models = [n for n in (cfg.reward_model, cfg.process_model) if n]
    if models:
        fixed["reward models"] = len(models) * 4 * a.body
    together = min(cfg.share_prompt, cfg.group_size)
    length = cfg.max_new_tokens * together + prompt_tokens(cfg)
    rows = -(-cfg.questions_per_step * cfg.group_size // (together * m.processes))
    tokens = max(length, min(cfg.micro_tokens, rows * length))
    seen = together * (prompt_tokens(cfg) + cfg.max_new_tokens) / length if together > 1 else 0.0
    learn = _learning(cfg, a, tokens, tokens, seen)
    learn |= _gaps("policy", m, learn)
    draw = _drawing(cfg, a, cfg.questions_per_step * cfg.group_size, m)
    resting = {
        n: b for n, b in fixed.items() if n != "gradients"
    }  # they are there in an update only
    return StageMemory(stage, m.device, a, {"drawing": resting | draw, "learning": fixed | learn})


def _methods(stage: str, cfg: Any) -> list[str]:
    if stage == "06_one_gradient":
        return list(cfg.methods)
    return [RUNS[n].method for n in cfg.runs] if stage == "07_simplerl_zero" else ["grpo-os"]


def answering(stage: str, cfg: Any, a: Architecture, m: Machine) -> StageMemory:
    """08: one model at a time answers."""
    rows = max(cfg.n_items, default=1) * max(cfg.samples, 1) or cfg.max_rows
    fixed = {"weights": BYTES_OF[cfg.dtype] * a.parameters, "process": PROCESS[m.device]}
    return StageMemory(stage, m.device, a, {"drawing": fixed | _drawing(cfg, a, rows, m)})


PLANS: Mapping[str, Callable[[str, Any, Architecture, Machine], StageMemory]] = {
    "02_pretraining": supervised,
    "03_sft": supervised,
    "04_reward_model": supervised,
    "05_grpo": policy,
    "06_one_gradient": policy,
    "07_simplerl_zero": policy,
    "08_evaluation": answering,
}
