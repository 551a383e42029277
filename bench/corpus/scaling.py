"""The measured block of docs/scaling.md, written from results files, never by hand.

    python bench/corpus/scaling.py

Reads ``corpus_steps.json`` and, as far as they are there, ``corpus_rates.json``, ``corpus_memory.json``,
``corpus_quality.json`` and ``corpus_peers.json`` in reports/reference/bench. Writes, between the page's markers, the
rates, those of the libraries beside, the memory, what extraction keeps, datatrove beside, and the extrapolation to one
Common Crawl snapshot with its arithmetic.
"""

import json
import re
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import ROOT

BEGIN, END = "<!-- corpus:begin -->", "<!-- corpus:end -->"
WARC_FILES, PAGES_PER_WARC = 90_000, 35_000  # one snapshot, about; HTML responses of a file, about
ROUNDS, CORES = 4, 1_000
EVERY_ROUND = ("mine: score", "mine: keep")
PARTITION_PAGES = 1_000_000
KEYS = {"bands": 28, "bytes": 24}  # records of a band: key, id, place


def ms(steps: dict[str, Any], name: str) -> float:
    return 1000 * steps["seconds"][name] / steps["pages"]


def rates(steps: dict[str, Any]) -> list[str]:
    """One row per step."""
    out = ["| step | pages/s, one core | ms per page |", "|---|---|---|"]
    for name in steps["seconds"]:
        out.append(f"| {name} | {1000 / ms(steps, name):,.0f} | {ms(steps, name):.3f} |")
    return out


def memory(result: dict[str, Any]) -> list[str]:
    """Peak memory and cost over the size of the crawl, and how far the largest is from the smallest."""
    rows = result["rows"]
    sizes = sorted({r["pages"] for r in rows})
    by = {(r["step"], r["pages"]): r for r in rows}
    head = " | ".join(f"{n:,} pages" for n in sizes)
    out = [
        f"| command | {head} | cost per page, largest against smallest |",
        "|---|" + "---|" * (len(sizes) + 1),
    ]
    for step in dict.fromkeys(r["step"] for r in rows):
        cells = [
            f"{by[step, n]['peak_mb']:.0f} MB, {by[step, n]['cpu_ms_per_page']:.2f} ms"
            for n in sizes
        ]
        change = by[step, sizes[-1]]["cpu_ms_per_page"] / by[step, sizes[0]]["cpu_ms_per_page"] - 1
        out.append(f"| {step} | {' | '.join(cells)} | {change:+.1%} |")
    cost = {n: sum(r["cpu_ms_per_page"] for r in rows if r["pages"] == n) for n in sizes}
    whole = " | ".join(f"{cost[n]:.2f} ms" for n in sizes)
    out.append(f"| all | {whole} | {cost[sizes[-1]] / cost[sizes[0]] - 1:+.1%} |")
    return out


def quality(result: dict[str, Any]) -> list[str]:
    """Formulas present in the text, per extractor and group, and F1 of the main text."""
    names = list(result["survival"])
    out = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    groups = result["survival"][names[0]]["math"]["groups"]
    for group, row in groups.items():
        if "long" in row:
            found = (result["survival"][n]["math"]["groups"][group] for n in names)
            cells = (g.get("present_share", 0.0) for g in found)
            out.append(
                f"| `{group}`, {row['long']} formulas | {' | '.join(f'{x:.1%}' for x in cells)} |"
            )
    parts = {
        "own": "the data folder",
        "set on": "sites the rules were set on",
        "never looked at": "sites never looked at",
    }
    for part, said in parts.items():
        rows = {n: result["main_text"][n].get(part) for n in names}
        if not rows[names[0]]:
            continue
        for score in ("precision", "recall", "f1"):
            cells = (f"{rows[n]['tokens'][score]:.3f}" for n in names)
            pages = rows[names[0]]["pages"]
            out.append(
                f"| main text, tokens, {score}: {said}, {pages} pages | {' | '.join(cells)} |"
            )
    cells = (f"{result['main_text'][n]['pages_per_second']:.0f}" for n in names)
    out.append(f"| pages a second, one core, in turn on each page | {' | '.join(cells)} |")
    return out


