"""``reports/<scale>/index.html``: every stage with state, key numbers, main plot, time, memory and links.

``reports/<scale>/results.json`` beside it holds the results of all finished stages.
"""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import reports_root
from dsmath_lib.evaluation.metrics import read_estimate
from dsmath_lib.params.registry import STAGES
from dsmath_lib.report.html import write_html
from dsmath_lib.report.notebook import format_value
from dsmath_lib.report.pages import relink_pages

STATES = {
    "done": "✓ done",
    "failed": "✗ failed",
    "started": "… running or interrupted",
    "not run": "– not run",
}
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem }
section { border: 1px solid #8888; border-radius: 8px; margin: 1rem 0; padding: .5rem 1rem 1rem }
section > div { display: flex; flex-wrap: wrap; gap: 1.5rem }
section > div > * { flex: 1 1 22rem; min-width: 0 }
h2 { font-size: 1.2rem; margin: .5rem 0 } h2 small { font-weight: normal; margin-left: .8rem }
.done { color: #006ba4 } .failed { color: #c85200 } .error { font-family: monospace; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% } caption { text-align: left; font-weight: 600 }
th, td { border-bottom: 1px solid #8884; padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top }
td, th[scope=row] { overflow-wrap: anywhere }
td.n, th.n { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums }
img { max-width: 100%; height: auto; background: #fff } footer { color: #777; font-size: .85rem }
"""


def write_index(scale: str) -> Path:
    """Make the index page and the results of all stages; returns the page."""
    folder = reports_root() / scale
    stages = {s: read_stage(folder / s) for s in STAGES}
    results = {s: part["results"] for s, part in stages.items() if part["state"] == "done"}
    write_atomic(
        folder / "results.json",
        json.dumps({"scale": scale, "stages": results}, indent=1, ensure_ascii=False) + "\n",
    )
    page = folder / "index.html"
    write_atomic(page, render(scale, stages))
    relink_pages(folder)
    return page


def rebuild(scale: str) -> Path:
    """Make the pages of all notebooks and the index of a scale again from what is there; returns the index.

    Raises:
        ParamsError: there is nothing for this scale.
    """
    folder = reports_root() / scale
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
    results, digest = _json(folder / "results.json"), _json(folder / "digest.json")
    state = "done" if results else digest.get("state", "not run")
    if state == "done" and not results:
        state = "started"  # a notebook opened by hand has begun anew
    alt = ""
    if figure := results.get("figure"):
        text = (folder / Path(str(figure)).name).with_suffix(".alt.txt")
        alt = text.read_text(encoding="utf-8").strip() if text.exists() else ""
    return {
        "state": state if state in STATES else "failed",
        "error": digest.get("error") if state == "failed" else None,
        "seconds": digest.get("seconds") or results.get("seconds"),
        "results": results,
        "files": sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else [],
        "alt": alt,
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return data if isinstance(data, dict) else {}
    except (OSError, ValueError):
        return {}


# -- the page ----------------------------------------------------------------------------------


def render(scale: str, stages: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as text; every value from a file is escaped."""
    e = html.escape
    done = [s for s, p in stages.items() if p["state"] == "done"]
    total = sum(p["seconds"] or 0 for p in stages.values())
    summary = f"{len(done)} of {len(stages)} stages done, {_duration(total)} in all."
    sections = "\n".join(_section(s, p) for s, p in stages.items())
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dsmath: {e(scale)}</title><style>{STYLE}</style></head>
<body><main><h1>dsmath, scale {e(scale)}</h1>
<p>{summary}</p>
{sections}
</main><footer><p>{_machine([stages[s]["results"] for s in done])}</p></footer></body></html>
"""


def _section(stage: str, part: Mapping[str, Any]) -> str:
    e = html.escape
    state, results = part["state"], part["results"]
    begin = f'<section id="{e(stage)}">'
    head = f'<h2>{e(stage)} <small class="{e(state.split()[0])}">{STATES[state]}</small></h2>'
    if state == "not run":
        return f"{begin}{head}</section>"
    left = f'<p class="error">{e(str(part["error"]))}</p>' if part["error"] else ""
    left += _numbers(results)
    facts = []
    if part["seconds"]:
        facts.append(f"time {_duration(part['seconds'])}")
    memory = results.get("peak_memory_mb") or {}
    facts += [f"peak {e(str(k))} memory {v / 1000:.2f} GB" for k, v in memory.items()]
    left += f"<p>{', '.join(facts)}</p>" if facts else ""
    left += f"<p>{_links(stage, part['files'])}</p>"
    figure = Path(str(results.get("figure") or "")).name
    right = ""
    if figure and figure in part["files"]:
        alt = e(part["alt"] or f"main figure of {stage}", quote=True)
        right = f'<p><img src="{e(stage)}/{e(figure, quote=True)}" alt="{alt}" loading="lazy"></p>'
    return f"{begin}{head}<div><div>{left}</div>{right}</div></section>"


def _numbers(results: Mapping[str, Any]) -> str:
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
        return ""
    heads = ("measure", "value", "95 % interval", "n")
    used = [i for i in range(4) if i < 2 or any(r[i] for r in rows)]
    align = ("", *[' class="n"'] * 3)
    head = "".join(f'<th scope="col"{align[i]}>{heads[i]}</th>' for i in used)
    body = "".join(
        f'<tr><th scope="row">{html.escape(r[0])}</th>'
        + "".join(f'<td class="n">{html.escape(r[i])}</td>' for i in used[1:])
        + "</tr>"
        for r in rows
    )
    return f"<table><caption>Key numbers</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _links(stage: str, files: list[str]) -> str:
    names = {
        f"{stage}.html": "page",
        f"{stage}.ipynb": "notebook",
        "results.json": "results.json",
        "log.jsonl": "log",
    }
    links = [
        f'<a href="{html.escape(stage)}/{html.escape(file)}">{text}</a>'
        for file, text in names.items()
        if file in files
    ]
    return " · ".join(links)


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
    return html.escape("; ".join(p for p in parts if p))
