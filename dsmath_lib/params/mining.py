"""Parameters of 01_corpus_mining."""

from typing import ClassVar, Literal

from dsmath_lib.params.base import Params, par


class MiningParams(Params):
    """The iterative mining loop: where pages come from, how they are cleaned, scored, kept and checked."""

    stage: ClassVar[str] = "01_corpus_mining"

    pages_from: Literal["world", "files"] = par(
        "world", "world (the toy web) or files below data_dir", paper="Common Crawl"
    )
    n_pages: int = par(16_000, "pages of the toy web (files: no effect)", paper="40B", ge=50)
    seed_docs: int = par(600, "first positives; files: at most", paper="500,000", ge=2)
    corpus_docs: int = par(
        1500, "documents of each comparison corpus of the toy world (0: write none)", ge=0
    )
    benchmark_items: int = par(
        500, "items of each toy benchmark that the decontamination covers", ge=0
    )
    data_dir: str = par(
        "", "folder of real data, relative to the project or absolute; empty for the world"
    )
    page_sources: list[str] = par(
        [],
        "the crawl: globs below data_dir (WARC, HTML, JSONL, Parquet, Arrow), hub:owner/name@COMMIT",
    )
    seed_sources: list[str] = par([], "the seed pages: as page_sources", paper="OpenWebMath")
    address_table: str = par(
        "", "JSONL (file, url) below data_dir: addresses of pages that name none"
    )
    truth_math: list[str] = par(
        [], "glob patterns of pages known to be mathematics; used to measure only"
    )
    truth_other: list[str] = par([], "glob patterns of pages known not to be; used to measure only")
    gallery_sources: list[str] = par([], "glob patterns of pages that the notebook may print")
    benchmark_sources: list[str] = par(
        [], "benchmarks to remove (name, path, field); empty: those of the toy"
    )
    annotation_tables: list[str] = par(
        ["world"], "URL annotation tables (CSV), 'world' or paths in the project"
    )
    max_page_chars: int = par(5_000_000, "longer pages are skipped", ge=1000)
    minhash_bands: int = par(28, "bands of the near-duplicate search", ge=1)
    minhash_rows: int = par(4, "MinHash values in a band", ge=1)
    minhash_shingle: int = par(5, "words (CJK: characters) in a shingle", ge=1)
    near_dup_similarity: float = par(
        0.7, "pages at least this similar are one (Jaccard, estimated)", ge=0, le=1
    )
    ft_dim: int = par(32, "fastText: vector size", paper=256, ge=1)
    ft_lr: float = par(0.5, "fastText: learning rate", paper=0.1, gt=0)
    ft_word_ngrams: int = par(3, "fastText: longest word n-gram", paper=3, ge=1)
    ft_min_count: int = par(3, "fastText: least occurrences of a word", paper=3, ge=1)
    ft_epochs: int = par(10, "fastText: passes over the training pages", paper=3, ge=1)
    ft_bucket: int = par(50_000, "fastText: rows for hashed n-grams", ge=1000)
    ft_threads: int = par(1, "fastText: threads; only 1 repeats exactly", ge=1)
    negatives_per_positive: float = par(1.0, "crawl pages per positive", paper=1.0, gt=0)
    keep_share: list[float] = par(
        [0.4], "share of tokens kept per round; last goes on", paper="40B to 120B (1 : 3)"
    )
    keep_min_score: float = par(
        0.5, "pages with a lower score are not kept, budget or not", paper="none", ge=0, le=1
    )
    max_rounds: int = par(4, "rounds at most", paper=4, ge=1)
    stop_overlap: float = par(
        0.98, "stop at this share of tokens already collected", paper=0.98, ge=0, le=1
    )
    domain_share: float = par(
        0.1, "a math domain has more than this share of pages collected", paper=0.10, ge=0, lt=1
    )
    domain_min_pages: int = par(5, "domains with fewer pages in the crawl are not judged", ge=1)
    decon_ngram: int = par(10, "n of the exact n-gram rule", paper=10, ge=2)
    decon_min_grams: int = par(3, "shorter benchmark texts are not covered", paper=3, ge=1)
    decon_mode: Literal["page", "segment"] = par(
        "page", "remove the page, or its hit paragraphs", paper="both named"
    )
    lesson_rounds: int = par(2, "rounds of the loop on text without formulas (0: none)", ge=0)
    shards: int = par(4, "parts the crawl is cut into; no effect on the result", ge=1)
    partitions: int = par(2, "parts of a join; more need less memory, same result", ge=1)
    workers: int = par(1, "processes; no effect on the result", ge=1)
