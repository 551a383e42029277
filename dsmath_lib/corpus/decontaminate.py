"""Remove benchmark questions from a corpus (section 2.1): 10-grams, and short texts as a whole.

One function makes the grams of benchmarks and pages, so a benchmark text always finds itself. The paper does not say
what a gram is: here a word, a number, an operator sign or one CJK character.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, chain
from typing import Any

from dsmath_lib.base.records import Document
from dsmath_lib.base.text import fold, grams, layout
from dsmath_lib.engines.index import GramFilter

_SEP = "\x1f"  # cannot be inside a gram


@dataclass(frozen=True)
class BenchmarkText:
    """One text of a benchmark: a question, an answer or an option."""

    benchmark: str
    id: str
    text: str


@dataclass
class Index:
    """What pages are searched for: ``long`` n-grams and ``short`` whole texts, each with the items they belong to.

    ``lengths`` maps the first gram of a short text to the lengths to try.
    """

    n: int
    long: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    short: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    lengths: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    uncovered: list[BenchmarkText] = field(default_factory=list)
    items: Counter = field(default_factory=Counter)

    @cached_property
    def filter(self) -> GramFilter:
        """Tells pages without a hit at little cost. Made once: the index must be complete."""
        keys = (k.replace(_SEP, " ") for k in chain(self.long, self.short))
        return GramFilter(keys, fold, layout, lambda text: bool(find_hits(grams(text), self)))


def build_index(texts: Iterable[BenchmarkText], *, n: int = 10, min_grams: int = 3) -> Index:
    """Index benchmark texts by the paper's two rules; texts under ``min_grams`` are listed as not covered."""
    index = Index(n)
    for t in texts:
        g = grams(t.text)
        index.items[t.benchmark] += 1
        if len(g) < min_grams:
            index.uncovered.append(t)
        elif len(g) < n:
            index.short[_SEP.join(g)].add((t.benchmark, t.id))
            index.lengths[g[0]].add(len(g))
        else:
            for i in range(len(g) - n + 1):
                index.long[_SEP.join(g[i : i + n])].add((t.benchmark, t.id))
    return index


@dataclass(frozen=True)
class Hit:
    """Grams ``start:end`` of a page equal benchmark text; ``items`` are (benchmark, id)."""

    start: int
    end: int
    gram: str
    items: tuple[tuple[str, str], ...]


def find_hits(page: Sequence[str], index: Index) -> list[Hit]:
    """All places where a page's grams match the index, in order; of one place, the shortest first."""
    joined = _SEP.join(page)
    starts = [0, *accumulate(len(g) + 1 for g in page)]  # slices of one text are cheaper than joins
    ends = [at - 1 for at in starts]
    windows = map(joined.__getitem__, map(slice, starts, ends[index.n :]))
    found = [(i, i + index.n) for i, key in enumerate(windows) if key in index.long]
    for i, gram in [(i, gram) for i, gram in enumerate(page) if gram in index.lengths]:
        for length in index.lengths[gram]:
            j = i + length
            if j <= len(page) and joined[starts[i] : ends[j]] in index.short:
                found.append((i, j))
    out = []
    for i, j in sorted(found):
        key = joined[starts[i] : ends[j]]
        items = (index.long if j - i == index.n else index.short)[key]
        out.append(Hit(i, j, key.replace(_SEP, " "), tuple(sorted(items))))
    return out


@dataclass
class Report:
    """What was removed and why. ``grams``: literal gram -> pages it was found in."""

    pages: int = 0
    # addresses of pages removed, or cut in segment mode
    removed: list[str] = field(default_factory=list)
    segments: int = 0
    grams: Counter = field(default_factory=Counter)
    items_hit: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    pages_hit: Counter = field(default_factory=Counter)
    index: Index = field(default_factory=lambda: Index(10))

    def found(self) -> dict[str, object]:
        """What was found, as plain data that ``add`` can add to another report."""
        hit = {b: sorted(items) for b, items in self.items_hit.items()}
        return {k: v for k, v in vars(self).items() if k != "index"} | {"items_hit": hit}

    def add(self, found: Mapping[str, Any]) -> None:
        """Add what one shard found to the report of all."""
        self.pages += found["pages"]
        self.removed += found["removed"]
        self.segments += found["segments"]
        self.grams.update(found["grams"])
        self.pages_hit.update(found["pages_hit"])
        for benchmark, items in found["items_hit"].items():
            self.items_hit[benchmark].update(items)

    def rows(self) -> list[dict[str, object]]:
        """One row per benchmark: items, items found in pages, pages hit, items the rules do not cover."""
        missed = Counter(t.benchmark for t in self.index.uncovered)
        return [
            {"benchmark": b, "items": n, "items_hit": len(self.items_hit[b]), "pages": self.pages_hit[b],
             "not_covered": missed[b]}
            for b, n in sorted(self.index.items.items())
        ]  # fmt: skip

    def as_json(self, top: int = 50) -> dict[str, object]:
        """The report as plain data, with the most frequent literal grams, ties by alphabet."""
        frequent = sorted(self.grams.items(), key=lambda item: (-item[1], item[0]))
        return {
            "pages": self.pages,
            "pages_removed": len(self.removed),
            "share": len(self.removed) / self.pages if self.pages else 0.0,
            "segments_removed": self.segments,
            "benchmarks": self.rows(),
            "grams": [{"gram": g, "pages": n} for g, n in frequent[:top]],
            "not_covered": [
                {"benchmark": t.benchmark, "id": t.id, "text": t.text[:80]}
                for t in self.index.uncovered
            ],
            "removed": self.removed,
        }


def decontaminate(
    docs: Iterable[Document], index: Index, report: Report, *, mode: str = "page"
) -> Iterator[Document]:
    """Documents without benchmark text.

    Args:
        mode: ``page`` drops a page that has a hit ("filter out web pages"); ``segment`` drops the paragraphs a hit
            touches ("any text segment … is removed"). The paper says both.

    Raises:
        ValueError: unknown mode.
    """
    if mode not in ("page", "segment"):
        raise ValueError(f"mode must be 'page' or 'segment', not {mode!r}")
    report.index = index
    for doc in docs:
        report.pages += 1
        if not index.filter.may_hold(doc.text):
            yield doc
            continue
        parts = re.split(r"(\n\s*\n)", doc.text) if mode == "segment" else [doc.text]
        part_grams = [grams(p) for p in parts]
        owner = [i for i, g in enumerate(part_grams) for _ in g]
        hits = find_hits([x for g in part_grams for x in g], index)
        if not hits:
            yield doc
            continue
        report.removed.append(doc.url)
        report.grams.update({h.gram for h in hits})
        for benchmark in {b for h in hits for b, _ in h.items}:
            report.pages_hit[benchmark] += 1
        for h in hits:
            for benchmark, item in h.items:
                report.items_hit[benchmark].add(item)
        if mode == "segment":
            cut = {i for h in hits for i in range(owner[h.start], owner[h.end - 1] + 1)}
            report.segments += len({i for i in cut if part_grams[i]})
            rest = "".join(p for i, p in enumerate(parts) if i not in cut)
            if text := re.sub(r"\n{3,}", "\n\n", rest).strip():
                yield replace(doc, text=text)
