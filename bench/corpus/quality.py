"""Extraction beside its peers in one run: main text against ground truth, formulas by mark-up, pages a second.

    make bench-corpus          or, with more annotated pages than the data folder has:
    python bench/corpus/quality.py --data ../shared/data/web --more FOLDER --out OUT.json

Main text, on the pages of trafilatura's evaluation (``annotations``): per page some segments that belong to the main
text and some that do not. A segment is found when its tokens stand in the text in a row. Precision, recall and F1 count
tokens, or segments. ``--more`` names a folder with further files of that evaluation. The rules of ``webtext.content``
were set by hand on one half of those sites (``SET_ON``); the other half was never looked at, so its figure is the one
to expect on unseen sites. By ``folds`` of sites: the same text, F1 of each fifth.

Survival, on ``html/math`` and ``html/neardup``. ``present``: formulas of at least five characters whose LaTeX stands in
the text at all, white space apart, which is fair to extractors that do not write dollar signs. ``kept``: all formulas,
between dollar signs, as often as in the source; ``twice``: more often.

Rates: processor time of all extractors on each page in turn, one core. Peers that are not installed are left out, and a
line says so: ``pip install trafilatura readability-lxml lxml_html_clean magic-html``.
"""

import argparse
import hashlib
import json
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import truth
from resiliparse.extract.html2text import extract_plain_text

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.crawl.read_pages import decode
from dsmath_lib.engines.webtext import PageError, extract

SITES = {
    "mathse": "https://math.stackexchange.com/q",
    "mathoverflow": "https://mathoverflow.net/q",
    "physicsse": "https://physics.stackexchange.com/q",
    "worldbuildingse": "https://worldbuilding.stackexchange.com/q",
}
LEAST = 5  # characters of a formula whose presence proves something
Extractor = Callable[[str, str], str]


def ours(html: str, url: str) -> str:
    try:
        return extract(html, url).text
    except PageError:
        return ""


def resiliparse(html: str, url: str) -> str:
    return extract_plain_text(html, main_content=True, alt_texts=False, preserve_formatting=True)


def peers() -> dict[str, Extractor]:
    """The extractors to compare."""
    found: dict[str, Extractor] = {"ours": ours, "resiliparse": resiliparse}
    for add in (_trafilatura, _readability, _magic):
        try:
            found |= add()
        except ImportError as err:
            print(f"left out: {err}", file=sys.stderr)
    return found


def _trafilatura() -> dict[str, Extractor]:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    modes: dict[str, dict[str, bool]] = {
        "trafilatura": {}, "trafilatura fast": {"fast": True}, "trafilatura precision": {"favor_precision": True},
        "trafilatura recall": {"favor_recall": True},
    }  # fmt: skip
    return {
        name: lambda html, url, how=how: trafilatura.extract(html, **how) or ""
        for name, how in modes.items()
    }


def _readability() -> dict[str, Extractor]:
    from lxml.html import fromstring
    from readability import Document

    logging.getLogger("readability").setLevel(logging.CRITICAL)

    def run(html: str, url: str) -> str:
        try:
            return fromstring(Document(html).summary()).text_content()
        except Exception:  # of lxml, on pages it cannot read
            return ""

    return {"readability": run}


def _magic() -> dict[str, Extractor]:
    from lxml.html import fromstring
    from magic_html import GeneralExtractor

    extractor = GeneralExtractor()

    def run(html: str, url: str) -> str:
        try:
            return fromstring(extractor.extract(html, base_url=url)["html"]).text_content()
        except Exception:  # of lxml, on pages it cannot read
            return ""

    return {"magic-html": run}


def url_of(page: truth.Page) -> str:
    """The address of a page, where the extractor needs it."""
    return SITES.get(page.name.split("-")[0], "")


def present(page: truth.Page, text: str) -> dict[str, tuple[int, int]]:
    """Group -> (long enough formulas, how many of them stand in the text, as often as in the source)."""
    flat = truth.squeeze(text)
    out = {}
    for group, wanted in page.formulas.items():
        long = {f: n for f, n in wanted.items() if len(f) >= LEAST}
        out[group] = sum(long.values()), sum(min(n, flat.count(f)) for f, n in long.items())
    return out


def survival(pages: list[truth.Page], name: str, run: Extractor) -> dict[str, Any]:
    """Formulas kept by one extractor, per group."""
    rows: dict[str, Counter] = {g: Counter() for g in truth.GROUPS}
    twice = 0
    for page in pages:
        text = run(page.html, url_of(page))
        for group, (n, found) in present(page, text).items():
            rows[group].update(long=n, present=found)
        if name == "ours":
            for group, (n, kept) in truth.survival(page, text).items():
                rows[group].update(formulas=n, kept=kept)
            twice += truth.twice(page, text).total()
    groups = {g: share(c) for g, c in rows.items() if c["long"] or c["formulas"]}
    return {"groups": groups} | ({"twice": twice} if name == "ours" else {})


def share(c: Counter) -> dict[str, Any]:
    out: dict[str, Any] = dict(c)
    for part, whole in (("present", "long"), ("kept", "formulas")):
        if c[whole]:
            out[f"{part}_share"] = round(c[part] / c[whole], 4)
    return out


# -- main text -------------------------------------------------------------------------------------------------------
def tokens(text: str) -> list[str]:
    """Words and numbers; a Chinese or Japanese character is one; punctuation and case do not count."""
    return re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_\u3040-\u30ff\u4e00-\u9fff]+", text.casefold())  # fmt: skip


def marked(text: str) -> str:
    """Tokens with a space round each, so that a run of them is a substring."""
    return f" {' '.join(tokens(text))} "


