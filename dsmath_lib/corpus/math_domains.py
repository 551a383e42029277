"""Math domains (section 2.1): those of which more than 10 % of the pages were collected."""

from collections import Counter
from collections.abc import Iterable, Mapping

from dsmath_lib.base.urls import host


def page_counts(urls: Iterable[str]) -> Counter[str]:
    """Pages per domain. Counters of shards add up."""
    return Counter(h for u in urls if (h := host(u)))


def math_domains(
    crawl: Mapping[str, int], collected: Mapping[str, int], *, share: float, min_pages: int
) -> dict[str, float]:
    """Domains with more than ``share`` of their pages collected, with that share; largest first.

    Args:
        crawl: pages per domain over the whole deduplicated crawl, not only over the kept part.
        collected: pages per domain in this round's collection.
        share: the paper's 0.10; strictly more is asked.
        min_pages: domains with fewer pages in the crawl say too little (ours, the paper has no such bound).
    """
    found = {
        d: n / crawl[d]
        for d, n in collected.items()
        if crawl.get(d, 0) >= min_pages and n / crawl[d] > share
    }
    return dict(sorted(found.items(), key=lambda x: (-x[1], x[0])))
