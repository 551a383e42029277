"""The cpython executor: what it computes, what it says, when it refuses; the filter, instruction by instruction."""

import os
import signal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.engines.sandbox import client, python_tool, syscalls
from dsmath_lib.engines.sandbox.python_tool import ToolResult, describe, run_program, run_programs
from dsmath_lib.engines.sandbox.tracetext import concise


# -- the filter ------------------------------------------------------------------------------------------------------
def verdict(program, number: int, arch: int, args=(0,) * 6) -> int:
    """A small BPF machine: the three instructions that the filter uses."""
    data = struct.pack("<iIQ6Q", number, arch, 0, *args)
    at = value = 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == syscalls.LOAD:
            value = struct.unpack_from("<I", data, k)[0]
        elif code == syscalls.EQUAL:
            at += yes if value == k else no
        else:
            return k


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("files", [False, True])
def test_the_filter_allows_its_list_and_nothing_else(machine, files):
    program = syscalls.filter_program(files, machine)
    column, arch = syscalls.PROCESSORS[machine]
    names = syscalls.COMPUTE | (syscalls.FILES if files else {})
    allowed = {n[column] for n in names.values()} - {None}
    checked = {n[column] for n, _, _ in syscalls.CHECKED.values()}
    assert not allowed & checked and len(program) < 4096  # the kernel's limit
    for number in set(range(600)) - checked:
        expected = syscalls.ALLOW if number in allowed else syscalls.REFUSE
        assert verdict(program, number, arch) == expected, number
    for number in (*allowed, *checked):
        assert verdict(program, number, 0x40000003) == syscalls.KILL  # the 32-bit gate
        assert verdict(program, number | 0x40000000, arch) == syscalls.REFUSE  # the x32 gate


@given(st.sampled_from(sorted(syscalls.CHECKED)), st.integers(0, 2**64 - 1))
def test_checked_arguments(name, value):
    program = syscalls.filter_program(True, "x86_64")
    (number, _), argument, values = syscalls.CHECKED[name]
    args = [0] * 6
    for low in (value, *values):
        args[argument] = low
        expected = syscalls.ALLOW if low & 0xFFFFFFFF in values else syscalls.REFUSE
        assert verdict(program, number, 0xC000003E, args) == expected


def test_dangerous_calls_are_on_no_list():
    names = {*syscalls.COMPUTE, *syscalls.FILES, *syscalls.CHECKED}
    dangerous = "clone clone3 fork vfork execve socket connect kill tgkill ptrace mount unshare setns bpf ioctl link "
    dangerous += "chmod chown mknod process_vm_readv io_uring_setup memfd_create keyctl open_by_handle_at prctl"
    assert not names & set(dangerous.split())


# -- programs --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def cpython():
    try:
        client.walls()
    except client.SandboxUnavailable as err:
        pytest.skip(str(err))


def run(code: str, **options) -> ToolResult:
    return run_program(code, executor="cpython", timeout_s=60.0, **options)


def test_it_computes_with_sympy_and_numpy(cpython):
    result = run("from sympy import *\nx = symbols('x')\nprint(factor(x**2 - 1))")
    assert (result.stdout, result.error, result.executor) == ("(x - 1)*(x + 1)\n", "", "cpython")
    assert run("import numpy as np\nprint(np.linalg.det(np.eye(2)))").stdout == "1.0\n"
    assert (
        run("class A:\n    pass\nclass B(A):\n    pass\nprint(B.__mro__[1].__name__)").stdout
        == "A\n"
    )


def test_its_directory_is_its_own_and_new_for_each_program(cpython):
    write = "import os\nprint(os.listdir('.'))\nopen('f', 'w').write('x')\nprint(open('f').read())"
    assert run(write).stdout == run(write + "\n").stdout == "[]\nx\n"


def test_the_same_program_prints_the_same(cpython):
    code = "import random, numpy\nprint(random.random(), numpy.random.rand(), hash('a'), {'b', 'a', 'c'})"
    assert run(code).stdout == run(code + "\n").stdout != ""


