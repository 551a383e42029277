"""``dsmath plan SCALE``: memory and time of every stage of a scale, and what to change where it does not fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.params.base import Params
from dsmath_lib.plan.architecture import Architecture, architecture_of, config_of
from dsmath_lib.plan.seconds import DataSheet, card_of, stage_seconds
from dsmath_lib.plan.stages import GIB, MEMORY_LINES, PLANS, Machine, StageMemory

USABLE = 0.9  # of a GPU's memory: the rest is the driver's, and gaps between tensors
_ADVICE = {
    "weights": "lora_rank above 0, a smaller model, or more processes",
    "gradients": "lora_rank above 0, weight_dtype: bfloat16, or more processes",
    "optimizer": "optimizer: adamw-8bit, lora_rank above 0, or more processes",
    "reference": "reference_dtype: bfloat16, beta: 0.0, or LoRA, which needs none",
    "critic": "a method without a critic (GRPO), or more processes",
    "reward models": "a rule instead of a reward model",
    "sampler weights": "more processes do not help: every engine holds the model; take a smaller one",
    "keys and values": "sampler_cache_gb, sampler_rows or max_new_tokens smaller",
    "logits": "micro_batch or micro_tokens smaller",
    "activations": "layer_checkpointing: true, or micro_batch or micro_tokens smaller",
    "gaps": "as activations",
    "lesson": "dsmath run keeps it for the lesson's examples; a smaller model",
    "process": "nothing",
}
# stage -> the parameter that names its model, and the stage whose model it takes when that is empty
START_OF = {
    "02_pretraining": ("init_model", ""),
    "03_sft": ("base_model", "02_pretraining"),
    "04_reward_model": ("start_model", "03_sft"),
    "05_grpo": ("sft_model", "03_sft"),
    "06_one_gradient": ("sft_model", "03_sft"),
    "07_simplerl_zero": ("sft_model", "02_pretraining"),
    "08_evaluation": ("", "03_sft"),
}
_REVISIONS = {"init_model": "init_revision", "base_model": "base_revision"}
_REVISIONS |= {"start_model": "start_revision", "sft_model": "sft_revision"}


@dataclass(frozen=True)
class StagePlan:
    """The plan of one stage. room: bytes there are. seconds: an estimate, None where nothing is known."""

    memory: StageMemory
    room: int
    seconds: float | None = None

    @property
    def fits(self) -> bool:
        return self.memory.peak <= self.room

    @property
    def advice(self) -> str:
        """Empty where it fits; else the largest line that can be changed, and how."""
        if self.fits:
            return ""
        phase, lines = self.memory.worst
        name = max((n for n in lines if n != "process"), key=lambda n: lines[n])
        return (
            f"{self.memory.stage}: {self.memory.peak / GIB:.1f} GiB while {phase}, {self.room / GIB:.1f} usable; the "
            f"largest line is {name} ({lines[name] / GIB:.1f} GiB): {_ADVICE[name]}"
        )

    def row(self) -> dict[str, Any]:
        """For a table: GiB of each line that is not 0, the peak, whether it fits, the time."""
        lines = {n: f"{b / GIB:.2f}" if b else "–" for n, b in self.memory.lines.items()}
        time = "?" if self.seconds is None else duration(self.seconds)
        fits = {"peak": f"{self.memory.peak / GIB:.1f}", "fits": "yes" if self.fits else "NO"}
        return {"stage": self.memory.stage} | lines | fits | {"time": time}

    def rows(self) -> list[dict[str, str]]:
        """For a notebook: one row a line, the peak last."""
        lines = self.memory.lines
        out = [{"what": n, "GiB": f"{lines[n] / GIB:.2f}"} for n in MEMORY_LINES if lines[n]]
        return [
            *out,
            {"what": f"peak ({self.memory.worst[0]})", "GiB": f"{self.memory.peak / GIB:.2f}"},
        ]

    @property
    def caption(self) -> str:
        """For a notebook's table; with the advice where it does not fit."""
        time = "" if self.seconds is None else f", {duration(self.seconds)} for the run"
        return ". ".join([f"Memory of this run: an estimate{time}", *filter(None, [self.advice])])

    def as_json(self) -> dict[str, Any]:
        """What the results of a stage keep."""
        mb = {n: round(b / 1e6, 1) for n, b in self.memory.lines.items() if b}
        peak = round(self.memory.peak / 1e6, 1)
        return {"lines_mb": mb, "peak_mb": peak, "fits": self.fits, "seconds": self.seconds}


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"


