"""``make gpu-check``: does everything run on this machine's GPU, and what does it take? One small folder to send back.

Pieces run one after another, each in a process of its own with a time limit, and each leaves a file: the same command
goes on with those that are missing. Nothing is downloaded. Without a GPU the same pieces run in small on the CPU, which
is what the tests do.
"""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsmath_lib.app.doctor import machine, versions
from dsmath_lib.app.plan_command import checked_params
from dsmath_lib.base.files import read_json, write_atomic
from dsmath_lib.base.folders import reports_root, scale_folder
from dsmath_lib.base.machine import environment
from dsmath_lib.base.paths import ROOT
from dsmath_lib.plan.scale import plan_stages

MINUTES = 10  # in all


@dataclass(frozen=True)
class Piece:
    """A command of the check. seconds: its limit. read: what of its result is kept, also where it failed."""

    command: list[str]
    seconds: int
    read: Callable[[], Any] | None = None


def has_gpu() -> bool:
    """Whether torch sees a GPU."""
    import torch

    return torch.cuda.is_available()


def pieces(gpu: bool, scale: str, folder: Path) -> dict[str, Piece]:
    """Name -> piece, in order: the chain of the scale, the benches, vLLM's tests where it is installed."""
    python, device = sys.executable, "cuda" if gpu else "cpu"
    chain = [python, "-m", "dsmath_lib.app.cli", "run", scale]
    out = {"chain": Piece(chain, 60 * MINUTES, lambda: chain_facts(scale))}
    small = {"rollouts": "--repeats 1 --prompts 4 --n 4 --max-new-tokens 16".split()}
    small |= {"training": "--repeats 1 --steps 1".split()}
    for name, few in small.items():
        file = folder / f"bench_{name}.out.json"
        command = [python, f"bench/{name}.py", "--device", device, "--out", str(file)]
        read = functools.partial(read_json, file)
        out[f"bench_{name}"] = Piece(command + ([] if gpu else few), 120, read)
    if importlib.util.find_spec("vllm"):
        names = (
            "engines/decode/test_vllm_sampler",
            "engines/decode/test_vllm_adapter",
            "rl/test_vllm_loop",
        )
        tests = [f"tests/{name}.py" for name in names]
        out["vllm"] = Piece([python, "-m", "pytest", "-q", *tests], 240)
    return out


def chain_facts(scale: str) -> dict[str, Any]:
    """Stage -> what it measured: time, memory, plan, timings, headline numbers; of the stages that are done."""
    out = {}
    for stage in checked_params(scale):
        found = read_json(scale_folder(scale) / stage / "results.json")
        if found:
            keys = ("seconds", "peak_memory_mb", "timings", "plan")
            head = {k: found["metrics"].get(k) for k in found.get("headline") or []}
            out[stage] = {k: found.get(k) for k in keys} | {"headline": head}
    return out


def run_piece(piece: Piece, limit: float, env: Mapping[str, str]) -> dict[str, Any]:
    """Run one piece, ``limit`` seconds at most; ``{"ok", "seconds", "said", "result"}``.

    said: its last lines, where it failed.
    """
    start = time.monotonic()
    try:
        done = subprocess.run(
            piece.command, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False,
            timeout=limit, errors="replace",
        )  # fmt: skip
        ok, said = done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    except subprocess.TimeoutExpired:
        ok, said = False, "took too long; the same command goes on"
    row = {"ok": ok, "seconds": round(time.monotonic() - start, 1), "said": "" if ok else said}
    return row | {"result": piece.read() if piece.read else None}


def planned(scale: str) -> dict[str, Any]:
    """Stage -> the plan of its memory and time on this machine."""
    return {p.memory.stage: p.as_json() for p in plan_stages(checked_params(scale))}


def check_gpu(scale: str = "", minutes: float = MINUTES) -> int:
    """Run what is missing; 0 when all pieces ended well. Prints a line for each and where the folder is."""
    gpu = has_gpu()
    scale = scale or ("gpu-offline" if gpu else "smoke")
    folder = reports_root() / "gpu-check" / scale
    folder.mkdir(parents=True, exist_ok=True)
    here = machine()
    here["disk"] = here["disk"].partition(" for ")[0]  # a folder's name is the user's own
    facts: dict[str, Any] = {"scale": scale, "machine": here, "environment": environment()}
    facts |= {
        "packages": {r["package"]: r["installed"] for r in versions()},
        "plan": planned(scale),
    }
    write_atomic(folder / "machine.json", json.dumps(facts, indent=1, ensure_ascii=False))
    stop = time.monotonic() + 60 * minutes
    env = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    rows = {}
    for name, piece in pieces(gpu, scale, folder).items():
        file = folder / f"{name}.json"
        row = read_json(file)
        if not row.get("ok"):
            left = stop - time.monotonic()
            if left < 5:
                row = {"ok": False, "seconds": 0, "said": "no time left; the same command goes on"}
            else:
                limit = min(piece.seconds, left)
                print(f"{name}: runs, at most {limit:.0f} s", flush=True)
                row = run_piece(piece, limit, env)
                write_atomic(file, json.dumps(row, indent=1, ensure_ascii=False))
        rows[name] = row
        end = "ok" if row["ok"] else f"FAILED: {row['said'].strip().splitlines()[-1:]}"
        print(f"{name}: {row['seconds']} s, {end}", flush=True)
    write_atomic(folder / "summary.md", summary(facts, rows))
    print(f"send back: {folder}")
    return 0 if all(r["ok"] for r in rows.values()) else 1


def summary(facts: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> str:
    """A page of text: the machine, the pieces, and for each stage time, planned and measured peak."""
    lines = [f"# gpu-check, scale {facts['scale']}", ""]
    lines += [f"- {k}: {v}" for k, v in facts["machine"].items()]
    lines += ["", "| piece | ok | seconds |", "|---|---|---|"]
    lines += [f"| {n} | {'yes' if r['ok'] else 'NO'} | {r['seconds']} |" for n, r in rows.items()]
    lines += ["", "| stage | seconds | planned MB (estimate) | measured MB |", "|---|---|---|---|"]
    for stage, r in ((rows.get("chain") or {}).get("result") or {}).items():
        planned = (facts["plan"].get(stage) or {}).get("peak_mb", "–")
        peaks = r["peak_memory_mb"] or {}
        peak = peaks.get("device", peaks.get("resident", "–"))
        lines.append(f"| {stage} | {r['seconds']} | {planned} | {peak} |")
    return "\n".join(lines) + "\n"
