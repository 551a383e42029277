"""The smoke scale, run once for all tests of this folder, as a user would run it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsmath_lib.base.paths import ROOT

COMMAND = [sys.executable, "-m", "dsmath_lib.app.cli", "run", "smoke"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def environment(root: Path) -> dict[str, str]:
    """Environment of a run that reports into ``root``."""
    return os.environ | ONE_THREAD | {"DSMATH_REPORTS": str(root)}


@dataclass(frozen=True)
class Run:
    """Exit code and printed text of ``dsmath run smoke``, and where its report is."""

    code: int
    out: str
    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "smoke"


def run_smoke(root: Path, *args: str) -> Run:
    done = subprocess.run(
        [*COMMAND, *args],
        cwd=ROOT,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, root)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> Run:
    return run_smoke(tmp_path_factory.mktemp("smoke-reports"))
