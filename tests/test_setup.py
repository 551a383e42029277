"""Set-up files agree: pyproject, constraints, environment.yml, Makefile."""

import re
import tomllib

import yaml

from dsmath_lib.doctor import pinned
from dsmath_lib.params.base import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
    return {re.match(r"[\w.-]+", r)[0].lower() for r in requirements}


def test_every_requirement_is_pinned():
    pins = pinned()
    wanted = names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted |= names(extra)
    assert not wanted - set(pins)


def test_constraints_name_no_address():
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text and "--" not in text.replace("# --", "")


def test_conda_installs_what_make_installs():
    env = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(d["pip"] for d in env["dependencies"] if isinstance(d, dict))
    assert pip == ["-c constraints.txt", "-e .[dev]"]
    make = (ROOT / "Makefile").read_text()
    assert '-c constraints.txt -e ".[dev]"' in make
    assert f"ifeq ($(CONDA_DEFAULT_ENV),{env['name']})" in make


def test_ci_runs_lint_and_tests():
    text = (ROOT / ".ci" / "run").read_text()
    assert "set -eu" in text and "make test" in text and "make lint" in text
    assert "make test-vllm" in text
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
