"""The page that shows what a round of mining kept and dropped, formulas typeset, in one file that needs no network."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.report.html import MATHJAX

_FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)
# commands that name addresses, load code or change how the page looks; a formula with one is shown as it stands
_UNSAFE = re.compile(
    r"\\(?:href|url|require|class|cssId|style|data|html\w*|unicode|bbox|def|gdef|edef|let|newcommand|renewcommand|"
    r"newenvironment|mmlToken|toggle|texttip|tooltip|begingroup|endgroup|includegraphics)(?![a-zA-Z])"
)
_CONFIG = (
    "{tex: {inlineMath: [['$', '$']], displayMath: [['$$', '$$']], tags: 'none', "
    "packages: {'[-]': ['require', 'autoload', 'html']}}, "
    "options: {ignoreHtmlClass: 'mathjax_ignore', enableMenu: false}}"
)
_STYLE = """body{font:16px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.5em 2em .5em 0;display:inline-table;vertical-align:top}
td,th{border-bottom:1px solid #ddd;padding:.2em .6em;text-align:left}td.n{text-align:right}
article{border:1px solid #ccc;border-radius:6px;padding:.6em 1em;margin:.8em 0;overflow-x:auto}
article.kept{border-left:6px solid #1f77b4}article.dropped{border-left:6px solid #ff7f0e}
.about{color:#555;font-size:.9em;overflow-wrap:anywhere}.text{white-space:pre-wrap;overflow-wrap:anywhere}"""
TITLES = {
    "just above": "Kept, just above the threshold", "just below": "Dropped, just below the threshold",
    "kept": "Kept, drawn at random", "dropped": "Dropped, drawn at random",
}  # fmt: skip


def typeset(text: str) -> str:
    """HTML of a page's text: everything escaped, formulas left for MathJax unless they name unsafe commands."""
    out, pos = [], 0
    for m in _FORMULA.finditer(text):
        safe = not _UNSAFE.search(m[0])
        out.append(_plain(text[pos : m.start()]))
        out.append(html.escape(m[0]) if safe else _plain(m[0]))
        pos = m.end()
    return "".join([*out, _plain(text[pos:])])


def _plain(text: str) -> str:
    return f'<span class="mathjax_ignore tex2jax_ignore">{html.escape(text)}</span>' if text else ""


def sample_cards(samples: Sequence[Mapping[str, Any]]) -> str:
    """HTML of some samples, by kind."""
    out = []
    for kind, title in TITLES.items():
        some = [s for s in samples if s["kind"] == kind]
        if some:
            out.append(f"<h3>{title}</h3>")
        for s in some:
            side = "kept" if kind in ("kept", "just above") else "dropped"
            about = _plain(
                f"score {float(s['score']):.4f} · {s['domain']} · {s['lang']} · {s['url']}"
            )
            out.append(f'<article class="{side}"><div class="about">{about}</div>')
            out.append(f'<div class="text">{typeset(str(s["text"]))}</div></article>')
    return "\n".join(out)


def share_table(rows: Sequence[Mapping[str, Any]], what: str) -> str:
    """HTML of the pages and the share kept of each domain or language."""
    body = "".join(
        f'<tr><td>{_plain(str(r["name"]))}</td><td class="n">{int(r["pages"]):,}</td>'
        f'<td class="n">{int(r["kept"]):,}</td><td class="n">{float(r["share"]):.1%}</td></tr>'
        for r in rows
    )
    return f"<table><tr><th>{what}</th><th>pages</th><th>kept</th><th>share</th></tr>{body}</table>"


def write_look(rounds: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The page of ``crawl.look.look``'s records; MathJax stands in it."""
    parts = []
    for r in rounds:
        parts.append(
            f"<h2>Round {int(r['round'])}</h2><p>Threshold {float(r['threshold']):.4f}: "
            f"{int(r['kept']):,} of {int(r['pages']):,} pages kept.</p>"
        )
        parts += [share_table(r["domains"], "domain"), share_table(r["languages"], "language")]
        parts.append(sample_cards(r["samples"]))
    script = metadata.distribution("sphinx-mathjax-offline").locate_file(MATHJAX)
    mathjax = Path(str(script)).read_text(encoding="utf-8").replace("</script", "<\\/script")
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    page = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        f'content="{policy}"><title>Pages kept and dropped</title><style>{_STYLE}</style><script>MathJax = {_CONFIG}'
        f"</script><script>{mathjax}</script></head><body><h1>Pages kept and dropped</h1><p>Look before you decide on "
        f"a threshold or an address: decisions go into proposals.csv (math, decided_by).</p>"
        f"{''.join(parts)}</body></html>"
    )
    write_atomic(path, page)


def read_look(path: Path) -> list[dict[str, Any]]:
    """The records that ``dsmath corpus mine`` left in ``look.jsonl``.

    Raises:
        ValueError: it is missing or holds something else; names the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
        for r in rows:
            _ = [
                r["round"],
                r["threshold"],
                r["pages"],
                r["kept"],
                *r["domains"],
                *r["languages"],
                *r["samples"],
            ]
        return rows
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(
            f"{path}: not what 'dsmath corpus mine' writes ({type(err).__name__})"
        ) from None
