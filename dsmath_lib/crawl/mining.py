"""The iterative mining loop of the paper (section 2.1, Figure 2), over the shards of a deduplicated crawl.

Train on seed against crawl, score every page, keep the best tokens, find math domains, add their annotated pages that
were missed to the seed; again, until almost all of a round was already collected in the round before.

    prepare  shard      lines for fastText, tokens, domains, annotated paths            once
    sample   shard      the crawl's training lines: those of the seed, and negatives    every round from here on
    score    shard      P(math) of every page, and tokens per score bin
    keep     shard      pages over the threshold that the summed histogram gives
    domains  partition  the 10 % rule, with the totals of whole domains
    grow     shard      missed pages under annotated math paths of math domains join the seed

Nothing but sums, thresholds and math domains passes between shards: they decide where work is done, not what comes out.
Finished shards and rounds are kept on disk: a killed run goes on with what is missing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dsmath_lib.base.files import key_of, read_json, write_fast
from dsmath_lib.base.records import Document
from dsmath_lib.corpus import classifier
from dsmath_lib.crawl import rounds
from dsmath_lib.crawl.annotate import Annotations
from dsmath_lib.crawl.exchange import load_bucket
from dsmath_lib.crawl.jobs import Job, Runner, run_job
from dsmath_lib.crawl.mined import Mined, Round, Rules, quality
from dsmath_lib.crawl.shards import Shard, stamps


@dataclass(frozen=True)
class Prepared:
    """A crawl and a seed that are ready for the loop: ``folder`` holds what it needs of every page."""

    folder: Path
    n_shards: int
    n_seed: int
    tokens: int  # of the whole crawl
    key: str  # what crawl, seed and annotations are
    errors: list[str]
    partitions: int
    runner: Runner


def prepare(
    crawl: Sequence[Shard],
    seed_docs: Iterable[Document],
    table: Annotations,
    folder: Path,
    partitions: int = 1,
    runner: Runner = run_job,
) -> Prepared:
    """What the loop needs of every page, made once; finished shards in ``folder`` are taken from there.

    Args:
        crawl: every page counts, also those never collected: the 10 % rule needs whole domains.
        seed_docs: the first positives (the paper: 500,000 pages of OpenWebMath).
        table: the annotators' decisions on URL paths.
        partitions: parts of the join over domains; no effect on the result.
        runner: runs the jobs: here, in a pool, or on a cluster.

    Raises:
        ValueError: the crawl or the seed is empty.
    """
    key = key_of(stamps(crawl), table.rules, partitions)
    do = partial(rounds.pages, crawl, table, folder, partitions)
    ready = runner(Job("pages", folder / "prepared", len(crawl), key, do))
    n_seed, seed_digest = rounds.write_seed(folder / "prepared" / "seed.txt", seed_docs)
    pages = sum(r["documents"] for r in ready)
    if not pages or not n_seed:
        raise ValueError(
            f"mining needs a crawl and a seed: {pages} crawl pages, {n_seed} seed pages"
        )
    return Prepared(
        folder,
        len(crawl),
        n_seed,
        tokens=sum(r["tokens"] for r in ready),
        key=key_of([r["digest"] for r in ready], seed_digest, table.rules),
        errors=[e for r in ready for e in r["errors"]],
        partitions=partitions,
        runner=runner,
    )


def mine(
    ready: Prepared,
    rules: Rules,
    settings: classifier.FastTextSettings,
    *,
    truth: Mapping[str, bool] | None = None,
    on_round: Callable[[Round], None] = lambda _: None,
) -> Mined:
    """Run the loop; finished shards and rounds are taken from the folder of ``ready``.

    Args:
        truth: url -> is it mathematics, for pages where that is known; precision and recall use these alone.
        on_round: called after each round, also for those done before.
    """
    key = key_of(
        ready.key, asdict(replace(rules, max_rounds=1, stop_overlap=0.0)), asdict(settings)
    )
    mined = Mined(ready.folder, ready.n_shards, [], list(ready.errors))
    for number in range(1, rules.max_rounds + 1):
        this = _saved(ready.folder, number, key) or _round(ready, mined, rules, settings, key)
        this = replace(this, **quality(mined, number, truth or {}))
        mined.rounds.append(this)
        on_round(this)
        if this.overlap is not None and this.overlap >= rules.stop_overlap:
            break
    return mined


def _round(
    ready: Prepared, mined: Mined, rules: Rules, settings: classifier.FastTextSettings, key: str
) -> Round:
    """The next round, as jobs over the shards and sums between them."""
    number, n = len(mined.rounds) + 1, mined.n_shards
    here = mined.round_folder(number)

    def job(name: str, n: int, *given: Any) -> list[dict[str, Any]]:
        do = partial(getattr(rounds, name), mined.folder, number, *given)
        return ready.runner(Job(name, here, n, key_of(key, number, ready.partitions), do))

    positives = ready.n_seed + sum(r.added for r in mined.rounds)
    wanted = max(round(rules.negatives_per_positive * positives), 1)
    sampled = job("sample", n, negatives_up_to(mined, number, wanted))
    if not (here / "model.bin").exists() or read_json(here / "model.json").get("key") != key:
        train_round(mined, number, settings)
        write_fast(here / "model.json", json.dumps({"key": key}))
    job("score", n)
    cut = (mined.histogram(number), budget_of(rules, number, ready.tokens), rules.min_score)
    kept = job("keep", n, cut, ready.partitions)
    parts = job("domains", ready.partitions, n, rules.domain_share, rules.domain_min_pages)
    found = {d: s for r in parts for d, s in r["found"].items()}
    found = dict(sorted(found.items(), key=lambda x: (-x[1], x[0])))
    grown = job("grow", n, frozenset(found))
    total = sum(r["tokens"] for r in kept)
    again = sum(r["again"] for r in kept)
    this = Round(
        number,
        seed_pages=positives,
        negatives=sum(r["negatives"] for r in sampled),
        threshold=min(r["lowest"] for r in kept),
        pages=sum(r["pages"] for r in kept),
        tokens=total,
        domains=found,
        new_domains=len(set(found).difference(*(r.domains for r in mined.rounds))),
        added=sum(r["added"] for r in grown),
        overlap=(again / total if total else 0.0) if mined.rounds else None,
    )
    write_fast(mined.folder / f"round-{number}.json", json.dumps({"key": key, **asdict(this)}))
    return this


def budget_of(rules: Rules, number: int, tokens: int) -> int:
    """Tokens to keep at most in a round, of a crawl of ``tokens``."""
    given = rules.keep_tokens or rules.keep_share
    value = given[min(number, len(given)) - 1]
    return int(value) if rules.keep_tokens else int(value * tokens)


def negatives_up_to(mined: Mined, number: int, n: int) -> int:
    """The ``n``-th smallest address hash of pages that are not in the seed: negatives are those up to it.

    So the negatives are the same pages in every round, but for those that joined the seed.
    """
    least = np.zeros(0, dtype=np.uint64)
    for i in range(mined.n_shards):
        table = mined.table(i)
        least = np.concatenate([least, table["hash"][rounds.joined(mined.folder, i, number) == 0]])
        if len(least) > n:
            least = np.partition(least, n - 1)[:n]
    return int(least.max()) if len(least) else 0


def train_round(mined: Mined, number: int, settings: classifier.FastTextSettings) -> None:
    """Train on the seed, the pages that joined it, and the negatives, in an order that the shards do not change."""
    here = mined.round_folder(number)
    index = []
    for i in range(mined.n_shards):
        rows = np.array(load_bucket(here / "sample" / f"{i:05d}.npy"))
        index.append((np.full(len(rows), i), rows))
    shard = np.concatenate([s for s, _ in index])
    rows = np.concatenate([r for _, r in index])
    order = np.lexsort((rows["id"], rows["round"]))  # the seed's rounds first, then negatives
    negative = rows["round"][order] == rounds._NEGATIVE
    model = classifier.train_classifier(
        _seed_and(mined.folder, _lines(here, shard, rows, order[~negative])),
        _lines(here, shard, rows, order[negative]),
        settings,
        here,
    )
    classifier.save(model, here / "model.bin")


def _seed_and(folder: Path, more: Iterator[str]) -> Iterator[str]:
    with (folder / "prepared" / "seed.txt").open(encoding="utf-8", newline="\n") as f:
        for line in f:
            yield line.rstrip("\n")
    yield from more


def _lines(here: Path, shard: np.ndarray, rows: np.ndarray, order: np.ndarray) -> Iterator[str]:
    """Sampled lines in the given order, one at a time."""

    @lru_cache(maxsize=64)
    def opened(i: int) -> BinaryIO:  # closed when it leaves the cache
        return (here / "sample" / f"{i:05d}.txt").open("rb")

    for j in order:
        f = opened(int(shard[j]))
        f.seek(int(rows["start"][j]))
        yield f.read(int(rows["length"][j])).decode("utf-8")


def _saved(folder: Path, number: int, key: str) -> Round | None:
    """A finished round made by the same rules from the same pages, or None."""
    row = read_json(folder / f"round-{number}.json")
    return Round(**row) if row.pop("key", None) == key else None
