"""What a person looks at before deciding on a threshold or an address: pages kept and dropped, round by round.

Of each round: the pages just above and just below the threshold, and some kept and dropped ones drawn by the hash of
their address; how many pages of each domain and language were kept. One pass over the documents serves all rounds.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from dsmath_lib.base.records import Document
from dsmath_lib.base.urls import host
from dsmath_lib.crawl.mined import Mined

TEXT = 1_500  # characters shown of a page
PER_DOMAIN = 2  # samples of one kind, at most
DOMAINS = 20  # rows of the table, those with most pages
_TRIES = 20  # candidates for a sample, so that domains can differ
ABOVE, BELOW, KEPT, DROPPED = "just above", "just below", "kept", "dropped"
Chosen = dict[tuple[int, int], list[tuple[int, str]]]  # (shard, row) -> (round, kind)


def look(
    mined: Mined, docs: Callable[[int], Iterable[Document]], per: int = 6
) -> list[dict[str, Any]]:
    """One record a round: ``{round, threshold, pages, kept, domains, languages, samples}``.

    Args:
        docs: the documents of a shard, in the order in which they were mined.
        per: samples of each kind.
    """
    chosen: Chosen = defaultdict(list)
    for r in mined.rounds:
        for kind, places in _choose(mined, r.number, per).items():
            for place in places:
                chosen[place].append((r.number, kind))
    numbers = [r.number for r in mined.rounds]
    pages: dict[str, Counter] = {"domain": Counter(), "lang": Counter()}
    kept = {n: {"domain": Counter(), "lang": Counter()} for n in numbers}
    samples: dict[int, list[dict[str, Any]]] = {n: [] for n in numbers}
    for i in range(mined.n_shards):
        masks = {n: mined.kept(n, i) for n in numbers}
        scores = {n: mined.scores(n, i) for n in numbers}
        for row, d in enumerate(docs(i)):
            told = {"domain": host(d.url) or "no domain", "lang": d.lang or "not told"}
            for what, name in told.items():
                pages[what][name] += 1
                for n in numbers:
                    kept[n][what][name] += bool(masks[n][row])
            for n, kind in chosen.get((i, row), ()):
                sample = {"kind": kind, "score": float(scores[n][row]), "url": d.url, **told}
                samples[n].append(sample | {"text": d.text[:TEXT]})
    return [
        {
            "round": r.number,
            "threshold": r.threshold,
            "pages": pages["lang"].total(),
            "kept": kept[r.number]["lang"].total(),
            "domains": _shares(pages["domain"], kept[r.number]["domain"]),
            "languages": _shares(pages["lang"], kept[r.number]["lang"]),
            "samples": sorted(
                samples[r.number], key=lambda s: (_ORDER.index(s["kind"]), -s["score"], s["url"])
            ),
        }
        for r in mined.rounds
    ]


_ORDER = (ABOVE, BELOW, KEPT, DROPPED)


def _shares(pages: Counter, kept: Counter) -> list[dict[str, Any]]:
    most = sorted(pages, key=lambda name: (-pages[name], name))[:DOMAINS]
    return [
        {"name": n, "pages": pages[n], "kept": kept[n], "share": kept[n] / pages[n]} for n in most
    ]


def _choose(mined: Mined, number: int, per: int) -> dict[str, list[tuple[int, int]]]:
    """Places of the samples of a round: of each kind the first by rank, few of one domain."""
    found: dict[str, list[tuple[Any, int, int]]] = {kind: [] for kind in _ORDER}
    for i in range(mined.n_shards):
        scores, keep, ids = mined.scores(number, i), mined.kept(number, i), mined.table(i)["id"]
        for kind, mask, by in (
            (ABOVE, keep, scores), (BELOW, ~keep, -scores), (KEPT, keep, ids), (DROPPED, ~keep, ids),
        ):  # fmt: skip
            rows = np.flatnonzero(mask)
            best = rows[np.lexsort((ids[rows], by[rows]))[: per * _TRIES]]
            found[kind] += [((float(by[x]), int(ids[x])), i, int(x)) for x in best]
            found[kind] = sorted(found[kind])[: per * _TRIES]
    urls: dict[int, list[str]] = {}
    out: dict[str, list[tuple[int, int]]] = {}
    taken: set[tuple[int, int]] = set()
    for kind in _ORDER:
        of_domain: Counter[str] = Counter()
        out[kind] = []
        for _, i, x in found[kind]:
            name = host(urls.setdefault(i, mined.urls(i))[x])
            if (i, x) in taken or of_domain[name] >= PER_DOMAIN or len(out[kind]) == per:
                continue
            of_domain[name] += 1
            taken.add((i, x))
            out[kind].append((i, x))
    return out
