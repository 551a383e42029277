"""The iterative mining loop of the paper (section 2.1, Figure 2).

Train on seed against crawl, score every page, keep the best tokens, find math domains, add their annotated pages that
were missed to the seed; again, until almost all of a round was already collected in the round before. Each round is
saved when it is finished, so a killed run goes on with the next round.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dsmath_lib.corpus import classifier
from dsmath_lib.corpus.annotate import Annotations
from dsmath_lib.corpus.classifier import one_line
from dsmath_lib.corpus.domains import math_domains, page_counts
from dsmath_lib.corpus.rank import keep_top, n_tokens
from dsmath_lib.corpus.urls import host, url_hash
from dsmath_lib.records import Document
from dsmath_lib.stage import write_atomic


@dataclass(frozen=True)
class Rules:
    """How the loop decides. Shares are of the crawl's tokens or of a domain's pages, in 0–1."""

    keep_share: tuple[
        float, ...
    ]  # share of the crawl's tokens kept in round 1, 2, …; the last one goes on
    min_score: float  # pages below it are not kept, budget or not
    max_rounds: int
    stop_overlap: float
    domain_share: float
    domain_min_pages: int
    negatives_per_positive: float


@dataclass(frozen=True)
class Round:
    """One round. ``kept``: indices of the crawl pages collected; ``added``: those the seed gains for the next round."""

    number: int
    seed_pages: int
    negatives: int
    threshold: float
    kept: tuple[int, ...]
    tokens: int
    domains: Mapping[str, float]  # math domains found, with the share of their pages collected
    new_domains: int
    added: tuple[int, ...]
    overlap: (
        float | None
    )  # share of this round's tokens that the round before had collected; None in round 1
    precision: float | None = None
    recall: float | None = None

    def row(self) -> dict[str, Any]:
        """The round as one row of a table."""
        return {
            "round": self.number,
            "seed": self.seed_pages,
            "pages": len(self.kept),
            "tokens": self.tokens,
            "threshold": round(self.threshold, 4),
            "precision": self.precision,
            "recall": self.recall,
            "math_domains": len(self.domains),
            "new_domains": self.new_domains,
            "added_to_seed": len(self.added),
            "overlap": self.overlap,
        }


@dataclass(frozen=True)
class Mined:
    """All rounds, and each round's score of every crawl page, shape (rounds, pages)."""

    rounds: list[Round]
    scores: np.ndarray
    tokens: np.ndarray  # (pages,)


def mine(
    crawl: Sequence[Document],
    seed_docs: Sequence[Document],
    table: Annotations,
    rules: Rules,
    settings: classifier.Settings,
    folder: Path,
    *,
    truth: Mapping[str, bool] | None = None,
    on_round: Callable[[Round], None] = lambda _: None,
    resume: bool = True,
) -> Mined:
    """Run the loop over a deduplicated crawl; finished rounds in ``folder`` are taken from there.

    Args:
        crawl: every page counts, also those never collected: the 10 % rule needs whole domains.
        seed_docs: the first positives (the paper: 500,000 pages of OpenWebMath).
        table: the annotators' decisions on URL paths.
        truth: url -> is it mathematics, for pages where that is known; precision and recall use these alone.
        on_round: called after each round, also for those taken from ``folder``.
        resume: False does every round again.

    Raises:
        ValueError: the crawl or the seed is empty.
    """
    if not crawl or not seed_docs:
        raise ValueError(
            f"mining needs a crawl and a seed: {len(crawl)} crawl pages, {len(seed_docs)} seed pages"
        )
    urls = [d.url for d in crawl]
    lines = [one_line(d.text) for d in crawl]
    seed_lines = [one_line(d.text) for d in seed_docs]
    tokens = np.array([n_tokens(d.text) for d in crawl], dtype=np.int64)
    by_hash = sorted(range(len(crawl)), key=lambda i: url_hash(urls[i], "negatives"))
    totals = page_counts(urls)
    key = _digest(urls, lines, seed_lines, table, rules, settings)
    in_seed: list[int] = []  # crawl pages that joined the seed, in the order they joined
    rounds: list[Round] = []
    scores: list[np.ndarray] = []

    for number in range(1, rules.max_rounds + 1):
        done = _load(folder, number, key, len(crawl)) if resume else None
        if done is None:
            positives = seed_lines + [lines[i] for i in in_seed]
            wanted = round(rules.negatives_per_positive * len(positives))
            negatives = _negatives(by_hash, set(in_seed), wanted)
            model = classifier.train(positives, [lines[i] for i in negatives], settings, folder)
            p = classifier.score(model, lines)
            share = rules.keep_share[min(number, len(rules.keep_share)) - 1]
            mask, threshold = keep_top(p, tokens, int(share * tokens.sum()), rules.min_score)
            kept = tuple(np.flatnonzero(mask).tolist())
            found = math_domains(
                totals,
                page_counts(urls[i] for i in kept),
                share=rules.domain_share,
                min_pages=rules.domain_min_pages,
            )
            known = set().union(*(r.domains for r in rounds)) if rounds else set()
            this = Round(
                number,
                seed_pages=len(positives),
                negatives=len(negatives),
                threshold=threshold,
                kept=kept,
                tokens=int(tokens[mask].sum()),
                domains=found,
                new_domains=len(set(found) - known),
                added=tuple(missed_pages(urls, mask, found, table, set(in_seed))),
                overlap=_overlap(kept, rounds[-1].kept, tokens) if rounds else None,
            )
            _save(folder, this, p, key)
            done = this, p
        this, p = done
        this = replace(this, **quality(urls, this.kept, truth or {}))
        rounds.append(this)
        scores.append(p)
        in_seed.extend(this.added)
        on_round(this)
        if this.overlap is not None and this.overlap >= rules.stop_overlap:
            break
    return Mined(rounds, np.stack(scores), tokens)


