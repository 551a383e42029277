"""HTML pages and the index: offline, escaped, with words for figures, for any state of the stages."""

import json
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.report.html import write_html
from dsmath_lib.report.index import read_stage, rebuild, write_index
from dsmath_lib.rows.stages import STAGES

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
OUTSIDE = re.compile(
    r"""(?:src|href)\s*=\s*["'](?:https?:)?//|url\(\s*["']?(?:https?:)?//|@import"""
)


def page_of(folder, *cells) -> str:
    folder.mkdir(parents=True)
    path = folder / "nb.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return write_html(path).read_text()


def test_page_is_offline_has_alt_and_folded_code(reports):
    figure = new_output(
        "display_data", {"image/png": PNG}, metadata={"image/png": {"alt": 'a "curve" <up>'}}
    )
    page = page_of(
        reports / "tiny" / "01_a",
        new_markdown_cell("# T\n\n$$a \\tag{3}$$"),
        new_code_cell("1 + 1", outputs=[figure, new_output("stream", text="plain <text>")]),
    )
    assert not OUTSIDE.search(page)
    assert "../../assets/tex-svg.js" in page
    assert (reports / "assets" / "tex-svg.js").stat().st_size > 1e6
    assert [i["alt"] for i in BeautifulSoup(page, "html.parser").find_all("img")] == [
        'a "curve" <up>'
    ]
    assert '<details><summary class="code">' in page
    assert "plain &lt;text&gt;" in page and '<html lang="en"' in page
    assert "../index.html" in page


def stage(reports, name, state, results=None, error=None):
    folder = reports / "tiny" / name
    folder.mkdir(parents=True)
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results))
    digest = {"state": state, "seconds": 61.0, "error": error}
    (folder / "digest.json").write_text(json.dumps(digest))
    return folder


def test_index_shows_states_numbers_figure_and_links(reports):
    results = {
        "metrics": {
            "acc <b>": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 200},
            "loss": 1.25,
            "other": 3,
        },
        "headline": ["acc <b>", "loss", "not there"],
        "figure": "main.png",
        "peak_memory_mb": {"resident": 1500.0},
        "environment": {"device": "cpu", "cores": 2, "python": "3.11", "versions": {"torch": "2"}},
    }
    folder = stage(reports, "05_grpo", "done", results)
    for name in ("main.png", "05_grpo.html", "05_grpo.ipynb", "log.jsonl"):
        (folder / name).write_text("x")
    (folder / "main.alt.txt").write_text('reward "rises"')
    stage(reports, "08_evaluation", "failed", error="ValueError: <script>")
    stage(reports, "03_sft", "started")
    page = write_index("tiny").read_text()
    assert page.count("✓ done") == 1 and page.count("✗ failed") == 1
    assert page.count("– not run") == len(STAGES) - 3 and "running or interrupted" in page
    assert "0.4 to 0.6" in page and ">200</td>" in page and "1.25" in page
    assert ">3<" not in page  # not a headline
    assert 'src="05_grpo/main.png" alt="reward &quot;rises&quot;"' in page
    for link in ("05_grpo.html", "05_grpo.ipynb", "results.json", "log.jsonl"):
        assert f'href="05_grpo/{link}"' in page
    assert "1 min 1 s" in page and "1.50 GB" in page
    assert "<script" not in page and "&lt;script&gt;" in page and "acc &lt;b&gt;" in page
    assert not OUTSIDE.search(page)
    merged = json.loads((reports / "tiny" / "results.json").read_text())
    assert list(merged["stages"]) == ["05_grpo"]


def test_a_stage_begun_anew_by_hand_is_not_done(reports):
    assert read_stage(stage(reports, "05_grpo", "done"))["state"] == "started"


def test_a_figure_outside_the_stage_is_not_linked(reports):
    folder = stage(reports, "05_grpo", "done", {"metrics": {}, "figure": "../../x.png"})
    (folder.parent.parent / "x.png").write_text("x")
    assert "<img" not in write_index("tiny").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "odd"}'])
def test_damaged_files_do_not_stop_the_index(reports, text):
    folder = reports / "tiny" / "05_grpo"
    folder.mkdir(parents=True)
    (folder / "digest.json").write_text(text)
    assert read_stage(folder)["state"] in ("not run", "failed")
    assert write_index("tiny").exists()


def test_rebuild_needs_something(reports):
    with pytest.raises(ParamsError, match="dsmath run nothing"):
        rebuild("nothing")
