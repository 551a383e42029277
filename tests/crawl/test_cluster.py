"""Our jobs and steps under datatrove's executors (extra ``scale``): same files as here, for any number of tasks."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.crawl import cluster, dedup, jobs
from dsmath_lib.crawl.pipeline import tell_language
from dsmath_lib.crawl.shards import as_shards, write_part

from .test_dedup import SETTINGS, pages

pytest.importorskip("datatrove", reason="needs the extra scale")


def shards_in(folder: Path) -> list:
    for i in range(5):
        write_part(pages()[i::5], folder / f"{i}.jsonl")
    return as_shards([folder / f"{i}.jsonl" for i in range(5)])


def kept(given: list, folder: Path, runner: jobs.Runner) -> list[bytes]:
    parts, _ = dedup.dedup_shards(given, folder, SETTINGS, runner)
    return [p.read_bytes() for p in parts]


def test_local_executor(tmp_path: Path) -> None:
    given = shards_in(tmp_path)
    want = kept(given, tmp_path / "here", jobs.run_job)
    for tasks, workers in ((1, 1), (2, 2), (7, 1)):
        runner = cluster.runner("local", tmp_path / "logs", tasks=tasks, workers=workers)
        assert kept(given, tmp_path / f"work{tasks}", runner) == want


def test_another_number_of_tasks_goes_on_where_the_first_was(tmp_path: Path) -> None:
    given = shards_in(tmp_path)
    do = partial(dedup._sign, given, tmp_path / "w", SETTINGS)
    job = jobs.Job("sign", tmp_path / "w", 5, "key", do)
    cluster.task(None, 1, 2, job=job)
    before = {i: job.marker(i).stat().st_mtime_ns for i in (1, 3)}
    results = cluster.runner("local", tmp_path / "logs", tasks=3, workers=1)(job)
    assert len(results) == 5 and before == {i: job.marker(i).stat().st_mtime_ns for i in before}


SBATCH = """#!{python}
# Stands in for Slurm: runs every task of the array here and prints a job number.
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
found = re.search(r"--array=(\\d+)-(\\d+)", script)
for i in range(int(found[1]), int(found[2]) + 1) if found else ():
    env = os.environ | {{"SLURM_ARRAY_TASK_ID": str(i), "RUN_OFFSET": "0", "SLURM_NODELIST": "here",
                        "SLURM_CPUS_PER_TASK": "1", "SLURM_MEM_PER_CPU": "2048", "SLURM_GPUS_ON_NODE": "0"}}
    subprocess.run(["bash", "-c", script], env=env, check=True, stdout=sys.stderr)
print("Submitted batch job 1")
"""


def test_slurm_executor_with_a_stand_in_for_sbatch(tmp_path: Path, monkeypatch) -> None:
    """The real executor writes its script and pickle; ``sbatch`` is a script that runs the tasks one by one."""
    here = tmp_path / "bin"
    here.mkdir()
    (here / "sbatch").write_text(SBATCH.format(python=sys.executable))
    (here / "squeue").write_text("#!/bin/sh\n")
    (here / "scontrol").write_text("#!/bin/sh\necho here\n")
    (here / "srun").write_text(
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do [ "$1" = -n ] && shift; shift; done\nexec "$@"\n'
    )
    for p in here.iterdir():
        p.chmod(0o755)
    monkeypatch.setenv("PATH", f"{here}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    given = shards_in(tmp_path)
    runner = cluster.runner(
        "slurm", tmp_path / "logs", tasks=2, time="00:10:00", partition="cpu", requeue_signals=None, mail_type="NONE"
    )  # fmt: skip
    do = partial(dedup._sign, given, tmp_path / "w", SETTINGS)
    results = runner(jobs.Job("sign", tmp_path / "w", 5, "key", do))
    assert [r["documents"] for r in results] == [len(pages()[i::5]) for i in range(5)]


def test_ray_executor(tmp_path: Path, monkeypatch) -> None:
    """One Ray node on this machine: the whole deduplication gives the same files as without it."""
    ray = pytest.importorskip("ray", reason="needs ray, which the extra scale does not bring")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    given = shards_in(tmp_path)
    want = kept(given, tmp_path / "here", jobs.run_job)
    ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, _node_ip_address="127.0.0.1"
    )  # fmt: skip
    try:
        runner = cluster.runner("ray", tmp_path / "logs", tasks=2, mem_per_cpu_gb=0.2)
        assert kept(given, tmp_path / "ray", runner) == want
    finally:
        ray.shutdown()


def test_a_lost_shard_is_an_error_and_not_a_hang(tmp_path: Path) -> None:
    job = jobs.Job("lost", tmp_path, 2, "key", lambda i, n: {})
    job.run_shard(0)
    with pytest.raises(RuntimeError, match=r"lost: 1 of 2 shards were not finished, first \[1\]"):
        cluster.wait(job, None)


def test_our_step_in_their_pipeline(tmp_path: Path) -> None:
    from datatrove.data import Document as Theirs
    from datatrove.executor import LocalPipelineExecutor

    text = "Ein Satz über die Welt und das Wetter, wie man ihn oft liest."
    theirs = [Theirs(text=text, id=str(i), metadata={"url": "u", "k": [i]}) for i in range(3)]

    def look(docs, rank, world_size):
        for d in docs:
            (tmp_path / d.id).write_text(
                f"{d.metadata['lang']} {d.metadata['k']} {d.metadata['url']}"
            )
            yield d

    steps = [theirs, cluster.as_step(tell_language), look]
    LocalPipelineExecutor(pipeline=steps, logging_dir=str(tmp_path / "logs")).run()
    assert [(tmp_path / str(i)).read_text() for i in range(3)] == [f"de [{i}] u" for i in range(3)]


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="local, slurm or ray"):
        cluster.runner("spark", "logs", tasks=1)
