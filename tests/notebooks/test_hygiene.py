"""Notebooks in git: stripped, fixed ids, one parameters cell, short cells, the common skeleton."""

import ast
import itertools
import json
import re

import nbformat
import pytest

from dsmath_lib.app.notebook_files import METADATA, strip
from dsmath_lib.base.paths import ROOT
from dsmath_lib.exercises import all_of
from dsmath_lib.exercises.quiz import questions_of
from dsmath_lib.params.registry import params_model
from dsmath_lib.rows.stages import STAGES

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
CODE_LINES, CODE_COLUMNS = 25, 100
CLEAN = "run: dsmath clean --notebooks"


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind):
    return ["".join(c["source"]) for c in load(path)["cells"] if c["cell_type"] == kind]


def headings(path):
    """(level, text) of every heading, code fences left out."""
    found = []
    for text in cells(path, "markdown"):
        plain = re.sub(r"```.*?```", "", text, flags=re.S)
        found += [(len(m[1]), m[2].strip()) for m in re.finditer(r"^(#+) (.+)$", plain, re.M)]
    return found


@each
def test_is_stripped(path):
    nb = load(path)
    nbformat.validate(nb)
    assert nb == strip(nb, path.stem), CLEAN
    assert nb["metadata"] == METADATA, CLEAN
    assert path.stem in STAGES


@each
def test_parameters_cell(path):
    tags = [t for c in load(path)["cells"] for t in c["metadata"].get("tags", [])]
    assert tags.count("parameters") == 1


@each
def test_ids(path):
    found = [c["id"] for c in load(path)["cells"]]
    assert len(set(found)) == len(found)
    prefix = path.stem.replace("_", "-")
    assert not [i for i in found if not re.fullmatch(rf"{prefix}-\d{{3}}", i)]


@each
def test_code_cells_are_short(path):
    for text in cells(path, "code"):
        lines = text.splitlines()
        is_parameters = 'scale: str = "toy"' in text
        assert len(lines) <= CODE_LINES or is_parameters, f"{len(lines)} lines:\n{text}"
        assert max(map(len, lines), default=0) <= (120 if is_parameters else CODE_COLUMNS), text


class Names(ast.NodeVisitor):
    """The names that a piece of code binds, and those that it reads, in the notebook's own namespace."""

    def __init__(self, *nodes: ast.AST):
        self.bound: set[str] = set()
        self.read: set[str] = set()
        self.grown: set[str] = set()  # by "+=" and the like
        for node in nodes:
            self.visit(node)

    def visit_Name(self, node):
        (self.bound if isinstance(node.ctx, ast.Store) else self.read).add(node.id)

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self.read.add(node.target.id)
            self.grown.add(node.target.id)

    def visit_alias(self, node):
        self.bound.add((node.asname or node.name).split(".")[0])

    def visit_FunctionDef(self, node):
        inner = Names(*node.body)
        arguments = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        self.bound.add(node.name)
        self.read |= inner.read - inner.bound - arguments

    def visit_Lambda(self, node):
        self.read |= Names(node.body).read - {a.arg for a in node.args.args}

    def _comprehension(self, node):
        targets = Names(*(g.target for g in node.generators)).bound
        found = Names(*ast.iter_child_nodes(node))
        self.read |= found.read - targets

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_comprehension(self, node):
        for part in (node.iter, *node.ifs):
            self.visit(part)


def outside(code: str) -> tuple[set[str], set[str]]:
    """Names that a cell takes from other cells, and names that it binds."""
    taken, bound = set(), set()
    for statement in ast.parse(code).body:
        names = Names(statement)
        inside = isinstance(statement, ast.For | ast.With | ast.If)
        own = names.bound - names.grown if inside else set()
        taken |= names.read - bound - own
        bound |= names.bound
    return taken, bound


