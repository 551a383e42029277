"""Where pages keep their LaTeX: patterns M1–M17 as a table of selectors and readers.

Each row finds nodes and reads one formula from each. ``extract.py`` replaces the node, with its glyph twins, by one
mark, so a formula comes out exactly once.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from selectolax.lexbor import LexborHTMLParser, LexborNode

from dsmath_lib.engines.webtext import asciimath, mathml
from dsmath_lib.engines.webtext.bounds import measure_markup
from dsmath_lib.engines.webtext.delimiters import MAX_FORMULA, looks_like_tex

Reader = Callable[[LexborNode], tuple[str, bool] | None]  # -> (LaTeX, display) or None


@dataclass(frozen=True)
class Pattern:
    """``sign``: it stands in the page's signal words (``signals.py``), or the selector finds nothing."""

    id: str
    sign: re.Pattern[bytes]
    selector: str
    read: Reader


# Elements that hold one formula and its renderings only; the mark replaces the outermost of them.
WRAPPERS = frozenset(
    "mwe-math-element katex katex-display katex-mathml katex--inline katex--display MathJax MathJax_Display "
    "MathJax_SVG MathJax_SVG_Display MathJax_CHTML MJXc-display mjx-chtml mjpage mjpage__block MJX_Assistive_MathML "
    "mwe-math-mathml-inline mwe-math-mathml-display mwe-math-mathml-a11y texhtml ltx_Math ltx_DisplayMath".split()
)
_DEPTH = 120
_BLANKS = 20  # a tree may be indented
# renderings that stand beside a <script type="math/tex">
TWINS = re.compile(r"^(MathJax|MJX|mjx-)")
_DISPLAY = frozenset(
    "katex-display katex--display MathJax_Display MathJax_SVG_Display MJXc-display mjpage__block ltx_DisplayMath "
    "mwe-math-mathml-display mwe-math-fallback-image-display".split()
)


def classes(node: LexborNode) -> set[str]:
    """The class names of a node."""
    return set((node.attrs.get("class") or "").split())


def is_display(node: LexborNode) -> bool:
    """Does the node's own markup say display form?"""
    a = node.attributes
    return (
        a.get("display") in ("block", "true")
        or "block" in a
        or a.get("mode") == "display"
        or a.get("data-display") in ("true", "block")
        or bool(classes(node) & _DISPLAY)
    )


_STYLE = re.compile(r"^\{\s*\\(?:displaystyle|textstyle)(?![a-zA-Z])(.*)\}$", re.S)
_DELIMITED = [
    ("\\(", "\\)", False), ("\\[", "\\]", True), ("$$", "$$", True), ("$", "$", False), ("#", "#", False),
]  # fmt: skip


def undelimit(text: str) -> tuple[str, bool | None]:
    """Strip one pair of delimiters round the whole text; the second value is their form, None if there were none."""
    t = text.strip()
    if t[:1] not in ("\\", "$", "#"):  # most
        return t, None
    for left, right, display in _DELIMITED:
        if t.startswith(left) and t.endswith(right) and len(t) > len(left) + len(right):
            return t[len(left) : -len(right)].strip(), display
    return t, None


def clean_latex(latex: str) -> str:
    """One line of LaTeX without wrappers that carry no mathematics; empty if too long or nothing is left."""
    if len(latex) > MAX_FORMULA:
        return ""
    if "]]>" in latex:
        latex = _without_cdata(latex)
    latex = " ".join(undelimit(latex)[0].split())
    while latex[:1] == "{" and (m := _STYLE.match(latex)) and _balanced(m[1]):
        latex = m[1].strip()
    if "color{" in latex:
        latex = re.sub(r"\\(?:text)?color\{[^{}]*\}", "", latex)
    if latex[-1:] == "\\" and (len(latex) - len(latex.rstrip("\\"))) % 2:
        latex = latex[:-1]  # a lone backslash would escape our closing $
    return latex.strip()