def annotated(folder: Path, more: Path | None) -> list[tuple[str, dict, str, bool]]:
    """Pages of the evaluation: (address, segments, source, is it one of the data folder)."""
    table = json.loads((folder / "annotations/trafilatura-evaldata.json").read_text("utf-8"))
    out = []
    for url, row in table.items():
        own = folder / "html/plain" / f"tf-{row['file']}"
        path = own if own.exists() or more is None else more / row["file"]
        if path.exists():
            out.append((url, row, decode(path.read_bytes()), path == own))
    return out


def part_of(url: str, parts: int) -> int:
    """Which part of the sites an address belongs to: all pages of a site to one."""
    site = (urlsplit(url).hostname or url).removeprefix("www.")
    return hashlib.md5(site.encode()).digest()[0] % parts


def main_text(pages: list, runs: dict[str, Extractor]) -> dict[str, dict[str, Any]]:
    """Scores and rates of all extractors, page by page in turn."""
    seconds = dict.fromkeys(runs, 0.0)
    found: dict[str, list[Counter]] = {name: [] for name in runs}  # of tokens, then of segments
    for url, row, html, _ in pages:
        for name, run in runs.items():
            start = time.process_time()
            text = run(html, url)
            seconds[name] += time.process_time() - start
            found[name].append(segments_in(marked(text), row))
    parts = {"own": [own for *_, own in pages], "other": [not own for *_, own in pages]}
    for half in (0, 1):
        parts[("set on", "never looked at")[half]] = [
            not own and half_of(url) == half for url, _, _, own in pages
        ]
    out = {}
    for name, counts in found.items():
        folds = [
            sum((c for c, p in zip(counts, pages, strict=True) if part_of(p[0], 5) == k), Counter())
            for k in range(5)
        ]
        out[name] = {
            "cpu_ms_per_page": round(1000 * seconds[name] / max(len(pages), 1), 2),
            "pages_per_second": round(len(pages) / max(seconds[name], 1e-9), 1),
            "folds": [scores(c, "tokens")["f1"] for c in folds if c],
        }
        for part, mask in parts.items():
            total = sum((c for c, m in zip(counts, mask, strict=True) if m), Counter())
            if total:
                out[name][part] = {"pages": sum(mask)} | {
                    u: scores(total, u) for u in ("tokens", "segments")
                }
    return out


def half_of(url: str) -> int:
    """Half of the sites: the rules were set on 0, 1 was never looked at."""
    name = url.split("/")[2] if url.count("/") > 1 else url
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % 2


def segments_in(text: str, row: dict) -> Counter:
    """Segments of a page and their tokens: right and wrong ones found, and missed."""
    out: Counter = Counter()
    for kind, hit, miss in (("with", "tp", "fn"), ("without", "fp", "tn")):
        for segment in row.get(kind) or []:
            if size := len(tokens(segment)):
                key = hit if marked(segment) in text else miss
                out.update({f"segments {key}": 1, f"tokens {key}": size})
    return out


def scores(c: Counter, unit: str) -> dict[str, float]:
    tp, fp, fn = (c[f"{unit} {k}"] for k in ("tp", "fp", "fn"))
    found = {
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
    }
    return {k: round(v, 4) for k, v in found.items()}


def plain_pages(folder: Path) -> dict[str, int]:
    """Formulas that are none, on pages without mathematics."""
    false: dict[str, int] = {}
    paths = sorted((folder / "html/plain").glob("*.html"))
    for path in paths:
        try:
            if n := extract(decode(path.read_bytes())).found:
                false[path.name] = n
        except PageError:
            pass
    return {"pages": len(paths), "false_formulas": sum(false.values())}


def table(result: dict[str, Any]) -> list[str]:
    """One line for each extractor."""
    parts = [p for p in ("own", "set on", "never looked at") if p in result["main_text"]["ours"]]
    lines = [
        f"{'':22}"
        + "".join(f"{p + ': tokens P R F1':>32}" for p in parts)
        + f"{'formulas':>10}{'pages/s':>9}"
    ]
    for name, row in result["main_text"].items():
        cells = [
            "  ".join(f"{row[p]['tokens'][k]:.3f}" for k in ("precision", "recall", "f1"))
            for p in parts
        ]
        groups = [g for x in result["survival"][name].values() for g in x["groups"].values()]
        have = sum(g.get("present", 0) for g in groups) / max(
            sum(g.get("long", 0) for g in groups), 1
        )
        lines.append(
            f"{name:22}"
            + "".join(f"{c:>32}" for c in cells)
            + f"{have:>10.3f}{row['pages_per_second']:>9.1f}"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder with html, annotations"
    )
    parser.add_argument("--more", type=Path, help="a folder with further pages of the evaluation")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    folders = {x: list(truth.pages(args.data / "html", x)) for x in ("math", "neardup")}
    runs = peers()
    pages = annotated(args.data, args.more)
    for run in runs.values():
        run(pages[0][2], pages[0][0])  # compiles, loads
    result: dict[str, Any] = {"bench": "corpus_quality", "main_text": main_text(pages, runs)}
    result["survival"] = {
        name: {x: survival(p, name, run) for x, p in folders.items()} for name, run in runs.items()
    }
    result["plain"] = plain_pages(args.data)
    result["pages"] = {x: len(p) for x, p in folders.items()}
    result["environment"] = environment()
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")
    print("\n".join(table(result)))
    for name, found in result["survival"]["ours"].items():
        kept = {g: f"{r.get('kept')}/{r.get('formulas')}" for g, r in found["groups"].items()}
        print(f"ours, {name}:", json.dumps(kept | {"twice": found["twice"]}))
    print("formulas that are none:", result["plain"]["false_formulas"])


if __name__ == "__main__":
    main()
