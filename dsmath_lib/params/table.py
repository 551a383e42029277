"""All parameters as one table: from the YAML files and the models, the paper's value beside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.params.base import Params, read_yaml
from dsmath_lib.params.registry import params_model


def parameter_rows(
    stages: Sequence[str], scales: Sequence[str] | None = None, folder: Path = PARAMS_DIR
) -> tuple[list[str], list[dict[str, Any]]]:
    """Scales (None: all) and rows ``{"stage", "name", <scale>…, "paper", "what"}``; "" where a scale lacks the key.

    Raises:
        ParamsError: unknown scale.
    """
    known = sorted(p.parent.name for p in folder.glob("*/common.yaml"))
    if bad := [s for s in scales or [] if s not in known]:
        raise ParamsError(f"unknown scale '{bad[0]}' (known: {', '.join(known)})")
    scales = list(scales or known)
    common = {s: read_yaml(folder / s / "common.yaml") for s in scales}
    rows = _rows("common", Params, common, set())
    for stage in stages:
        paths = {s: folder / s / f"{stage}.yaml" for s in scales}
        values = {s: read_yaml(p) if p.exists() else {} for s, p in paths.items()}
        if any(values.values()):
            rows += _rows(stage, params_model(stage), values, set(Params.model_fields))
    return scales, rows


def _rows(stage: str, model: type[Params], values: dict[str, dict], skip: set[str]) -> list[dict]:
    rows = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        extra = field.json_schema_extra or {}
        row = {"stage": stage, "name": name}
        row |= {s: _text(v[name]) if name in v else "" for s, v in values.items()}
        rows.append(row | {"paper": _text(extra.get("paper")), "what": field.description or ""})
    return rows


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def print_rows(scales: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
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