def _without_cdata(text: str) -> str:
    """XHTML wraps a script in ``<![CDATA[ … ]]>``, each mark behind a ``%`` so that TeX skips it."""
    text = re.sub(r"^\s*+(?:%\s*+)?<!\[CDATA\[", "", text)
    bare = text.rstrip()
    return bare[:-3].rstrip().removesuffix("%") if bare.endswith("]]>") else text


def _balanced(s: str) -> bool:
    depth = 0
    for m in re.finditer(r"\\.|[{}]", s):
        depth += {"{": 1, "}": -1}.get(m[0], 0)
        if depth < 0:
            return False
    return depth == 0


# -- readers ---------------------------------------------------------------------------------------------------------
def _script_tex(node: LexborNode) -> tuple[str, bool]:
    kind = (node.attributes.get("type") or "").lower()
    text = html.unescape(node.text())
    if "mml" in kind:
        return _of_source(text), 'display="block' in text or "mode=display" in kind.replace(" ", "")
    if "asciimath" in kind:
        return asciimath.asciimath_to_latex(text) if len(text) <= MAX_FORMULA else "", False
    return text, "mode=display" in kind.replace(" ", "")


def _of_source(source: str) -> str:
    """LaTeX of MathML that stands in a script or an attribute."""
    source = re.sub(r"<(/?)(?:mml|m):", r"<\1", _without_cdata(source))
    if (
        len(source) > 8 * MAX_FORMULA
        or measure_markup(source.lower().encode(), source.count("<"))[0] > _DEPTH
    ):
        raise mathml.UnknownMath("too long or too deep")
    found = LexborHTMLParser(source).css_first("math")
    read = _math(found) if found else None
    return read[0] if read else ""


def _of_data(node: LexborNode) -> tuple[str, bool] | None:
    """MathJax 2 keeps the MathML of what it drew in an attribute."""
    source = node.attributes.get("data-mathml") or ""
    return (
        (_of_source(source), is_display(node) or 'display="block' in source)
        if source.strip()
        else None
    )


def _math(node: LexborNode) -> tuple[str, bool] | None:
    if _in_math(node):  # read as a part of it
        return None
    notes = node.css("annotation")
    note = next((a for a in notes if "tex" in (a.attributes.get("encoding") or "").lower()), None)
    a = node.attributes
    latex = note.text() if note else a.get("alttext") or a.get("data-latex") or ""
    if not latex.strip():
        if len(node.text()) > _BLANKS * MAX_FORMULA:
            raise mathml.UnknownMath("too long")
        latex = mathml.mathml_to_latex(node)
    return (latex, is_display(node)) if latex.strip() else None


def _in_math(node: LexborNode) -> bool:
    while (node := node.parent) is not None:
        if node.tag == "math":
            return True
    return False


def _aria(node: LexborNode) -> tuple[str, bool] | None:
    label = node.attributes.get("aria-label") or ""
    return (label, is_display(node)) if label.strip() else None


def _text(node: LexborNode) -> tuple[str, bool] | None:
    """Element text is LaTeX, with or without its own delimiters."""
    body, form = undelimit(node.text())
    known = node.tag in ("d-math", "dt-math", "mathjax", "tex-math")
    known |= "wp-katex-eq" in classes(node)
    if not body or (form is None and not known and not looks_like_tex(body)):
        return None
    if form is None:
        form = node.tag == "div" or "display" in classes(node)
    return body, is_display(node) or form


_DATA = tuple(f"data-{x}" for x in "expr latex tex math formula equation-content value".split())


def _data(node: LexborNode) -> tuple[str, bool] | None:
    a = node.attributes
    value = next((a[k] for k in _DATA if a.get(k)), "") or (a.get("aria-label") or "")
    if not value.strip():
        return None
    return unquote(value) if "%5C" in value else value, is_display(node)


