"""What ``dsmath corpus`` does, as functions: shards in, one file out, a line about what was counted.

While a command runs, finished shards lie in ``OUTPUT.work``; the same command goes on from there. The output appears
whole, at the end. A path that cannot be read is named, the others go on, and the exit code is 1.
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import key_of, temporary, write_atomic, write_text
from dsmath_lib.base.folders import lock_folder, unlock_folder
from dsmath_lib.corpus import classifier
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.crawl import dedup, mining, shards
from dsmath_lib.crawl import page_steps as steps
from dsmath_lib.crawl.annotate import propose, read_tables, write_proposals
from dsmath_lib.crawl.jobs import Job, Result, Runner, run, total_counts
from dsmath_lib.crawl.mined import Mined, Round, Rules
from dsmath_lib.crawl.shards import Shard

KINDS = (".warc", ".warc.gz", ".wet", ".wet.gz", ".warc.zst", ".wet.zst", ".html", ".htm",
         ".xhtml", *shards.RECORDS)  # fmt: skip
CACHES = ("cache-", "indices-")  # files that ``datasets`` leaves beside those of a data set


@dataclass(frozen=True)
class Place:
    """Where a command works: ``folder`` holds its finished shards, ``files`` are its inputs."""

    folder: Path
    files: list[Path]


@contextmanager
def workplace(inputs: Sequence[str], out: str) -> Iterator[Place]:
    """The folder of a command's unfinished work; it goes when the output is there.

    Standard input or output cannot be resumed, so then it is a temporary folder.
    """
    if out == "-" or "-" in inputs:
        with tempfile.TemporaryDirectory(prefix="dsmath-") as tmp:
            yield Place(Path(tmp), find(inputs, Path(tmp)))
        return
    folder = Path(out + ".work")
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock_folder(folder, wait_s=2)
    try:
        yield Place(folder, find(inputs, folder))
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        unlock_folder(folder)
        (folder.parent / f".{folder.name}.lock").unlink(missing_ok=True)


def find(inputs: Sequence[str], folder: Path) -> list[Path]:
    """The files of the inputs, in order: a folder gives those below it of a known kind, ``-`` is standard input.

    A data set of the Hub (``hub:…``) stays as it is named.
    """
    out: list[Path] = []
    for name in inputs:
        path = Path(name)
        if name == "-":
            out.append(_spool(folder))
        elif path.is_dir():
            below = (p for p in sorted(path.rglob("*")) if p.name.lower().endswith(KINDS))
            out += [p for p in below if p.is_file() and not p.name.startswith(CACHES)]
        else:
            out.append(path)
    return list(dict.fromkeys(out))


def _spool(folder: Path) -> Path:
    """Standard input as a file; its first bytes say what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stdin"
    with path.open("wb") as f:
        shutil.copyfileobj(sys.stdin.buffer, f)
    head = path.open("rb").read(8)
    if head.startswith(b"\x1f\x8b"):
        import gzip

        kind = ".jsonl.gz" if gzip.open(path).read(1) == b"{" else ".warc.gz"
    else:
        kinds = {b"WARC": ".warc", b"PAR1": ".parquet"}
        kind = kinds.get(head[:4], ".jsonl" if head.lstrip()[:1] in (b"{", b"") else ".html")
    return path.rename(path.with_suffix(kind))


def finish(parts: Sequence[Path], results: Sequence[Result], out: str) -> int:
    """Put the parts together, say what was counted and what went wrong; returns the exit code."""
    shards.assemble(parts, out)
    counts = total_counts(results)
    for what, n in sorted(counts.items()):
        print(what if what.startswith("note: ") else f"{what}: {n:,}", file=sys.stderr)
    n = sum(r.get("documents", 0) for r in results)
    print(f"{n:,} documents in {'standard output' if out == '-' else out}", file=sys.stderr)
    errors = list(dict.fromkeys(e for r in results for e in r.get("errors", ())))
    for e in errors:
        print(f"error: {e}", file=sys.stderr)
    return 1 if errors else 0


def _stamps(plan: Sequence[Shard]) -> list[Any]:
    return [[p.stamp() for p in s] for s in plan]


def _parts(job: Job) -> list[Path]:
    return [part(job.folder, job.name, i) for i in range(job.n)]


def part(folder: Path, name: str, i: int) -> Path:
    """The part file that a job writes for one shard."""
    return folder / name / f"{i:05d}.jsonl"


