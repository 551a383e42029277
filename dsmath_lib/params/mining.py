"""Parameters of 01_corpus_mining."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import Params, par


class MiningParams(Params):
    """The iterative mining loop: where pages come from, how they are cleaned, scored, kept and checked."""

    stage: ClassVar[str] = "01_corpus_mining"

    pages_from: Literal["world", "files"] = par(
        "world (the toy web) or files below data_dir", paper="Common Crawl"
    )
    n_pages: int = par("pages of the toy web (files: no effect)", paper="40B", ge=50)
    seed_docs: int = par("first positives; files: at most", paper=500_000, ge=2)
    corpus_docs: int = par(
        "documents of each comparison corpus of the toy world (0: write none)", ge=0
    )
    benchmark_items: int = par("items of each toy benchmark that the decontamination covers", ge=0)
    data_dir: str = par(
        "folder of real data, relative to the project or absolute; empty for the world"
    )
    page_sources: list[str] = par(
        "the crawl: globs below data_dir (WARC, HTML, JSONL, Parquet, Arrow), hub:owner/name@COMMIT"
    )
    seed_sources: list[str] = par("the seed pages: as page_sources", paper="OpenWebMath")
    address_table: str = par("JSONL (file, url) below data_dir: addresses of pages that name none")
    truth_math: list[str] = par(
        "glob patterns of pages known to be mathematics; used to measure only"
    )
    truth_other: list[str] = par("glob patterns of pages known not to be; used to measure only")
    gallery_sources: list[str] = par("glob patterns of pages that the notebook may print")
    benchmark_sources: list[str] = par(
        "benchmarks to remove (name=path:field); empty: those of the toy"
    )
    annotation_tables: list[str] = par(
        "URL annotation tables (CSV), 'world' or paths in the project"
    )
    max_page_chars: int = par("longer pages are skipped", ge=1000)
    minhash_bands: int = par("bands of the near-duplicate search", ge=1)
    minhash_rows: int = par("MinHash values in a band", ge=1)
    minhash_shingle: int = par("words (CJK: characters) in a shingle", ge=1)
    near_dup_similarity: float = par(
        "pages at least this similar are one (Jaccard, estimated)", ge=0, le=1
    )
    ft_dim: int = par("fastText: vector size", paper=256, ge=1)
    ft_lr: float = par("fastText: learning rate", paper=0.1, gt=0)
    ft_word_ngrams: int = par("fastText: longest word n-gram", paper=3, ge=1)
    ft_min_count: int = par("fastText: least occurrences of a word", paper=3, ge=1)
    ft_epochs: int = par("fastText: passes over the training pages", paper=3, ge=1)
    ft_bucket: int = par("fastText: rows for hashed n-grams", ge=1000)
    ft_threads: int = par("fastText: threads; only 1 repeats exactly", ge=1)
    negatives_per_positive: float = par("crawl pages per positive", paper=1.0, gt=0)
    keep_share: list[float] = par(
        "share of the crawl's tokens kept in round 1, 2, …; the last goes on",
        paper="40B, …, 120B tokens (1 : 3)",
    )
    keep_min_score: float = par(
        "pages with a lower score are not kept, budget or not", paper="none", ge=0, le=1
    )
    max_rounds: int = par("rounds at most", paper=4, ge=1)
    stop_overlap: float = par(
        "stop at this share of tokens already collected", paper=0.98, ge=0, le=1
    )
    domain_share: float = par(
        "a math domain has more than this share of pages collected", paper=0.10, ge=0, lt=1
    )
    domain_min_pages: int = par("domains with fewer pages in the crawl are not judged", ge=1)
    decon_ngram: int = par("n of the exact n-gram rule", paper=10, ge=2)
    decon_min_grams: int = par("shorter benchmark texts are not covered", paper=3, ge=1)
    decon_mode: Literal["page", "segment"] = par(
        "remove the page, or its hit paragraphs", paper="both named"
    )
    lesson_rounds: int = par("rounds of the loop on text without formulas (0: none)", ge=0)
    shards: int = par("parts the crawl is cut into; no effect on the result", ge=1)
    partitions: int = par("parts of a join; more need less memory, same result", ge=1)
    workers: int = par("processes; no effect on the result", ge=1)
