"""From pages to the crawl that is mined, and from what was mined to the corpora that later stages read."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from shutil import rmtree

from dsmath_lib.base import urls
from dsmath_lib.base.files import key_of, temporary, write_atomic, write_text
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import decontaminate as decon
from dsmath_lib.corpus.classifier import Settings
from dsmath_lib.corpus.rank import n_tokens
from dsmath_lib.crawl import dedup
from dsmath_lib.crawl import page_steps as steps
from dsmath_lib.crawl.jobs import Job, Result, Runner, run, total_counts
from dsmath_lib.crawl.mined import Mined, Rules
from dsmath_lib.crawl.shards import Shard, read_documents, write_part
from dsmath_lib.engines.webtext import without_formulas as without
from dsmath_lib.params.mining import MiningParams
from dsmath_lib.runs import nb01_sources as sources


@dataclass(frozen=True)
class Crawl:
    """The deduplicated crawl on disk. ``counts``: what was read, skipped and removed, by reason."""

    folder: Path
    shards: list[Shard]
    counts: Counter

    def docs(self) -> Iterator[Document]:
        """All pages, one at a time."""
        for s in self.shards:
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
        partitions=cfg.partitions,
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


def runner(cfg: MiningParams) -> Runner:
    """How jobs run: in this process, or in ``workers`` processes."""
    return partial(run, workers=cfg.workers)


def build_crawl(cfg: MiningParams, folder: Path) -> Crawl:
    """Extract, tell the language, remove equal addresses, then near duplicates (the paper's order).

    Finished shards in ``folder`` are taken from there, if parameters and files are the same.
    """
    if not cfg.resume:
        rmtree(folder, ignore_errors=True)
    go, n = runner(cfg), cfg.shards
    key = key_of(_plain(cfg), sources.stamps(cfg))
    extracted = go(Job("extract", folder, n, key, partial(_extract_shard, cfg, folder)))
    settings = dedup.Settings(
        cfg.minhash_bands,
        cfg.minhash_rows,
        cfg.minhash_shingle,
        cfg.near_dup_similarity,
        cfg.partitions,
    )
    shards = dedup.as_shards([_part(folder, "extract", i) for i in range(n)])
    parts, kept = dedup.dedup(shards, folder / "dedup", settings, go)
    counts = total_counts(extracted)
    gone = total_counts(kept)
    counts.update({why: gone[why] for why in ("duplicate address", "near duplicates")})
    counts["crawl pages"] = sum(r["documents"] for r in kept)
    return Crawl(folder, dedup.as_shards(parts), counts)


def _plain(cfg: MiningParams) -> dict[str, object]:
    """The parameters that may change a result."""
    return cfg.model_dump(mode="json", exclude={"resume", "workers", "artifacts_dir", "threads"})


def _part(folder: Path, name: str, i: int) -> Path:
    return folder / name / f"{i:05d}.jsonl"


def _extract_shard(cfg: MiningParams, folder: Path, i: int, n: int) -> Result:
    counts: Counter = Counter()
    pages = sources.shard_pages(cfg, i, n, counts)
    docs = steps.extract(pages, i, n, counts=counts, max_chars=cfg.max_page_chars)
    written = write_part(steps.tell_language(docs, i, n), _part(folder, "extract", i))
    return {"documents": written, "counts": dict(counts)}


def without_formulas(cfg: MiningParams, crawl: Crawl, folder: Path) -> list[Shard]:
    """The same crawl as an extractor leaves it that loses formulas, in shards of its own."""
    n = len(crawl.shards)
    key = key_of(_plain(cfg), [[p.stamp() for p in s] for s in crawl.shards])
    runner(cfg)(Job("plain", folder, n, key, partial(_plain_shard, crawl.shards, folder)))
    return dedup.as_shards([_part(folder, "plain", i) for i in range(n)])


def plain_docs(docs: Iterable[Document]) -> Iterator[Document]:
    """Documents without their formulas; one that has nothing else becomes a dot."""
    for d in docs:
        yield replace(d, text=without(d.text).strip() or ".", n_formulas=0)


def _plain_shard(crawl: Sequence[Shard], folder: Path, i: int, n: int) -> Result:
    docs = plain_docs(read_documents(crawl[i], Counter(), []))
    return {"documents": write_part(docs, _part(folder, "plain", i))}


# -- decontamination and corpora -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Clean:
    """The crawl without benchmark text; each page has ``kept``: was it in the last round?"""

    shards: list[Shard]
    report: decon.Report

    def docs(self, kept: bool = False) -> Iterator[Document]:
        """All pages, or those of the last round."""
        for s in self.shards:
            for d in read_documents(s, Counter(), []):
                if d.extra["kept"] or not kept:
                    yield d


@lru_cache(maxsize=1)
def _index(params: str) -> decon.Index:
    cfg = MiningParams.model_validate_json(params)
    return decon.build_index(
        sources.benchmarks(cfg), n=cfg.decon_ngram, min_grams=cfg.decon_min_grams
    )


def benchmark_index(cfg: MiningParams) -> decon.Index:
    """The index of the benchmark texts of a stage, made once per process."""
    return _index(cfg.model_dump_json())


def clean_crawl(cfg: MiningParams, crawl: Crawl, mined: Mined, folder: Path) -> Clean:
    """Remove benchmark text from the crawl, shard by shard; finished shards in ``folder`` are taken from there."""
    n, last = len(crawl.shards), mined.rounds[-1].number
    stamps = [[p.stamp() for p in s] for s in crawl.shards]
    kept = [mined.kept(last, i).tolist() for i in range(n)]
    key = key_of(_plain(cfg), stamps, kept)
    do = partial(_clean_shard, cfg, crawl.shards, mined, last, folder)
    runner(cfg)(Job("clean", folder, n, key, do))
    report = decon.Report(index=benchmark_index(cfg))
    for i in range(n):
        state = _part(folder, "clean", i).with_suffix(".report.json")
        steps.add_report(report, json.loads(state.read_text(encoding="utf-8")))
    return Clean(dedup.as_shards([_part(folder, "clean", i) for i in range(n)]), report)


def _clean_shard(
    cfg: MiningParams, crawl: Sequence[Shard], mined: Mined, last: int, folder: Path, i: int, n: int
) -> Result:
    report = decon.Report()
    docs = read_documents(crawl[i], Counter(), [])
    kept = mined.kept(last, i)
    marked = (steps.with_fields(d, kept=bool(k)) for d, k in zip(docs, kept, strict=True))
    index = benchmark_index(cfg)
    path = _part(folder, "clean", i)
    clean = steps.clean(marked, i, n, index=index, report=report, mode=cfg.decon_mode)
    written = write_part(clean, path)
    write_text(path.with_suffix(".report.json"), json.dumps(steps.report_state(report)))
    return {"documents": written}


def write_docs(path: Path, docs: Iterable[Document]) -> dict[str, object]:
    """Write ``{url, text, lang}`` rows as ``.jsonl.gz``, whole or not at all, byte-equal for equal input.

    Returns:
        What was written: ``{"documents", "tokens", "languages"}``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = temporary(path)
    tokens, langs = 0, Counter()
    with tmp.open("xb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=5) as f:
        for d in docs:
            row = {"url": d.url, "text": d.text, "lang": d.lang}
            f.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
            tokens += n_tokens(d.text)
            langs[d.lang or "?"] += 1
    tmp.replace(path)
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


def duplicate_groups(groups: Mapping[str, str], crawl: Crawl) -> dict[str, int]:
    """Planted duplicate groups (url -> group): how many there are, and how many came down to one page.

    Returns:
        ``{"dup_groups", "dup_groups_reduced", "wrongly_merged"}``; the last counts pages that went with a page of
        another group.
    """
    survivors = dict.fromkeys(groups.values(), 0)
    for d in crawl.docs():
        if d.url in groups:
            survivors[groups[d.url]] += 1
    of_id: dict[int, str] = {urls.url_hash(u): g for u, g in groups.items()}
    wrong = sum(
        row["url"] not in groups or groups[row["url"]] != of_id.get(int(row["of"], 16))
        for row in dedup.read_dropped(crawl.folder / "dedup", len(crawl.shards))
        if row["why"] == "near duplicates"
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
        {
            "what": "pages of the deduplicated crawl",
            "paper": "40B",
            "ours": crawl.counts["crawl pages"],
        },
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
