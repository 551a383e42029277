"""Notebooks in git: no outputs, no run metadata, fixed cell ids ``05-grpo-012``, a parameters cell from the model."""

import json
import re
from pathlib import Path
from typing import Any

from dsmath_lib.app.scaling_table import with_table
from dsmath_lib.base.files import write_atomic
from dsmath_lib.params.cell import cell_source
from dsmath_lib.params.registry import params_model
from dsmath_lib.params.table import scales_table
from dsmath_lib.stage.digest import read_notebook, tags_of

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def strip(nb: dict[str, Any], stem: str) -> dict[str, Any]:
    """The notebook as it belongs in git: outputs, counts, injected parameters and run metadata removed.

    Cells keep their ids; a cell whose id is not of the form ``<stem>-NNN`` gets the next free number.
    """
    cells = [c for c in nb["cells"] if "injected-parameters" not in tags_of(c)]
    form = re.compile(re.escape(stem.replace("_", "-")) + r"-(\d{3})")
    used = [int(m[1]) for c in cells if (m := form.fullmatch(str(c.get("id"))))]
    free, seen = max(used, default=0) + 1, set()
    out = []
    for cell in cells:
        cell = dict(cell)
        if not form.fullmatch(str(cell.get("id"))) or cell["id"] in seen:
            cell["id"], free = f"{stem.replace('_', '-')}-{free:03d}", free + 1
        seen.add(cell["id"])
        tags = tags_of(cell)
        cell["metadata"] = {"tags": tags} if tags else {}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
        out.append(cell)
    return {"cells": out, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def strip_file(path: Path) -> bool:
    """Strip one notebook in place; True if anything changed."""
    return _put(path, as_text(strip(read_notebook(path), path.stem)))


def write_generated(root: Path) -> list[Path]:
    """Write the files of ``generated``; returns those that changed."""
    return [path for path, text in generated(root).items() if _put(path, text)]


def generated(root: Path) -> dict[Path, str]:
    """File -> its text, with what comes from the parameters: notebooks' parameters cells, tables of scales."""
    new = {
        p: _with_cell(read_notebook(p), p.stem)
        for p in sorted((root / "notebooks").glob("*.ipynb"))
    }
    readme = root / "README.md"
    begin, end = "<!-- scales:begin -->", "<!-- scales:end -->"
    head, rest = readme.read_text(encoding="utf-8").split(begin)
    tail = rest.split(end)[1]
    new[readme] = f"{head}{begin}\n{scales_table(root / 'params')}\n{end}{tail}"
    page = root / "docs" / "scaling.md"
    return new | {page: with_table(page)}


def _with_cell(nb: dict[str, Any], stem: str) -> str:
    for cell in nb["cells"]:
        if "parameters" in tags_of(cell):
            cell["source"] = cell_source(params_model(stem)).splitlines(keepends=True)
    return as_text(nb)


def as_text(nb: dict[str, Any]) -> str:
    """As Jupyter writes it."""
    return json.dumps(nb, indent=1, ensure_ascii=False) + "\n"


def _put(path: Path, text: str) -> bool:
    """Write a file unless it holds the text already; True if it was written."""
    if text == path.read_text(encoding="utf-8"):
        return False
    write_atomic(path, text)
    return True
