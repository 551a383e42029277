"""What changes between an executed notebook and its page: one parameters cell, and links that lead somewhere."""

import ast
import os
import re
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import ROOT
from dsmath_lib.rows.stages import STAGES

LINK = re.compile(r'<a href="([^"#:<]+)(#[^"<]*)?"([^<>]*)>((?:(?!<a ).)*?)</a>', re.S)
TO_STAGE = re.compile(r'href="\.\./(?:(\w+)/\1\.html|index\.html#(\w+))"')


def merge_parameters(nb: Any) -> Any:
    """The notebook with one parameters cell: the values of the run (papermill's cell) with the comments of the course.

    Changes and returns ``nb``; without papermill's cell, or where one of the two cannot be read, nothing changes.
    """
    tagged = {t: c for c in nb.cells for t in c.metadata.get("tags", [])}
    own, injected = tagged.get("parameters"), tagged.get("injected-parameters")
    if own and injected:
        try:
            own.source = with_values(own.source, injected.source)
        except (SyntaxError, ValueError):  # somebody's own notebook; both cells are shown
            return nb
        nb.cells.remove(injected)
    return nb


def with_values(source: str, values: str) -> str:
    """``source`` with the right side of each assignment taken from ``values``; names only there are added at the end.

    Equal values keep the way they are written in ``source`` (``1.0e-4``, ``2_000_000``).

    Raises:
        SyntaxError, ValueError: one of the two is not a list of assignments of plain values.
    """
    new = {name: (node, text) for name, node, text in _assignments(values)}
    data = source.encode()  # positions in a syntax tree count bytes
    starts = [0, *(m.end() for m in re.finditer(b"\n", data))]
    for name, node, _ in reversed(_assignments(source)):
        value, text = new.pop(name, (node, ""))
        if ast.literal_eval(value) != ast.literal_eval(node):
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[node.end_lineno - 1] + node.end_col_offset
            data = data[:begin] + text.encode() + data[end:]
    return "\n".join([data.decode(), *(f"{name} = {text}" for name, (_, text) in new.items())])


def _assignments(source: str) -> list[tuple[str, ast.expr, str]]:
    """Name, value and the value's text of every assignment."""
    out = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if len(targets) != 1 or not isinstance(targets[0], ast.Name) or node.value is None:
            raise ValueError("not an assignment of one name")
        out.append((targets[0].id, node.value, ast.get_source_segment(source, node.value)))
    return out


def set_links(body: str, folder: Path) -> str:
    """The HTML of a page in ``folder`` with links from the notebook's folder made to work in the report.

    A notebook becomes its page in the same report (see ``relink``), a file of the project a path to it when the report
    lies in the project. What has no place in the report loses its link and keeps its words.
    """

    def one(m: re.Match[str]) -> str:
        path, anchor, rest, words = Path(m[1]), m[2] or "", m[3], m[4]
        if m[1] == "../index.html":  # the template's own
            return m[0]
        if path.suffix == ".ipynb" and path.stem in STAGES:
            return f'<a href="../{path.stem}/{path.stem}.html{anchor}"{rest}>{words}</a>'
        file = (ROOT / "notebooks" / path).resolve()
        if file.is_file() and folder.resolve().is_relative_to(ROOT):
            way = Path(os.path.relpath(file, folder.resolve())).as_posix()
            return f'<a href="{way}{anchor}"{rest}>{words}</a>'
        return words

    return relink(LINK.sub(one, body), folder.parent)


def relink(body: str, scale: Path) -> str:
    """Links to other stages' pages lead to the page where it is there, else to the stage's place in the index."""

    def one(m: re.Match[str]) -> str:
        stage = m[1] or m[2]
        there = (scale / stage / f"{stage}.html").is_file()
        return f'href="../{stage}/{stage}.html"' if there else f'href="../index.html#{stage}"'

    return TO_STAGE.sub(one, body)


def relink_pages(scale: Path) -> None:
    """Bring the links between the pages of a report up to date; pages come and go as stages run."""
    for stage in STAGES:
        page = scale / stage / f"{stage}.html"
        if page.is_file():
            try:
                old = page.read_text(encoding="utf-8")
            except UnicodeDecodeError:  # damaged; dsmath report makes it again
                continue
            if (new := relink(old, scale)) != old:
                write_atomic(page, new)
