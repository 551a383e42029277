"""URL annotation (section 2.1): people mark the math paths of math domains, in a table kept under version control."""

import csv
import heapq
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.records import Document
from dsmath_lib.base.urls import canonical, host, url_hash

SAMPLES = 3  # pages shown of a prefix
COLUMNS = ("domain", "path_prefix", "math", "decided_by")


@dataclass(frozen=True)
class Annotations:
    """``rules[domain]`` maps a path prefix to yes or no; the longest prefix decides."""

    rules: Mapping[str, Mapping[str, bool]]

    def decide(self, url: str) -> bool | None:
        """Is this page under a math path? None if no rule covers it."""
        rules = self.rules.get(host(url))
        if not rules:
            return None
        path = page_path(url)
        hits = [p for p in rules if path == p or path.startswith(p.rstrip("/") + "/")]
        return rules[max(hits, key=len)] if hits else None


def page_path(url: str) -> str:
    """The path of a canonical address, ``/`` at least."""
    _, slash, rest = canonical(url).partition("/")
    return unquote((slash + rest).partition("?")[0]) or "/"


def _prefix(text: str) -> str:
    return "/" + text.strip().strip("/")


def read_tables(*paths: Path) -> Annotations:
    """Read annotation tables (CSV with columns domain, path_prefix, math = yes, no or empty, decided_by).

    Raises:
        ValueError: a column is missing, or a row says something else, or not who decided; names file and line.
    """
    rules: dict[str, dict[str, bool]] = defaultdict(dict)
    for path in paths:
        with path.open(encoding="utf-8", newline="") as f:
            rows = csv.DictReader(f)
            if missing := set(COLUMNS) - set(rows.fieldnames or ()):
                raise ValueError(f"{path}: column {', '.join(sorted(missing))} is missing")
            for row in rows:
                said = (row["math"] or "").strip().lower()
                answer = {"yes": True, "no": False}.get(said)
                if not said:
                    continue  # nobody has decided yet
                if not (row["decided_by"] or "").strip():
                    raise ValueError(f"{path}, line {rows.line_num}: decided_by is empty")
                if answer is None:
                    raise ValueError(
                        f"{path}, line {rows.line_num}: math must be yes or no, not {row['math']!r}"
                    )
                rules[host(row["domain"])][_prefix(row["path_prefix"])] = answer
    return Annotations(dict(rules))


class _Prefix:
    """What is known of the pages under one path prefix."""

    def __init__(self) -> None:
        self.pages = self.high = 0
        self.total = 0.0
        self.answers: Counter[bool | None] = Counter()
        self.samples: list[tuple[int, str]] = []  # the pages with the largest negative hash

    def add(self, url: str, score: float, answer: bool | None) -> None:
        self.pages += 1
        self.high += score >= 0.5
        self.total += score
        self.answers[answer] += 1
        if len(self.samples) < SAMPLES:
            heapq.heappush(self.samples, (-url_hash(url), url))
        else:
            heapq.heappushpop(self.samples, (-url_hash(url), url))

    def without(self, parts: Iterable["_Prefix"]) -> "_Prefix":
        """The pages that are under none of ``parts``."""
        rest, gone = _Prefix(), [u for p in parts for _, u in p.samples]
        rest.pages = self.pages - sum(p.pages for p in parts)
        rest.total = self.total - sum(p.total for p in parts)
        rest.answers = self.answers - sum((p.answers for p in parts), Counter())
        rest.samples = [x for x in self.samples if x[1] not in gone]
        return rest


