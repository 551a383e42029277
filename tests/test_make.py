"""What make and .ci/run do in a bare folder, with stubs for every program they call."""

import os
import shutil
import subprocess
import time

import pytest

from dsmath_lib.base.paths import ROOT

# -- make --------------------------------------------------------------------------------------

STUB = """#!/bin/sh
echo "$TORCH_INDEX|$PYTHONUTF8|$*" >> "$LOG"
case "$*" in
  *version_info*) exit $OLD;;
  "-m venv"*) for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python";;
esac
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the set-up files in a folder with blanks and Chinese letters; every Python is a stub that logs."""
    folder = tmp_path / "先 a b" / "数学"
    folder.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (folder / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    stub = tmp_path / "stub"
    stub.write_text(STUB)
    stub.chmod(0o755)

    def make(*args, old=0, **env):
        log = tmp_path / "log"
        log.write_text("")
        keep = {
            k: v for k, v in os.environ.items() if not k.startswith(("CONDA", "MAKE", "MFLAGS"))
        }
        keep |= {"LOG": str(log), "OLD": str(old), "LC_ALL": "C", "HOME": "", **env}
        keep.pop("TORCH_INDEX", None) if "TORCH_INDEX" not in env else None
        done = subprocess.run(
            ["make", f"PYTHON={stub}", *args], cwd=folder, env=keep, capture_output=True
        )
        return done, log.read_text().splitlines()

    make.folder, make.stub = folder, stub
    return make


def test_make_sets_up_once(project):
    done, log = project("env")
    assert done.returncode == 0, done.stderr
    assert [x for x in log if "venv" in x or "install" in x] == [
        "|1|-m venv .venv",
        "|1|-m dsmath_lib.app.install dev",
    ]
    done, log = project("env")
    assert log == [] and b"Nothing to be done" in done.stdout
    assert project("toy")[1] == ["|1|-m dsmath_lib.app.cli run toy"]
    os.utime(project.folder / "constraints.txt")
    later = time.time() + 5
    os.utime(project.folder / "constraints.txt", (later, later))
    assert project("env")[1][-1] == "|1|-m dsmath_lib.app.install dev", (
        "new constraints, same environment"
    )


def test_make_passes_the_index_on(project):
    assert (
        project("env", "TORCH_INDEX=http://x")[1][-1] == "http://x|1|-m dsmath_lib.app.install dev"
    )
    (project.folder / ".venv/bin/.dsmath-ok").unlink()
    assert project("env", TORCH_INDEX="http://y")[1][-1].startswith("http://y|")


def test_make_refuses_an_old_python(project):
    done, log = project("env", old=1)
    assert done.returncode and b"Python >= 3.11" in done.stdout
    assert not (project.folder / ".venv").exists() and not any("install" in x for x in log)


def test_make_mends_an_environment_whose_python_is_gone(project):
    (project.folder / ".venv/bin").mkdir(parents=True)
    (project.folder / ".venv/bin/python").symlink_to("/nowhere/python3")
    assert "|1|-m venv --clear .venv" in project("env")[1]


def test_make_uses_the_conda_environment_that_is_active(project, tmp_path):
    prefix = tmp_path / "con da" / "dsmath"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin/python").write_bytes(project.stub.read_bytes())
    (prefix / "bin/python").chmod(0o755)
    conda = {"CONDA_DEFAULT_ENV": "dsmath", "CONDA_PREFIX": str(prefix)}
    done, log = project("toy", **conda)
    assert done.returncode == 0, done.stderr
    assert log == ["|1|-m dsmath_lib.app.install dev", "|1|-m dsmath_lib.app.cli run toy"]
    assert not (project.folder / ".venv").exists() and (prefix / "bin/.dsmath-ok").exists()
    assert project("env", **conda)[1] == []


# -- .ci/run -----------------------------------------------------------------------------------

TOOLS = {
    "git": "exit 0",
    "make": 'echo "make $1 $PYTHON" >> "$LOG"',
    "python3": "exit 1",  # too old, or without venv
    "python3.12": "exit 0",
    "apt-get": 'echo "apt-get $*" >> "$LOG"; test "$1" = update || cp "$LATER" "${LATER%.later}"',
}


def ci(tmp_path, *absent):
    """Run a copy of .ci/run where nothing but ``TOOLS`` exists, all stubs, some absent; apt-get brings make."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in TOOLS.items():
        path = tools / (name + ".later" if name == "make" and name in absent else name)
        if name == "make" or name not in absent:
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
    for name in ("dirname", "cp"):
        (tools / name).symlink_to(shutil.which(name))
    script = tmp_path / "先 a b" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    script.write_bytes((ROOT / ".ci/run").read_bytes())
    log = tmp_path / "log"
    log.write_text("")
    env = {"PATH": str(tools), "LOG": str(log), "LATER": str(tools / "make.later")}
    done = subprocess.run([shutil.which("bash"), script], env=env, capture_output=True, text=True)
    return done, log.read_text().splitlines()


def test_ci_takes_a_python_that_is_new_enough(tmp_path):
    done, log = ci(tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"make lint python3.12", "make test python3.12", "make test-vllm python3.12"} <= set(log)
    assert not [x for x in log if "apt-get" in x]


def test_ci_installs_what_is_missing(tmp_path):
    done, log = ci(tmp_path, "make")
    assert done.returncode == 0, done.stderr
    assert log[:2] == ["apt-get update -qq", "apt-get install -qq -y make"]
    assert "make test python3.12" in log


def test_ci_says_what_is_missing_where_it_cannot_install(tmp_path):
    done, log = ci(tmp_path, "git", "python3.12", "apt-get")
    assert done.returncode == 1 and log == []
    assert "missing, install by hand: git python3 python3-venv" in done.stdout
