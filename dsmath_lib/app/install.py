"""Install the project and all it needs into the running Python, and say what happens.

    python -m dsmath_lib.app.install dev        the arguments are extras of pyproject.toml

``make`` calls this in the environment it has made. Versions are those of ``constraints.txt``. On Linux torch's default
wheel brings gigabytes of CUDA libraries, so without an NVIDIA GPU torch comes from PyTorch's index of CPU wheels, and
from pip's own index where that one cannot be reached. ``TORCH_INDEX`` overrides both. Only the standard library is
imported: nothing else is there yet.
"""

import http.client
import json
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[2]
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
_MEASURED = _ROOT / "reports" / "reference" / "bench" / "setup.json"
UNITS = {"bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
FETCH = re.compile(r"\s*(Downloading|Using cached) (\S+) \(([\d.]+) (bytes|kB|MB|GB)\)")
LOCAL = re.compile(r"\s*Processing (.+\.(?:whl|tar\.gz|zip))(?: \(from (?:(?! \(from ).)*)?$")
BIG_MB, _EVERY_S = 20.0, 10.0  # files worth a line of their own; seconds between other lines


# -- which torch -------------------------------------------------------------------------------


def torch_pin(constraints: Path = _ROOT / "constraints.txt") -> str:
    """The version of torch in the constraints."""
    return re.search(r"^torch==(\S+)", constraints.read_text(encoding="utf-8"), re.M)[1]


def has_nvidia() -> bool:
    """Whether this machine shows an NVIDIA driver."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia").exists()


def why_not(index: str, version: str, timeout_s: float = 5.0) -> str:
    """Why ``index`` cannot give torch ``version`` for this Python and processor; empty if it can."""
    url = f"{index.rstrip('/')}/torch/"
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            page = urllib.parse.unquote(answer.read().decode("utf-8", "replace"))
    except (OSError, ValueError, http.client.HTTPException) as err:
        return f"{url} cannot be reached, {getattr(err, 'reason', err)}"
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheel = (
        rf"torch-{re.escape(version)}(?:\+\w+)?-{tag}-{tag}-[\w.]{{0,60}}{platform.machine()}\.whl"
    )
    if re.search(wheel, page):
        return ""
    return f"{url} has no torch {version} for {tag} on {platform.machine()}"


class Torch(NamedTuple):
    """Where torch comes from: ``kind`` is here, given, cpu or default; ``index`` is empty where pip's own does."""

    kind: str
    index: str
    line: str


def choose_torch(
    environ: Mapping[str, str], system: str, nvidia: bool, version: str, installed: str
) -> Torch:
    """Where to take torch ``version`` from, and why; ``installed`` is the version that is here, or empty."""
    if installed.split("+")[0] == version:
        return Torch("here", "", f"torch {installed} is installed already")
    if index := environ.get("TORCH_INDEX", ""):
        return Torch("given", index, f"torch {version} from TORCH_INDEX, {index}")
    if system != "Linux":
        return Torch("default", "", f"torch {version}, the default wheel of {system}")
    if nvidia:
        line = f"torch {version}, the default wheel with CUDA (an NVIDIA driver is here)"
        return Torch("default", "", line)
    reason = why_not(CPU_WHEELS, version)
    if not reason:
        line = f"torch {version}, CPU wheel from {CPU_WHEELS} (no NVIDIA driver here)"
        return Torch("cpu", CPU_WHEELS, line)
    line = f"torch {version}, the default wheel, often with gigabytes of CUDA ({reason})"
    return Torch("default", "", line)


def to_fetch(kind: str, extras: Sequence[str], path: Path = _MEASURED) -> str:
    """About how much will be fetched, and where that number is from."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "to fetch: not measured; the sizes follow as pip names them"
    if list(extras) != kept["extras"]:
        return f"to fetch: not measured for {', '.join(extras)}; the sizes follow as pip names them"
    rest, wheel = kept["mb"] - kept["torch_mb"], kept["torch_mb"]
    if kind == "here":
        size = f"at most {rest:.0f} MB"
    elif kind == "cpu":
        size = f"about {rest + wheel:.0f} MB, {wheel:.0f} MB of it torch"
    else:
        size = (
            f"about {rest:.0f} MB, and torch (CPU wheel: {wheel:.0f} MB; with CUDA: not measured)"
        )
    return f"to fetch: {size}; measured on {kept['machine']}, less where pip has files in its cache"


# -- running pip -------------------------------------------------------------------------------


class Progress:
    """Turns pip's lines into few: big files, a total now and then, the end.

    ``sizes`` holds MB (10^6 bytes) by file name, of files that were fetched or lay in a local folder;
    ``cached`` those that pip's cache had.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, float] = {}
        self.cached: dict[str, float] = {}
        self.doing = "asking the package index"
        self.start = self.last = time.monotonic()

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)
        self.last = time.monotonic()

    def total(self) -> str:
        return f"{len(self.sizes)} files, {sum(self.sizes.values()):.0f} MB so far"

    def feed(self, line: str) -> None:
        """Read one line of pip; an empty one means that pip was silent for a while."""
        if m := FETCH.match(line):
            name = urllib.parse.unquote(m[2].rsplit("/", 1)[-1])
            if name.endswith(".metadata"):
                return
            known = self.sizes if m[1] == "Downloading" else self.cached
            known[name] = float(m[3]) * UNITS[m[4]]
            self._file(name, known[name], "fetching" if known is self.sizes else "from the cache:")
        elif m := LOCAL.match(line):
            path = Path(m[1])
            if path.exists():
                self.sizes[path.name] = path.stat().st_size / 1e6
                self._file(path.name, self.sizes[path.name], "from a local folder:")
        elif line.startswith("Installing collected packages:"):
            self.doing = f"installing {line.count(',') + 1} packages"
            self.say(self.doing)
        elif "WARNING: Retrying" in line:
            self.doing = "waiting for the package index (pip tries again)"
        elif not line and time.monotonic() - self.last >= 2 * _EVERY_S:
            self.say(f"... {self.doing}, {time.monotonic() - self.start:.0f} s, {self.total()}")

    def _file(self, name: str, mb: float, how: str) -> None:
        self.doing = f"at {name}"
        if mb >= BIG_MB:
            self.say(f"{how} {name} ({mb:.0f} MB)")
        elif time.monotonic() - self.last >= _EVERY_S:
            self.say(self.total())


