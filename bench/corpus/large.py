"""A large run under datatrove's local executor, killed and resumed: rate, peak memory, and is the result the same?

    python bench/corpus/large.py --pages ../shared/data/web/warc ../shared/data/web/html --copies 20 --out OUT.json

The pages are written ``copies`` times, each copy with another address and a line of its own, a file for each copy. A
child process extracts them, one task a file. It is killed when a third of the shards are done, started again, and must
leave finished shards alone. Needs the extra ``scale``.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.records import Page
from dsmath_lib.crawl import cluster, commands, pipeline, read_pages, shards

MAX_CHARS = 1_000_000


def write_copies(pages: list[Page], folder: Path, copies: int) -> None:
    """One JSONL file for each copy; its pages differ from those of the others in address and a line."""
    folder.mkdir()
    for k in range(copies):
        with (folder / f"{k:04d}.jsonl").open("wb") as f:
            for i, p in enumerate(pages):
                line = f"<p>Copy {k} of page {i}, which was read once more.</p></body>"
                html = p.html.replace("</body>", line, 1)
                f.write(shards.dumps({"url": f"http://copy{k}.test/{i}", "html": html}))


def work(folder: Path, workers: int) -> None:
    """The child: extracts every file under the executor."""
    given = shards.as_shards(sorted((folder / "in").glob("*.jsonl")))
    runner = cluster.runner("local", folder / "logs", tasks=len(given), workers=workers)
    job = pipeline.Work(folder / "work", len(given), "key", runner)
    parts, results = pipeline.extract_docs(
        job, partial(commands._pages, given, MAX_CHARS), MAX_CHARS
    )
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in parts)).hexdigest()
    who = resource.RUSAGE_CHILDREN if workers > 1 else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss / 1024
    documents = sum(r["documents"] for r in results)
    print(json.dumps({"documents": documents, "digest": digest, "peak_mb": peak}))


def start(folder: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, __file__, "--child", str(folder), "--workers", str(workers)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )


def measure(folder: Path, copies: int, workers: int) -> dict[str, Any]:
    """Killed at a third, gone on with, and once more in one go."""
    done = lambda: {p.name: p.stat().st_mtime_ns for p in (folder / "work").rglob("*.done.json")}  # noqa: E731
    child = start(folder, workers)
    while len(before := done()) < -(-copies // 3) and child.poll() is None:
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    before = done()
    resumed = json.loads(start(folder, workers).communicate()[0].splitlines()[-1])
    kept = all(done()[name] == at for name, at in before.items())
    (folder / "work").rename(folder / "first")
    begin = time.monotonic()
    whole = json.loads(start(folder, workers).communicate()[0].splitlines()[-1])
    return {
        "done_when_killed": len(before), "of": copies, "left_alone": kept,
        "same_bytes": whole["digest"] == resumed["digest"], "documents": whole["documents"],
        "seconds": time.monotonic() - begin, "peak_mb": whole["peak_mb"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", nargs="+", default=[])
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", type=Path)
    args = parser.parse_args()
    if args.child:
        work(args.child, args.workers)
        return
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        plan = shards.plan(commands.find(args.pages, folder))
        read = (
            p for s in plan for p in read_pages.read_shard(s, Counter(), [], max_chars=MAX_CHARS)
        )
        pages = [p for p in read if isinstance(p, Page)]
        write_copies(pages, folder / "in", args.copies)
        result = measure(folder, args.copies, args.workers)
    result = {
        "bench": "corpus_large",
        "pages": len(pages) * args.copies,
        "workers": args.workers,
        **result,
    }
    print(json.dumps(result, indent=1))
    if args.out:
        write_atomic(args.out, json.dumps(result | {"environment": environment()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
