"""The pages in docs/ name parameters, functions and files that exist."""

import re

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.exercises import all_of
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import STAGES, params_model

FIELDS = set(Params.model_fields).union(*(params_model(s).model_fields for s in STAGES))


def table_cells(page: str, column: str) -> list[str]:
    """The cells of one column in all tables of a page that have it."""
    cells, at = [], None
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        parts = [p.strip() for p in line.strip("|").split("|")] if line.startswith("|") else []
        if not parts:
            at = None
        elif column in parts:
            at = parts.index(column)
        elif at is not None and not set(line) <= set("|-: "):
            cells.append(parts[at])
    return cells


@pytest.mark.parametrize(
    ("page", "column"), [("deviations.md", "parameter"), ("scaling.md", "parameters")]
)
def test_named_parameters_exist(page, column):
    names = {n for cell in table_cells(page, column) for n in re.findall(r"`(\w+)`", cell)}
    assert len(names) > 20
    assert names <= FIELDS, f"{page} names parameters that no stage has: {sorted(names - FIELDS)}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_readme_has_the_markers_of_the_measured_block():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("<!-- measured:begin -->") == text.count("<!-- measured:end -->") == 1


def test_every_stage_has_a_teaching_plan():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    assert [s[:2] for s in STAGES] == re.findall(r"^## (\d\d) ", text, re.M)


def test_the_index_of_exercises_is_complete():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    known = [e.id for stage in STAGES for e in all_of(stage[:2])]
    assert re.findall(r"^\| (\d\d\.\d) \|", text, re.M) == known