# -- extract ---------------------------------------------------------------------------------------------------------
def extract(
    inputs: Sequence[str],
    out: str,
    *,
    max_chars: int,
    shard_bytes: int = shards.SHARD_BYTES,
    runner: Runner = run,
) -> int:
    """Pages of any kind of file to ``{url, text, lang, n_formulas}``."""
    with workplace(inputs, out) as at:
        plan = shards.plan(at.files, shard_bytes)
        do = partial(extract_shard, plan, at.folder, max_chars)
        job = Job("extract", at.folder, len(plan), key_of(_stamps(plan), max_chars), do)
        return finish(_parts(job), runner(job), out)


def extract_shard(plan: Sequence[Shard], folder: Path, max_chars: int, i: int, n: int) -> Result:
    """Read, extract, tell the language, write: one shard."""
    counts: Counter = Counter()
    errors: list[str] = []
    pages = steps.read_pages(plan[i], counts, errors, max_chars=max_chars)
    docs = steps.extract(pages, i, n, counts=counts, max_chars=max_chars)
    written = shards.write_part(steps.tell_language(docs, i, n), part(folder, "extract", i))
    return {"documents": written, "counts": dict(counts), "errors": errors}


# -- dedup -----------------------------------------------------------------------------------------------------------
def deduplicate(
    inputs: Sequence[str],
    out: str,
    settings: dedup.Settings,
    *,
    dropped: str = "",
    shard_bytes: int = shards.SHARD_BYTES,
    runner: Runner = run,
) -> int:
    """One document of each canonical address and of each group of near duplicates."""
    with workplace(inputs, out) as at:
        plan = shards.plan(at.files, shard_bytes)
        parts, results = dedup.dedup(plan, at.folder, settings, runner)
        if dropped:
            shards.assemble([dedup.dropped_path(at.folder, i) for i in range(len(plan))], dropped)
        return finish(parts, results, out)


# -- classify --------------------------------------------------------------------------------------------------------
def classify(
    inputs: Sequence[str],
    out: str,
    *,
    model: str,
    min_score: float = 0.0,
    shard_bytes: int = shards.SHARD_BYTES,
    runner: Runner = run,
) -> int:
    """Documents with their ``score``; those under ``min_score`` are left out."""
    model = str(Path(model).absolute())
    steps.load_model(model)  # say at once if it is none
    with workplace(inputs, out) as at:
        plan = shards.plan(at.files, shard_bytes)
        do = partial(_classify_shard, plan, at.folder, model, min_score)
        stamp = shards.Part(model).stamp()
        job = Job("classify", at.folder, len(plan), key_of(_stamps(plan), stamp, min_score), do)
        return finish(_parts(job), runner(job), out)


def _classify_shard(
    plan: Sequence[Shard], folder: Path, model: str, min_score: float, i: int, n: int
) -> Result:
    counts: Counter = Counter()
    errors: list[str] = []
    docs = shards.read_documents(plan[i], counts, errors)
    scored = (d for d in steps.classify(docs, i, n, model=model) if d.extra["score"] >= min_score)
    written = shards.write_part(scored, part(folder, "classify", i))
    return {"documents": written, "counts": dict(counts), "errors": errors}


def train(
    positives: Sequence[str], negatives: Sequence[str], settings: classifier.Settings, out: str
) -> None:
    """Train a classifier on two sets of documents and save it, whole or not at all.

    Raises:
        BadFile: a file cannot be read.
        ValueError: one of the sets is empty.
    """
    errors: list[str] = []
    path = Path(out)

    def lines(inputs: Sequence[str]) -> Iterator[str]:
        for s in shards.plan(find(inputs, path.parent)):
            for d in shards.read_documents(s, Counter(), errors):
                yield classifier.one_line(d.text)

    model = classifier.train(lines(positives), lines(negatives), settings, path.absolute().parent)
    if errors:
        raise shards.BadFile(errors[0])
    tmp = temporary(path)
    model.save_model(str(tmp))
    tmp.replace(path)


