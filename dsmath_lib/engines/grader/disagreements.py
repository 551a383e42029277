"""A page of the rows on which two graders disagree: self-contained HTML, each row readable on its own."""

import html
import json
from typing import Any

from dsmath_lib.engines.grader.verdict import VERSION

MAX_ROWS = 2_000
TAIL = 600  # characters of a completion that are shown unfolded
STYLE = """
:root { color-scheme: light dark; --ours: #006ba4; --peer: #c85200 }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem }
table { border-collapse: collapse } th, td { border-bottom: 1px solid #8884; padding: .25rem .9rem .25rem 0;
  text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
article { border: 1px solid #8888; border-left: 6px solid var(--ours);
  border-radius: 6px; margin: 1rem 0; padding: .4rem 1rem .8rem }
article.peer { border-left-color: var(--peer) } article.silent { border-left-color: #888 }
h2 { font-size: 1.05rem; margin: .4rem 0 } h2 small { font-weight: normal; margin-left: .6rem; color: #777 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0 }
dt { color: #777 } dd { margin: 0; min-width: 0 }
code, pre { font: 14px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0 }
pre { background: #8881; border-radius: 4px; padding: .5rem .7rem } mark { background: #ffbc79; color: #000 }
.yes { color: var(--ours); font-weight: 600 } .no { color: var(--peer); font-weight: 600 }
nav button { font: inherit; padding: .2rem .8rem; margin: 0 .4rem .4rem 0; cursor: pointer }
nav button[aria-pressed=true] { font-weight: 700; outline: 2px solid var(--ours) }
footer { color: #777; font-size: .85rem }
"""
SCRIPT = """
for (const b of document.querySelectorAll('nav button')) b.onclick = () => {
  for (const o of document.querySelectorAll('nav button')) o.setAttribute('aria-pressed', o === b);
  for (const a of document.querySelectorAll('article'))
    a.hidden = b.dataset.kind !== 'all' && !a.classList.contains(b.dataset.kind);
};
"""
KINDS = {
    "ours": "only dsmath says correct",
    "peer": "only {peer} says correct",
    "silent": "{peer} gave no verdict",
}


def kind(row: dict[str, Any]) -> str | None:
    """Which side alone says correct, or that the peer is silent; None where the two agree or the row has no verdict."""
    if row["correct"] is None or row["correct"] == row["math_verify"]:
        return None
    return "silent" if row["math_verify"] is None else "ours" if row["correct"] else "peer"


def render(rows: list[tuple[int, dict[str, Any]]], name: str, peer: str) -> str:
    """The page for graded rows with their line numbers."""
    graded = [(n, r) for n, r in rows if r["correct"] is not None]
    found = [(n, r, k) for n, r in graded if (k := kind(r))]
    counts = {
        "both say correct": sum(r["correct"] and r["math_verify"] is True for _, r in graded),
        "both say wrong": sum(not r["correct"] and r["math_verify"] is False for _, r in graded),
        **{text.format(peer=peer): sum(k == c for *_, c in found) for k, text in KINDS.items()},
    }
    table = "".join(
        f"<tr><th scope=row>{html.escape(what)}</th><td class=n>{n}</td>"
        f"<td class=n>{n / max(1, len(graded)):.1%}</td></tr>"
        for what, n in counts.items()
    )
    buttons = "".join(
        f'<button data-kind="{k}" aria-pressed="{str(k == "all").lower()}">'
        f"{html.escape(text.format(peer=peer))}</button>"
        for k, text in {"all": "all disagreements", **KINDS}.items()
    )
    articles = "".join(_article(n, r, k, peer) for n, r, k in found[:MAX_ROWS])
    more = (
        f"<p>{len(found) - MAX_ROWS} more are in the output file.</p>"
        if len(found) > MAX_ROWS
        else ""
    )
    title = f"Disagreements of dsmath and {peer}: {name}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{html.escape(title)}</h1><p>{len(graded)} rows; the graders agree on {len(graded) - len(found)}. "
        f"A disagreement shows who reads an answer differently, not who is right: read it.</p>"
        f"<table>{table}</table><nav>{buttons}</nav><main>{articles or '<p>None.</p>'}{more}</main>"
        f"<footer>dsmath grader version {VERSION}</footer>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _verdict(value: bool | None) -> str:
    if value is None:
        return "<span>no verdict</span>"
    return '<span class="yes">✓ correct</span>' if value else '<span class="no">✗ wrong</span>'


def _article(number: int, row: dict[str, Any], which: str, peer: str) -> str:
    def code(value: object) -> str:
        return (
            f"<code>{html.escape(str(value))}</code>"
            if value not in (None, "")
            else "<i>nothing</i>"
        )

    gold = (
        row["gold"] if isinstance(row["gold"], str) else json.dumps(row["gold"], ensure_ascii=False)
    )
    text = str(row["completion"] if row.get("completion") is not None else row["pred"])
    parts = [
        f'<article class="{which}" id="line{number}"><h2>line {number}'
        f"<small>{html.escape(KINDS[which].format(peer=peer))}</small></h2><dl>",
        f"<dt>gold</dt><dd>{code(gold[-TAIL:])}</dd>",
        f"<dt>dsmath</dt><dd>{_verdict(row['correct'])} {code(row['extracted'])} ({html.escape(row['reason'])})</dd>",
        f"<dt>{html.escape(peer)}</dt><dd>{_verdict(row['math_verify'])} "
        f"{code(row['math_verify_extracted'])}</dd></dl>",
    ]
    if question := row.get("question"):
        parts.append(
            f"<details><summary>question</summary><pre>{html.escape(question)}</pre></details>"
        )
    parts.append(f"<pre>{_marked(text[-TAIL:], row['extracted'])}</pre>")
    if len(text) > TAIL:
        parts.append(
            f"<details><summary>whole text, {len(text)} characters</summary><pre>{html.escape(text)}</pre></details>"
        )
    return "".join(parts) + "</article>"


def _marked(text: str, extracted: str | None) -> str:
    at = text.rfind(extracted) if extracted else -1
    if at < 0:
        return html.escape(text)
    end = at + len(extracted)
    return (
        f"{html.escape(text[:at])}<mark>{html.escape(text[at:end])}</mark>{html.escape(text[end:])}"
    )
