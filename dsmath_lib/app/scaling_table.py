"""The table of docs/scaling.md: each scale for GPUs with its card, its plan and its disk, from the parameters."""

from collections.abc import Mapping
from pathlib import Path

from dsmath_lib.app.plan_command import checked_params
from dsmath_lib.params.base import Params
from dsmath_lib.params.table import scale_names
from dsmath_lib.plan.scale import StagePlan, duration, plan_stages
from dsmath_lib.plan.stages import GIB
from dsmath_lib.stage.checkpoint import KEEP

SCALE_KINDS = ("gpu-", "simplerl-", "paper-")
_HEAD = (
    "| scale | GPUs | weights | stages | peak, GiB of each GPU | largest line there | training | disk |\n"
    "|---|---|---|---|---|---|---|---|"
)


def gpu_scales() -> list[str]:
    """Names of the scales that need a GPU."""
    return [s for s in scale_names() if s.startswith(SCALE_KINDS)]


def card_gb(scale: str) -> int:
    """Memory of the card that a scale is for: in its name, else 80."""
    return 24 if "24gb" in scale else 80


def disk_bytes(plans: list[StagePlan]) -> int:
    """Kept models in float32, one a stage, and the checkpoints of the largest: weights and two averages."""
    trained = [p.memory.a.parameters for p in plans if p.memory.lines["optimizer"]]
    return 4 * sum(trained) + KEEP * 12 * max(trained, default=0)


def scaling_table() -> str:
    """Markdown: one row a scale. All numbers are estimates of ``dsmath plan``."""
    rows = [_HEAD]
    for scale in gpu_scales():
        cfgs = checked_params(scale)
        plans = plan_stages(cfgs, card_gb(scale))
        rows.append(_scaling_row(scale, cfgs, plans))
    return "\n".join(rows)


def _scaling_row(scale: str, cfgs: Mapping[str, Params], plans: list[StagePlan]) -> str:
    worst = max(plans, key=lambda p: p.memory.peak)
    _, lines = worst.memory.worst
    name = max(lines, key=lambda n: lines[n])
    gpus = max(getattr(c, "processes", 1) * getattr(c, "nodes", 1) for c in cfgs.values())
    seconds = sum(p.seconds or 0 for p in plans)
    numbers = ", ".join(s[:2] for s in cfgs)
    fits = "" if all(p.fits for p in plans) else ", does not fit"
    size = worst.memory.a.parameters / 1e9
    return (
        f"| `{scale}` | {gpus} × {card_gb(scale)} GB | {size:.2f} B | {numbers} | "
        f"{worst.memory.peak / GIB:.0f} ({worst.memory.stage[:2]}){fits} | {name}, {lines[name] / GIB:.1f} | "
        f"{duration(seconds)} | {disk_bytes(plans) / 1e9:.0f} GB |"
    )


def with_table(page: Path) -> str:
    """The text of a page with the table between its two marks."""
    begin, end = "<!-- gpus:begin -->", "<!-- gpus:end -->"
    head, rest = page.read_text(encoding="utf-8").split(begin)
    return f"{head}{begin}\n{scaling_table()}\n{end}{rest.split(end)[1]}"
