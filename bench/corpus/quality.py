"""What extraction keeps: formulas per group of mark-up, and main text against ground truth, ours beside others.

    python bench/corpus/quality.py --data ../shared/data/web --out reports/reference/bench/corpus_quality.json

Survival, on ``html/math`` and ``html/neardup``. ``present``: formulas of at least five characters whose LaTeX stands in
the text at all, white space apart, which is fair to extractors that do not write dollar signs. ``kept``: all formulas,
between dollar signs, as often as in the source; ``twice``: more often.

Main text, on the pages of trafilatura's evaluation (``annotations``): per page some segments that belong to the main
text and some that do not. A segment is found when its tokens stand in the text in a row. F1 counts segments, or tokens.

trafilatura is compared if it is installed (``pip install trafilatura``); without it, a line says so.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    try:
        import trafilatura
    except ImportError as err:
        print(f"trafilatura is left out ({err}): pip install trafilatura", file=sys.stderr)
        return found
    found["trafilatura"] = lambda html, url: trafilatura.extract(html) or ""
    recall = {"favor_recall": True, "output_format": "markdown"}
    found["trafilatura recall"] = lambda html, url: trafilatura.extract(html, **recall) or ""
    return found


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


def main_text(folder: Path, run: Extractor) -> dict[str, Any]:
    """Precision, recall and F1 over segments and over their tokens; pages without annotated text are left out."""
    table = json.loads((folder / "annotations/trafilatura-evaldata.json").read_text("utf-8"))
    by: dict[str, Counter] = {"segments": Counter(), "tokens": Counter()}
    n = 0
    seconds = 0.0
    for url, row in table.items():
        path = folder / "html/plain" / f"tf-{row['file']}"
        if not path.exists():
            continue
        n += 1
        html = decode(path.read_bytes())
        start = time.process_time()
        text = run(html, url)
        seconds += time.process_time() - start
        text = marked(text)
        for kind, hit, miss in (("with", "tp", "fn"), ("without", "fp", "tn")):
            for segment in row.get(kind) or []:
                size = len(tokens(segment))
                if not size:
                    continue
                key = hit if marked(segment) in text else miss
                by["segments"][key] += 1
                by["tokens"][key] += size
    return {
        "pages": n,
        "cpu_ms_per_page": round(1000 * seconds / max(n, 1), 2),
        **{unit: scores(c) for unit, c in by.items()},
    }


def scores(c: Counter) -> dict[str, Any]:
    precision = c["tp"] / max(c["tp"] + c["fp"], 1)
    recall = c["tp"] / max(c["tp"] + c["fn"], 1)
    f1 = 2 * c["tp"] / max(2 * c["tp"] + c["fp"] + c["fn"], 1)
    rounded = {
        k: round(v, 4) for k, v in (("precision", precision), ("recall", recall), ("f1", f1))
    }
    return rounded | dict(c)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="the folder with html, annotations"
    )
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    folders = {x: list(truth.pages(args.data / "html", x)) for x in ("math", "neardup")}
    result: dict[str, Any] = {"bench": "corpus_quality", "survival": {}, "main_text": {}}
    for name, run in peers().items():
        result["survival"][name] = {x: survival(p, name, run) for x, p in folders.items()}
        result["main_text"][name] = main_text(args.data, run)
        print(name, json.dumps(result["survival"][name]["math"]["groups"]))
        print(name, json.dumps(result["main_text"][name]), flush=True)
    result["plain"] = plain_pages(args.data)
    result["pages"] = {x: len(p) for x, p in folders.items()}
    result["environment"] = environment()
    write_atomic(args.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
