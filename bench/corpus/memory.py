"""Memory and cost per page of the whole chain, as the crawl grows: are they flat?

    python bench/corpus/memory.py --sizes 10000,30000,100000 --out reports/reference/bench/corpus_memory.json

Writes the toy web, 5,000 pages at a time, to JSONL files, and runs the real commands on the first files:
``dsmath corpus extract``, ``dedup``, ``mine`` (two rounds) and ``decontaminate``, each in a process of its own, one
worker, shards of 5 MB. For each: peak resident memory, and CPU seconds without those of an import of the same modules.
A plot goes beside the JSON file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.crawl.shards import dumps
from dsmath_lib.runs.nb01_sources import WORLD_TABLE
from dsmath_lib.world.corpora import seed_documents
from dsmath_lib.world.leaks import protected
from dsmath_lib.world.problems import TOY_BENCHMARKS
from dsmath_lib.world.web import make_web

CHUNK = 5_000
PARTITION = 10_000  # pages of a hash partition: more pages, more partitions
SHARD = ["--shard-mb", "5"]  # so that the smallest crawl fills a shard too, as a real one does
FAST = ["--dim", "32", "--lr", "0.5", "--epochs", "5", "--bucket", "50000"]
STEPS = ("extract", "dedup", "mine", "decontaminate")


def write_web(folder: Path, n_pages: int) -> list[Path]:
    """The toy web in files of ``CHUNK`` pages; each file is a web of its own seed on the same domains."""
    out = []
    for k in range(n_pages // CHUNK):
        path = folder / f"pages-{k:04d}.jsonl"
        with path.open("wb") as f:
            for p in make_web(CHUNK, k).pages:
                f.write(dumps({"url": p.url, "html": p.html}))
        out.append(path)
    return out


def write_extras(folder: Path) -> None:
    """The seed and the benchmarks."""
    with (folder / "seed.jsonl").open("wb") as f:
        for d in seed_documents(600, 0):
            f.write(dumps({"url": d.url, "text": d.text}))
    with (folder / "benchmark.jsonl").open("wb") as f:
        for b in TOY_BENCHMARKS:
            for p in protected(b):
                f.write(dumps({"question": p.question}))


# Linux counts the memory of the process that starts another towards the peak of that one, so a small one starts it.
LAUNCHER = """
import json, os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
row = {"code": os.waitstatus_to_exitcode(status), "cpu_s": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}
print(json.dumps(row))
"""


def measure(args: list[str]) -> dict[str, float]:
    """Run Python with these arguments; CPU seconds and peak resident memory of that process alone."""
    command = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    if row["code"]:
        raise SystemExit(f"failed with {row['code']}: {' '.join(args)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"cpu_s": row["cpu_s"], "peak_mb": row["peak"] * unit / 1e6}


def commands(folder: Path, files: list[Path], n: int) -> dict[str, list[str]]:
    """The four commands on ``n`` pages."""
    at = folder / str(n)
    at.mkdir()
    parts = ["--partitions", str(max(n // PARTITION, 1))]
    docs, unique, clean = (str(at / f"{x}.jsonl") for x in ("docs", "unique", "clean"))
    return {
        "extract": [*map(str, files[: n // CHUNK]), "-o", docs, *SHARD],
        "dedup": [docs, "-o", unique, *parts, *SHARD],
        "mine": [
            unique, "-o", str(at / "mined"), "--seed-pages", str(folder / "seed.jsonl"), "--keep-share", "0.4",
            "--min-score", "0.5", "--max-rounds", "2", "--annotations", str(WORLD_TABLE), *FAST, *parts, *SHARD,
        ],
        "decontaminate": [unique, "-o", clean, "--benchmark", str(folder / "benchmark.jsonl"), *SHARD],
    }  # fmt: skip


def plot(rows: list[dict], path: Path) -> None:
    """Peak memory and cost per page over the number of pages, a line for each command."""
    import matplotlib.pyplot as plt

    plt.style.use("tableau-colorblind10")
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    for step, marker in zip(STEPS, "osv^", strict=True):
        here = [r for r in rows if r["step"] == step]
        for ax, key in zip(axes, ("peak_mb", "cpu_ms_per_page"), strict=True):
            ax.plot([r["pages"] for r in here], [r[key] for r in here], marker=marker, label=step)
    for ax, label in zip(axes, ("peak memory (MB)", "CPU per page (ms)"), strict=True):
        ax.set(xscale="log", xlabel="pages", ylabel=label, ylim=(0, None))
        ax.legend()
    fig.tight_layout()
    fig.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,30000,100000", help="pages, multiples of 5000")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    sizes = [int(x) for x in args.sizes.split(",")]
    rows = []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        write_extras(folder)
        files = write_web(folder, max(sizes))
        base = measure(["-c", "import dsmath_lib.app.cli, dsmath_lib.crawl.commands, fasttext"])
        for n in sizes:
            for step, given in commands(folder, files, n).items():
                got = measure(["-m", "dsmath_lib.app.cli", "corpus", step, *given])
                cost = 1000 * (got["cpu_s"] - base["cpu_s"]) / n
                row = {"pages": n, "step": step, **got, "cpu_ms_per_page": cost}
                rows.append(row)
                print(
                    {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()},
                    flush=True,
                )
    result = {"bench": "corpus_memory", "base": base, "rows": rows, "environment": environment()}
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")
    plot(rows, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