def peers(result: dict[str, Any]) -> list[str]:
    """The whole way through datatrove and through ours."""
    out = [
        "| | pages/s, extract | documents/s, dedup | pages/s, both | formulas kept | documents, kept |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("ours", "datatrove"):
        r = result[name]
        out.append(
            f"| {name} | {r['extract_pages_per_second']:.0f} | {r['dedup_documents_per_second']:.0f} | "
            f"{r['pages_per_second']:.0f} | {r['survival']['share']:.1%} | {r['documents']}, {r['kept_by_dedup']} |"
        )
    return out


def against(result: dict[str, Any]) -> list[str]:
    """Our steps beside the libraries that do the same, with the goal of each ratio."""
    groups = list(result["pages"])
    heads = (f"{g} ({result['pages'][g]} pages)" for g in groups)
    out = [f"| | goal | {' | '.join(heads)} |", "|---|---|" + "---|" * len(groups)]
    for name in result["ratios"]["all"]:
        goal = result["goals"].get(name)
        sign = f"{'≥' if goal['at_least'] else '<'} {goal['goal']}" if goal else ""
        cells = " | ".join(f"{result['ratios'][g][name]:.2f}" for g in groups)
        out.append(f"| {name} | {sign} | {cells} |")
    return out


def kept(name: str) -> dict[str, Any] | None:
    """A results file, None if there is none."""
    path = ROOT / "reports" / "reference" / "bench" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def snapshot(steps: dict[str, Any]) -> list[str]:
    """What a snapshot would take, each number with the ones it is made of."""
    pages = WARC_FILES * PAGES_PER_WARC
    once = sum(ms(steps, s) for s in steps["seconds"] if s not in EVERY_ROUND)
    again = sum(ms(steps, s) for s in EVERY_ROUND)
    total = once + ROUNDS * again
    hours = pages * total / 3.6e6
    per = {k: v / steps["documents"] for k, v in steps["bytes"].items()}
    partitions = -(-pages // PARTITION_PAGES)
    join = PARTITION_PAGES * KEYS["bands"] * KEYS["bytes"]
    lines = [
        f"- pages: {WARC_FILES:,} WARC files × {PAGES_PER_WARC:,} HTML responses = {pages:,}",
        f"- CPU per page: {once:.3f} ms once + {ROUNDS} rounds × {again:.3f} ms = {total:.3f} ms",
        f"- CPU in all: {pages:,} × {total:.3f} ms / 3,600,000 = {hours:,.0f} core-hours, "
        f"so {hours / CORES:,.1f} hours on {CORES:,} cores if nothing waits for disks",
        f"- partitions of {PARTITION_PAGES:,} pages: {partitions:,}; records of one: {PARTITION_PAGES:,} × "
        f"{KEYS['bands']} × {KEYS['bytes']} bytes = {join / 1e6:,.0f} MB, a few times that while it is sorted",
    ]
    for what, size in per.items():
        tb = f"{pages * size / 1e12:,.1f} TB, duplicates included"
        lines.append(f"- disk, {what}: {size:,.0f} bytes × {pages:,} = {tb}")
    return lines


def block() -> str:
    """The Markdown between the markers."""
    steps = kept("corpus_steps")
    if steps is None:
        return "No reference run is kept yet.\n"
    chars = steps["html_chars"] / steps["pages"]
    where = steps["environment"]
    out = [
        f"Rates of each step ({steps['input']}: {steps['pages']:,} pages, {chars:,.0f} characters of HTML each; CPU "
        f"time on one of {where['cores']} cores, Python {where['python']}; `corpus_steps.json`):",
        "", *rates(steps), "",
    ]  # fmt: skip
    if result := kept("corpus_rates"):
        peers_used = ", ".join(f"{k} {v}" for k, v in result["libraries"].items() if v)
        out += [f"Beside the libraries that do the same, on one thread in one run ({peers_used};",
                "`corpus_rates.json`). Main content is resiliparse alone; whole pass is read, extract, language,",
                "classify, MinHash and decontaminate. A share is a share of the time, all others are ratios of rates:",
                "", *against(result), ""]  # fmt: skip
    if result := kept("corpus_memory"):
        out += ["Peak memory and cost of the commands as the crawl grows (toy web, one worker, shards of 5 MB;",
                "`corpus_memory.json`, with a plot beside it):", "", *memory(result), ""]  # fmt: skip
    if result := kept("corpus_quality"):
        out += ["Formulas of at least five characters that stand in the text, and main text against ground truth",
                f"({result['pages']['math']} pages with mathematics; pages of trafilatura's evaluation; "
                "`corpus_quality.json`):", "", *quality(result), ""]  # fmt: skip
    if result := kept("corpus_peers"):
        versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
        out += [f"The same {result['pages']} pages through datatrove, trafilatura and MinHash, one worker, CPU time",
                f"({versions}; `corpus_peers.json`):", "", *peers(result), ""]  # fmt: skip
    out += ["One Common Crawl snapshot, by the rates of the first table:", "", *snapshot(steps)]
    return "\n".join(out) + "\n"


def main() -> None:
    page = ROOT / "docs" / "scaling.md"
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    text = page.read_text(encoding="utf-8")
    write_atomic(page, pattern.sub(lambda _: f"{BEGIN}\n{block()}{END}", text))
    print("docs/scaling.md: measured block written")


if __name__ == "__main__":
    main()