def test_errors_and_ends(cpython):
    assert (
        run("def f():\n    return 1 / 0\nf()").error == "in f\nZeroDivisionError: division by zero"
    )
    assert run("print(5)\n1 / 0").shown == "5"
    assert run("x = (").error.endswith("SyntaxError: '(' was never closed")
    assert 'File "site-packages/sympy/' in run("import sympy\nsympy.sqrt('(')").error
    assert [run(f"import sys\nsys.exit({x})").error for x in ("", "0", "3")] == [
        "",
        "",
        "SystemExit: 3",
    ]
    assert run("import os\nos._exit(7)").error == "SystemExit: 7"
    assert run("print('\\ud800 é')").stdout == "\\ud800 é\n"
    assert run("\ud800").error.startswith("UnicodeEncodeError") and run("1\x00").error


def test_output_is_cut_at_the_limit(cpython):
    long = run("print('é' * 500)", max_output=100)
    assert long.stdout == "é" * 100 and "more than 100 characters" in long.error
    assert run("print('é' * 99)", max_output=100).error == ""


def test_a_killed_worker_is_replaced_and_the_failure_is_not_kept(cpython):
    assert run("print(1)").stdout == "1\n"
    for worker in client._pools[True].get().idle:
        os.kill(worker.proc.pid, signal.SIGKILL)
    results = [run("print(2)") for _ in range(10)]
    assert any(r.error.startswith(python_tool.FAILED) for r in results[:1])
    assert results[-1].stdout == "2\n"


def test_many_at_once(cpython):
    codes = [f"print({i})" for i in range(12)]
    assert [r.stdout for r in run_programs(codes, executor="cpython", timeout_s=60.0)] == [
        f"{i}\n" for i in range(12)
    ]


# -- refusal ---------------------------------------------------------------------------------------------------------
def test_without_a_network_namespace_it_refuses(monkeypatch):
    if not syscalls.available():
        pytest.skip("no system-call filter on this system")
    monkeypatch.setitem(client._refused, True, "namespaces: Operation not permitted")
    with pytest.raises(
        client.SandboxUnavailable, match=r"Operation not permitted.*monty.*allow_network: true"
    ):
        run_program("print('refused?')", executor="cpython")
    with pytest.raises(RuntimeError, match="network namespace"):
        describe("cpython")


def test_without_a_filter_it_refuses_always(monkeypatch):
    monkeypatch.setattr(syscalls, "available", lambda: False)
    for allow in (False, True):
        with pytest.raises(client.SandboxUnavailable, match="needs Linux"):
            run_program("print('refused, too?')", executor="cpython", allow_network=allow)


def test_the_report_says_which_ran():
    assert describe("monty").startswith("monty ") and run_program("1").executor == "monty"
    with pytest.raises(ValueError, match="unknown executor"):
        describe("exec")


# -- traces and the cache --------------------------------------------------------------------------------------------
def test_traces_name_no_lines_and_no_paths():
    frames = [
        ("<program>", "<module>"),
        ("<program>", "f"),
        ("/home/me/lib/site-packages/a/b.py", "g"),
        ("/x/y.py", "h"),
    ]
    assert concise(frames, "E: no\n") == 'in f\nFile "site-packages/a/b.py", in g\nin h\nE: no'
    deep = concise([("p", "f")] * 50, "E").split("\n")
    assert len(deep) == 22 and deep[10] == "[30 more]"


def test_monty_has_the_same_traces():
    assert run_program("def f(): return g()\ndef g(): return [][1]\nf()").error.startswith(
        "in f\nin g\nIndexError"
    )


def test_the_cache_keeps_the_newest(monkeypatch):
    ran = []
    fake = lambda code, *_: ran.append(code) or ToolResult(code, "", 0.0)  # noqa: E731
    monkeypatch.setitem(python_tool.EXECUTORS, "monty", fake)
    monkeypatch.setattr(python_tool, "_cache", type(python_tool._cache)())
    monkeypatch.setattr(python_tool, "_CACHE_SIZE", 2)
    for code in "ababcab":
        run_program(code)
    assert ran == ["a", "b", "c", "a", "b"]
    run_program("b", timeout_s=3.0)  # another limit is another result
    assert ran[-1] == "b" and len(ran) == 6