def test_names_of_a_cell():
    code = "a = [x for x in b if x in c]\ndef f(p): return p + d\nfor i in a: e += i\nimport g.h"
    assert outside(code) == ({"b", "c", "d", "e"}, {"a", "f", "i", "e", "g"})
    assert outside("n += 1\nm = n") == ({"n"}, {"n", "m"})
    assert outside("k = lambda q: q + r\nk(1)") == ({"r"}, {"k"})


@each
def test_no_cell_assigns_a_parameter(path):
    """Else the cell that reads the parameters cannot be run again."""
    code = [c for c in cells(path, "code") if 'scale: str = "toy"' not in c]
    bound = set().union(*(outside(c)[1] for c in code))
    assert not bound & set(params_model(path.stem).model_fields)


@each
def test_no_cell_reads_a_name_that_a_later_cell_binds_again(path):
    """Else it means something else when it is run again."""
    found = [outside(c) for c in cells(path, "code")]
    for i, (taken, _) in enumerate(found):
        for later in found[i:]:
            assert not taken & later[1], cells(path, "code")[i]


@each
def test_head_and_tail(path):
    code = cells(path, "code")
    head = next(i for i, c in enumerate(code) if f'Stage(cfg, "{path.stem}")' in c)
    assert 'scale: str = "toy"' in code[head - 1], "parameters come just before the stage"
    assert ".take(globals())" in code[head] and "setup(cfg)" in code[head]
    assert "stage.done(" in code[-1]
    assert "if gpu" not in "\n".join(code)


@each
def test_headings(path):
    found = headings(path)
    levels = [level for level, _ in found]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels)), "no heading jumps"
    names = [text.lower() for _, text in found]
    order = ["where in the paper", "parameters", "paper and ours", "exercises", "key points"]
    at = [next((i for i, n in enumerate(names) if n.startswith(o)), -1) for o in order]
    missing = [o for o, i in zip(order, at, strict=True) if i < 0]
    assert not missing and at == sorted(at), f"{missing}, order {at}"
    assert "You will be able to" in cells(path, "markdown")[0]


@each
def test_dollars_in_text_are_formulas(path):
    for text in cells(path, "markdown"):
        assert r"\$" not in text, "a dollar amount becomes a formula; write it in words"


@each
def test_figures_have_words(path):
    for text in cells(path, "code"):
        assert "plt.show(" not in text and "display(fig" not in text, "use show(fig, alt=...)"
        assert text.count("show(") <= text.count("alt="), text


@each
def test_exercises(path):
    number = path.stem[:2]
    code = "\n".join(cells(path, "code"))
    asked = re.findall(rf'check\("({number}\.\d+)"', code)
    assert asked == [e.id for e in all_of(number) if e.verify]
    assert "check, hint, quiz, solution" in code


@each
def test_every_quick_question_is_asked_once_before_an_output(path):
    number, code = path.stem[:2], cells(path, "code")
    asked = [m[1] for c in code if (m := re.fullmatch(r'quiz\("([^"]+)"\)', c.strip()))]
    assert asked == list(questions_of(number)) and len(asked) >= 10
    assert "\n".join(code).count("quiz(") == len(asked), "a question is the only line of its cell"


def test_strip_keeps_ids_and_gives_new_cells_one():
    dirty = {
        "cells": [
            {"cell_type": "markdown", "id": "05-grpo-003", "metadata": {"x": 1}, "source": "a"},
            {"cell_type": "code", "id": "0fa3", "metadata": {}, "source": "1", "outputs": [1]},
            {"cell_type": "code", "id": "q", "metadata": {"tags": ["injected-parameters"]}},
        ],
        "metadata": {"papermill": {"a": 1}},
    }
    clean = strip(dirty, "05_grpo")
    assert [c["id"] for c in clean["cells"]] == ["05-grpo-003", "05-grpo-004"]
    assert clean["cells"][0]["metadata"] == {} and clean["cells"][1]["outputs"] == []
    assert clean["metadata"] == METADATA and strip(clean, "05_grpo") == clean
