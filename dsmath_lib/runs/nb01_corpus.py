"""From pages to the crawl that is mined, and from what was mined to the corpora that later stages read."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from shutil import rmtree

from dsmath_lib.base.files import key_of, replaced
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.corpus.classifier import FastTextSettings
from dsmath_lib.corpus.rank import n_tokens
from dsmath_lib.crawl import dedup, pipeline
from dsmath_lib.crawl.jobs import Runner, ShardResult, run_job, total_counts
from dsmath_lib.crawl.mined import Mined, Rules
from dsmath_lib.crawl.pipeline import Work, docs_of
from dsmath_lib.crawl.shards import DocRow, Shard, as_shards, read_documents, stamps, with_fields
from dsmath_lib.engines.webtext import without_formulas
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.runs import nb01_sources as sources


@dataclass(frozen=True)
class Crawl:
    """The deduplicated crawl on disk. ``counts``: what was read, skipped and removed, by reason."""

    folder: Path
    shards: list[Shard]
    counts: Counter

    def docs(self) -> Iterator[DocRow]:
        """All pages, one at a time."""
        return _docs(self.shards)

    def shard_docs(self, i: int) -> Iterator[DocRow]:
        """The pages of one shard."""
        return _docs(self.shards[i : i + 1])


@dataclass(frozen=True)
class Clean:
    """The crawl without benchmark text; each page has ``kept``: was it in the last round?"""

    shards: list[Shard]
    report: decon.Report

    def docs(self, kept: bool = False) -> Iterator[DocRow]:
        """All pages, or those of the last round."""
        return (d for d in _docs(self.shards) if d.extra["kept"] or not kept)


def _docs(shards: Iterable[Shard]) -> Iterator[DocRow]:
    for s in shards:
        yield from read_documents(s, Counter(), [])


def rules(cfg: MiningParams) -> Rules:
    """The loop's rules among the stage's parameters."""
    return Rules(
        keep_share=tuple(cfg.keep_share),
        min_score=cfg.keep_min_score,
        max_rounds=cfg.max_rounds,
        stop_overlap=cfg.stop_overlap,
        domain_share=cfg.domain_share,
        domain_min_pages=cfg.domain_min_pages,
        negatives_per_positive=cfg.negatives_per_positive,
    )


def fasttext_settings(cfg: MiningParams) -> FastTextSettings:
    """The classifier's settings among the stage's parameters."""
    return FastTextSettings(
        dim=cfg.ft_dim,
        lr=cfg.ft_lr,
        word_ngrams=cfg.ft_word_ngrams,
        min_count=cfg.ft_min_count,
        epochs=cfg.ft_epochs,
        bucket=cfg.ft_bucket,
        threads=cfg.ft_threads,
        seed=cfg.seed,
    )


def runner_of(cfg: MiningParams) -> Runner:
    """How jobs run: in this process, or in ``workers`` processes."""
    return partial(run_job, workers=cfg.workers)


def work(cfg: MiningParams, folder: Path, n: int, *key: object) -> Work:
    """Steps over ``n`` shards of a stage; done again when a parameter that may change a result has changed."""
    plain = cfg.model_dump(mode="json", exclude={"resume", "workers", "artifacts_dir", "threads"})
    return Work(folder, n, key_of(plain, key), runner_of(cfg))


def fresh(cfg: MiningParams, folder: Path) -> Path:
    """A folder of finished shards, emptied if the stage does not resume."""
    if not cfg.resume:
        rmtree(folder, ignore_errors=True)
    return folder


def build_crawl(cfg: MiningParams, folder: Path) -> Crawl:
    """Extract, tell the language, remove equal addresses, then near duplicates (the paper's order).

    Finished shards in ``folder`` are taken from there, if parameters and files are the same.
    """
    at = work(cfg, fresh(cfg, folder), cfg.shards, sources.stamps(cfg))
    parts, extracted = pipeline.extract_docs(at, partial(sources.pages_of, cfg), cfg.max_page_chars)
    settings = dedup.DedupSettings(
        cfg.minhash_bands,
        cfg.minhash_rows,
        cfg.minhash_shingle,
        cfg.near_dup_similarity,
        cfg.partitions,
    )
    parts, kept = dedup.dedup_shards(as_shards(parts), folder / "dedup", settings, at.runner)
    counts = total_counts(extracted)
    gone = total_counts(kept)
    counts.update({why: gone[why] for why in ("duplicate address", "near duplicates")})
    counts["crawl pages"] = sum(r["documents"] for r in kept)
    return Crawl(folder, as_shards(parts), counts)


# -- the same crawl without formulas ---------------------------------------------------------------------------------
def crawl_without_formulas(cfg: MiningParams, crawl: Crawl, folder: Path) -> list[Shard]:
    """The same crawl as an extractor leaves it that loses formulas, in shards of its own."""
    at = work(cfg, folder, len(crawl.shards), stamps(crawl.shards))
    return as_shards(at.over("plain", partial(_plain, crawl.shards))[0])


def _plain(crawl: Sequence[Shard], i: int, n: int, result: ShardResult) -> Iterator[Document]:
    return plain_docs(docs_of(crawl, i, n, result))


def plain_docs(docs: Iterable[Document]) -> Iterator[Document]:
    """Documents without their formulas; one that has nothing else becomes a dot."""
    for d in docs:
        yield replace(d, text=without_formulas(d.text).strip() or ".", n_formulas=0)


# -- decontamination and corpora -------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def _index(params: str) -> decon.Index:
    cfg = MiningParams.model_validate_json(params)
    texts = sources.benchmarks(cfg)
    return decon.build_index(texts, n=cfg.decon_ngram, min_grams=cfg.decon_min_grams)


def clean_index(cfg: MiningParams) -> decon.Index:
    """The index of the benchmark texts of a stage, made once per process."""
    return _index(cfg.model_dump_json())


def clean_crawl(cfg: MiningParams, crawl: Crawl, mined: Mined, folder: Path) -> Clean:
    """Remove benchmark text from the crawl, shard by shard; finished shards in ``folder`` are taken from there."""
    n, last = len(crawl.shards), mined.rounds[-1].number
    kept = [mined.kept(last, i).tolist() for i in range(n)]
    at = work(cfg, folder, n, stamps(crawl.shards), kept)
    docs, index = partial(_marked, crawl.shards, mined, last), partial(clean_index, cfg)
    parts, _, report = pipeline.decontaminate_docs(at, docs, index, cfg.decon_mode)
    return Clean(as_shards(parts), report)


def _marked(
    crawl: Sequence[Shard], mined: Mined, last: int, i: int, n: int, result: ShardResult
) -> Iterator[DocRow]:
    pairs = zip(docs_of(crawl, i, n, result), mined.kept(last, i), strict=True)
    return (with_fields(d, kept=bool(k)) for d, k in pairs)


def write_docs(path: Path, docs: Iterable[Document]) -> dict[str, object]:
    """Write ``{url, text, lang}`` rows as ``.jsonl.gz``, whole or not at all, byte-equal for equal input.

    Returns:
        What was written: ``{"documents", "tokens", "languages"}``.
    """
    tokens, langs = 0, Counter()
    with (
        replaced(path, wait=True) as tmp,
        tmp.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=5) as f,
    ):
        for d in docs:
            row = {"url": d.url, "text": d.text, "lang": d.lang}
            f.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
            tokens += n_tokens(d.text)
            langs[d.lang or "?"] += 1
    return {"documents": langs.total(), "tokens": tokens, "languages": _shares(langs)}


def write_corpora(
    folder: Path,
    cfg: MiningParams,
    *,
    mined: Iterable[Document],
    web: Iterable[Document],
    seed: Iterable[Document],
) -> list[dict[str, object]]:
    """Write the corpora that later stages read, one ``.jsonl.gz`` each; returns a row about each.

    ``mined`` is the result, ``web`` the crawl without a filter, ``seed`` the first positives. From the toy world also
    ``arxiv``, ``code``, ``math_code`` and ``text`` for the pre-training mixture.
    """
    parts = {"mined": mined, "web": web, "seed": seed}
    if cfg.pages_from == "world" and cfg.corpus_docs:
        from dsmath_lib.world.corpora import CORPORA, corpus

        parts |= {name: corpus(name, cfg.corpus_docs, cfg.seed) for name in CORPORA}
    return [
        {"corpus": name, **write_docs(folder / f"{name}.jsonl.gz", docs)}
        for name, docs in parts.items()
    ]


def _shares(langs: Counter) -> str:
    total = max(sum(langs.values()), 1)
    return ", ".join(f"{k} {n / total:.0%}" for k, n in langs.most_common(3))