def missed_pages(
    urls: Sequence[str],
    kept: np.ndarray,
    domains: Mapping[str, float],
    table: Annotations,
    in_seed: set[int],
) -> list[int]:
    """Pages under annotated math paths of math domains that the round did not collect: they join the seed."""
    return [
        i
        for i, u in enumerate(urls)
        if not kept[i] and i not in in_seed and host(u) in domains and table.decide(u) is True
    ]


def quality(
    urls: Sequence[str], kept: Sequence[int], truth: Mapping[str, bool]
) -> dict[str, float | None]:
    """Precision and recall of the kept pages over the pages whose truth is known; None where it is undefined."""
    collected = [truth[urls[i]] for i in kept if urls[i] in truth]
    all_math = sum(truth.get(u, False) for u in urls)
    return {
        "precision": sum(collected) / len(collected) if collected else None,
        "recall": sum(collected) / all_math if all_math else None,
    }


def recall_by(
    rounds: Sequence[Round],
    urls: Sequence[str],
    truth: Mapping[str, bool],
    kinds: Mapping[str, str],
) -> dict[str, list[float]]:
    """Recall of each kind of math page, round by round: kind -> one share per round."""
    of_kind: dict[str, list[int]] = {}
    for i, u in enumerate(urls):
        if truth.get(u) and u in kinds:
            of_kind.setdefault(kinds[u], []).append(i)
    kept = [set(r.kept) for r in rounds]
    return {
        k: [sum(i in got for i in pages) / len(pages) for got in kept]
        for k, pages in sorted(of_kind.items())
    }


def recall_at(
    mined: Mined, number: int, share: float, urls: Sequence[str], truth: Mapping[str, bool]
) -> float | None:
    """Recall that round ``number``'s classifier would have with another budget and no least score.

    It answers: was it the budget, or the seed?
    """
    mask, _ = keep_top(mined.scores[number - 1], mined.tokens, int(share * mined.tokens.sum()))
    return quality(urls, np.flatnonzero(mask).tolist(), truth)["recall"]


def _negatives(by_hash: Sequence[int], in_seed: set[int], n: int) -> list[int]:
    """The ``n`` pages with the smallest address hash that are not in the seed: the same ones in every round."""
    return [i for i in by_hash if i not in in_seed][: max(n, 1)]


def _overlap(now: Sequence[int], before: Sequence[int], tokens: np.ndarray) -> float:
    had = set(before)
    total = int(tokens[list(now)].sum())
    return int(tokens[[i for i in now if i in had]].sum()) / total if total else 0.0


# -- finished rounds on disk -----------------------------------------------------------------------------------------
def _digest(
    urls: list[str],
    lines: list[str],
    seed_lines: list[str],
    table: Annotations,
    rules: Rules,
    settings: classifier.Settings,
) -> str:
    h = hashlib.sha256()
    for part in (*urls, "\0", *lines, "\0", *seed_lines):
        h.update(part.encode())
        h.update(b"\n")
    plain = {
        "rules": asdict(replace(rules, max_rounds=1)),
        "settings": asdict(settings),
        "table": table.rules,
    }
    h.update(json.dumps(plain, sort_keys=True).encode())
    return h.hexdigest()


def _save(folder: Path, this: Round, scores: np.ndarray, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tmp = folder / f".round-{this.number}.npy"
    np.save(tmp, scores)
    tmp.replace(folder / f"round-{this.number}.npy")
    write_atomic(folder / f"round-{this.number}.json", json.dumps({"key": key, **asdict(this)}))


def _load(folder: Path, number: int, key: str, n_pages: int) -> tuple[Round, np.ndarray] | None:
    """A finished round made by the same rules from the same pages, or None."""
    try:
        row = json.loads((folder / f"round-{number}.json").read_text(encoding="utf-8"))
        scores = np.load(folder / f"round-{number}.npy", allow_pickle=False)
    except (OSError, ValueError):
        return None
    if row.pop("key", None) != key or scores.shape != (n_pages,):
        return None
    row.update(kept=tuple(row["kept"]), added=tuple(row["added"]))
    return Round(**row), scores