_IMAGE_URLS = (  # (what the address holds before the formula, does "+" stand for a space there)
    (re.compile(r"latex\.php\?(?:(?:(?!latex\.php\?)[^#])*?&)?latex=", re.I), True),
    (re.compile(r"[?&]cht=tx&(?:(?:(?![?&]cht=tx&)[^#])*?&)?chl=", re.I), True),
    (re.compile(r"zhihu\.com/equation\?tex=", re.I), True),
    (re.compile(r"codecogs\.com/(?:(?!codecogs\.com/)[^?#])*+\?", re.I), False),
    (re.compile(r"(?:mimetex|mathtex)\.cgi\?", re.I), False),
)
_NOISE = re.compile(
    r"\\(?:inline|dpi\{\d+\}|bg_\w+|fn_\w+|(?:tiny|small|large|Large|LARGE|huge)(?![a-zA-Z]))"
)
_IMAGE_CLASSES = set("latex tex math mathtex x-ck12-math mwe-math-fallback-image-inline".split())


def _image(node: LexborNode) -> tuple[str, bool] | None:
    a = node.attributes
    alt, src, names = (a.get("alt") or "").strip(), a.get("src") or "", classes(node)
    display = is_display(node) or "x-ck12-block-math" in names
    if any(a.get(k) for k in ("data-formula", "data-latex")):
        return a.get("data-formula") or a["data-latex"], display
    if any(n.startswith("x-ck12") for n in names):
        return (unquote(alt), display) if alt else None
    for pattern, plus in _IMAGE_URLS:
        if m := pattern.search(src):
            if alt and looks_like_tex(alt):
                return alt, display
            rest = src[m.end() :].split("&bg=")[0].split("&fg=")[0]
            body = unquote_plus(rest) if plus else unquote(rest).replace("&space;", " ")
            return _NOISE.sub("", body), display
    body, form = undelimit(alt)
    if body and (
        form is not None
        or (names & (_IMAGE_CLASSES | _DISPLAY) and looks_like_tex(body + "=" * (" " not in body)))
    ):
        return body, display or bool(form)
    return None


def _texhtml(node: LexborNode) -> tuple[str, bool] | None:
    """Wikipedia's HTML formulas: italics, ``sub``, ``sup``."""
    return html_math(node), False


def html_math(node: LexborNode) -> str:
    """LaTeX of simple HTML mathematics (pattern M16)."""
    out = []
    for kid in node.iter(include_text=True):
        if kid.tag == "-text":
            out.append(mathml.symbol(kid.text_content or ""))
        elif kid.tag in ("sup", "sub"):
            sign = "^" if kid.tag == "sup" else "_"
            out.append(sign + "{" + mathml.symbol(kid.text().strip()) + "}")
        else:
            out.append(mathml.symbol(kid.text()))
    return "".join(out)


def _sign(*parts: str) -> re.Pattern[bytes]:
    return re.compile("|".join(parts).encode())


_CLASS_TEX, _CLASS_MATH = (rf"[\s\"'=]{name}[\s\"'>]" for name in ("tex", "math"))
_IMAGES = ("latex", "mimetex", "mathtex", "codecogs", r"\?tex=", "ck12", "chl=", "mwe-math")
PATTERNS = (
    Pattern("M1-M3", _sign("math/"), 'script[type^="math/"]', _script_tex),
    Pattern("M4-M8", _sign("[<:]math"), "math", _math),
    Pattern("M18", _sign("data-mathml"), "[data-mathml]", _of_data),
    Pattern("M10", _sign("mjx-math"), ".mjx-math[aria-label]", _aria),
    Pattern("M17", _sign("data-(?:tex|latex|math)", "ql-formula", "equation-c", _CLASS_TEX),
            '[data-expr].tex, .ql-formula, span[data-latex], div[data-latex], span[data-tex], '
            'span[data-math], [data-equation-content]', _data),
    Pattern("M15", _sign("d-math", "dt-math", "<mathjax"), "d-math, dt-math, mathjax", _text),
    Pattern("M15", _sign("math notr", _CLASS_MATH), ".math.notranslate, span.math, div.math", _text),
    Pattern("M14", _sign("katex-eq"), ".wp-katex-eq", _text),
    Pattern("M11", _sign(*_IMAGES, _CLASS_TEX, _CLASS_MATH), "img", _image),
    Pattern("M16", _sign("texhtml"), ".texhtml", _texhtml),
)  # fmt: skip
