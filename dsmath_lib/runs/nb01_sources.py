"""Where stage 01 gets its material: the toy world, or files. Everything later is the same for both."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.record_files import BadFile, Part, hub_parts, is_hub
from dsmath_lib.base.records import Document, Page
from dsmath_lib.corpus.decontaminate import BenchmarkText
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.crawl.annotate import Annotations, read_tables
from dsmath_lib.crawl.jobs import ShardResult
from dsmath_lib.engines.webtext import documents
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.stage.data import data_folder, data_path, read_rows

WORLD_TABLE = Path(__file__).resolve().parents[1] / "world" / "url_annotations.csv"


@dataclass
class Material:
    """What the loop works on, beside the pages (``pages_of``).

    ``truth`` (url -> is it mathematics) may be known for some pages only.
    ``leaks`` (url -> how it was planted: "copy", or how rewritten) and ``groups`` (url -> duplicate group) are known
    for the toy world alone.
    """

    seed: list[Document]
    benchmarks: list[BenchmarkText]
    table: Annotations
    truth: dict[str, bool] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)  # url -> style of page, for tables
    leaks: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    gallery: list[Page] = field(default_factory=list)


def load_sources(cfg: MiningParams) -> Material:
    """The material of a stage.

    Raises:
        StageError: data_dir or a file is missing; says which and how to set it.
    """
    try:
        table = read_tables(
            *(WORLD_TABLE if t == "world" else ROOT / t for t in cfg.annotation_tables)
        )
    except OSError as err:
        raise StageError(f"annotation_tables: cannot read {err.filename}") from None
    return _world(cfg, table) if cfg.pages_from == "world" else _files(cfg, table)


def _world(cfg: MiningParams, table: Annotations) -> Material:
    from dsmath_lib.world.corpora import seed_documents

    web = _web(cfg.n_pages, cfg.seed, cfg.world)
    truth = web.truth
    return Material(
        seed=list(seed_documents(cfg.seed_docs, cfg.seed)),
        benchmarks=benchmarks(cfg),
        table=table,
        truth={u: t.is_math for u, t in truth.items()},
        kinds={u: t.style for u, t in truth.items()},
        leaks={u: str(t.leak_form) for u, t in truth.items() if t.leak_of},
        groups={u: str(t.dup_group) for u, t in truth.items() if t.dup_group},
        gallery=_one_of_each(web.pages),
    )


@lru_cache(maxsize=1)
def _web(n_pages: int, seed: int, world: str) -> Any:
    """The toy web, made once per process."""
    from dsmath_lib.world.web import make_web

    return make_web(n_pages, seed, WORLDS[world].hard_negatives)


def pages_of(cfg: MiningParams, i: int, n: int, result: ShardResult) -> Iterator[Page | Document]:
    """The pages of shard ``i`` of ``n``: of the toy web, or of every n-th part of the list of files.

    What is read and skipped is counted in the result.

    Raises:
        StageError: data_dir or a file is missing; says which and how to set it.
    """
    if cfg.pages_from == "world":
        pages = _web(cfg.n_pages, cfg.seed, cfg.world).pages
        yield from pages[i * len(pages) // n : (i + 1) * len(pages) // n]
    else:
        yield from _pages(cfg.page_sources, cfg, result["counts"], (i, n))


def stamps(cfg: MiningParams) -> list[Any]:
    """What tells that the files of the crawl are still the same."""
    if cfg.pages_from == "world":
        return []
    return [p.stamp() for p in _find(cfg.page_sources, cfg)]


def benchmarks(cfg: MiningParams) -> list[BenchmarkText]:
    """The benchmark texts that are to be removed: those of the toy world, and those of files."""
    items: list[BenchmarkText] = []
    if cfg.pages_from == "world":
        from dsmath_lib.world.leaks import protected
        from dsmath_lib.world.problems import TOY_BENCHMARKS

        items = [
            BenchmarkText(b, p.id, p.question)
            for b in TOY_BENCHMARKS
            for p in protected(b)[: cfg.benchmark_items]
        ]
    return items + list(_benchmark_files(cfg))


def _one_of_each(pages: Iterable[Page]) -> list[Page]:
    """The first page of each kind of formula mark-up."""
    found: dict[str, Page] = {}
    for page in pages:
        for mark in ("math-container", "MathJax_Preview", 'class="katex"', "<math"):
            if mark in page.html:
                found.setdefault(mark, page)
                break
    return list(found.values())


def _files(cfg: MiningParams, table: Annotations) -> Material:
    quiet: Counter = Counter()  # files named twice are counted once, as part of the crawl
    truth = {p.url: False for p in _pages(cfg.truth_other, cfg, quiet)}
    truth |= {p.url: True for p in _pages(cfg.truth_math, cfg, quiet)}
    seed_pages = list(_pages(cfg.seed_sources, cfg, quiet))
    seed = list(documents(seed_pages, quiet, max_chars=cfg.max_page_chars))[: cfg.seed_docs]
    for d in seed:  # the seed is given, so finding it again proves nothing
        truth.pop(d.url, None)
    return Material(
        seed=seed,
        benchmarks=benchmarks(cfg),
        table=table,
        truth=truth,
        gallery=[p for p in _pages(cfg.gallery_sources, cfg, quiet) if isinstance(p, Page)],
    )


def _pages(
    patterns: list[str], cfg: MiningParams, counts: Counter, part: tuple[int, int] = (0, 1)
) -> Iterator[Page | Document]:
    parts = _find(patterns, cfg)
    addresses = _addresses(cfg.address_table, cfg.data_dir)
    i, n = part
    for p in parts[i * len(parts) // n : (i + 1) * len(parts) // n]:
        counts["files"] += 1
        try:
            for page in reading.read_crawl_file(p, counts, max_chars=cfg.max_page_chars):
                known = addresses.get(Path(p.path)) if page.url.startswith("file:") else None
                yield replace(page, url=known) if known else page
        except BadFile as err:
            if is_hub(p.path):
                raise StageError(f"{err}; run again, finished shards are kept") from None
            counts[f"file not read, or not to its end:{str(err).removeprefix(p.path + ':')}"] += 1


def _find(patterns: list[str], cfg: MiningParams) -> list[Part]:
    """Files below ``data_dir``, and the pieces of data sets of the Hub."""
    found: dict[Part, None] = {}
    for pattern in patterns:
        try:
            if is_hub(pattern):
                found |= dict.fromkeys(hub_parts(pattern))
            else:
                files = reading.find_files([pattern], data_folder(cfg.data_dir))
                found |= dict.fromkeys(Part(str(p)) for p in files)
        except FileNotFoundError as err:
            raise StageError(f"data_dir '{cfg.data_dir}': {err}") from None
        except BadFile as err:
            raise StageError(str(err)) from None
    return list(found)


@cache
def _addresses(table: str, data_dir: str) -> dict[Path, str]:
    """File -> address, from JSONL rows ``{file, url}``; ``file`` is relative to the table's folder."""
    if not table:
        return {}
    path = data_path(table, data_dir)
    rows = read_rows(table, data_dir=data_dir, fields=("file", "url"))
    return {path.parent / r["file"]: r["url"] for r in rows if r["url"]}


def _benchmark_files(cfg: MiningParams) -> Iterator[BenchmarkText]:
    for entry in cfg.benchmark_sources:
        name, _, rest = entry.partition("=")
        source, _, key = rest.rpartition(":")
        if not (name and source and key):
            raise ParamsError(
                f"parameter 'benchmark_sources': {entry!r} is not of the form name=path:field"
            )
        for i, row in enumerate(read_rows(source, data_dir=cfg.data_dir, fields=(key,))):
            yield BenchmarkText(name, str(i), str(row[key]))
