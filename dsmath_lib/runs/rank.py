"""One process of a training: ``python -m dsmath_lib.runs.rank JOB.json``, started by ``do_job`` or by torchrun.

On another machine of a run with ``nodes`` above 1, ``python -m dsmath_lib.runs.rank STAGE_FOLDER --node 1`` waits for
the jobs of that stage and runs this machine's processes of each, until the stage is done.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.machine import keep_memory
from dsmath_lib.engines import parallel
from dsmath_lib.runs.jobs import job_part, run_ranks, save_made, thaw
from dsmath_lib.stage.ranks import RankStage


def rank_of_job(path: Path) -> None:
    """This process's part of a job."""
    folder = path.parent
    job = json.loads(path.read_text(encoding="utf-8"))
    cfg = thaw(job["cfg"], folder)

    def work(device: torch.device) -> None:
        torch.set_num_threads(cfg.threads or max(1, (os.cpu_count() or 1) // cfg.processes))
        keep_memory()
        torch.manual_seed(cfg.seed)
        stage = RankStage(cfg, job["stage"], Path(job["dir"]), Path(job["artifacts"]))
        here = {"stage": stage, "device": device}
        arguments = {k: thaw(v, folder, **here) for k, v in job["arguments"].items()}
        save_made(folder, job_part(job["function"])(stage, device, **arguments))

    parallel.run_rank(folder, job["device"], work)


def other_node(stage: Path, node: int, wait_s: float = 2.0) -> None:
    """Run this machine's processes of every job of a stage, until its results are written."""
    done: set[tuple[str, float]] = set()
    begun = time.time()
    while True:
        for path in sorted(stage.glob("ranks/*/job.json")):
            try:
                key = (str(path), path.stat().st_mtime)
                job = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # it is being taken away
            if key in done:
                continue
            done.add(key)
            print(f"node {node}: {path.parent.name}", flush=True)
            run_ranks(path.parent, thaw(job["cfg"], path.parent), job["address"], node)
        results = stage / "results.json"
        if results.exists() and results.stat().st_mtime > begun:
            return
        time.sleep(wait_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("job", type=Path, help="job.json, or the folder of a stage")
    parser.add_argument("--node", type=int, default=0, help="number of this machine, from 1")
    given = parser.parse_args()
    if given.node:
        try:
            other_node(given.job, given.node)
        except StageError as err:
            raise SystemExit(f"{err}") from None
    else:
        rank_of_job(given.job)


if __name__ == "__main__":
    main()
