"""What notebooks show: numbers, tables, figures, progress."""

import math
import re

import matplotlib.figure
import pytest

from dsmath_lib.base.progress import interactive, progress
from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.report.notebook import format_value, show, source, table, without_docstring
from dsmath_lib.rl.advantages import group_advantages


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "–"),
        (1234567, "1,234,567"),
        (0.52344, "0.5234"),
        (12345.6, "12,346"),
        (True, "✓ yes"),
        (Estimate(0.5, 0.4, 0.6, 9), "0.5 [0.4, 0.6]"),
        (Estimate(0.5, 0.5, 0.5), "0.5"),
        ([1, 0.5], "1, 0.5"),
        (math.inf, "inf"),
    ],
)
def test_format_value(value, text):
    assert format_value(value) == text


def test_table_escapes_and_reads_in_a_log():
    t = table([{"a": "<b>$x$\n2", "n": 1}, {"n": 2.5, "c": None}], "cap <1>")
    page = t._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;" in page and "cap &lt;1&gt;" in page
    assert "$x$" not in page  # samples are not formulas
    assert "⏎" in repr(t) and repr(t).startswith("cap <1>")
    assert "<table>" in table([])._repr_html_() and "overflow-x:auto" in page


def test_source_folds_the_docstring(monkeypatch):
    shown = []
    monkeypatch.setattr("dsmath_lib.report.notebook.display", lambda m: shown.append(m.data))
    source(group_advantages)
    (text,) = shown
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    assert '"""' not in code and code.startswith("def group_advantages(") and "return" in code
    assert "within each group" in text[: text.index("```")]
    assert "<details>" in text and "(B,)" in text[text.index("<details>") :]
    compile(code, "", "exec")


def test_a_function_that_is_only_a_docstring_stays():
    code = 'def f():\n    """Nothing more."""\n'
    assert without_docstring(code) == code.rstrip()
    assert (
        without_docstring('class A:\n    """Doc."""\n\n    x: int = 1\n')
        == "class A:\n\n    x: int = 1"
    )


def test_progress_prints_lines_in_a_log(monkeypatch, capsys):
    monkeypatch.setenv("DSMATH_BATCH", "1")
    monkeypatch.setenv("JPY_SESSION_NAME", "x")
    assert not interactive()
    monkeypatch.setattr("dsmath_lib.base.progress.LINE_EVERY_S", 0)
    assert list(progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    out = capsys.readouterr().out
    assert "letters: 2/3" in out and "letters: 3 done" in out


def test_show_needs_words_and_saves_figure_and_words(tmp_path, capsys):
    fig = matplotlib.figure.Figure()
    fig.subplots()
    with pytest.raises(ValueError, match="alt"):
        show(fig, alt=" ")
    show(fig, alt="an empty plot", save=tmp_path / "main.png")
    assert (tmp_path / "main.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "main.alt.txt").read_text() == "an empty plot\n"
    assert "[figure: an empty plot]" in capsys.readouterr().out
