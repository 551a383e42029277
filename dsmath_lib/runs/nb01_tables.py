"""What notebook 01 says of a run: duplicates, leaks and domains against the truth, and the paper beside it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsmath_lib.base import urls
from dsmath_lib.base.records import Document
from dsmath_lib.crawl import dedup
from dsmath_lib.evaluation.metrics import Estimate, share_of
from dsmath_lib.runs.nb01_corpus import Crawl


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
) -> dict[str, Any]:
    """Planted leaks among the pages before decontamination: how many copies, how many removed, how many clean pages.

    Args:
        leaks: url -> "copy", or how its question was rewritten.

    Returns:
        counts of copies and of clean pages; ``copies_found``, ``rewritten_found`` and ``rewritten_found.<how>``:
        shares with intervals of those that were planted.
    """
    planted = {d.url: leaks[d.url] for d in before if d.url in leaks}
    gone = set(removed)
    copies = {u for u, how in planted.items() if how == "copy"}

    def found(urls: set[str]) -> Estimate | None:
        return share_of(len(urls & gone), len(urls)) if urls else None

    rewritten = {
        how: {u for u, h in planted.items() if h == how} for how in sorted({*planted.values()})
    }
    rewritten.pop("copy", None)
    return {
        "leaks_planted": len(copies),
        "leaks_removed": len(copies & gone),
        "leaks_left": len(copies - gone),
        "clean_removed": len(gone - planted.keys()),
        "copies_found": found(copies),
        "rewritten_found": found(planted.keys() - copies),
        **{f"rewritten_found.{how}": found(urls) for how, urls in rewritten.items()},
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


def paper_and_ours(
    rounds: Sequence[Mapping[str, object]], leaks: Mapping[str, int], crawl: Crawl
) -> list[dict[str, object]]:
    """The table of the notebook: what the paper reports about its mining, and the same of this run."""
    first, last = rounds[0], rounds[-1]
    rows = (
        ("pages of the deduplicated crawl", "40B", crawl.counts["crawl pages"]),
        ("rounds", 4, len(rounds)),
        ("tokens of the first round", "40B", first["tokens"]),
        ("tokens of the last round", "120B", last["tokens"]),
        ("pages of the last round", "35.5M", last["pages"]),
        ("already collected before the last round", "almost 98 %", last["overlap"]),
        ("recall, first round", "not reported", first["recall"]),
        ("recall, last round", "not reported", last["recall"]),
        ("precision, last round", "not reported", last["precision"]),
        ("planted leaks left", "not reported", leaks.get("leaks_left", "not known")),
    )
    return [{"what": what, "paper": paper, "ours": ours} for what, paper, ours in rows]
