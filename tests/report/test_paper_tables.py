"""The paper's tables: they agree with the other places where a number of theirs stands."""

import pytest

from dsmath_lib.report.paper_tables import paper_table, vote
from dsmath_lib.report.published import published_parts
from dsmath_lib.rows.benchmarks import BENCHMARKS

SETS = {
    "GSM8K": "gsm8k", "MATH": "math", "OCW": "ocw", "SAT": "sat", "MMLU-STEM": "mmlu-stem",
    "CMATH": "cmath", "Gaokao cloze": "gaokao-cloze", "Gaokao choice": "gaokao-qa",
}  # fmt: skip


def column(name, row, what):
    t = paper_table(name)
    return float(t.rows[row][t.columns.index(what)])


def test_the_base_model_is_that_of_the_benchmarks():
    for what, benchmark in SETS.items():
        assert column("table-2", -1, what) == BENCHMARKS[benchmark].paper["base", "cot"]


@pytest.mark.parametrize(
    ("claim", "name", "row", "other"),
    [("C16", "table-6", 4, 2), ("C17", "table-6", 4, 5), ("C20", "table-6", 5, 6)],
)
def test_differences_of_the_evidence_are_those_of_the_tables(claim, name, row, other):
    for part in published_parts()[claim]:
        what = part["what"].replace(" with programs", "+Py")
        points = column(name, row, what) - column(name, other, what)
        assert 100 * part["estimate"].value == pytest.approx(points), what


def test_arxiv_and_the_corpora():
    for part in published_parts()["C21"]:
        points = column("table-8", 2, part["what"]) - column("table-8", 0, part["what"])
        assert 100 * part["estimate"].value == pytest.approx(points)
    for part in published_parts()["C06"]:
        best = max(column("table-1", i, part["what"]) for i in (1, 2, 3))
        points = column("table-1", 4, part["what"]) - best
        assert 100 * part["estimate"].value == pytest.approx(points)


def test_the_table_is_folded_below_the_question():
    v = vote("table-4", "Is <code> kept?")
    page = v._repr_html_()
    assert page.index("Is &lt;code&gt; kept?") < page.index("<details>") < page.index("54.9")
    assert "<details open" not in page and "54.9" in repr(v)
    with pytest.raises(KeyError, match="table-1"):
        paper_table("table-99")
