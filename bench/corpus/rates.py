"""Rates of the corpus steps against the libraries that do the same, in one run, on one thread, on the same real pages.

    python bench/corpus/rates.py --data DATA/web --benchmark DATA/math/gsm8k/test.jsonl:question … \\
        --out reports/reference/bench/corpus_rates.json

Baselines: resiliparse's main content alone on the same pages, raw ``fasttext`` predict on the same texts, and
datasketch's MinHash (``pip install datasketch``; without it that ratio is left out, and the output says so). CPU time
of the thread is measured, baseline and step turn by turn; per group of pages the least of some rounds counts.
"""

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from resiliparse.extract.html2text import extract_plain_text

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.base.records import Page
from dsmath_lib.corpus import classifier, decontaminate, minhash
from dsmath_lib.crawl import pipeline as steps
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.crawl import shards
from dsmath_lib.engines.webtext import documents

GROUPS = ("html/plain", "html/math", "html/neardup", "warc")
LIBRARIES = ("resiliparse", "fastwarc", "selectolax", "fasttext-community", "datasketch", "numpy")
MAX_CHARS = 1_000_000
N_PERM, SHINGLE = 112, 5
PAPER = classifier.FastTextSettings(
    256, 0.1, 3, 3, 3, 200_000, 1, 0
)  # the paper's, with a smaller bucket
# name -> (numerator, denominator, goal, higher is better): rate over rate, or cost over cost
RATIOS = {
    "extract against main content": ("main content", "extract", None, True),
    "whole pass against main content": ("main content", "whole pass", 0.6, True),
    "classify against raw predict": ("raw predict", "classify", 0.8, True),
    "MinHash against datasketch": ("datasketch", "minhash", 2.5, True),
    "decontaminate, share of extract": ("decontaminate", "extract", 0.1, False),
}
Calls = dict[str, Callable[[], Any]]


def least(calls: Calls, rounds: int) -> dict[str, float]:
    """The least CPU seconds of each call; all take turns, so a busy machine slows all."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            best[name] = min(best[name], time.thread_time() - start)
    return best


def main_content(pages: list[Page]) -> None:
    """The baseline: resiliparse alone, with the arguments that ours has."""
    for p in pages:
        extract_plain_text(p.html, main_content=True, alt_texts=False, preserve_formatting=True)


def sketch(texts: list[str]) -> None:
    """datasketch: words, n-grams of words, MinHash."""
    from datasketch import MinHash

    for text in texts:
        words = [w.encode() for w in re.findall(r"\w+", text.lower())]
        grams = {b" ".join(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1))}
        m = MinHash(num_perm=N_PERM)
        m.update_batch(list(grams))


def sign(texts: list[str], perms: Any) -> None:
    for text in texts:
        minhash.signature(minhash.shingles(text, SHINGLE), perms)


def calls_of(shard: shards.Shard, raw: Any, model: str, index: decontaminate.Index) -> Calls:
    """What is timed on one group: baselines, each step alone, and all steps from the files on."""
    perms = minhash.permutations(N_PERM)
    read = lambda: reading.read_shard(shard, Counter(), [], max_chars=MAX_CHARS)  # noqa: E731
    extract = partial(documents, counts=Counter(), max_chars=MAX_CHARS)
    clean = lambda docs: decontaminate.decontaminate(docs, index, decontaminate.Report())  # noqa: E731
    pages = [p for p in read() if isinstance(p, Page)]
    docs = list(extract(pages))
    texts = [d.text for d in docs]
    lines = [classifier.one_line(t) for t in texts]

    def whole() -> None:
        found = steps.classify_docs(steps.tell_language(extract(read())), model)
        for d in clean(found):
            minhash.signature(minhash.shingles(d.text, SHINGLE), perms)

    calls: Calls = {
        "main content": lambda: main_content(pages),
        "extract": lambda: list(extract(pages)),
        "whole pass": whole,
        "read": lambda: list(read()),
        "language": lambda: list(steps.tell_language(docs)),
        "raw predict": lambda: raw.predict(lines, k=2),
        "classify": lambda: list(steps.classify_docs(docs, model)),
        "datasketch": lambda: sketch(texts),
        "minhash": lambda: sign(texts, perms),
        "decontaminate": lambda: list(clean(docs)),
    }
    if version("datasketch") is None:
        del calls["datasketch"]
    for d in docs:  # tables and models that are made once
        index.filter.may_hold(d.text)
    calls["classify"]()
    return calls


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def train(folder: Path, groups: dict[str, shards.Shard]) -> str:
    """A classifier with the paper's settings: pages of mathematics against the others."""
    sides: tuple[list[str], list[str]] = ([], [])
    for name, shard in groups.items():
        pages = reading.read_shard(shard, Counter(), [], max_chars=MAX_CHARS)
        docs = documents(pages, Counter(), max_chars=MAX_CHARS)
        sides[name in ("html/plain", "warc")].extend(classifier.one_line(d.text) for d in docs)
    path = folder / "model.bin"
    classifier.train_classifier(*sides, PAPER, folder).save_model(str(path))
    return str(path)


def measure(data: Path, benchmarks: list[str], rounds: int, folder: Path) -> dict[str, Any]:
    """Seconds per group and in all, and the ratios."""
    groups = {}
    for g in GROUPS:
        files = [f for f in reading.find_files([f"{g}/**/*"], data) if not f.name.endswith(".md")]
        groups[g] = tuple(part for s in shards.plan(files) for part in s)
    model = train(folder, groups)
    raw = classifier.load_fasttext().load_model(model)
    texts = [t for spec in benchmarks for t in steps.benchmark_texts(spec)]
    index = decontaminate.build_index(texts)
    seconds, pages = {}, {}
    for g, shard in groups.items():
        calls = calls_of(shard, raw, model, index)
        pages[g] = sum(1 for _ in reading.read_shard(shard, Counter(), [], max_chars=MAX_CHARS))
        seconds[g] = least(calls, rounds)
    seconds["all"] = {k: sum(seconds[g][k] for g in groups) for k in seconds[GROUPS[0]]}
    pages["all"] = sum(pages.values())
    return {
        "pages": pages,
        "benchmark_texts": len(texts),
        "index_grams": len(index.long) + len(index.short),
        "seconds": seconds,
        "ratios": {g: ratios(s) for g, s in seconds.items()},
    }


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    return {
        name: round(seconds[a] / seconds[b], 3)
        for name, (a, b, _, _) in RATIOS.items()
        if a in seconds
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with html/ and warc/")
    parser.add_argument("--benchmark", nargs="+", required=True, help="FILE or FILE:field")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        result = measure(args.data, args.benchmark, args.rounds, Path(tmp))
    libraries = {name: version(name) for name in LIBRARIES}
    goals = {k: {"goal": g, "at_least": up} for k, (_, _, g, up) in RATIOS.items() if g}
    result = {"bench": "corpus_rates", **result, "goals": goals, "rounds": args.rounds}
    result |= {"libraries": libraries, "environment": environment()}
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")
    n = result["pages"]["all"]
    for name, s in result["seconds"]["all"].items():
        print(f"{name:18} {n / s:10,.0f} pages/s {1000 * s / n:8.3f} ms")
    for g, row in result["ratios"].items():
        print(f"{g:14}", "  ".join(f"{k}: {v:.2f}" for k, v in row.items()))
    if libraries["datasketch"] is None:
        print("datasketch is not installed, so MinHash was not compared: pip install datasketch")


if __name__ == "__main__":
    main()
