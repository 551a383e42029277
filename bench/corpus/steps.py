"""Rate of every step of stage 01 on one core, and what it leaves on disk.

    python bench/corpus/steps.py --pages PATH… --out reports/reference/bench/corpus_steps.json

``--pages`` takes what ``dsmath corpus extract`` takes (WARC, HTML, folders). Without it, pages of the toy web are
used; these are much shorter than real ones. The joins of the deduplication and the scoring run on the extracted texts.
CPU time of this process is measured, the best of three runs counts.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.corpus import classifier
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.crawl import commands, dedup, pipeline, read_pages, rounds, shards
from dsmath_lib.crawl.annotate import Annotations
from dsmath_lib.crawl.exchange import load_bucket, save_bucket
from dsmath_lib.engines.webtext import documents
from dsmath_lib.world.leaks import protected
from dsmath_lib.world.problems import TOY_BENCHMARKS
from dsmath_lib.world.web import make_web

MAX_CHARS = 1_000_000
PAPER = classifier.FastTextSettings(
    256, 0.1, 3, 3, 3, 200_000, 1, 0
)  # the paper's, with a smaller bucket
DEDUP = dedup.DedupSettings(bands=28, rows=4, shingle=5, min_similarity=0.7, partitions=2)


def cpu(call: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """The least CPU seconds of some calls, and the last result."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        out = call()
        best = min(best, time.process_time() - start)
    return best, out


def pages_in(paths: list[str], folder: Path, n: int) -> list[Path]:
    """The files to read; the toy web if none are named."""
    if paths:
        return commands.find(paths, folder)
    path = folder / "toy.jsonl"
    with path.open("wb") as f:
        for p in make_web(n, 0).pages:
            f.write(shards.dumps({"url": p.url, "html": p.html}))
    return [path]


def size(*paths: Path) -> int:
    return sum(p.stat().st_size for p in paths)


def measure(files: list[Path], folder: Path) -> dict[str, Any]:
    """Seconds of each step over all pages, and bytes that it leaves."""
    plan = shards.plan(files)
    seconds: dict[str, float] = {}

    def read() -> list:
        return [
            p for s in plan for p in read_pages.read_shard(s, Counter(), [], max_chars=MAX_CHARS)
        ]

    seconds["read"], pages = cpu(read)
    extract = lambda: list(documents(pages, Counter(), max_chars=MAX_CHARS))  # noqa: E731
    seconds["extract"], docs = cpu(extract)
    seconds["language"], docs = cpu(lambda: list(pipeline.tell_language(docs)))
    write = lambda: shards.write_part(docs, folder / "docs.jsonl")  # noqa: E731
    seconds["write"], _ = cpu(write)
    given = shards.as_shards([folder / "docs.jsonl"])
    work = folder / "dedup"
    jobs = {
        "sign": lambda: dedup._sign(given, work, DEDUP, 0, 1),
        "addresses": lambda: [dedup._addresses(work, 1, p, 2) for p in range(2)],
        "bands": lambda: dedup._bands(work, DEDUP, 0, 1),
        "pairs": lambda: [dedup._pairs(work, 1, DEDUP, p, 2) for p in range(2)],
        "groups": lambda: dedup._groups(work, 1, 2, 0, 1),
        "keep": lambda: dedup._keep(given, work, 2, 0, 1),
    }
    for name, job in jobs.items():
        seconds[f"dedup: {name}"], _ = cpu(job)
    table, at = Annotations({}), folder / "rounds"
    ready = lambda: rounds.pages(given, table, at, 1, 0, 1)  # noqa: E731
    seconds["mine: prepare"], _ = cpu(ready)
    lines = [x.decode() for x in rounds.lines(at, 0)]
    half = len(lines) // 2
    (at / "round-1").mkdir()
    model = classifier.train_classifier(lines[:half], lines[half:], PAPER, folder)
    model.save_model(str(at / "round-1" / "model.bin"))
    rounds.score(at, 1, 0, 1)  # loads the model
    seconds["mine: score"], _ = cpu(lambda: rounds.score(at, 1, 0, 1))
    hist = load_bucket(rounds.made(at, 1, "score", 0, ".hist.npy"))
    budget = int(hist.sum() // 2)
    seconds["mine: keep"], _ = cpu(lambda: rounds.keep(at, 1, (hist, budget, 0.5), 1, 0, 1))
    save_bucket(rounds.made(at, 1, "grow", 0), rounds.np.zeros(0, int))
    texts = [decon.BenchmarkText(b, p.id, p.question) for b in TOY_BENCHMARKS for p in protected(b)]
    index = decon.build_index(texts)
    clean = lambda: list(decon.decontaminate(docs, index, decon.Report()))  # noqa: E731
    seconds["decontaminate"], _ = cpu(clean)
    return {
        "pages": len(pages),
        "documents": len(docs),
        "html_chars": sum(len(getattr(p, "html", "")) for p in pages),
        "text_chars": sum(len(d.text) for d in docs),
        "seconds": seconds,
        "bytes": {
            "texts": size(folder / "docs.jsonl"),
            "signatures": size(work / "sign" / "00000.npy"),
            "band records": size(work / "bands" / "00000.npy"),
            "lines for fastText": size(rounds.prepared(at, 0, ".txt")),
            "page table and scores": size(rounds.prepared(at, 0), rounds.made(at, 1, "score", 0)),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", nargs="*", default=[], help="files and folders of real pages")
    parser.add_argument(
        "--toy", type=int, default=2000, help="pages of the toy web without --pages"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        result = measure(pages_in(args.pages, folder, args.toy), folder)
    what = "real pages" if args.pages else "toy web"
    result = {"bench": "corpus_steps", "input": what, **result, "environment": environment()}
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")
    for name, s in result["seconds"].items():
        print(f"{name:20} {result['pages'] / max(s, 1e-9):12,.0f} pages/s")


if __name__ == "__main__":
    main()
