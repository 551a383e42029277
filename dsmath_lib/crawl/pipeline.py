"""The steps from pages to a clean corpus over shards: the notebook's run and ``dsmath corpus`` both call them.

    extract        pages to text with formulas, and its language
    dedup          one page of each address, one of each group of near duplicates        (``dedup``)
    classify       the classifier's P(mathematics); the loop of ``mining`` trains it
    decontaminate  no benchmark text

A step makes the documents of one shard; ``Work.over`` writes those of all shards. Documents come one at a time, so one
is in memory. Deduplicated shards, scores and reports do not depend on how the input is cut.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import key_of
from dsmath_lib.base.records import Document, Page
from dsmath_lib.corpus import classifier
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.crawl.jobs import Job, Runner, ShardResult, run_job
from dsmath_lib.crawl.shards import (
    DocRow,
    Shard,
    part_path,
    read_documents,
    with_fields,
    write_part,
)
from dsmath_lib.engines.webtext import documents, language
from dsmath_lib.stage.data import read_rows

BATCH = 500  # documents scored in one call
QUESTION_FIELDS = ("question", "problem", "prompt", "text")

# make(i, n, result): the documents of shard i of n; counts and errors go into the result
Make = Callable[[int, int, ShardResult], Iterable[Document]]
Pages = Callable[[int, int, ShardResult], Iterable[Page | Document]]


@dataclass(frozen=True)
class Work:
    """Where steps over ``n`` shards leave their part files, and how they run.

    ``key`` says what the input is: finished shards of another key are made again.
    """

    folder: Path
    n: int
    key: str
    runner: Runner = run_job

    def over(self, name: str, make: Make, *settings: Any) -> tuple[list[Path], list[ShardResult]]:
        """Do a step on every shard: part files in order, and what was counted."""
        do = partial(write_shard, make, self.folder / name)
        job = Job(name, self.folder, self.n, key_of(self.key, settings), do)
        return [part_path(self.folder / name, i) for i in range(self.n)], self.runner(job)


def write_shard(make: Make, folder: Path, i: int, n: int) -> ShardResult:
    """Make the documents of one shard and write them, whole or not at all."""
    result: ShardResult = {"counts": Counter(), "errors": []}
    written = write_part(make(i, n, result), part_path(folder, i))
    return result | {"documents": written}


def docs_of(shards: Sequence[Shard], i: int, n: int, result: ShardResult) -> Iterator[DocRow]:
    """The documents of a shard of JSONL or Parquet files."""
    return read_documents(shards[i], result["counts"], result["errors"])


# -- extract ---------------------------------------------------------------------------------------------------------
def extract_docs(work: Work, pages: Pages, max_chars: int) -> tuple[list[Path], list[ShardResult]]:
    """Pages to ``{url, text, lang, n_formulas}``; a page that cannot be used is counted by reason."""
    return work.over("extract", partial(_extract, pages, max_chars), max_chars)


def _extract(
    pages: Pages, max_chars: int, i: int, n: int, result: ShardResult
) -> Iterator[Document]:
    found = pages(i, n, result)
    return tell_language(documents(found, result["counts"], max_chars=max_chars))


def tell_language(docs: Iterable[Document]) -> Iterator[Document]:
    """Documents with their language set where it was not."""
    for d in docs:
        yield d if d.lang else replace(d, lang=language(d.text))


# -- classify --------------------------------------------------------------------------------------------------------
def classify_docs(docs: Iterable[Document], model: str) -> Iterator[DocRow]:
    """Documents with ``score``, P(mathematics) by the classifier of a file."""
    docs = iter(docs)
    while batch := list(islice(docs, BATCH)):
        lines = [classifier.one_line(d.text) for d in batch]
        for d, p in zip(batch, classifier.score_lines(classifier.load(model), lines), strict=True):
            yield with_fields(d, score=round(float(p), 6))


# -- decontaminate ---------------------------------------------------------------------------------------------------
def decontaminate_docs(
    work: Work, docs: Make, index: Callable[[], decon.Index], mode: str
) -> tuple[list[Path], list[ShardResult], decon.Report]:
    """Documents without benchmark text, and a report of what was found.

    Args:
        index: gives the index; every process calls it, so it should keep what it made.
        mode: as ``decontaminate.decontaminate``.
    """
    parts, results = work.over("clean", partial(_clean, docs, index, mode), mode)
    report = decon.Report(index=index())
    for r in results:
        report.add(r["report"])
    return parts, results, report


def _clean(
    docs: Make, index: Callable[[], decon.Index], mode: str, i: int, n: int, result: ShardResult
) -> Iterator[Document]:
    report = decon.Report()
    yield from decon.decontaminate(docs(i, n, result), index(), report, mode=mode)
    result["report"] = report.found()


def benchmark_texts(spec: str) -> list[decon.BenchmarkText]:
    """The texts of ``FILE`` or ``FILE:field``; a list in a field gives one text each.

    Without a field, the first of ``QUESTION_FIELDS`` that the first row has.

    Raises:
        StageError: the file is missing, or a row lacks the field; names both.
    """
    path, _, name = (spec, "", "") if Path(spec).exists() else spec.rpartition(":")
    if not path or "/" in name:
        path, name = spec, ""
    source = str(Path(path).absolute())
    if not name:
        first = read_rows(source)[0]
        name = next((f for f in QUESTION_FIELDS if f in first), QUESTION_FIELDS[0])
    stem = Path(path).name
    while stem.endswith((".jsonl", ".json", ".tsv", ".parquet", ".gz")):
        stem = stem[: stem.rindex(".")]
    benchmark = f"{Path(source).parent.name}/{stem}"  # many are called test.jsonl
    out = []
    for i, row in enumerate(read_rows(source, fields=(name,))):
        values = row[name] if isinstance(row[name], list) else [row[name]]
        out += [decon.BenchmarkText(benchmark, str(i), str(v)) for v in values]
    return out
