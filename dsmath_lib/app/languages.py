"""The course text in other languages: one file a language, and the code of the English notebooks.

``notebooks/languages/zh.md`` holds the text cells by their id. ``write`` puts them into copies of the notebooks under
``notebooks/zh/``, which git ignores: code cells are those of the English notebook, to the letter. A translation notes
the English text it was made from; when that has changed since, the English text is shown until somebody looks.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsmath_lib.app.notebook_files import as_text
from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import text_digest, write_atomic
from dsmath_lib.base.paths import ROOT

FOLDER = ROOT / "notebooks"
_MARK = re.compile(r"^<!-- ([0-9a-z-]+)(?: ([0-9a-f]{8}))? -->\n", re.M)
_FENCE = re.compile(r"```.*?```", re.S)


@dataclass(frozen=True)
class Cell:
    """A translated text; ``made_of``: digest of the English text, empty before it is marked."""

    text: str
    made_of: str

    def current(self, english: str) -> bool:
        """Was it made from this text?"""
        return self.made_of == _digest(english)


def read_language(language: str) -> dict[str, Cell]:
    """Cell id -> translated cell.

    Raises:
        StageError: there is no such language; names the known ones.
    """
    path = _file(language)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.md")))
        raise StageError(f"no language '{language}' (known: {known})")
    parts = _MARK.split(path.read_text(encoding="utf-8"))[1:]
    rows = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {id: Cell(text.strip("\n"), digest or "") for id, digest, text in rows}


def english_cells() -> dict[str, str]:
    """Cell id -> the text of every text cell of the course."""
    return {
        c["id"]: "".join(c["source"])
        for path in sorted(FOLDER.glob("*.ipynb"))
        for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if c["cell_type"] == "markdown"
    }


def write_language(language: str) -> list[Path]:
    """Make the notebooks of a language; those without a translated cell are not made.

    Returns:
        their paths.
    """
    cells, out = read_language(language), []
    found = {p: json.loads(p.read_text(encoding="utf-8")) for p in sorted(FOLDER.glob("*.ipynb"))}
    made = [p for p, nb in found.items() if any(c["id"] in cells for c in nb["cells"])]
    for path in made:
        translated = in_language(found[path], cells, {p.name for p in made})
        out.append(FOLDER / language / path.name)
        write_atomic(out[-1], as_text(translated))
    return out


def in_language(nb: dict[str, Any], cells: dict[str, Cell], made: set[str]) -> dict[str, Any]:
    """A copy of a notebook with its text cells in another language; ``made``: notebooks in its folder."""
    nb = json.loads(json.dumps(nb))
    for c in nb["cells"]:
        if c["cell_type"] == "markdown":
            english = "".join(c["source"])
            cell = cells.get(c["id"])
            text = cell.text if cell and cell.current(english) else english
            c["source"] = _links(text, made).splitlines(keepends=True)
    return nb


def mark_language(language: str) -> int:
    """Note for each translated cell the English text as it is now: somebody has compared them. Returns how many."""
    english, cells = english_cells(), read_language(language)
    if unknown := cells.keys() - english.keys():
        raise StageError(f"no text cell is named {', '.join(sorted(unknown))}")
    parts = [f"<!-- {id} {_digest(english[id])} -->\n{c.text}\n" for id, c in cells.items()]
    write_atomic(_file(language), "\n".join(parts))
    return len(cells)


def kept_parts(text: str) -> Counter:
    """What no translation changes: formulas, code, and how many headings, list entries and rows of tables there are."""
    fences = _FENCE.findall(text)
    text = _FENCE.sub("", text)
    shown = [" ".join(f.split()) for f in re.findall(r"\$\$.*?\$\$", text, re.S)]
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    parts = re.findall(r"`[^`]+`", text) + re.findall(r"\$[^$]+\$", re.sub(r"`[^`]+`", "", text))
    lines = re.findall(r"^(?:#+ |- |\d+\. |\|)(?=.)", text, re.M)
    return Counter([*fences, *shown, *(" ".join(p.split()) for p in parts), *lines])


def _links(text: str, made: set[str]) -> str:
    """Links of a notebook that moved one folder down."""
    text = re.sub(r"\]\(\.\./", "](../../", text)
    return re.sub(
        r"\]\(([0-9a-z_]+\.ipynb)\)", lambda m: m[0] if m[1] in made else f"](../{m[1]})", text
    )


def _digest(text: str) -> str:
    return text_digest(text)[:8]


def _file(language: str) -> Path:
    return FOLDER / "languages" / f"{language}.md"