# -- mine ------------------------------------------------------------------------------------------------------------
def mine(
    inputs: Sequence[str],
    out: str,
    *,
    seed: Sequence[str],
    annotations: Sequence[str],
    rules: Rules,
    settings: classifier.Settings,
    shard_bytes: int = shards.SHARD_BYTES,
    runner: Runner = run,
) -> int:
    """The loop over deduplicated documents; leaves ``mined.jsonl``, rounds, the classifier and proposals in ``out``."""
    folder = Path(out)
    table = read_tables(*map(Path, annotations))
    with workplace(inputs, str(folder / "mined")) as at:
        plan = shards.plan(at.files, shard_bytes)
        seeds, bad = shards.plan(find(seed, at.folder)), []
        docs = (d for s in seeds for d in shards.read_documents(s, Counter(), bad))
        rows: list[dict[str, Any]] = []
        got = mining.mine(
            plan, docs, table, rules, settings, at.folder / "rounds",
            on_round=lambda r: rows.append(_say(r)), runner=runner,
        )  # fmt: skip
        last = got.rounds[-1].number
        write_atomic(folder / "rounds.json", json.dumps(rows, indent=1) + "\n")
        domains = set().union(*(r.domains for r in got.rounds))
        write_proposals(folder / "proposals.csv", propose(got.scored(last), domains, known=table))
        shutil.copyfile(got.round_folder(last) / "model.bin", folder / "model.bin")
        do = partial(_mined_shard, plan, at.folder, got, last)
        key = key_of(_stamps(plan), rows, [r.domains for r in got.rounds])
        job = Job("mined", at.folder, len(plan), key, do)
        results = runner(job)
        results[0]["errors"] = [*bad, *got.errors, *results[0]["errors"]]
        return finish(_parts(job), results, str(folder / "mined.jsonl"))


def _say(r: Round) -> dict[str, Any]:
    row = {k: v for k, v in r.row().items() if k not in ("precision", "recall")}
    print("; ".join(f"{k} {v}" for k, v in row.items()), file=sys.stderr)
    return row


def _mined_shard(
    plan: Sequence[Shard], folder: Path, got: Mined, last: int, i: int, n: int
) -> Result:
    errors: list[str] = []
    docs = shards.read_documents(plan[i], Counter(), errors)
    rows = zip(docs, got.kept(last, i), got.scores(last, i), strict=True)
    kept = (steps.with_fields(d, score=round(float(p), 6)) for d, k, p in rows if k)
    return {"documents": shards.write_part(kept, part(folder, "mined", i)), "errors": errors}


# -- decontaminate ---------------------------------------------------------------------------------------------------
@cache
def benchmark_index(specs: tuple[str, ...], n: int, min_grams: int) -> decon.Index:
    """The index of some benchmark files, once per process."""
    texts = [t for s in specs for t in steps.benchmark_texts(s)]
    return decon.build_index(texts, n=n, min_grams=min_grams)


def decontaminate(
    inputs: Sequence[str],
    out: str,
    *,
    benchmarks: Sequence[str],
    report: str = "",
    n: int = 10,
    min_grams: int = 3,
    mode: str = "page",
    shard_bytes: int = shards.SHARD_BYTES,
    runner: Runner = run,
) -> int:
    """Documents without benchmark text, and a report of what was found."""
    rules = (tuple(benchmarks), n, min_grams)
    index = benchmark_index(*rules)
    with workplace(inputs, out) as at:
        plan = shards.plan(at.files, shard_bytes)
        texts = key_of([[b, steps.benchmark_texts(b)] for b in benchmarks])
        key = key_of(_stamps(plan), texts, n, min_grams, mode)
        do = partial(_clean_shard, plan, at.folder, rules, mode)
        job = Job("decontaminate", at.folder, len(plan), key, do)
        results = runner(job)
        whole = decon.Report(index=index)
        for i in range(len(plan)):
            state = part(at.folder, job.name, i).with_suffix(".report.json")
            steps.add_report(whole, json.loads(state.read_text(encoding="utf-8")))
        if report:
            write_atomic(
                Path(report), json.dumps(whole.as_json(), indent=1, ensure_ascii=False) + "\n"
            )
        for row in whole.rows():
            print(", ".join(f"{k} {v}" for k, v in row.items()), file=sys.stderr)
        return finish(_parts(job), results, out)


def _clean_shard(
    plan: Sequence[Shard],
    folder: Path,
    rules: tuple[tuple[str, ...], int, int],
    mode: str,
    i: int,
    n: int,
) -> Result:
    counts: Counter = Counter()
    errors: list[str] = []
    index, report = benchmark_index(*rules), decon.Report()
    docs = shards.read_documents(plan[i], counts, errors)
    path = part(folder, "decontaminate", i)
    written = shards.write_part(
        steps.clean(docs, i, n, index=index, report=report, mode=mode), path
    )
    write_text(path.with_suffix(".report.json"), json.dumps(steps.report_state(report)))
    return {"documents": written, "counts": dict(counts), "errors": errors}
