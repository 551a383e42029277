"""Notebooks in git: no outputs, no run metadata, fixed cell ids ``05-grpo-012``."""

import json
import re
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def strip(nb: dict[str, Any], stem: str) -> dict[str, Any]:
    """The notebook as it belongs in git: outputs, counts, injected parameters and run metadata removed.

    Cells keep their ids; a cell whose id is not of the form ``<stem>-NNN`` gets the next free number.
    """
    cells = [
        c for c in nb["cells"] if "injected-parameters" not in c.get("metadata", {}).get("tags", [])
    ]
    form = re.compile(re.escape(stem.replace("_", "-")) + r"-(\d{3})")
    used = [int(m[1]) for c in cells if (m := form.fullmatch(c.get("id", "")))]
    free, seen = max(used, default=0) + 1, set()
    out = []
    for cell in cells:
        cell = dict(cell)
        if not form.fullmatch(cell.get("id", "")) or cell["id"] in seen:
            cell["id"], free = f"{stem.replace('_', '-')}-{free:03d}", free + 1
        seen.add(cell["id"])
        cell["metadata"] = {k: v for k, v in cell.get("metadata", {}).items() if k == "tags" and v}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
        out.append(cell)
    return {"cells": out, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def strip_file(path: Path) -> bool:
    """Strip one notebook in place; True if anything changed."""
    old = path.read_text(encoding="utf-8")
    new = json.dumps(strip(json.loads(old), path.stem), indent=1, ensure_ascii=False) + "\n"
    if new != old:
        write_atomic(path, new)
    return new != old
