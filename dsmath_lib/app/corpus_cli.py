"""The commands ``dsmath corpus …``: each step of stage 01 alone, on your own files."""

from functools import partial
from typing import Annotated

import typer

app = typer.Typer(
    help="From web pages to a math corpus, step by step: extract, dedup, classify, mine, decontaminate.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_SETS = "folders (of save_to_disk too); hub:owner/name[:config]@COMMIT[#split], streamed; - is standard input"
PAGES = f"WARC, WET, HTML, JSONL ({{url, html}} or {{url, text}}), Parquet, Arrow files; {_SETS}"
DOCS = f"JSONL (.gz or not), Parquet or Arrow files with url and text; {_SETS}"
OUT = "the result: .jsonl, .jsonl.gz, .parquet, or - for standard output"
Pages = Annotated[list[str], typer.Argument(help=PAGES, show_default=False)]
Docs = Annotated[list[str], typer.Argument(help=DOCS, show_default=False)]


def _output(name: str) -> str:
    """The name of a result, refused at once if its kind is not known."""
    if name != "-" and not name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
        raise typer.BadParameter(f"must end in .jsonl, .jsonl.gz or .parquet, or be -, not {name}")
    return name


Out = Annotated[str, typer.Option("-o", "--output", help=OUT, show_default=False, callback=_output)]
Workers = Annotated[int, typer.Option(min=1, help="processes; the result does not change")]


ShardMb = Annotated[
    float, typer.Option(min=0.001, help="MB of a shard: the unit of work, memory and resuming")
]


def _how(shard_mb: float, workers: int) -> dict:
    from dsmath_lib.crawl import jobs

    runner = partial(jobs.run, workers=workers, report=True)
    return {"shard_bytes": int(shard_mb * 1e6), "runner": runner}


def _end(call, *args, **options) -> None:
    """Run a command; what is wrong with the input is one line and exit code 2."""
    from dsmath_lib.crawl.shards import BadFile

    try:
        code = call(*args, **options)
    except (BadFile, ValueError, ImportError, RuntimeError) as err:
        typer.echo(f"dsmath corpus: {err}", err=True)
        code = 2
    except KeyboardInterrupt:
        typer.echo("interrupted: the same command goes on where it was", err=True)
        code = 130
    raise typer.Exit(code)


@app.command()
def extract(
    paths: Pages,
    output: Out,
    max_chars: Annotated[int, typer.Option(min=1000, help="longer pages are skipped")] = 1_000_000,
    shard_mb: ShardMb = 32.0,
    workers: Workers = 1,
) -> None:
    """Pages to text that keeps its formulas: rows {url, text, lang, n_formulas}.

    Skipped and broken records are counted by reason. A path that cannot be read is named, the others go on, and the
    exit code is 1. If it is interrupted, the same command goes on where it was.
    """
    from dsmath_lib.crawl import commands

    _end(commands.extract, paths, output, max_chars=max_chars, **_how(shard_mb, workers))


@app.command()
def dedup(
    paths: Docs,
    output: Out,
    similarity: Annotated[
        float, typer.Option(min=0, max=1, help="pages at least this similar are one (Jaccard)")
    ] = 0.7,
    bands: Annotated[int, typer.Option(min=1, help="bands of the search")] = 28,
    rows: Annotated[int, typer.Option(min=1, help="MinHash values in a band")] = 4,
    shingle: Annotated[int, typer.Option(min=1, help="words (CJK: characters) in a shingle")] = 5,
    partitions: Annotated[
        int, typer.Option(min=1, help="parts of a join; more need less memory, same result")
    ] = 8,
    dropped: Annotated[str, typer.Option(help="also write what went, and for what: .jsonl")] = "",
    shard_mb: ShardMb = 32.0,
    workers: Workers = 1,
) -> None:
    """One page of each address, then one of each group of near duplicates (MinHash).

    Of one address the plainest form stays; of near duplicates the page with the smallest address hash. So the result
    does not depend on the order of the input or on how it is cut.
    """
    from dsmath_lib.crawl import commands
    from dsmath_lib.crawl.dedup import Settings

    settings = Settings(bands, rows, shingle, similarity, partitions)
    _end(commands.deduplicate, paths, output, settings, dropped=dropped, **_how(shard_mb, workers))


def _settings(dim, lr, ngrams, min_count, epochs, bucket, threads, seed):
    from dsmath_lib.corpus.classifier import Settings

    return Settings(dim, lr, ngrams, min_count, epochs, bucket, threads, seed)


Dim = Annotated[int, typer.Option(min=1, help="fastText: vector size; the paper's")]
Lr = Annotated[float, typer.Option(help="fastText: learning rate; the paper's")]
Ngrams = Annotated[int, typer.Option(min=1, help="fastText: longest word n-gram; the paper's")]
MinCount = Annotated[int, typer.Option(min=1, help="fastText: least count of a word; the paper's")]
Epochs = Annotated[int, typer.Option(min=1, help="fastText: passes; the paper's")]
Bucket = Annotated[
    int, typer.Option(min=1000, help="fastText: rows for n-grams (ours); 4*dim bytes each")
]
Threads = Annotated[
    int, typer.Option(min=1, help="fastText: threads (ours); only 1 repeats exactly")
]
Seed = Annotated[int, typer.Option(min=0, help="seeds the classifier")]


@app.command()
def classify(
    paths: Docs,
    output: Out,
    model: Annotated[str, typer.Option(help="the classifier (fastText, .bin)")],
    positives: Annotated[
        list[str] | None, typer.Option(help="train --model first: documents of the kind wanted")
    ] = None,
    negatives: Annotated[
        list[str] | None, typer.Option(help="train --model first: other documents")
    ] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="leave out lower scores")] = 0.0,
    dim: Dim = 256,
    lr: Lr = 0.1,
    ngrams: Ngrams = 3,
    min_count: MinCount = 3,
    epochs: Epochs = 3,
    bucket: Bucket = 2_000_000,
    threads: Threads = 1,
    seed: Seed = 0,
    shard_mb: ShardMb = 32.0,
    workers: Workers = 1,
) -> None:
    """Documents with score, the classifier's P(mathematics). With --positives and --negatives it is trained first."""
    from dsmath_lib.crawl import commands

    if bool(positives) != bool(negatives):
        raise typer.BadParameter("training needs --positives and --negatives")
    settings = _settings(dim, lr, ngrams, min_count, epochs, bucket, threads, seed)

    def call() -> int:
        if positives:
            commands.train(positives, negatives, settings, model)
        return commands.classify(
            paths, output, model=model, min_score=min_score, **_how(shard_mb, workers)
        )

    _end(call)