def start_architecture(
    stage: str, cfgs: Mapping[str, Params], start: Path | str = ""
) -> Architecture:
    """The model that a stage starts from: ``start`` if given, else what its parameters and those upstream say.

    Raises:
        ParamsError: the chain of the scale does not say it.
    """
    if start:
        parameter = START_OF[stage][0]
        revision = getattr(cfgs[stage], _REVISIONS.get(parameter, ""), "")
        return architecture_of(config_of(str(start), revision))
    if stage not in cfgs:
        raise ParamsError(f"the scale has no {stage}, and the stages after it name no model")
    cfg, (parameter, before) = cfgs[stage], START_OF[stage]
    if stage == "08_evaluation":
        named = [m for m in cfg.models if not m[:2].isdigit()]
        if named:
            name, _, revision = named[-1].partition("@")
            return architecture_of(config_of(name, revision))
    name = getattr(cfg, parameter, "") if parameter else ""
    if name:
        return architecture_of(config_of(name, getattr(cfg, _REVISIONS[parameter])))
    if before:
        return start_architecture(before, cfgs)
    heads = cfg.hidden_size // cfg.heads
    sizes = (cfg.hidden_size, cfg.layers, cfg.heads, cfg.kv_heads, heads, cfg.intermediate_size)
    return Architecture(*sizes, cfg.vocab_size, cfg.tie_embeddings, cfg.context)


def machine_of(cfg: Params, gpu_gb: float = 0, processes: int = 0) -> Machine:
    """Where a stage runs: a GPU if one is named, asked for, or there."""
    gpu = cfg.device == "cuda" or (cfg.device == "auto" and torch.cuda.is_available())
    device = "cuda" if gpu_gb or gpu else "cpu"
    own = getattr(cfg, "processes", 1) * getattr(cfg, "nodes", 1)
    return Machine(device, processes or own)


def room_of(machine: Machine, gpu_gb: float = 0) -> int:
    """Bytes that a process may use: 0.9 of the GPU's memory, or what the machine has free."""
    if machine.device == "cpu":
        import psutil

        return psutil.virtual_memory().available
    if not gpu_gb:
        if not torch.cuda.is_available():
            raise ParamsError("no GPU here: name its memory, e.g. --gpu 24")
        return int(USABLE * torch.cuda.get_device_properties(0).total_memory)
    return int(USABLE * gpu_gb * GIB)


def plan_stages(
    cfgs: Mapping[str, Params], gpu_gb: float = 0, processes: int = 0
) -> list[StagePlan]:
    """The plan of every stage of a scale that has a model.

    Args:
        gpu_gb: memory of a GPU, in GiB; 0: of the one here, or the CPU's.
    """
    return [
        _planned(s, cfg, start_architecture(s, cfgs), gpu_gb, processes)
        for s, cfg in cfgs.items()
        if s in PLANS
    ]


def plan_stage(cfg: Params, start: Path | str = "") -> StagePlan:
    """The plan of a notebook's own stage on this machine; ``start``: folder or name of the model it starts from."""
    return _planned(cfg.stage, cfg, start_architecture(cfg.stage, {cfg.stage: cfg}, start), 0, 0)


def _planned(stage: str, cfg: Params, a: Architecture, gpu_gb: float, processes: int) -> StagePlan:
    m = machine_of(cfg, gpu_gb, processes)
    memory = PLANS[stage](stage, cfg, a, m)
    card: DataSheet = card_of(m, gpu_gb)
    return StagePlan(memory, room_of(m, gpu_gb), stage_seconds(stage, cfg, a, card, m.processes))


def plan_notes(plans: Sequence[StagePlan]) -> list[str]:
    """What to say below the table: it is an estimate, and where it does not fit."""
    note = "estimate, GiB: each line its most, the peak that of the worst phase; time without evaluation"
    return [note, *(p.advice for p in plans if p.advice)]
