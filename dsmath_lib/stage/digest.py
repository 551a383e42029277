"""What a stage depends on, as one digest: notebook code, parameters, library sources, results upstream.

Comments, docstrings and text cells do not count, so wording can be changed without running a week of training again.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import text_digest
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.record_files import loads

PACKAGE = ROOT / "dsmath_lib"


def stage_digest(notebook: Path, params: Mapping[str, Any], upstream: Mapping[str, str]) -> str:
    """SHA-256 in hex.

    Args:
        notebook: path of the source notebook.
        params: all parameters of the run (``resume`` is left out: it does not change results).
        upstream: stage name -> digest of its results.
    """
    code = code_cells(notebook)
    parts = {
        "code": [_normal(c) for c in code],
        "params": {k: v for k, v in params.items() if k != "resume"},
        "sources": _digests(code),
        "upstream": dict(upstream),
    }
    return text_digest(json.dumps(parts, sort_keys=True, default=str))


def code_cells(notebook: Path) -> list[str]:
    """The code cells of a notebook that decide its results.

    Without the parameters cell (its values are replaced) and the exercises (a reader's answers make no run stale).
    """
    cells = [c for c in read_notebook(notebook)["cells"] if c["cell_type"] == "code"]
    cells = [c for c in cells if "parameters" not in tags_of(c)]
    return [text for c in cells if not _is_exercise(text := "".join(c["source"]))]


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook as plain data, whose cells have what cells have.

    Raises:
        StageError: it is missing, cut short, or no notebook; names it.
    """
    try:
        nb = loads(path.read_bytes())
    except (OSError, ValueError) as err:
        why = getattr(err, "strerror", None) or err
        raise StageError(f"{path}: not a notebook ({why})") from None
    cells = nb.get("cells") if isinstance(nb, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise StageError(
            f"{path}: not a notebook (no list of cells with type, metadata and source)"
        )
    return nb


def _is_cell(cell: Any) -> bool:
    parts = {"cell_type": str, "metadata": dict, "source": (str, list)}
    good = isinstance(cell, dict) and all(isinstance(cell.get(k), t) for k, t in parts.items())
    return good and all(isinstance(line, str) for line in cell["source"])


def tags_of(cell: Mapping[str, Any]) -> list[str]:
    """The tags of a cell; another kind of value counts as none."""
    tags = cell["metadata"].get("tags")
    return [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []


def _is_exercise(code: str) -> bool:
    """Does the cell end by having an answer checked?"""
    last = (getattr(_parse(code), "body", None) or [None])[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") == "check"


def code_of_notebook(notebook: Path) -> dict[str, str]:
    """File -> digest of its code, for all library files that a notebook stands on; {} without a notebook."""
    return _digests(code_cells(notebook)) if notebook.is_file() else {}


def code_of_module(module: str) -> dict[str, str]:
    """The same for one module of the library; {} for any other."""
    return _digests([f"import {module}"]) if module.startswith("dsmath_lib") else {}


def _digests(code: Iterable[str]) -> dict[str, str]:
    return {str(p.relative_to(PACKAGE)): _file_digest(p)[:16] for p in sources_of(code)}


def sources_of(code: Iterable[str]) -> list[Path]:
    """Every ``dsmath_lib`` file that this code imports, directly or through others, and the data files beside them."""
    todo = [m for c in code for m in _imports(_parse(c))]
    seen: set[Path] = set()
    while todo:
        for path in _files(todo.pop()):
            if path not in seen:
                seen.add(path)
                todo += _imports(_parse(path.read_text(encoding="utf-8")))
    folders = {p.parent for p in seen}
    data = {
        p for f in folders for p in f.iterdir() if p.suffix in (".csv", ".txt", ".json", ".yaml")
    }
    return sorted(seen | data)


def _imports(tree: ast.AST) -> list[str]:
    """Dotted names of ``dsmath_lib`` imports; ``from a import b`` gives ``a`` and ``a.b`` (b may be a module)."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return [n for n in names if n.split(".")[0] == "dsmath_lib"]


def _files(dotted: str) -> list[Path]:
    """The file of a module and the ``__init__`` of the packages above it; nothing for an attribute."""
    rest = dotted.split(".")[1:]
    found = [PACKAGE.joinpath(*rest[:i], "__init__.py") for i in range(len(rest) + 1)]
    found.append(PACKAGE.joinpath(*rest).with_suffix(".py") if rest else PACKAGE / "__init__.py")
    return [p for p in found if p.is_file()]


def _parse(code: str) -> ast.AST:
    """The syntax tree; IPython's ``%magic`` and ``!shell`` lines are dropped."""
    lines = (x for x in code.splitlines() if not x.lstrip().startswith(("%", "!")))
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return ast.parse("")


def _normal(code: str) -> str:
    """Code without comments, docstrings and layout; the text itself when it cannot be parsed."""
    tree = _parse(code)
    if not getattr(tree, "body", None):
        return code
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body.pop(0)
    return ast.dump(tree)


@cache
def _file_digest(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text_digest(_normal(text) if path.suffix == ".py" else text)
