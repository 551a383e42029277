"""From pages to the crawl that is mined, and from what was mined to the corpora that later stages read."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dsmath_lib.corpus import minhash, urls
from dsmath_lib.corpus.classifier import Settings
from dsmath_lib.corpus.extract import documents
from dsmath_lib.corpus.language import language
from dsmath_lib.corpus.mining import Rules
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.records import Document


@dataclass(frozen=True)
class Crawl:
    """The deduplicated crawl. ``group_of``: url -> the address that stands for its near-duplicate group."""

    docs: list[Document]
    group_of: dict[str, str]
    counts: Counter


def rules(cfg: MiningParams) -> Rules:
    """The loop's rules among the stage's parameters."""
    return Rules(
        keep_share=tuple(cfg.keep_share),
        max_rounds=cfg.max_rounds,
        stop_overlap=cfg.stop_overlap,
        domain_share=cfg.domain_share,
        domain_min_pages=cfg.domain_min_pages,
        negatives_per_positive=cfg.negatives_per_positive,
    )


def fasttext_settings(cfg: MiningParams) -> Settings:
    """The classifier's settings among the stage's parameters."""
    return Settings(
        dim=cfg.ft_dim,
        lr=cfg.ft_lr,
        word_ngrams=cfg.ft_word_ngrams,
        min_count=cfg.ft_min_count,
        epochs=cfg.ft_epochs,
        bucket=cfg.ft_bucket,
        threads=cfg.ft_threads,
        seed=cfg.seed,
    )


def with_language(docs: Iterable[Document]) -> Iterator[Document]:
    """Documents with their language set where it was not."""
    for d in docs:
        yield d if d.lang else replace(d, lang=language(d.text))


def build_crawl(pages: Iterable, cfg: MiningParams, counts: Counter) -> Crawl:
    """Extract, tell the language, remove equal addresses, then near duplicates (the paper's order)."""
    docs = documents(pages, counts, max_chars=cfg.max_page_chars)
    docs = list(urls.unique(with_language(docs), counts))
    kept, group = minhash.unique(
        docs,
        counts,
        bands=cfg.minhash_bands,
        rows=cfg.minhash_rows,
        shingle=cfg.minhash_shingle,
        min_similarity=cfg.near_dup_similarity,
    )
    counts["crawl pages"] = len(kept)
    stands_for = {
        g: d.url for d, g in zip(docs, group, strict=True) if d.url in {k.url for k in kept}
    }
    return Crawl(kept, {d.url: stands_for[g] for d, g in zip(docs, group, strict=True)}, counts)


def write_docs(path: Path, docs: Iterable[Document]) -> int:
    """Write ``{url, text, lang}`` rows as ``.jsonl.gz``, whole or not at all, byte-equal for equal input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(path.name + ".tmp")
    n = 0
    with tmp.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=5) as f:
        for d in docs:
            row = {"url": d.url, "text": d.text, "lang": d.lang}
            f.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
            n += 1
    tmp.replace(path)
    return n


def duplicate_groups(groups: Mapping[str, str], crawl: Crawl) -> dict[str, int]:
    """Planted duplicate groups (url -> group): how many there are, and how many came down to one page.

    Returns:
        ``{"dup_groups", "dup_groups_reduced", "wrongly_merged"}``; the last counts pages that went with a page of
        another group.
    """
    left = {d.url for d in crawl.docs}
    survivors: dict[str, int] = defaultdict(int)
    for url, g in groups.items():
        survivors[g] += url in left
    wrong = sum(
        1
        for u, v in crawl.group_of.items()
        if u != v and (groups.get(u) is None or groups.get(u) != groups.get(v))
    )
    reduced = sum(n == 1 for n in survivors.values())
    return {"dup_groups": len(survivors), "dup_groups_reduced": reduced, "wrongly_merged": wrong}


def leak_quality(
    leaks: Mapping[str, str], before: Iterable[Document], removed: Iterable[str]
) -> dict[str, int]:
    """Planted leaks among the pages before decontamination: how many, how many removed, how many clean pages went."""
    planted = {d.url for d in before if d.url in leaks}
    gone = set(removed)
    return {
        "leaks_planted": len(planted),
        "leaks_removed": len(planted & gone),
        "leaks_left": len(planted - gone),
        "clean_removed": len(gone - planted),
    }


def domain_quality(
    domains: Iterable[str], truth: Mapping[str, bool]
) -> dict[str, float | int | None]:
    """Are the domains found math domains? One counts as such when it holds a page known to be mathematics."""
    known = {urls.host(u) for u in truth}
    math = {urls.host(u) for u, m in truth.items() if m}
    found = set(domains) & known
    return {
        "domains_found": len(found),
        "domain_precision": len(found & math) / len(found) if found else None,
    }
