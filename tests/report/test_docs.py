"""README, CONTRIBUTING and the pages in docs/ name parameters, functions, commands, files and rooms that exist."""

import ast
import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest
import typer

from dsmath_lib.app import cli
from dsmath_lib.base.paths import ROOT
from dsmath_lib.exercises import all_of
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import params_model
from dsmath_lib.rows.stages import STAGES
from tests.test_house import FLOOR

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "reports/README.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)
# names of PyTorch, numba and the kernel
OUTSIDE = {"no_new_privs", "named_parameters", "NUMBA_CACHE_DIR"}
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


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_to_the_names_they_bear(page):
    for words, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", text_of(page)):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in {h.lower().replace(" ", "-") for h in heads}, f"{page}: {target}"
        if file.suffix == ".py" and words.startswith("`"):
            assert words.strip("`") in bound(file), f"{page}: {path} has no {words}"


def bound(file: Path) -> set[str]:
    """What a module binds: functions, classes and variables."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return named | {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


@pytest.mark.parametrize("page", PAGES)
def test_named_files_and_modules_exist(page):
    text = text_of(page)
    for path in re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml))\b[^`]*`", text):
        places = [ROOT / path, *ROOT.glob(f"dsmath_lib/**/{path}"), *ROOT.glob(f"tests/**/{path}")]
        assert "NN" in path or any(p.exists() for p in places), f"{page} names {path}"
    for folder in re.findall(
        r"`((?:dsmath_lib|tests|bench|docs|notebooks|reports/reference)/[\w./-]*)`", text
    ):
        assert "NN" in folder or (ROOT / folder).exists(), f"{page} names {folder}"
    for module in re.findall(r"`(dsmath_lib\.[\w.]+)`", text):
        importlib.import_module(module)
    for module, names in re.findall(r"^from (dsmath_lib[\w.]*) import (.+)$", text, re.M):
        for name in names.split(", "):
            found = importlib.import_module(module)
            assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}"), name


@pytest.mark.parametrize("page", PAGES)
def test_named_functions_and_variables_exist(page):
    """Words in code marks that only a program has: with an underscore, or called."""
    names = set(re.findall(r"`(?:\w+\.)*(\w+)\([^`]*`|`(\w+_\w+)`", text_of(page)))
    missing = {n for pair in names for n in pair if n} - words_of_the_code() - OUTSIDE
    assert not missing, f"{page} names {sorted(missing)}"


@cache
def words_of_the_code() -> frozenset[str]:
    files = [*(ROOT / "dsmath_lib").rglob("*.py"), *(ROOT / "notebooks").glob("*.ipynb")]
    text = "\n".join(f.read_text(encoding="utf-8") for f in files)
    return frozenset(re.findall(r"\w+", text))


@pytest.mark.parametrize("page", PAGES)
def test_named_commands_exist(page):
    known = set(typer.main.get_command(cli.app).commands)
    called = set(re.findall(r"(?:^|`)dsmath ([a-z]+)", text_of(page), re.M))
    assert called <= known, f"{page}: {called - known}"
    targets = set(re.findall(r"^([a-z-]+)(?: [a-z-]+)*:", text_of("Makefile"), re.M))
    targets |= set(" ".join(re.findall(r"^\.PHONY: (.*)$", text_of("Makefile"), re.M)).split())
    made = set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), re.M))
    assert made <= targets, f"{page}: {made - targets}"


def rooms() -> dict[str, str]:
    """Room -> the first line of its docstring."""
    doors = (ROOT / "dsmath_lib").glob("*/__init__.py")
    docs = {p.parent.name: ast.get_docstring(ast.parse(p.read_text("utf-8"))) or "" for p in doors}
    return {room: text.splitlines()[0] if text else "" for room, text in docs.items()}


def test_readme_lists_the_rooms_as_they_describe_themselves():
    rows = re.findall(r"^\| \[(\w+)\]\(dsmath_lib/\1\) \| (.*) \|$", text_of("README.md"), re.M)
    assert dict(rows) == rooms()
    assert [room for room, _ in rows] == list(FLOOR), "from the ground up"


def test_the_walk_passes_every_room():
    text = text_of("docs/walk.md")
    assert set(re.findall(r"\[(\w+)\]\(\.\./dsmath_lib/\1\)", text)) == set(FLOOR)
    assert len(text.splitlines()) <= 45, "one screen"


def test_readme_has_the_markers_of_the_measured_block():
    text = text_of("README.md")
    assert text.count("<!-- measured:begin -->") == text.count("<!-- measured:end -->") == 1


def test_every_stage_has_a_teaching_plan():
    text = text_of("docs/teaching.md")
    assert [s[:2] for s in STAGES] == re.findall(r"^## (\d\d) ", text, re.M)


def test_the_index_of_exercises_is_complete():
    text = text_of("docs/teaching.md")
    known = [e.id for stage in STAGES for e in all_of(stage[:2]) if e.verify]
    assert re.findall(r"^\| (\d\d\.\d) \|", text, re.M) == known
