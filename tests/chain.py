"""The smoke scale, run once for all tests, as a user would run it; of several processes one does, the others wait."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

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


def chain_of(root: Path) -> Run:
    """The chain below ``root``, run by whoever comes first."""
    note = root.with_suffix(".json")
    with FileLock(root.with_suffix(".lock")):
        if not note.exists():
            done = run_smoke(root)
            shutil.copytree(root, frozen_of(root))
            note.write_text(json.dumps({"code": done.code, "out": done.out}))
    return Run(**json.loads(note.read_text()), root=root)


def frozen_of(root: Path) -> Path:
    return root.with_name(f"{root.name}-frozen")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory, request) -> Run:
    """The chain, for the tests that go on in its folder: all of them in one process."""
    base = tmp_path_factory.getbasetemp()
    alone = not hasattr(
        request.config, "workerinput"
    )  # else of pytest-xdist, whose processes share the folder above
    return chain_of((base if alone else base.parent) / "chain")


@pytest.fixture(scope="session")
def frozen(smoke) -> Run:
    """A copy of the finished chain that nobody writes to."""
    return Run(smoke.code, smoke.out, frozen_of(smoke.root))
