"""The same pages through datatrove + trafilatura + its MinHash, and through ours: pages per second and formulas kept.

    python bench/corpus/peers.py --data ../shared/data/web --out reports/reference/bench/corpus_peers.json

One worker, one run, CPU time; both read the same JSONL file of real pages and write JSONL. datatrove runs its own steps
with its own executor: ``JsonlReader``, ``Trafilatura``, ``JsonlWriter``, then the four MinHash stages. Ours is
``dsmath corpus extract`` and ``dedup`` as functions. MinHash has 14 bands of 8 values over 5-grams on both sides.

Needs ``pip install datatrove trafilatura lxml_html_clean orjson spacy "xxhash<4"`` in an environment of your own.
"""

import argparse
import json
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import truth
from quality import LEAST, url_of

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.crawl import commands, dedup
from dsmath_lib.crawl.read_pages import decode
from dsmath_lib.crawl.shards import dumps

BANDS, ROWS, SHINGLE = 14, 8, 5  # datatrove's defaults
FOLDERS = ("math", "neardup", "plain")


def cpu(call: Callable[[], Any]) -> float:
    """CPU seconds of a call, with those of the processes it started: datatrove extracts in one."""

    def now() -> float:
        used = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(u.ru_utime + u.ru_stime for u in used)

    start = now()
    call()
    return now() - start


def write_pages(data: Path, out: Path) -> int:
    """All HTML pages as ``{id, url, html, text}``; datatrove's reader takes the mark-up from ``text``."""
    n = 0
    with out.open("wb") as f:
        for folder in FOLDERS:
            for path in sorted((data / "html" / folder).glob("*.html")):
                html = decode(path.read_bytes())
                url = url_of(truth.Page(path.stem, html)) or f"http://pages.test/{folder}"
                row = {"id": path.stem, "url": f"{url}/{path.stem}", "html": html}
                f.write(dumps(row))
                n += 1
    return n


def theirs(pages: Path, folder: Path) -> tuple[dict[str, float], Path]:
    """datatrove's pipeline; seconds per step, and the file with its texts."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    config = MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=ROWS)
    at = {x: str(folder / x) for x in ("docs", "sigs", "buckets", "remove", "unique")}

    def reader(where: str, pattern: str, **kw: Any) -> JsonlReader:
        return JsonlReader(where, glob_pattern=pattern, compression=None, **kw)

    def writer(where: str) -> JsonlWriter:
        return JsonlWriter(where, output_filename="${rank}.jsonl", compression=None)

    def run(name: str, tasks: int, *steps: Any) -> float:
        logs = str(folder / "logs" / name)
        go = LocalPipelineExecutor(pipeline=list(steps), tasks=tasks, logging_dir=logs, workers=1)
        return cpu(go.run)

    docs = "*.jsonl"
    # a limit of 30 s a page instead of one second, so that a busy machine loses none
    seconds = {
        "extract": run("extract", 1, reader(str(pages.parent), pages.name, text_key="html"),
                       Trafilatura(favour_precision=False, timeout=30), writer(at["docs"])),
        "sign": run("sign", 1, reader(at["docs"], docs), MinhashDedupSignature(at["sigs"], config)),
        "buckets": run("buckets", BANDS, MinhashDedupBuckets(at["sigs"], at["buckets"], config=config)),
        "cluster": run("cluster", 1, MinhashDedupCluster(at["buckets"], at["remove"], config=config)),
        "filter": run("filter", 1, reader(at["docs"], docs), MinhashDedupFilter(at["remove"]), writer(at["unique"])),
    }  # fmt: skip
    return seconds, folder


def ours(pages: Path, folder: Path) -> tuple[dict[str, float], Path]:
    """Our two commands."""
    docs, unique = folder / "docs" / "00000.jsonl", folder / "unique" / "00000.jsonl"
    settings = dedup.DedupSettings(BANDS, ROWS, SHINGLE, 0.7, 1)
    seconds = {
        "extract": cpu(
            lambda: commands.extract_files([str(pages)], str(docs), max_chars=2_000_000)
        ),
        "dedup": cpu(lambda: commands.deduplicate([str(docs)], str(unique), settings)),
    }
    return seconds, folder


def rows(folder: Path) -> list[dict[str, Any]]:
    """The documents of a folder of JSONL files."""
    lines = (x for p in sorted(folder.glob("*.jsonl")) for x in p.read_text("utf-8").splitlines())
    return [json.loads(x) for x in lines]


def name_of(row: dict[str, Any]) -> str:
    url = row.get("url") or row.get("metadata", {}).get("url", "")
    return url.rsplit("/", 1)[-1]


def present(pages: dict[str, truth.Page], docs: list[dict[str, Any]]) -> dict[str, Any]:
    """Formulas of at least ``LEAST`` characters that stand in the texts, over all groups."""
    total: Counter = Counter()
    for row in docs:
        if (page := pages.get(name_of(row))) is None:
            continue
        flat = truth.squeeze(row["text"])
        for f, n in sum(page.formulas.values(), Counter()).items():
            if len(f) >= LEAST:
                total.update(present=min(n, flat.count(f)))
    total["formulas"] = sum(
        n for p in pages.values() for c in p.formulas.values() for f, n in c.items() if len(f) >= LEAST
    )  # fmt: skip
    return dict(total) | {"share": round(total["present"] / total["formulas"], 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with html")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        import datatrove  # noqa: F401
        import trafilatura  # noqa: F401
    except ImportError as err:
        sys.exit(f"needs datatrove and trafilatura ({err}): see the first lines of this file")
    versions = {x: version(x) for x in ("trafilatura", "datatrove")}
    known = {p.name: p for p in truth.pages(args.data / "html", "math", "neardup")}
    result: dict[str, Any] = {"bench": "corpus_peers", "versions": versions}
    with tempfile.TemporaryDirectory() as tmp:
        pages = Path(tmp) / "in" / "pages.jsonl"
        pages.parent.mkdir()
        result["pages"] = n = write_pages(args.data, pages)
        for name, run in (("ours", ours), ("datatrove", theirs)):
            seconds, folder = run(pages, Path(tmp) / name)
            docs = rows(folder / "docs")
            result[name] = {
                "cpu_seconds": seconds,
                "pages_per_second": n / sum(seconds.values()),
                "extract_pages_per_second": n / seconds["extract"],
                "dedup_documents_per_second": len(docs) / (sum(seconds.values()) - seconds["extract"]),
                "documents": len(docs),
                "kept_by_dedup": len(rows(folder / "unique")),
                "survival": present(known, docs),
            }  # fmt: skip
            print(name, json.dumps(result[name]), flush=True)
    rate = result["ours"]["pages_per_second"] / result["datatrove"]["pages_per_second"]
    result["ours_against_datatrove"] = round(rate, 2)
    result["environment"] = environment()
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
