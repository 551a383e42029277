"""The commands ``dsmath corpus …``: each step of stage 01 alone, on your own files."""

import inspect
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields, is_dataclass
from functools import partial
from typing import Annotated, Any

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


def _option(kind: Any, help: str, **more: Any) -> Any:
    return Annotated[kind, typer.Option(help=help, **more)]


@dataclass(frozen=True)
class Shards:
    """Options of every command: how the input is cut, and in how many processes it is worked on."""

    shard_mb: _option(float, "MB of a shard: the unit of work, memory and resuming", min=0.001) = (
        32.0
    )
    workers: _option(int, "processes; the result does not change", min=1) = 1


@dataclass(frozen=True)
class FastText:
    """Options of the classifier, in the order of ``classifier.Settings``."""

    dim: _option(int, "fastText: vector size; the paper's", min=1) = 256
    lr: _option(float, "fastText: learning rate; the paper's") = 0.1
    ngrams: _option(int, "fastText: longest word n-gram; the paper's", min=1) = 3
    min_count: _option(int, "fastText: least count of a word; the paper's", min=1) = 3
    epochs: _option(int, "fastText: passes; the paper's", min=1) = 3
    bucket: _option(int, "fastText: rows for n-grams (ours); 4*dim bytes each", min=1000) = (
        2_000_000
    )
    threads: _option(int, "fastText: threads (ours); only 1 repeats exactly", min=1) = 1
    seed: _option(int, "seeds the classifier", min=0) = 0


@dataclass(frozen=True)
class Near:
    """Options of the search for near duplicates, in the order of ``dedup.Settings``."""

    bands: _option(int, "bands of the search", min=1) = 28
    rows: _option(int, "MinHash values in a band", min=1) = 4
    shingle: _option(int, "words (CJK: characters) in a shingle", min=1) = 5
    similarity: _option(float, "pages at least this similar are one (Jaccard)", min=0, max=1) = 0.7
    partitions: _option(int, "parts of a join; more need less memory, same result", min=1) = 8


@dataclass(frozen=True)
class Loop:
    """Options of the mining loop."""

    keep_share: _option(
        list[float] | None, "share of tokens kept in round 1, 2, …; the last goes on", min=0, max=1
    ) = None
    keep_tokens: _option(list[int] | None, "the same in tokens (estimated), instead", min=1) = None
    min_score: _option(float, "keep no lower score", min=0, max=1) = 0.0
    max_rounds: _option(int, "the paper's", min=1) = 4
    stop_overlap: _option(float, "stop at this share collected before; the paper's") = 0.98
    domain_share: _option(float, "a math domain has more than this share; the paper's") = 0.10
    domain_min_pages: _option(int, "smaller domains are not judged") = 20
    negatives_per_positive: _option(float, "the paper's") = 1.0


def command(call: Callable[..., Callable[..., int]]) -> None:
    """A command of ``app``: fields of an options record become options, and the call gets the record.

    It returns what is to be done, which is run with ``how``; what is wrong with the input is one line and exit code 2.
    """
    given = inspect.signature(call).parameters
    records = {n: p.annotation for n, p in given.items() if is_dataclass(p.annotation)}
    flat = [p for n, p in given.items() if n not in records]
    one = partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
    for record in (*records.values(), Shards):
        flat += [one(f.name, default=f.default, annotation=f.type) for f in fields(record)]

    def run(**values: Any) -> None:
        def take(record: type) -> Any:
            return record(**{f.name: values.pop(f.name) for f in fields(record)})

        shards, taken = take(Shards), {n: take(record) for n, record in records.items()}
        _end(call(**values, **taken), shards)

    flat = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in flat]
    run.__signature__ = inspect.Signature(flat)
    run.__annotations__ = {p.name: p.annotation for p in flat}
    app.command(call.__name__.removeprefix("_"), help=inspect.getdoc(call))(run)


def _end(call: Callable[..., int], shards: Shards) -> None:
    from dsmath_lib.base.record_files import BadFile
    from dsmath_lib.crawl import jobs
    from dsmath_lib.crawl.commands import How

    runner = partial(jobs.run_job, workers=shards.workers, report=True)
    try:
        code = call(how=How(int(shards.shard_mb * 1e6), runner))
    except (BadFile, ValueError, ImportError, RuntimeError) as err:
        typer.echo(f"dsmath corpus: {err}", err=True)
        code = 2
    except KeyboardInterrupt:
        typer.echo("interrupted: the same command goes on where it was", err=True)
        code = 130
    raise typer.Exit(code)


@command
def _extract(
    paths: Pages,
    output: Out,
    max_chars: _option(int, "longer pages are skipped", min=1000) = 5_000_000,
) -> Callable[..., int]:
    """Pages to text that keeps its formulas: rows {url, text, lang, n_formulas}.

    Skipped and broken records are counted by reason. A path that cannot be read is named, the others go on, and the
    exit code is 1. If it is interrupted, the same command goes on where it was.
    """
    from dsmath_lib.crawl import commands

    return partial(commands.extract_files, paths, output, max_chars=max_chars)