@app.command()
def mine(
    paths: Docs,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="a folder: mined.jsonl, rounds.json, model.bin, proposals.csv"
        ),
    ],
    seed_pages: Annotated[
        list[str], typer.Option("--seed-pages", help="the first positives: " + DOCS)
    ],
    annotations: Annotated[
        list[str] | None,
        typer.Option(help="decided paths (CSV: domain, path_prefix, math, decided_by); repeatable"),
    ] = None,
    keep_share: Annotated[
        list[float] | None,
        typer.Option(min=0, max=1, help="share of tokens kept in round 1, 2, …; the last goes on"),
    ] = None,
    keep_tokens: Annotated[
        list[int] | None, typer.Option(min=1, help="the same in tokens (estimated), instead")
    ] = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="keep no lower score")] = 0.0,
    max_rounds: Annotated[int, typer.Option(min=1, help="the paper's")] = 4,
    stop_overlap: Annotated[
        float, typer.Option(help="stop at this share collected before; the paper's")
    ] = 0.98,
    domain_share: Annotated[
        float, typer.Option(help="a math domain has more than this share; the paper's")
    ] = 0.10,
    domain_min_pages: Annotated[int, typer.Option(help="smaller domains are not judged")] = 20,
    negatives_per_positive: Annotated[float, typer.Option(help="the paper's")] = 1.0,
    partitions: Annotated[int, typer.Option(min=1, help="parts of the join over domains")] = 8,
    dim: Dim = 256,
    lr: Lr = 0.1,
    ngrams: Ngrams = 3,
    min_count: MinCount = 3,
    epochs: Epochs = 3,
    bucket: Bucket = 2_000_000,
    threads: Threads = 1,
    seed: Seed = 0,
    shard_mb: ShardMb = 32.0,
    workers: Workers = 1,
) -> None:
    """The paper's loop over deduplicated documents: train, score, keep, find math domains, grow the seed.

    Without --annotations the seed cannot grow. After a run, fill in proposals.csv (math, decided_by) and give it as
    --annotations to the next.
    """
    from dsmath_lib.crawl import commands
    from dsmath_lib.crawl.mined import Rules

    shares, tokens = tuple(keep_share or ()), tuple(keep_tokens or ())
    if bool(shares) == bool(tokens):
        raise typer.BadParameter("give either --keep-share or --keep-tokens")
    rules = Rules(
        shares,
        min_score,
        max_rounds,
        stop_overlap,
        domain_share,
        domain_min_pages,
        negatives_per_positive,
        tokens,
        partitions,
    )
    settings = _settings(dim, lr, ngrams, min_count, epochs, bucket, threads, seed)
    _end(
        commands.mine,
        paths,
        output,
        seed=seed_pages,
        annotations=annotations or [],
        rules=rules,
        settings=settings,
        **_how(shard_mb, workers),
    )


@app.command()
def decontaminate(
    paths: Docs,
    output: Out,
    benchmark: Annotated[
        list[str],
        typer.Option(help="FILE or FILE:field (.jsonl, .json, .parquet, .tsv); repeatable"),
    ],
    report: Annotated[str, typer.Option(help="what was found, literally: .json")] = "",
    n: Annotated[int, typer.Option(min=2, help="grams in a row that make a hit")] = 10,
    min_grams: Annotated[
        int, typer.Option(min=1, help="shorter benchmark texts are not covered")
    ] = 3,
    mode: Annotated[
        str, typer.Option(help="page: drop pages that are hit; segment: drop their paragraphs")
    ] = "page",
    shard_mb: ShardMb = 32.0,
    workers: Workers = 1,
) -> None:
    """Documents without benchmark text: runs of 10 grams, and shorter texts as a whole (paper, section 2.1)."""
    from dsmath_lib.crawl import commands

    if mode not in ("page", "segment"):
        raise typer.BadParameter(f"must be page or segment, not {mode}", param_hint="--mode")
    _end(
        commands.decontaminate,
        paths,
        output,
        benchmarks=benchmark,
        report=report,
        n=n,
        min_grams=min_grams,
        mode=mode,
        **_how(shard_mb, workers),
    )
