"""A finished mining loop, read shard by shard: scores and kept pages of each round, precision, recall."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsmath_lib.corpus import rank
from dsmath_lib.crawl import rounds
from dsmath_lib.crawl.exchange import load_bucket


@dataclass(frozen=True)
class Mined:
    """The folder of a loop, its number of shards, and its rounds. Arrays are per shard, one entry per page."""

    folder: Path
    n_shards: int
    rounds: "list[Round]"
    errors: list[str]

    def round_folder(self, number: int) -> Path:
        return self.folder / f"round-{number}"

    def table(self, i: int) -> np.ndarray:
        """The ``PAGE`` rows of shard ``i``."""
        return load_bucket(rounds.prepared(self.folder, i))

    def urls(self, i: int) -> list[str]:
        return json.loads(rounds.prepared(self.folder, i, ".urls.json").read_text(encoding="utf-8"))

    def scores(self, number: int, i: int) -> np.ndarray:
        return load_bucket(rounds.made(self.folder, number, "score", i))

    def kept(self, number: int, i: int) -> np.ndarray:
        return load_bucket(rounds.made(self.folder, number, "keep", i))

    def added(self, number: int) -> Iterator[str]:
        """Addresses of the pages that joined the seed after a round."""
        for i in range(self.n_shards):
            urls = self.urls(i)
            yield from (urls[j] for j in load_bucket(rounds.made(self.folder, number, "grow", i)))

    def scored(self, number: int) -> Iterator[tuple[str, float]]:
        """Every page of the crawl with its score in a round."""
        for i in range(self.n_shards):
            yield from zip(self.urls(i), self.scores(number, i).tolist(), strict=True)

    def histogram(self, number: int) -> np.ndarray:
        """Tokens of the whole crawl in each score bin of a round."""
        at = (
            rounds.made(self.folder, number, "score", i, ".hist.npy") for i in range(self.n_shards)
        )
        return sum(load_bucket(p).astype(np.int64) for p in at)

    def tokens(self) -> int:
        """Tokens of the whole crawl."""
        return sum(int(self.table(i)["tokens"].sum()) for i in range(self.n_shards))


def quality(
    mined: Mined,
    number: int,
    truth: Mapping[str, bool],
    kept: Callable[[int], np.ndarray] | None = None,
) -> dict[str, float | None]:
    """Precision and recall of a round over the pages whose truth is known; None where it is undefined.

    ``kept``: the mask of a shard, if it is not what the round kept.
    """
    hit = collected = math = 0
    for i in range(mined.n_shards) if truth else ():
        mask = mined.kept(number, i) if kept is None else kept(i)
        pairs = zip(mined.urls(i), mask.tolist(), strict=True)
        known = [(truth[u], got) for u, got in pairs if u in truth]
        hit += sum(is_math and got for is_math, got in known)
        collected += sum(got for _, got in known)
        math += sum(is_math for is_math, _ in known)
    return {
        "precision": hit / collected if collected else None,
        "recall": hit / math if math else None,
    }


def recall_at(mined: Mined, number: int, share: float, truth: Mapping[str, bool]) -> float | None:
    """Recall that round ``number``'s classifier would have with another budget and no least score.

    It answers: was it the budget, or the seed?
    """
    hist, budget = mined.histogram(number), int(share * mined.tokens())

    def kept(i: int) -> np.ndarray:
        return rank.keep_top(mined.scores(number, i), hist, budget)[0]

    return quality(mined, number, truth, kept)["recall"]


def recall_by(
    mined: Mined, truth: Mapping[str, bool], kinds: Mapping[str, str]
) -> dict[str, list[float]]:
    """Recall of each kind of math page, round by round: kind -> one share per round."""
    hits: dict[str, list[int]] = {}
    math: Counter[str] = Counter()
    for i in range(mined.n_shards):
        kept = zip(*(mined.kept(r.number, i).tolist() for r in mined.rounds), strict=True)
        for u, row in zip(mined.urls(i), kept, strict=True):
            if truth.get(u) and u in kinds:
                math[kinds[u]] += 1
                before = hits.get(kinds[u], [0] * len(row))
                hits[kinds[u]] = [n + got for n, got in zip(before, row, strict=True)]
    return {k: [h / math[k] for h in hits[k]] for k in sorted(math)}


@dataclass(frozen=True)
class Rules:
    """How the loop decides. Shares are of the crawl's tokens or of a domain's pages, in 0–1."""

    # share of the crawl's tokens kept in round 1, 2, …; the last one goes on
    keep_share: tuple[float, ...]
    min_score: float  # pages below it are not kept, budget or not
    max_rounds: int
    stop_overlap: float
    domain_share: float
    domain_min_pages: int
    negatives_per_positive: float
    keep_tokens: tuple[int, ...] = ()  # in tokens; if given, it goes before keep_share


@dataclass(frozen=True)
class Round:
    """One round: what it was trained on, what it kept, what it found for the next."""

    number: int
    seed_pages: int
    negatives: int
    threshold: float  # the lowest score kept
    pages: int
    tokens: int
    domains: Mapping[str, float]  # math domains found, with the share of their pages collected
    new_domains: int
    added: int  # crawl pages that join the seed
    # share of this round's tokens that the round before had collected; None in round 1
    overlap: float | None
    precision: float | None = None
    recall: float | None = None

    def row(self) -> dict[str, Any]:
        """The round as one row of a table."""
        return {
            "round": self.number,
            "seed": self.seed_pages,
            "pages": self.pages,
            "tokens": self.tokens,
            "threshold": round(self.threshold, 4),
            "precision": self.precision,
            "recall": self.recall,
            "math_domains": len(self.domains),
            "new_domains": self.new_domains,
            "added_to_seed": self.added,
            "overlap": self.overlap,
        }
