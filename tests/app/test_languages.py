"""Other languages: the same cells and the same code, formulas untouched, and no text that is out of date."""

import json

import pytest

from dsmath_lib.app import languages
from dsmath_lib.app.languages import Cell, english_cells, in_language, kept_parts, read_language
from dsmath_lib.base.errors import StageError

ZH = read_language("zh")
ENGLISH = english_cells()
each = pytest.mark.parametrize("id", ZH)


def notebook(number):
    (path,) = languages.FOLDER.glob(f"{number}_*.ipynb")
    return json.loads(path.read_text(encoding="utf-8"))


@each
def test_formulas_code_and_form_are_those_of_the_english_text(id):
    assert id in ENGLISH
    assert any("\u4e00" <= c <= "\u9fff" for c in ZH[id].text)
    if ZH[id].current(ENGLISH[id]):
        assert kept_parts(ZH[id].text) == kept_parts(ENGLISH[id])


@pytest.mark.parametrize("number", ["00", "05"])
def test_the_notebook_has_the_same_cells_and_code(number):
    nb = notebook(number)
    made = in_language(nb, ZH, set())
    assert [c["id"] for c in made["cells"]] == [c["id"] for c in nb["cells"]]
    for a, b in zip(nb["cells"], made["cells"], strict=True):
        assert a["cell_type"] == b["cell_type"]
        assert a["cell_type"] == "markdown" or a == b
    text = [c for c in nb["cells"] if c["cell_type"] == "markdown"]
    fresh = [c for c in text if ZH.get(c["id"]) and ZH[c["id"]].current("".join(c["source"]))]
    assert len(fresh) >= 0.8 * len(text)


def test_a_text_whose_english_has_changed_is_not_shown():
    nb = {"cells": [{"cell_type": "markdown", "id": "a", "source": ["new text"]}]}
    old = {"a": Cell("旧", languages._digest("old text"))}
    assert in_language(nb, old, set())["cells"][0]["source"] == ["new text"]
    assert in_language(nb, {"a": Cell("新", languages._digest("new text"))}, set())["cells"][0][
        "source"
    ] == ["新"]


def test_links_still_lead_to_their_pages():
    text = "[a](01_x.ipynb) [b](02_y.ipynb) [c](../docs/z.md)"
    nb = {"cells": [{"cell_type": "markdown", "id": "a", "source": [text]}]}
    (cell,) = in_language(nb, {}, {"02_y.ipynb"})["cells"]
    assert cell["source"] == ["[a](../01_x.ipynb) [b](02_y.ipynb) [c](../../docs/z.md)"]


def test_notebooks_are_written_and_marks_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    nb = {"cells": [{"cell_type": "markdown", "id": "n-001", "source": ["# Hello"]}]}
    (tmp_path / "00_n.ipynb").write_text(json.dumps(nb))
    (tmp_path / "01_m.ipynb").write_text(json.dumps({"cells": []}))
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "xx.md").write_text("<!-- n-001 -->\n# Salut\n")
    assert languages.mark_language("xx") == 1
    (path,) = languages.write_language("xx")
    assert path == tmp_path / "xx" / "00_n.ipynb" and "Salut" in path.read_text()
    with pytest.raises(StageError, match="known: xx"):
        read_language("yy")
    (tmp_path / "languages" / "xx.md").write_text("<!-- n-002 -->\n# Salut\n")
    with pytest.raises(StageError, match="n-002"):
        languages.mark_language("xx")


def test_kept_parts_see_a_changed_formula():
    text = "# A\n\n- $x^2$ and `k` and $$y$$\n| a | b |\n"
    assert kept_parts(text) == kept_parts(text.replace("and", "和"))
    for a, b in (
        ("x^2", "x^3"),
        ("`k`", "`l`"),
        ("$$y$$", "$$z$$"),
        ("# A", "## A"),
        ("| a |", "a"),
    ):
        assert kept_parts(text.replace(a, b)) != kept_parts(text)
