"""A page of the rows on which two graders disagree: self-contained HTML, each row readable on its own."""

import json
from typing import Any

from dsmath_lib.base.tags import Html, page, table, tag
from dsmath_lib.engines.grader.verdict import VERSION

MAX_ROWS = 2_000
TAIL = 600  # characters of a completion that are shown unfolded
_NUMBER = "text-align: right; font-variant-numeric: tabular-nums"
_STYLE = """
:root { color-scheme: light dark; --ours: #006ba4; --peer: #c85200 }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem }
table { border-collapse: collapse } th, td { border-bottom: 1px solid #8884; padding: .25rem .9rem .25rem 0;
  text-align: left }
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
_KINDS = {
    "ours": "only dsmath says correct",
    "peer": "only {peer} says correct",
    "silent": "{peer} gave no verdict",
}


def kind(row: dict[str, Any]) -> str | None:
    """Which side alone says correct, or that the peer is silent; None where the two agree or the row has no verdict."""
    if row["correct"] is None or row["correct"] == row["math_verify"]:
        return None
    return "silent" if row["math_verify"] is None else "ours" if row["correct"] else "peer"


def disagreements_page(rows: list[tuple[int, dict[str, Any]]], name: str, peer: str) -> str:
    """The page for graded rows with their line numbers."""
    graded = [(n, r) for n, r in rows if r["correct"] is not None]
    found = [(n, r, k) for n, r in graded if (k := kind(r))]
    counts = {
        "both say correct": sum(r["correct"] and r["math_verify"] is True for _, r in graded),
        "both say wrong": sum(not r["correct"] and r["math_verify"] is False for _, r in graded),
        **{text.format(peer=peer): sum(k == c for *_, c in found) for k, text in _KINDS.items()},
    }
    shares = [(what, n, f"{n / max(1, len(graded)):.1%}") for what, n in counts.items()]
    buttons = (
        tag("button", text.format(peer=peer), data_kind=k, aria_pressed=str(k == "all").lower())
        for k, text in {"all": "all disagreements", **_KINDS}.items()
    )
    articles = [_article(n, r, k, peer) for n, r, k in found[:MAX_ROWS]]
    if more := len(found) - len(articles):
        articles.append(tag("p", f"{more} more are in the output file."))
    title = f"Disagreements of dsmath and {peer}: {name}"
    agreed = f"{len(graded)} rows; the graders agree on {len(graded) - len(found)}. "
    advice = "A disagreement shows who reads an answer differently, not who is right: read it."
    return page(
        title,
        _STYLE,
        tag("h1", title),
        tag("p", agreed + advice),
        table(("", "rows", "share"), shares, ("", _NUMBER, _NUMBER)),
        tag("nav", *buttons),
        tag("main", *(articles or [tag("p", "None.")])),
        tag("footer", f"dsmath grader version {VERSION}"),
        script=SCRIPT,
    )


def _verdict(value: bool | None) -> Html:
    if value is None:
        return tag("span", "no verdict")
    return tag("span", "✓ correct", class_="yes") if value else tag("span", "✗ wrong", class_="no")


def _article(number: int, row: dict[str, Any], which: str, peer: str) -> Html:
    def said(value: object) -> Html:
        return tag("i", "nothing") if value in (None, "") else tag("code", value)

    gold = row["gold"]
    gold = gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)
    text = str(row["completion"] if row.get("completion") is not None else row["pred"])
    ours = (_verdict(row["correct"]), " ", said(row["extracted"]), f" ({row['reason']})")
    theirs = (_verdict(row["math_verify"]), " ", said(row["math_verify_extracted"]))
    facts = {"gold": (said(gold[-TAIL:]),), "dsmath": ours, peer: theirs}
    listed = (tag("dt", name) + tag("dd", *what) for name, what in facts.items())
    parts = [
        tag("h2", f"line {number}", tag("small", _KINDS[which].format(peer=peer))),
        tag("dl", *map(Html, listed)),
    ]
    if question := row.get("question"):
        parts.append(_folded("question", question))
    parts.append(tag("pre", *_marked(text[-TAIL:], row["extracted"])))
    if len(text) > TAIL:
        parts.append(_folded(f"whole text, {len(text)} characters", text))
    return tag("article", *parts, class_=which, id=f"line{number}")


def _folded(title: str, text: str) -> Html:
    return tag("details", tag("summary", title), tag("pre", text))


def _marked(text: str, extracted: str | None) -> tuple[object, ...]:
    at = text.rfind(extracted) if extracted else -1
    if at < 0:
        return (text,)
    end = at + len(extracted)
    return text[:at], tag("mark", text[at:end]), text[end:]