def propose(
    pages: Iterable[tuple[str, float]],
    domains: Iterable[str],
    *,
    known: Annotations,
    max_depth: int = 5,
    min_pages: int = 2,
) -> list[dict[str, Any]]:
    """Path prefixes of math domains for a person to judge, those without a decision and with many pages first.

    A domain is cut at its first folders; a prefix is cut further while some of its pages look like mathematics and
    others do not, or while one folder holds them all.

    Args:
        pages: (url, score) of the crawl, one at a time; only sums for each prefix of the domains are held.
        domains: the math domains of a round.
        max_depth: folders in a prefix.

    Returns:
        Rows ``{domain, path_prefix, pages, mean_score, decided, samples}``; ``decided`` is yes, no, in part or "";
        ``samples`` are addresses drawn by their hash.
    """
    wanted = set(domains)
    sites: dict[str, dict[tuple[str, ...], _Prefix]] = defaultdict(dict)
    for url, score in pages:
        if (h := host(url)) in wanted:
            folders = tuple(page_path(url).strip("/").split("/")[:-1][:max_depth])
            answer = known.decide(url)
            for depth in range(len(folders) + 1):
                prefix = sites[h].setdefault(folders[:depth], _Prefix())
                prefix.add(url, score, answer)
    rows = [
        {
            "domain": h,
            "path_prefix": "/" + "/".join(folders),
            "pages": p.pages,
            "mean_score": round(p.total / p.pages, 3),
            "decided": _decided(p.answers),
            "samples": [u for _, u in sorted(p.samples, reverse=True)],
        }
        for h, tree in sites.items()
        for folders, p in _cut(tree, (), min_pages)
    ]
    return sorted(
        rows, key=lambda r: (r["decided"] != "", -r["pages"], r["domain"], r["path_prefix"])
    )


def _cut(
    tree: Mapping[tuple[str, ...], _Prefix], at: tuple[str, ...], min_pages: int
) -> Iterator[tuple[tuple[str, ...], _Prefix]]:
    """The prefixes to propose below ``at``, and the rest of ``at`` that they leave."""
    here = tree[at]
    inner = [
        f for f, p in tree.items()
        if len(f) == len(at) + 1 and f[: len(at)] == at and p.pages >= min_pages
    ]  # fmt: skip
    mixed = 0.1 < here.high / here.pages < 0.9
    alone = len(inner) == 1 and tree[inner[0]].pages == here.pages
    if not inner or not (mixed or alone or not at):
        if here.pages >= min_pages:
            yield at, here
        return
    rest = here.without([tree[f] for f in inner])
    if rest.pages >= min_pages:
        yield at, rest
    for f in sorted(inner):
        yield from _cut(tree, f, min_pages)


def _decided(answers: Counter[bool | None]) -> str:
    found = [a for a, n in answers.items() if n]
    return {True: "yes", False: "no", None: ""}[found[0]] if len(found) == 1 else "in part"


def sample_texts(
    rows: Iterable[Mapping[str, Any]], docs: Iterable[Document], width: int = 160
) -> list[dict[str, str]]:
    """The beginnings of the sample pages of some proposals, for the person who judges them."""
    of = {u: r for r in rows for u in r["samples"]}
    out = []
    for d in docs:
        if d.url in of:
            r = of[d.url]
            text = " ".join(d.text[: 2 * width].split())[:width]
            out.append({"domain": r["domain"], "path_prefix": r["path_prefix"], "text": text})
    return sorted(out, key=lambda x: (x["domain"], x["path_prefix"], x["text"]))


def record(path: Path, decisions: Iterable[tuple[str, str, bool]], decided_by: str) -> None:
    """Write decisions ``(domain, path_prefix, is mathematics)`` into a table, with who decided.

    A decision about the same prefix is replaced, all others stay. The table is written whole or not at all.

    Raises:
        ValueError: ``decided_by`` is empty, or the table cannot be read.
    """
    if not decided_by.strip():
        raise ValueError("a decision needs a name: decided_by is empty")
    rows: dict[tuple[str, str], list[str]] = {}
    if path.exists():
        read_tables(path)
        with path.open(encoding="utf-8", newline="") as f:
            for r in csv.DictReader(f):
                rows[host(r["domain"]), _prefix(r["path_prefix"])] = [r[c] for c in COLUMNS]
    for domain, prefix, math in decisions:
        domain, prefix = host(domain), _prefix(prefix)
        rows[domain, prefix] = [domain, prefix, "yes" if math else "no", decided_by.strip()]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows.values()])
    write_atomic(path, text.getvalue())


def write_proposals(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Proposals as a table to fill in: give ``math`` (yes or no) and ``decided_by``, then use it as annotations."""
    more = ("pages", "mean_score", "samples")
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([*COLUMNS, *more])
    for r in rows:
        if not r["decided"]:
            shown = [r["pages"], r["mean_score"], " ".join(r["samples"])]
            cells = [r["domain"], r["path_prefix"], "", "", *shown]
            out.writerow([_as_text(c) if isinstance(c, str) else c for c in cells])
    write_atomic(path, text.getvalue())


def _as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; an address that begins as one is no address."""
    return "'" + cell if cell[:1] in tuple("=+-@\t\r") else cell
