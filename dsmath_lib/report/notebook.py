"""What a notebook shows: progress, figures with alt text, tables, source of a function.

Everything works in JupyterLab and in a headless run, where the text form goes to the log.
"""

import ast
import html
import inspect
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import Markdown, display

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.tags import Html, tag
from dsmath_lib.base.tags import table as html_table
from dsmath_lib.evaluation.metrics import Estimate


def show(fig: Any, alt: str, save: Path | str | None = None) -> None:
    """Display a matplotlib figure as PNG with alternative text, save it if asked, and close it.

    Raises:
        ValueError: ``alt`` is empty; a figure without words is lost to a reader who cannot see it.
    """
    import matplotlib.pyplot as plt

    if not alt.strip():
        raise ValueError("show(fig, alt=...): say in words what the figure shows")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(fig)
    if save is not None:
        write_atomic(Path(save), buffer.getvalue())
        write_atomic(Path(save).with_suffix(".alt.txt"), alt + "\n")
    if get_ipython() is None:
        print(f"[figure: {alt}]")
        return
    data = {"image/png": buffer.getvalue(), "text/plain": f"[figure: {alt}]"}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})


def format_value(x: Any) -> str:
    """A number or estimate for people: ``0.523``, ``0.52 [0.48, 0.56]``, ``–`` for None."""
    if x is None:
        return "–"
    if isinstance(x, Estimate):
        text = format_value(x.value)
        return (
            text if x.low == x.high else text + f" [{format_value(x.low)}, {format_value(x.high)}]"
        )
    if isinstance(x, bool):
        return "✓ yes" if x else "✗ no"
    if isinstance(x, int):
        return f"{x:,}"
    if isinstance(x, float):
        if not math.isfinite(x):
            return str(x)
        return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
    if isinstance(x, list | tuple):
        return ", ".join(map(format_value, x))
    return str(x)


class Table:
    """Rows to look at: HTML in a notebook, aligned text in a log. Cells are escaped."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], caption: str = ""):
        self.columns = list(dict.fromkeys(k for r in rows for k in r))
        self.rows = [[format_value(r.get(c, "")) for c in self.columns] for r in rows]
        self.numeric = [
            all(_number(r.get(c)) for r in rows) and any(r.get(c) is not None for r in rows)
            for c in self.columns
        ]
        self.caption = caption

    def _repr_html_(self) -> str:
        style = "text-align:{};vertical-align:top;white-space:pre-wrap".format
        styles = [style("right" if n else "left") for n in self.numeric]
        head = [no_math(str(c)) for c in self.columns]
        rows = [map(no_math, row) for row in self.rows]
        whole = html_table(head, rows, styles, no_math(self.caption))
        return tag("div", whole, style="overflow-x:auto")  # a wide table scrolls, the page does not

    def __repr__(self) -> str:
        grid = [list(map(str, self.columns)), *self.rows]
        grid = [[cell.replace("\n", " ⏎ ") for cell in row] for row in grid]
        width = [min(60, max(len(row[i]) for row in grid)) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.rjust(w) if n else cell.ljust(w)
                for cell, w, n in zip(row, width, self.numeric, strict=True)
            ).rstrip()
            for row in grid
        ]
        lines.insert(1, "  ".join("-" * w for w in width))
        return "\n".join(([self.caption] if self.caption else []) + lines)


def _number(x: Any) -> bool:
    return x is None or isinstance(x, int | float | Estimate)


def no_math(text: str) -> Html:
    """Escaped text in which ``$`` starts no formula: samples, captions and names are shown as they are."""
    text = html.escape(text).replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
    return Html(text)


def table(rows: Sequence[Mapping[str, Any]], caption: str = "") -> Table:
    """A table of ``rows`` (one dict per row; columns in order of first appearance)."""
    return Table(rows, caption)


def source(fn: Any) -> None:
    """Show the library's own source of a function or class, so text and code cannot drift apart.

    The docstring's first line stands above the code, the rest is folded.
    """
    where = f"{inspect.getmodule(fn).__name__}.{fn.__qualname__}"
    first, _, rest = (inspect.getdoc(fn) or "").partition("\n")
    parts = [f"`{where}`: {first}" if first else f"`{where}`"]
    parts.append(f"```python\n{without_docstring(inspect.getsource(fn))}\n```")
    if rest.strip():
        parts.append(
            f"<details><summary>arguments and notes</summary>\n\n{tag('pre', rest.strip())}\n</details>"
        )
    display(Markdown("\n\n".join(parts)))


def without_docstring(code: str) -> str:
    """The source of a function or class without its own docstring."""
    lines = textwrap.dedent(code).rstrip().splitlines()
    node = ast.parse("\n".join(lines)).body[0]
    body = getattr(node, "body", [])
    if len(body) > 1 and ast.get_docstring(node, clean=False) is not None:
        del lines[body[0].lineno - 1 : body[0].end_lineno]
    return "\n".join(lines)
