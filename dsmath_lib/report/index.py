"""``reports/<scale>/index.html``: every stage with state, key numbers, main plot, time, memory and links.

``reports/<scale>/results.json`` beside it holds the results of all finished stages.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.files import read_json, write_atomic
from dsmath_lib.base.folders import scale_folder
from dsmath_lib.base.tags import Html, joined, page, table, tag
from dsmath_lib.evaluation.metrics import read_estimate
from dsmath_lib.report.html import write_html
from dsmath_lib.report.notebook import format_value
from dsmath_lib.report.pages import relink_pages
from dsmath_lib.rows.stages import STAGES

STATES = {
    "done": "✓ done",
    "failed": "✗ failed",
    "started": "… running or interrupted",
    "not run": "– not run",
}
_NUMBER = "white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums"
_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem }
section { border: 1px solid #8888; border-radius: 8px; margin: 1rem 0; padding: .5rem 1rem 1rem }
section > div { display: flex; flex-wrap: wrap; gap: 1.5rem }
section > div > * { flex: 1 1 22rem; min-width: 0 }
h2 { font-size: 1.2rem; margin: .5rem 0 } h2 small { font-weight: normal; margin-left: .8rem }
.done { color: #006ba4 } .failed { color: #c85200 } .error { font-family: monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } caption { text-align: left; font-weight: 600 }
th, td { border-bottom: 1px solid #8884; padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
img { max-width: 100%; height: auto; background: #fff } footer { color: #777; font-size: .85rem }
"""


def write_index(scale: str) -> Path:
    """Make the index page and the results of all stages; returns the page."""
    folder = scale_folder(scale)
    stages = {s: read_stage(folder / s) for s in STAGES}
    results = {s: part["results"] for s, part in stages.items() if part["state"] == "done"}
    write_atomic(
        folder / "results.json",
        json.dumps({"scale": scale, "stages": results}, indent=1, ensure_ascii=False) + "\n",
    )
    index = folder / "index.html"
    write_atomic(index, index_page(scale, stages))
    relink_pages(folder)
    return index


def rebuild(scale: str) -> Path:
    """Make the pages of all notebooks and the index of a scale again from what is there; returns the index.

    Raises:
        ParamsError: there is nothing for this scale.
    """
    folder = scale_folder(scale)
    if not folder.is_dir():
        raise ParamsError(
            f"no report for scale '{scale}' in {folder}; make it with: dsmath run {scale}"
        )
    for stage in STAGES:
        if (folder / stage / f"{stage}.ipynb").exists():
            write_html(folder / stage / f"{stage}.ipynb")
    return write_index(scale)


def read_stage(folder: Path) -> dict[str, Any]:
    """State of a stage folder: ``{"state", "error", "seconds", "results", "files", "alt"}``."""
    results, digest = _shaped(read_json(folder / "results.json")), read_json(folder / "digest.json")
    state = "done" if results else str(digest.get("state", "not run"))
    if state == "done" and not results:
        state = "started"  # a notebook opened by hand has begun anew
    alt = ""
    if figure := results.get("figure"):
        text = (folder / (Path(figure).name or "figure")).with_suffix(".alt.txt")
        alt = text.read_text(encoding="utf-8", errors="replace").strip() if text.is_file() else ""
    return {
        "state": state if state in STATES else "failed",
        "error": digest.get("error") if state == "failed" else None,
        "seconds": _number(digest.get("seconds")) or results.get("seconds"),
        "results": results,
        "files": sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else [],
        "alt": alt,
    }


def _shaped(results: dict[str, Any]) -> dict[str, Any]:
    """Results in which each part has its own kind, so that the page can show what is there; {} if nothing is.

    The file may be of another version, or of a person.
    """
    kinds = {
        "metrics": dict,
        "peak_memory_mb": dict,
        "environment": dict,
        "figure": str,
        "headline": list,
    }
    out = results | {k: kind() for k, kind in kinds.items() if not isinstance(results.get(k), kind)}
    memory = {k: n for k, v in out["peak_memory_mb"].items() if (n := _number(v)) is not None}
    names = [n for n in out["headline"] if isinstance(n, str)]
    if not isinstance(out["environment"].get("versions"), dict):
        out["environment"] = out["environment"] | {"versions": {}}
    more = {"peak_memory_mb": memory, "headline": names, "seconds": _number(results.get("seconds"))}
    return out | more if results else {}


