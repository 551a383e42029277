"""All parameters as one table: from the models and the YAML files, the paper's value beside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.names import is_scale_name
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import NOTEBOOK_SCALE, Params, paper_value, read_yaml, value_text
from dsmath_lib.params.overrides import stage_values
from dsmath_lib.params.registry import params_model

Row = dict[str, Any]


def parameter_rows(
    stages: Sequence[str], scales: Sequence[str] | None = None, folder: Path = PARAMS_DIR
) -> tuple[list[str], list[Row]]:
    """Scales (None: all) and rows ``{"stage", "name", <scale>…, "paper", "what"}``; "" where a scale lacks the stage.

    Raises:
        ParamsError: unknown scale, or a file that cannot be read.
    """
    known = scale_names(folder)
    if bad := [s for s in scales or [] if s not in known]:
        raise ParamsError(f"unknown scale '{bad[0]}' (known: {', '.join(known)})")
    scales = list(scales or known)
    common = {s: Params.default_values() | read_yaml(folder / s / "common.yaml") for s in scales}
    rows = _rows("common", Params, common, set())
    for stage in stages:
        have = [s for s in scales if (folder / s / f"{stage}.yaml").exists()]
        values = {s: stage_values(folder / s, stage)[0] if s in have else {} for s in scales}
        rows += _rows(stage, params_model(stage), values, set(Params.model_fields)) if have else []
    return scales, rows


def scale_names(folder: Path = PARAMS_DIR) -> list[str]:
    """Names of all parameter sets; a folder that could hold no report is none."""
    return sorted(n for p in folder.glob("*/common.yaml") if is_scale_name(n := p.parent.name))


def changes(scales: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    """What makes these scales: the rows in which one of them differs from the default."""
    return [
        r
        for r in rows
        if r["name"] != "scale" and any(r[s] not in ("", r["default"]) for s in scales)
    ]


def _rows(stage: str, model: type[Params], values: dict[str, dict], skip: set[str]) -> list[Row]:
    rows = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        row = {"stage": stage, "name": name, "default": value_text(field.get_default())}
        row |= {s: value_text(v[name]) if name in v else "" for s, v in values.items()}
        rows.append(row | {"paper": value_text(paper_value(field)), "what": field.description})
    return rows


def scales_table(folder: Path = PARAMS_DIR) -> str:
    """Markdown: each scale, what it is for (the first line of its ``common.yaml``), how much it changes."""
    lines = [f"| scale | for | differs from `{NOTEBOOK_SCALE}` in |", "|---|---|---|"]
    for scale in scale_names(folder):
        first = (folder / scale / "common.yaml").read_text(encoding="utf-8").splitlines()[0]
        stages = sorted(p.stem for p in (folder / scale).glob("[0-9]*.yaml"))
        _, rows = parameter_rows(stages, [scale], folder)
        n = len(changes([scale], rows))
        what = first.removeprefix(f"# {scale}:").strip()
        lines.append(f"| `{scale}` | {what} | {n} of {len(rows)} parameters |")
    return "\n".join(lines)


def print_rows(scales: Sequence[str], rows: Sequence[Row]) -> None:
    """Print the table; in a pipe it is as wide as it needs, so it can be searched."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=400)
    grid = Table(show_lines=False, header_style="bold")
    for column in ("stage", "name", *scales, "paper", "what"):
        grid.add_column(column, overflow="fold")
    last = ""
    for row in rows:
        if last and row["stage"] != last:
            grid.add_section()
        cells = [str(row[c]) for c in ("stage", "name", *scales, "paper", "what")]
        grid.add_row(*(c.replace("[", r"\[") for c in cells))
        last = row["stage"]
    console.print(grid)
