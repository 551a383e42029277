"""No program gets out of an executor, takes the machine down, or leaves anything behind."""

import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from dsmath_lib.engines.sandbox import client, python_tool, syscalls
from dsmath_lib.engines.sandbox.python_tool import run_program
from tests.engines.sandbox.escapes import BOMBS, DISK, ESCAPES, SYSTEM_BOMBS, fill

MODES = ("monty", "cpython", "filter only")
OUTSIDE = ("/tmp/dsmath-hit", "/dev/shm/dsmath-hit", "/hit")
SECRET = "a-secret-of-the-host"


@pytest.fixture(scope="module", params=MODES)
def executor(request):
    """Options of ``run_program``: Monty, CPython in namespaces, CPython behind the system-call filter alone."""
    if request.param == "monty":
        yield {"executor": "monty"}
        return
    if not syscalls.available():
        pytest.skip("no system-call filter on this system")
    if request.param == "filter only":
        client.close_workers()
        client._refused[True] = "switched off by a test"
        yield {"executor": "cpython", "allow_network": True}
        client.close_workers()
        return
    try:
        client.walls()
    except client.SandboxUnavailable as err:
        pytest.skip(str(err))
    yield {"executor": "cpython"}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A folder with a secret, a module, an environment variable and an open port: what a program must not reach."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "secret").write_text(SECRET)
    (folder / "hostmodule.py").write_text("print('ESCAPED')")
    folder.chmod(0o777)  # only the executor's walls protect it
    (folder / "secret").chmod(0o666)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        server.setblocking(False)
        patch.setenv("DSMATH_SECRET", SECRET)
        patch.chdir(folder)
        names = {"DIR": folder, "PORT": server.getsockname()[1], "PID": os.getpid()}
        names["BEFORE"] = [p for p in OUTSIDE if os.path.exists(p)]
        yield folder, server, names


def untouched(host) -> None:
    folder, server, _ = host
    assert sorted(os.listdir(folder)) == ["hostmodule.py", "secret"]
    assert (folder / "secret").read_text() == SECRET
    assert (folder / "secret").stat().st_mode & 0o7777 == 0o666
    with pytest.raises(BlockingIOError):
        server.accept()
    assert [p for p in OUTSIDE if os.path.exists(p)] == host[2]["BEFORE"]


@pytest.mark.parametrize(
    "name",
    [
        "open",
        "listdir",
        "environment",
        "write",
        "tcp",
        "subprocess",
        "fork",
        "thread",
        "memfd",
        "pickle",
    ],
)
def test_without_walls_the_programs_do_what_they_try(name, tmp_path, host, monkeypatch):
    """The suite can fail: harmless ones of its programs, in a bare interpreter and a folder of their own."""
    (tmp_path / "secret").write_text(SECRET)
    code = fill(ESCAPES[name], **host[2] | {"DIR": tmp_path}) + "\nprint('ESCAPED')"
    monkeypatch.chdir(tmp_path)
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert "ESCAPED" in out.stdout, out.stderr
    if name == "tcp":
        host[1].accept()[0].close()


@pytest.mark.parametrize("name", ESCAPES)
def test_no_program_gets_out(name, executor, host):
    code = fill(ESCAPES[name], **host[2]) + "\nprint('ESCAPED')"
    result = run_program(code, timeout_s=2.0, **executor)
    assert result.error and "ESCAPED" not in result.stdout, result
    assert SECRET not in result.stdout + result.error
    assert not result.error.startswith(python_tool.FAILED), result
    untouched(host)


@pytest.mark.parametrize(
    "executor", MODES[:2], indirect=True
)  # the limits are those of the third, too
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_within_the_limits(name, executor):
    linear = (
        name == "regular expression" and executor["executor"] == "monty"
    )  # its engine does not blow up
    bomb(BOMBS[name], executor, linear)


@pytest.mark.parametrize("executor", MODES[:2], indirect=True)
@pytest.mark.parametrize("name", DISK)
def test_the_disk_cannot_be_filled(name, executor, host):
    bomb(DISK[name], executor)
    untouched(host)


@pytest.mark.parametrize("name", SYSTEM_BOMBS)
def test_system_bombs_end_within_the_limits(name, executor, host):
    harmless = (
        "sleep",
        "slow exception",
        "destructor",
    )  # for Monty: it neither waits nor runs these methods
    bomb(SYSTEM_BOMBS[name], executor, executor["executor"] == "monty" and name in harmless)
    untouched(host)


def bomb(code, executor, may_end_well=False):
    start = time.monotonic()
    result = run_program(code, timeout_s=0.25, max_output=2000, **executor)
    assert result.error or may_end_well, result
    assert not result.error.startswith(python_tool.FAILED), result
    assert len(result.stdout) <= 2000
    assert (
        time.monotonic() - start < 90
    )  # what is not stopped goes on; the slack is for a busy machine


def test_the_sandbox_works_after_all_that_and_nothing_is_left_running(executor):
    assert run_program("print('alive')", **executor).stdout == "alive\n"
    pools = [p.value for p in client._pools.values() if p.value]
    workers = [w for pool in pools for w in pool.idle]
    assert workers or executor["executor"] == "monty"
    assert len(workers) <= 8
    deadline = time.monotonic() + 60  # the process that killed the last program may still be ending
    while below(workers) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert below(workers) == []


def below(workers) -> list[int]:
    return [c.pid for w in workers for c in psutil.Process(w.proc.pid).children(recursive=True)]


def test_programs_do_not_know_each_other(executor):
    first = "import builtins, math\nbuiltins.leak = 1\nmath.pi = 3\nleak = 2\nprint('set')"
    run_program(first, **executor)
    result = run_program("import math\nprint(math.pi > 3.1)\nprint(leak)", **executor)
    assert result.stdout == "True\n" and "NameError" in result.error
