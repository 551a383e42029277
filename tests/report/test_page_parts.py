"""A page shows one parameters cell, and its links lead to files that are there."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report.html import write_html
from dsmath_lib.report.index import write_index
from dsmath_lib.report.pages import merge_parameters, set_links, with_values

OWN = """scale: str = "toy"  # folder, 参数
lr: float = 1.0e-4  # rate; paper: 1e-6
tokens: int = 2_000_000  # β tokens
levels: list = [1, 2]  # levels
names: list = ["a # b"]  # names"""
RUN = """# Parameters
scale = "smoke"
lr = 0.0001
tokens = 300
levels = [3]
names = ["x # y", "z"]
"""


def test_values_of_the_run_stand_beside_the_comments():
    assert with_values(OWN, RUN).splitlines() == [
        'scale: str = "smoke"  # folder, 参数',
        "lr: float = 1.0e-4  # rate; paper: 1e-6",  # equal, so as written
        "tokens: int = 300  # β tokens",
        "levels: list = [3]  # levels",
        'names: list = ["x # y", "z"]  # names',
    ]


def test_a_value_over_several_lines_is_replaced_whole():
    own = "a: list = [\n    1,  # 一\n    2,\n]  # list\nb: int = 1  # after"
    assert with_values(own, "a = [3]\nb = 2") == "a: list = [3]  # list\nb: int = 2  # after"
    assert with_values("a: int = 1  # x", "a = [\n  1,\n]") == "a: int = [\n  1,\n]  # x"


def test_a_name_that_only_the_run_has_is_not_lost():
    assert with_values("a: int = 1", "a = 1\nmine = 2") == "a: int = 1\nmine = 2"


@pytest.mark.parametrize(
    "own, run", [("a = (", "a = 1"), ("print(1)", "a = 1"), ("a = f()", "a = 1")]
)
def test_cells_of_another_form_are_both_kept(own, run):
    nb = parameters(own, run)
    assert len(merge_parameters(nb).cells) == 2
    assert [c.source for c in nb.cells] == [own, run]


def parameters(own, run=None):
    cells = [new_code_cell(own, metadata={"tags": ["parameters"]}, execution_count=1)]
    if run is not None:
        tags = {"tags": ["injected-parameters"]}
        cells.append(new_code_cell(run, metadata=tags, execution_count=2))
    return new_notebook(cells=cells)


def page_of(reports, stage, nb):
    path = reports / "tiny" / stage / f"{stage}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, path)
    return write_html(path)


@pytest.mark.parametrize("run", [RUN, None])
def test_the_commented_parameters_are_open_and_alone(reports, run):
    page = page_of(reports, "05_grpo", parameters(OWN, run))
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    text = soup.get_text()
    assert text.count("scale: str") == 1 and "# Parameters" not in text
    assert ('"smoke"  # folder, 参数' if run else '"toy"  # folder, 参数') in text
    assert not soup.find_all("details")  # nothing else in this notebook is folded


def next_link(page):
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    link = next(a for a in soup.find_all("a") if a.get_text() == "06 One gradient")
    return link["href"]


def test_next_leads_to_the_page_and_to_the_index_until_there_is_one(reports):
    nb = new_notebook(
        cells=[new_markdown_cell("**Next:** [06 One gradient](06_one_gradient.ipynb)")]
    )
    first = page_of(reports, "05_grpo", nb)
    index = write_index("tiny")
    assert next_link(first) == "../index.html#06_one_gradient"
    assert 'id="06_one_gradient"' in index.read_text(encoding="utf-8")
    assert 'href="../index.html">← all stages' in first.read_text(encoding="utf-8")
    second = page_of(reports, "06_one_gradient", new_notebook())
    write_index("tiny")
    assert (first.parent / next_link(first)).resolve() == second.resolve()
    second.unlink()
    write_index("tiny")
    assert next_link(first) == "../index.html#06_one_gradient"


def test_no_link_of_the_course_is_dead_in_the_report(reports):
    """All notebooks as pages: every relative link leads to a file, in a report outside the project too."""
    sources = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = [page_of(reports, p.stem, nbformat.read(p, as_version=4)) for p in sources]
    write_index("tiny")
    hrefs = 0
    for page in pages:
        for href in re.findall(r'<a[^>]* href="([^"#:]+)', page.read_text(encoding="utf-8")):
            assert (page.parent / href).exists(), f"{page.name}: {href}"
            hrefs += "index.html" not in href
    assert hrefs >= len(pages) - 1  # the last has no next


def test_links_to_files_of_the_project_and_to_nothing():
    inside, outside = (
        ROOT / "reports" / "toy" / "01_corpus_mining",
        ROOT.parent / "r" / "toy" / "01",
    )
    body = '<a href="../docs/scaling.md#gpu" class="x"><code>docs</code></a>'
    got = set_links(body, inside)
    assert got == '<a href="../../../docs/scaling.md#gpu" class="x"><code>docs</code></a>'
    assert (inside / "../../../docs/scaling.md").resolve().is_file()
    assert set_links(body, outside) == "<code>docs</code>"
    assert set_links('<a href="gone.ipynb">words</a>', inside) == "words"
    for kept in ('<a href="https://example.org/x">y</a>', '<a href="#here">y</a>'):
        assert set_links(kept, inside) == kept
