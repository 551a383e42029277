"""From blocks of text to HTML: formula mark-up as found on the web, and page templates with boilerplate.

A page's content is a list of blocks ``(tag, text)``; formulas stand in the text as ``$…$``. ``plain_text`` is what a
perfect extractor would return, ``html_page`` what a web site would send.
"""

import re
from collections.abc import Sequence
from html import escape
from random import Random

Block = tuple[str, str]  # tag (h1, h2, p, pre, li, tr) and text; cells of a tr are split by "\t"
MARKUPS = ("mathjax", "dollar", "katex", "mathml", "script", "plain")

_FORMULA = re.compile(r"(\$\$?)(.+?)\1")
_ATOM = re.compile(r"\d+|\\?[a-zA-Z]+|\S")
_CONFIG = {
    "mathjax": '<script src="/mathjax/MathJax.js?config=TeX-AMS_HTML"></script>',
    "dollar": (
        '<script type="text/x-mathjax-config">MathJax.Hub.Config({tex2jax: {inlineMath: '
        "[['$','$'], ['\\\\(','\\\\)']], processEscapes: true}});</script>"
    ),
    "katex": '<link rel="stylesheet" href="/katex/katex.min.css">',
    "mathml": "",
    "script": '<script src="/mathjax/MathJax.js?config=TeX-MML-AM_CHTML"></script>',
    "plain": "",
}


def formula(latex: str, markup: str, display: bool = False) -> str:
    """HTML of one formula; ``markup`` is one of ``MARKUPS`` (``plain`` writes the source without delimiters)."""
    x = escape(latex, quote=False)
    if markup == "mathjax":
        return f"$${x}$$" if display else f"\\({x}\\)"
    if markup == "dollar":
        return f'<span class="math-container">{"$$" if display else "$"}{x}{"$$" if display else "$"}</span>'
    if markup == "script":
        mode = "; mode=display" if display else ""
        return f'<span class="MathJax_Preview">{x}</span><script type="math/tex{mode}">{latex}</script>'
    if markup == "plain":
        return x
    tree = f"<semantics><mrow>{''.join(map(_atom, _ATOM.findall(latex)))}</mrow>"
    tree += f'<annotation encoding="application/x-tex">{x}</annotation></semantics>'
    shape = ' display="block"' if display else ""
    math = f'<math xmlns="http://www.w3.org/1998/Math/MathML"{shape}>{tree}</math>'
    if markup == "mathml":
        return math
    glyphs = f'<span class="base"><span class="strut"></span><span class="mord">{x}</span></span>'
    katex = f'<span class="katex-mathml">{math}</span><span class="katex-html" aria-hidden="true">{glyphs}</span>'
    katex = f'<span class="katex">{katex}</span>'
    return f'<span class="katex-display">{katex}</span>' if display else katex


def _atom(token: str) -> str:
    tag = "mn" if token.isdigit() else "mi" if token[-1].isalpha() else "mo"
    return f"<{tag}>{escape(token, quote=False)}</{tag}>"


def inline_html(text: str, markup: str) -> str:
    """Escaped HTML of a text, its ``$…$`` and ``$$…$$`` written in ``markup`` (an empty one leaves ``$`` alone)."""
    if not markup or "$" not in text:
        return escape(text, quote=False)
    out, end = [], 0
    for m in _FORMULA.finditer(text):
        out.append(escape(text[end : m.start()], quote=False))
        out.append(formula(m[2], markup, display=len(m[1]) == 2))
        end = m.end()
    out.append(escape(text[end:], quote=False))
    return "".join(out)


def plain_text(blocks: Sequence[Block]) -> str:
    """The text a perfect extractor would return: blocks separated by an empty line, formulas as ``$…$``."""
    out: list[str] = []
    last = ""
    for tag, text in blocks:
        same_group = tag in ("li", "tr") and tag == last
        out.append("\n" if same_group else "\n\n" if out else "")
        out.append(text.replace("\t", " ") if tag == "tr" else text)
        last = tag
    return "".join(out)


def _body(blocks: Sequence[Block], markup: str) -> str:
    out: list[str] = []
    open_group = ""
    for tag, text in blocks:
        group = {"li": "ol", "tr": "table"}.get(tag, "")
        if group != open_group:
            out.append((f"</{open_group}>" if open_group else "") + (f"<{group}>" if group else ""))
            open_group = group
        if tag == "pre":
            out.append(f"<pre><code>{escape(text, quote=False)}</code></pre>")
        elif tag == "tr":
            cells = "".join(f"<td>{inline_html(c, markup)}</td>" for c in text.split("\t"))
            out.append(f"<tr>{cells}</tr>")
        else:
            body = inline_html(text, markup).replace("\n", "<br>\n")
            out.append(f"<{tag}>{body}</{tag}>\n")
    if open_group:
        out.append(f"</{open_group}>")
    return "".join(out)


_NAV = {
    "en": ("Home", "About", "Contact", "Search", "Sign in", "Archive", "Help", "Topics", "Latest", "Popular"),
    "zh": ("首页", "关于我们", "联系方式", "搜索", "登录", "归档", "帮助", "栏目", "最新", "热门"),
}  # fmt: skip
_FOOT = {
    "en": "All rights reserved. Terms of use. Privacy policy. Cookie settings.",
    "zh": "版权所有。使用条款。隐私政策。",
}


def html_page(
    blocks: Sequence[Block], *, title: str, site: str, lang: str, markup: str, rng: Random
) -> str:
    """A whole HTML page: head, navigation, main content, side bar, footer, in one of three layouts."""
    layout = int(rng.random() * 3)
    words = _NAV[lang]
    start = int(rng.random() * 5)
    items = "".join(f'<li><a href="/{w}">{w}</a></li>' for w in words[start : start + 5])
    body = _body(blocks, markup)
    if layout == 0:
        main = f'<main><article class="post-content">{body}</article></main>'
        frame = f'<header><nav class="menu"><ul>{items}</ul></nav></header>{main}'
    elif layout == 1:
        main = f'<div id="content" class="main-content"><article>{body}</article></div>'
        side = f'<aside class="sidebar"><ul>{items}</ul></aside>'
        frame = f'<div id="header"><a href="/">{site}</a></div>{main}{side}'
    else:
        main = f'<main role="main">{body}</main>'
        frame = f'<nav class="navbar"><ul>{items}</ul></nav>{main}'
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8">'
        f"<title>{escape(title, quote=False)} - {site}</title>{_CONFIG.get(markup, '')}</head><body>"
        f'{frame}<footer class="footer"><p>© {site} {_FOOT[lang]}</p></footer></body></html>'
    )
