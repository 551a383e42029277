"""The processes of a run: starting them, watching them, and one line when one of them fails.

Each finds RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its environment, as torchrun sets them, so that
torchrun can start it too. A rank notes in ``rank-N.json`` how it stands; what it prints goes to ``rank-N.log``.
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import read_json, write_fast
from dsmath_lib.engines.parallel.group import join, leave

_GO_ON = "The last checkpoint is kept; run the same command again to go on from it"
PAUSE_S = 0.1
SETTLE_S = 5.0  # for the others to say what they saw
# what a rank says when another is gone
LOST = ("onnection", "imed out", "imeout", "gloo", "NCCL", "ncclS", "FirstRankError")


class RankError(StageError):
    """A rank failed or was killed; all have ended. The message names it and the cause."""


def launch(
    command: Sequence[str],
    folder: Path,
    *,
    processes: int,
    nodes: int = 1,
    node: int = 0,
    address: str = "",
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run ``command`` in ``processes`` ranks on this machine until all are done.

    Args:
        folder: of the notes and of what they print.
        nodes, node: machines of the run, and which of them this is.
        address: host:port of the first one; empty: this machine, a free port.
        watch: called again and again while they run.

    Raises:
        RankError: one failed or was killed; the others were ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host, _, port = (address or f"127.0.0.1:{free_port()}").rpartition(":")
    first, size = node * processes, nodes * processes
    for path in [folder / f"rank-{first + i}.json" for i in range(processes)]:
        path.unlink(missing_ok=True)
    started: list[subprocess.Popen] = []
    try:
        for i in range(processes):
            own = {
                "RANK": first + i,
                "LOCAL_RANK": i,
                "WORLD_SIZE": size,
                "MASTER_ADDR": host,
                "MASTER_PORT": port,
                "DSMATH_PARENT": os.getpid(),
            }
            env = os.environ | {k: str(v) for k, v in own.items()}
            if nodes == 1 and Path("/sys/class/net/lo").exists():
                env.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a host's name need not lead to it
            with (folder / f"rank-{first + i}.log").open("wb") as log:
                started.append(
                    subprocess.Popen(
                        command,
                        stdin=subprocess.PIPE,  # closes with this process, and then they end
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env=env,
                        start_new_session=True,
                    )
                )
        while any(p.poll() is None for p in started) and all(
            p.poll() in (None, 0) for p in started
        ):
            watch()
            time.sleep(PAUSE_S)
        if any(p.poll() != 0 for p in started):
            _settle(started)
            raise RankError(
                failure_line(folder, {first + i: p.poll() for i, p in enumerate(started)}, size)
            )
        watch()
    finally:
        for p in started:
            _end(p)


def failure_line(folder: Path, codes: dict[int, int | None], size: int) -> str:
    """Which rank failed first, and of what; ``codes``: rank -> exit code of those that ended by themselves.

    A killed rank says nothing, and the others then say that they lost it: it is the cause.
    """
    notes = {r: read_json(folder / f"rank-{r}.json") for r in codes}
    failed = {r: n for r, n in notes.items() if n.get("state") == "failed"}
    own = {r: n for r, n in failed.items() if not any(w in n.get("cause", "") for w in LOST)}
    silent = [r for r, c in codes.items() if c not in (None, 0) and r not in failed]
    if own:
        number = min(own, key=lambda r: own[r].get("time", 0))
        cause = own[number]["cause"]
    elif silent:
        number = silent[0]
        cause = _how_it_ended(codes[number], folder / f"rank-{number}.log")
    else:
        number = min(failed, key=lambda r: failed[r].get("time", 0))
        cause = failed[number]["cause"]
    cause = cause.rstrip(".") + ("" if "same command again" in cause else f". {_GO_ON}")
    return f"rank {number} of {size}: {cause}. What it printed: {folder / f'rank-{number}.log'}"


def _how_it_ended(code: int, log: Path) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        often = " (often: too little memory)" if -code == signal.SIGKILL else ""
        return f"killed by {name}{often}"
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return f"ended with code {code}" + (f": {lines[-1]}" if lines else "")


def _settle(started: Sequence[subprocess.Popen]) -> None:
    end = time.monotonic() + SETTLE_S
    while any(p.poll() is None for p in started) and time.monotonic() < end:
        time.sleep(PAUSE_S)


def _end(p: subprocess.Popen) -> None:
    if p.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    with suppress(OSError):
        p.stdin.close()


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# -- inside a rank --------------------------------------------------------------------------------


def note(folder: Path, state: str, **more: object) -> None:
    """Say how this rank stands: ``running``, ``done`` or ``failed`` with its ``cause``."""
    number = int(os.environ.get("RANK", "0"))
    text = json.dumps({"state": state, "time": time.time(), "pid": os.getpid(), **more})
    write_fast(folder / f"rank-{number}.json", text)


def run_rank(folder: Path, device: str, work: Callable[[torch.device], None]) -> int:
    """Join the group that the environment names, do the work, leave; the exit code.

    Args:
        device: "cpu" or "cuda": then this rank has the GPU of its number on this machine.
    """
    note(folder, "running")
    if os.environ.get("DSMATH_PARENT"):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    number, local, size = (int(os.environ[k]) for k in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
    where = torch.device("cuda", local) if device == "cuda" else torch.device("cpu")
    try:
        join(number, size, where, float(os.environ.get("DSMATH_RANK_SECONDS", "1800")))
        work(where)
        leave()
    except BaseException as err:
        line = " ".join(f"{type(err).__name__}: {err}".split())
        with suppress(OSError):  # a full disk
            note(folder, "failed", cause=line[:2000])
        raise
    note(folder, "done")
    return 0


def _end_with_parent() -> None:
    """Who started this rank is gone: nobody waits for it."""
    while os.read(
        0, 1
    ):  # not through a buffer of Python's, which the end of this process would wait for
        pass
    os._exit(1)
