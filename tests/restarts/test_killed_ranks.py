"""Notebook 05 with two processes, through papermill: one is killed, the same command goes on and ends."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from dsmath_lib.base.paths import ROOT
from tests.chain import COMMAND, environment, run_smoke
from tests.restarts.test_killed_stages import kill_everything, upstream

STAGE = "05_grpo"
# the reward random differs within a group whatever the small model writes, so the weights move
HOW = [STAGE, *"-p processes 2 -p compare_steps 0 -p reward_rule random".split()]
LIMIT_S = 300


def killed_rank(root) -> str:
    """What a run prints whose second process is killed after its first checkpoint."""
    folder = root / "smoke" / STAGE
    process = subprocess.Popen(
        [*COMMAND, *HOW],
        cwd=ROOT,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + LIMIT_S
        while not list(folder.glob("checkpoints/policy/step-*")):
            assert process.poll() is None, process.stdout.read()[-3000:]
            assert time.monotonic() < end, "no checkpoint"
            time.sleep(0.05)
        note = json.loads((folder / "ranks/policy/rank-1.json").read_text())
        os.kill(note["pid"], signal.SIGKILL)
        out, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode != 0
        return out
    finally:
        if process.poll() is None:
            kill_everything(process)


def test_a_rank_is_killed_and_the_same_command_goes_on(frozen, tmp_path):
    if not (frozen.folder / "03_sft/results.json").exists():
        pytest.fail(frozen.out[-3000:])
    for name in upstream(STAGE):
        if (frozen.folder / name).exists():
            shutil.copytree(frozen.folder / name, tmp_path / "smoke" / name)
    said = killed_rank(tmp_path)
    assert "rank 1 of 2: killed by SIGKILL" in said and "run the same command again" in said
    again = run_smoke(tmp_path, *HOW)
    assert again.code == 0, again.out[-3000:]
    folder = tmp_path / "smoke" / STAGE
    results = json.loads((folder / "results.json").read_text())
    assert results["params"]["processes"] == 2 and results["metrics"]["weights_moved"] > 0
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    steps = [r["step"] for r in rows if r["kind"] == "grpo"]
    assert steps == list(range(1, results["params"]["steps"] + 1))
    assert max(r["mismatch"] for r in rows if r["kind"] == "grpo") < 1e-4  # float32
    assert not (folder / "ranks").exists() or not list((folder / "ranks").iterdir())