def lines_of(process: subprocess.Popen, wait_s: float = 1.0) -> Iterator[str]:
    """The lines a process prints, and an empty one whenever it was silent for ``wait_s`` seconds."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout:
            lines.put(line.rstrip() or " ")
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=wait_s)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line


def pip(args: Sequence[str], progress: Progress, log: Path) -> int:
    """Run ``pip install`` with progress; its whole output goes to ``log``. Returns its exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", *args]
    errors = []
    with log.open("a", encoding="utf-8") as f:
        process = subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
        try:
            for line in lines_of(process):
                f.write(line + "\n" if line else "")
                errors += [line] if line.startswith("ERROR:") else []
                progress.feed(line)
        except BaseException:
            process.terminate()
            raise
    if code := process.wait():
        print("\n".join([*errors[-3:], f"pip failed; all it said is in {log}"]), file=sys.stderr)
    return code


def install(extras: Sequence[str]) -> int:
    """Install torch, then the project with ``extras``; returns an exit code."""
    version = torch_pin()
    try:
        have = metadata.version("torch")
    except metadata.PackageNotFoundError:
        have = ""
    print(f"python {platform.python_version()}: {sys.executable}")
    torch = choose_torch(os.environ, platform.system(), has_nvidia(), version, have)
    print(torch.line)
    print(to_fetch(torch.kind, extras), flush=True)
    log = Path(sys.prefix) / "dsmath-setup.log"
    log.write_text("", encoding="utf-8")
    progress = Progress()
    if torch.index:
        # without its dependencies: those come in the versions of the constraints, below
        code = pip(["--no-deps", "--index-url", torch.index, f"torch=={version}"], progress, log)
        if code:
            print("another source of torch: make TORCH_INDEX=ADDRESS", file=sys.stderr)
            return code
    code = pip(["-c", "constraints.txt", "-e", f".[{','.join(extras)}]"], progress, log)
    if code:
        return code
    kept = set_up_record(progress, extras)
    (Path(sys.prefix) / "dsmath-setup.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(
        f"set up in {kept['seconds']:.0f} s: {kept['files']} files, {kept['mb']:.0f} MB, "
        f"and {kept['cached_mb']:.0f} MB from pip's cache"
    )
    return 0


def set_up_record(progress: Progress, extras: Sequence[str]) -> dict[str, object]:
    """What this set-up took, as kept in ``reports/reference/bench/setup.json``."""
    sizes = progress.sizes
    return {
        "command": f"python -m dsmath_lib.app.install {' '.join(extras)}",
        "extras": list(extras),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "torch": metadata.version("torch"),
        "torch_mb": round(sum(mb for name, mb in sizes.items() if name.startswith("torch-")), 1),
        "files": len(sizes),
        "mb": round(sum(sizes.values()), 1),
        "cached_mb": round(sum(progress.cached.values()), 1),
        "seconds": round(time.monotonic() - progress.start, 1),
    }


def _main() -> None:
    """Entry point: the arguments are extras."""
    try:
        sys.exit(install(sys.argv[1:] or ["dev"]))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(130)
    except OSError as err:  # disk full, no permission
        print(f"set-up: {err}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    _main()