@command
def _dedup(
    paths: Docs,
    output: Out,
    near: Near,
    dropped: _option(str, "also write what went, and for what: .jsonl") = "",
) -> Callable[..., int]:
    """One page of each address, then one of each group of near duplicates (MinHash).

    Of one address the plainest form stays; of near duplicates the page with the smallest address hash. So the result
    does not depend on the order of the input or on how it is cut.
    """
    from dsmath_lib.crawl import commands
    from dsmath_lib.crawl.dedup import DedupSettings

    return partial(
        commands.deduplicate, paths, output, DedupSettings(*astuple(near)), dropped=dropped
    )


@command
def _classify(
    paths: Docs,
    output: Out,
    model: _option(str, "the classifier (fastText, .bin)"),
    fasttext: FastText,
    positives: _option(
        list[str] | None, "train --model first: documents of the kind wanted"
    ) = None,
    negatives: _option(list[str] | None, "train --model first: other documents") = None,
    min_score: _option(float, "leave out lower scores", min=0, max=1) = 0.0,
) -> Callable[..., int]:
    """Documents with score, the classifier's P(mathematics). With --positives and --negatives it is trained first."""
    from dsmath_lib.corpus.classifier import FastTextSettings
    from dsmath_lib.crawl import commands

    if bool(positives) != bool(negatives):
        raise typer.BadParameter("training needs --positives and --negatives")

    def call(how: Any) -> int:
        if positives:
            commands.train_files(positives, negatives, FastTextSettings(*astuple(fasttext)), model)
        return commands.classify_files(paths, output, model=model, min_score=min_score, how=how)

    return call


@command
def _mine(
    paths: Docs,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="a folder: mined.jsonl, rounds.json, model.bin, proposals.csv, look.jsonl",
        ),
    ],
    seed_pages: _option(list[str], "the first positives: " + DOCS),
    loop: Loop,
    fasttext: FastText,
    annotations: _option(
        list[str] | None, "decided paths (CSV: domain, path_prefix, math, decided_by); repeatable"
    ) = None,
    partitions: _option(int, "parts of the join over domains", min=1) = 8,
) -> Callable[..., int]:
    """The paper's loop over deduplicated documents: train, score, keep, find math domains, grow the seed.

    Without --annotations the seed cannot grow. After a run, fill in proposals.csv (math, decided_by) and give it as
    --annotations to the next.
    """
    from dsmath_lib.corpus.classifier import FastTextSettings
    from dsmath_lib.crawl import commands
    from dsmath_lib.crawl.mined import Rules

    if bool(loop.keep_share) == bool(loop.keep_tokens):
        raise typer.BadParameter("give either --keep-share or --keep-tokens")
    rules = vars(loop) | {k: tuple(getattr(loop, k) or ()) for k in ("keep_share", "keep_tokens")}
    return partial(
        commands.mine_files,
        paths,
        output,
        seed=seed_pages,
        annotations=annotations or (),
        rules=Rules(**rules),
        settings=FastTextSettings(*astuple(fasttext)),
        partitions=partitions,
    )


@command
def _decontaminate(
    paths: Docs,
    output: Out,
    benchmark: _option(list[str], "FILE or FILE:field (.jsonl, .json, .parquet, .tsv); repeatable"),
    report: _option(str, "what was found, literally: .json") = "",
    n: _option(int, "grams in a row that make a hit", min=2) = 10,
    min_grams: _option(int, "shorter benchmark texts are not covered", min=1) = 3,
    mode: _option(str, "page: drop pages that are hit; segment: drop their paragraphs") = "page",
) -> Callable[..., int]:
    """Documents without benchmark text: runs of 10 grams, and shorter texts as a whole (paper, section 2.1)."""
    from dsmath_lib.crawl import commands

    if mode not in ("page", "segment"):
        raise typer.BadParameter(f"must be page or segment, not {mode}", param_hint="--mode")
    return partial(
        commands.decontaminate_files,
        paths,
        output,
        benchmarks=benchmark,
        report=report,
        n=n,
        min_grams=min_grams,
        mode=mode,
    )


@app.command("look")
def look(
    folder: Annotated[
        str, typer.Argument(help="what 'dsmath corpus mine' wrote", show_default=False)
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", help="the page; look.html in the folder")
    ] = "",
) -> None:
    """Pages kept and dropped by each round, around the threshold, by domain and language, with formulas typeset.

    One HTML file that needs no network: look at it before you decide on a threshold or a URL prefix.
    """
    from pathlib import Path

    from dsmath_lib.report.look import read_look, write_look

    path = Path(output or Path(folder) / "look.html")
    try:
        write_look(read_look(Path(folder) / "look.jsonl"), path)
    except (OSError, ValueError) as err:
        typer.echo(f"dsmath corpus: {err}", err=True)
        raise typer.Exit(2) from None
    typer.echo(path)
