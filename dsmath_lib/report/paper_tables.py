"""Tables of the paper, behind a question: predict first, then open."""

from pathlib import Path

import yaml

from dsmath_lib.base.tags import Html, tag
from dsmath_lib.report.notebook import Table

_TABLES = yaml.safe_load(Path(__file__).with_name("paper_tables.yaml").read_text(encoding="utf-8"))


class Vote:
    """A question, and folded below it the paper's table with one reading of it."""

    def __init__(self, question: str, rows: Table, reading: str):
        self.question, self.rows, self.reading = question, rows, reading

    def _repr_html_(self) -> str:
        folded = tag(
            "details",
            tag("summary", "I have decided: show the table"),
            Html(self.rows._repr_html_()),
            tag("p", tag("b", "Read: "), self.reading),
        )
        return tag("section", tag("p", tag("b", "What do you expect? "), self.question), folded)

    def __repr__(self) -> str:
        return f"{self.question}\n{self.rows!r}\n{self.reading}"


def paper_table(name: str) -> Table:
    """A table of the paper, e.g. ``table-1``; – where nothing is printed.

    Raises:
        KeyError: no such table; names the known ones.
    """
    if name not in _TABLES:
        raise KeyError(f"no table {name!r} (known: {', '.join(_TABLES)})")
    t = _TABLES[name]
    return Table([dict(zip(t["head"], row, strict=True)) for row in t["rows"]], t["title"])


def vote(name: str, question: str) -> Vote:
    """Ask before a table of the paper is shown."""
    rows = paper_table(name)
    return Vote(question, rows, " ".join(_TABLES[name]["read"].split()))