def _number(x: Any) -> float | None:
    e = read_estimate(x)
    return None if e is None or isinstance(x, Mapping) else e.value


# -- the page ----------------------------------------------------------------------------------


def index_page(scale: str, stages: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as text; every value from a file is escaped."""
    done = [s for s, p in stages.items() if p["state"] == "done"]
    total = sum(p["seconds"] or 0 for p in stages.values())
    summary = f"{len(done)} of {len(stages)} stages done, {_duration(total)} in all."
    sections = joined((_section(s, p) for s, p in stages.items()), "\n")
    main = tag("main", tag("h1", f"dsmath, scale {scale}"), tag("p", summary), "\n", sections)
    machine = tag("p", _machine([stages[s]["results"] for s in done]))
    return page(f"dsmath: {scale}", _STYLE, main, tag("footer", machine))


def _section(stage: str, part: Mapping[str, Any]) -> Html:
    state, results = part["state"], part["results"]
    head = tag("h2", f"{stage} ", tag("small", STATES[state], class_=state.split()[0]))
    if state == "not run":
        return tag("section", head, id=stage)
    left = [tag("p", part["error"], class_="error")] if part["error"] else []
    left.append(_numbers(results))
    facts = [f"time {_duration(part['seconds'])}"] if part["seconds"] else []
    memory = results.get("peak_memory_mb") or {}
    facts += [f"peak {k} memory {v / 1000:.2f} GB" for k, v in memory.items()]
    if planned := (results.get("plan") or {}).get("peak_mb"):
        facts.append(f"planned {planned / 1000:.2f} GB (an estimate)")
    left += [tag("p", ", ".join(facts))] if facts else []
    left.append(tag("p", _links(stage, part["files"])))
    figure = Path(str(results.get("figure") or "")).name
    right = ""
    if figure and figure in part["files"]:
        alt = part["alt"] or f"main figure of {stage}"
        right = tag("p", tag("img", src=f"{stage}/{figure}", alt=alt, loading="lazy"))
    return tag("section", head, tag("div", tag("div", *left), right), id=stage)


def _numbers(results: Mapping[str, Any]) -> Html:
    """The headline metrics with their 95 % intervals and the paper's value, where the results give one."""
    metrics = results.get("metrics") or {}
    names = [n for n in results.get("headline") or [] if n in metrics] or list(metrics)[:5]
    rows = []
    for name in names:
        e = read_estimate(metrics[name])
        low_high = (
            f"{format_value(e.low)} to {format_value(e.high)}" if e and e.low < e.high else ""
        )
        n = format_value(e.n) if e and e.n is not None else ""
        rows.append((str(name), format_value(e and e.value), low_high, n))
    if not rows:
        return Html()
    heads = ("measure", "value", "95 % interval", "n")
    used = [i for i in range(4) if i < 2 or any(r[i] for r in rows)]
    styles = [_NUMBER if i else "" for i in used]
    cells = [[r[i] for i in used] for r in rows]
    return table([heads[i] for i in used], cells, styles, "Key numbers")


def _links(stage: str, files: list[str]) -> Html:
    names = {
        f"{stage}.html": "page",
        f"{stage}.ipynb": "notebook",
        "results.json": "results.json",
        "log.jsonl": "log",
    }
    there = [(file, text) for file, text in names.items() if file in files]
    return joined((tag("a", text, href=f"{stage}/{file}") for file, text in there), " · ")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )


def _machine(results: list[Mapping[str, Any]]) -> str:
    """Where the numbers are from: device, cores, versions, commit (of the last finished stage)."""
    if not results:
        return ""
    env = results[-1].get("environment") or {}
    versions = ", ".join(f"{k} {v}" for k, v in (env.get("versions") or {}).items() if v)
    parts = [
        f"device {env.get('device')}",
        f"{env.get('cores')} cores",
        f"python {env.get('python')}",
        versions,
        f"commit {str(env.get('git_commit'))[:12]}",
    ]
    return "; ".join(p for p in parts if p)
