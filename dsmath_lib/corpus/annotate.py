"""URL annotation (section 2.1): people mark the math paths of math domains, in a table kept under version control."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dsmath_lib.corpus.urls import canonical, host

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
    path = unquote(urlsplit("//" + canonical(url)).path)
    return path or "/"


def read_tables(*paths: Path) -> Annotations:
    """Read annotation tables (CSV with columns domain, path_prefix, math = yes or no, decided_by).

    Raises:
        ValueError: a column is missing, or a row says neither yes nor no; names file and line.
    """
    rules: dict[str, dict[str, bool]] = defaultdict(dict)
    for path in paths:
        with path.open(encoding="utf-8", newline="") as f:
            rows = csv.DictReader(f)
            if missing := set(COLUMNS) - set(rows.fieldnames or ()):
                raise ValueError(f"{path}: column {', '.join(sorted(missing))} is missing")
            for row in rows:
                answer = {"yes": True, "no": False}.get((row["math"] or "").strip().lower())
                if answer is None:
                    raise ValueError(
                        f"{path}, line {rows.line_num}: math must be yes or no, not {row['math']!r}"
                    )
                rules[host(row["domain"])]["/" + row["path_prefix"].strip().strip("/")] = answer
    return Annotations(dict(rules))


def propose(
    pages: Iterable[tuple[str, float]],
    domains: Iterable[str],
    *,
    known: Annotations,
    depth: int = 1,
    min_pages: int = 2,
) -> list[dict[str, object]]:
    """Path prefixes of math domains for a person to judge, those without a decision and with many pages first.

    Args:
        pages: (url, score) of the crawl.
        domains: the math domains of a round.
        depth: path parts in a prefix.

    Returns:
        Rows ``{domain, path_prefix, pages, mean_score, decided, example}``; ``decided`` is yes, no, in part or "".
    """
    wanted = set(domains)
    groups: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for url, score in pages:
        if (h := host(url)) in wanted:
            prefix = "/" + "/".join(page_path(url).strip("/").split("/")[:depth])
            groups[h, prefix].append((score, url))
    rows: list[dict[str, object]] = []
    for (h, prefix), members in groups.items():
        if len(members) >= min_pages:
            mean = sum(s for s, _ in members) / len(members)
            answers = {known.decide(u) for _, u in members}
            decided = (
                {True: "yes", False: "no", None: ""}[answers.pop()]
                if len(answers) == 1
                else "in part"
            )
            row = {
                "domain": h,
                "path_prefix": prefix,
                "pages": len(members),
                "mean_score": round(mean, 3),
            }
            rows.append({**row, "decided": decided, "example": max(members)[1]})
    return sorted(
        rows, key=lambda r: (r["decided"] != "", -r["pages"], r["domain"], r["path_prefix"])
    )
