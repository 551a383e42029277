"""SIGKILL at a random moment, then the same command: the metrics are those of an uninterrupted run.

Equal to the bit is promised on the same machine with one thread, so that is what runs here.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.rows.stages import STAGES
from tests.chain import COMMAND, Run, environment, run_smoke

# one of each loop: 03 trains like 02, and 06 and 07 like 05 (tests/rl/test_loop.py has their methods)
KILLED = (
    "01_corpus_mining",  # rounds
    "02_pretraining",
    "04_reward_model",  # labels, then training
    "05_grpo",
    "08_evaluation",  # pieces
)


def upstream(stage: str) -> set[str]:
    """All stages that this one builds on, near and far."""
    reads = STAGES[stage].reads
    return set(reads).union(*(upstream(s) for s in reads))


def kill_everything(process: subprocess.Popen) -> None:
    """The runner's process group and the notebook's process, which has a group of its own."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    for child in family:
        child.kill()
    process.wait()
    psutil.wait_procs(family, timeout=10)


def start_and_kill(root, stage: str, delay: float) -> bool:
    """Start the stage, kill it ``delay`` seconds after its loop could begin; False if it was done by then."""
    begun = root / "smoke" / stage / "artifacts"  # made by the notebook itself
    results = root / "smoke" / stage / "results.json"
    process = subprocess.Popen(
        [*COMMAND, stage],
        cwd=ROOT,
        env=environment(root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600
    while not begun.exists():
        assert process.poll() is None and time.monotonic() < deadline, f"{stage} did not start"
        time.sleep(0.02)
    time.sleep(delay)
    kill_everything(process)
    return not results.exists()


def kill_and_resume(frozen: Run, root, stage: str) -> tuple[dict, dict]:
    """Metrics of the uninterrupted run, and of one that was killed and started again."""
    expected = json.loads((frozen.folder / stage / "results.json").read_text())
    delay = random.Random(stage).uniform(0.2, 0.9) * expected["seconds"]
    assert expected["params"]["threads"] == 1
    for attempt in range(6):
        trial = root / str(attempt)
        for name in upstream(stage):
            if (frozen.folder / name).exists():
                shutil.copytree(frozen.folder / name, trial / "smoke" / name)
        if start_and_kill(trial, stage, delay):
            break
        delay /= 2  # it was faster this time
    else:
        pytest.fail(f"{stage} always ended before the kill")
    again = run_smoke(trial, stage)
    assert again.code == 0, again.out[-3000:]
    got = json.loads((trial / "smoke" / stage / "results.json").read_text())
    return expected["metrics"], got["metrics"]


@pytest.fixture(scope="module")
def killed(frozen, tmp_path_factory):
    """All stages, two at a time: they do not touch each other's folders."""
    assert frozen.code == 0, frozen.out[-3000:]
    with ThreadPoolExecutor(2) as pool:
        yield {
            s: pool.submit(kill_and_resume, frozen, tmp_path_factory.mktemp(s), s) for s in KILLED
        }


@pytest.mark.parametrize("stage", KILLED)
def test_killed_and_resumed_gives_the_same_metrics(killed, stage):
    expected, got = killed[stage].result()
    assert got == expected
