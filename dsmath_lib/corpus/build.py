"""From pages to the crawl that is mined, and from what was mined to the corpora that later stages read."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dsmath_lib.corpus import minhash, urls
from dsmath_lib.corpus.classifier import Settings
from dsmath_lib.corpus.extract import documents
from dsmath_lib.corpus.language import language
from dsmath_lib.corpus.mining import Rules
from dsmath_lib.corpus.rank import total_tokens
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.records import Document
from dsmath_lib.stage import write_atomic


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
        min_score=cfg.keep_min_score,
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
    stay = {d.url for d in kept}
    stands_for = {g: d.url for d, g in zip(docs, group, strict=True) if d.url in stay}
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
    rows = []
    for name, docs in parts.items():
        docs = list(docs)
        write_docs(folder / f"{name}.jsonl.gz", docs)
        langs = Counter(d.lang or "?" for d in docs)
        tokens = total_tokens(docs)
        rows.append(
            {"corpus": name, "documents": len(docs), "tokens": tokens, "languages": _shares(langs)}
        )
    return rows


def _shares(langs: Counter) -> str:
    total = max(sum(langs.values()), 1)
    return ", ".join(f"{k} {n / total:.0%}" for k, n in langs.most_common(3))


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


def write_json(path: Path, value: object) -> None:
    """Plain data as indented JSON, whole or not at all."""
    write_atomic(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def paper_and_ours(
    rounds: Sequence[Mapping[str, object]], leaks: Mapping[str, int], crawl: Crawl
) -> list[dict[str, object]]:
    """The table of the notebook: what the paper reports about its mining, and the same of this run."""
    first, last = rounds[0], rounds[-1]
    return [
        {"what": "pages of the deduplicated crawl", "paper": "40B", "ours": len(crawl.docs)},
        {"what": "rounds", "paper": 4, "ours": len(rounds)},
        {"what": "tokens of the first round", "paper": "40B", "ours": first["tokens"]},
        {"what": "tokens of the last round", "paper": "120B", "ours": last["tokens"]},
        {"what": "pages of the last round", "paper": "35.5M", "ours": last["pages"]},
        {
            "what": "already collected before the last round",
            "paper": "almost 98 %",
            "ours": last["overlap"],
        },
        {"what": "recall, first round", "paper": "not reported", "ours": first["recall"]},
        {"what": "recall, last round", "paper": "not reported", "ours": last["recall"]},
        {"what": "precision, last round", "paper": "not reported", "ours": last["precision"]},
        {
            "what": "planted leaks left",
            "paper": "not reported",
            "ours": leaks.get("leaks_left", "not known"),
        },
    ]
