"""Formulas in running text (patterns M12, M13): which delimiters a page declares, and where they stand.

Money stays money: ``$`` delimits a formula where the page says so (its MathJax or KaTeX configuration);
elsewhere the body must look like TeX.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dsmath_lib.engines.webtext.asciimath import asciimath_to_latex, is_asciimath

MAX_FORMULA = 8_000  # characters; a longer body is text between two unrelated delimiters
# characters that are looked at in one page, bodies that overlap counted each time
MAX_WORK = 32_000_000
_OPENER_WORK = 64  # what an opener costs beside its body, in characters
DOLLAR_SITES = ("stackexchange.com", "mathoverflow.net")
_ENVIRONMENTS = (
    "align|aligned|alignat|eqnarray|equation|gather|multline|flalign|array|matrix|pmatrix|cases|split|"
    "math|displaymath"
)
_PAIR = re.compile(r"""\[\s*(["'])([^"'\s]{1,12})\1\s*,\s*(["'])([^"'\s]{1,12})\3\s*\]""")
_KATEX = re.compile(
    r"""left["']?\s*:\s*(["'])(.{1,12}?)\1\s*,\s*["']?right["']?\s*:\s*(["'])(.{1,12}?)\3"""
    r"""\s*(?:,\s*["']?display["']?\s*:\s*(true|false|!0|!1))?"""
)
_TEX = re.compile(r"\\[A-Za-z]{2,}|[\^_]\s*[{\\A-Za-z0-9]|\\[{}|,;!]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_PROSE = re.compile(
    r"^\s*+\d[\d.,]*+\s*+(?:[A-Za-z]{2}|[-–—+/]?\s*+$)|^\s*+\d++[KkMmBb]?\b[^=+*^_<>\\]*+(?<=\s)$"
)
_MAX_ASCII = 1_000
_ASCII_WORK = 400  # what a look at a character of AsciiMath costs
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Delimiter:
    """One pair of marks. ``declared``: the page names it, so its body needs no TeX look."""

    left: str
    right: str
    display: bool
    declared: bool = False
    ascii: bool = False  # its body is AsciiMath


_DEFAULT = (
    Delimiter("$$", "$$", True),
    Delimiter("\\[", "\\]", True),
    Delimiter("\\(", "\\)", False),
    Delimiter("$", "$", False),
    *(Delimiter(f"[{t}]", f"[/{t}]", False, True) for t in ("tex", "itex", "math", "latex")),
    Delimiter("<math>", "</math>", False, True),
)


def page_delimiters(
    scripts: Iterable[str], host: str = "", ascii_math: bool = False
) -> tuple[Delimiter, ...]:
    """The delimiters of a page: TeX's own, and what its scripts declare (MathJax 2 and 3, KaTeX).

    Args:
        scripts: the texts of the page's ``<script>`` elements.
        host: Stack Exchange sites take ``$`` although archived copies may lack the script.
        ascii_math: it loads AsciiMath, so formulas stand between backticks.
    """
    found: dict[str, Delimiter] = {}
    loaded = False
    for text in scripts:
        lower = text[:200_000].lower()
        if "mathjax" not in lower and "katex" not in lower and "delimiters" not in lower:
            continue
        loaded = True
        for key, display in (("inlineMath", False), ("displayMath", True)):
            for m in re.finditer(key, text):
                block = _before_next_key(text[m.end() : m.end() + 400])
                for _, left, _, right in _PAIR.findall(block):
                    left, right = _unescape(left), _unescape(right)
                    found.setdefault(left, Delimiter(left, right, display, True))
        for _, left, _, right, display in _KATEX.findall(text[:200_000]):
            left, right = _unescape(left), _unescape(right)
            shown = display in ("true", "!0") if display else left in ("$$", "\\[")
            found.setdefault(left, Delimiter(left, right, shown, True))
    if ascii_math:
        found["`"] = Delimiter("`", "`", False, True, True)
    if host.endswith(DOLLAR_SITES):
        found.setdefault("$", Delimiter("$", "$", False, True))
        found.setdefault("$$", Delimiter("$$", "$$", True, True))
    for d in _DEFAULT:
        own = loaded and d.left in ("$$", "\\[", "\\(")  # MathJax's defaults
        found.setdefault(d.left, Delimiter(d.left, d.right, d.display, d.declared or own))
    return tuple(sorted(found.values(), key=lambda d: -len(d.left)))


def _before_next_key(block: str) -> str:
    """A configuration value ends where the next ``name:`` begins."""
    m = re.search(r"[,{]\s*[\"']?[A-Za-z]{3,}[\"']?\s*:", block)
    return block[: m.start()] if m else block


def _unescape(mark: str) -> str:
    """JavaScript string to text: any run of backslashes is one."""
    return re.sub(r"\\+", r"\\", mark)


def looks_like_tex(body: str) -> bool:
    """Does an undeclared body read as a formula? A command, a script, or symbols without words."""
    if _TEX.search(body):
        return True
    return len(body) <= 60 and bool(re.search(r"[=<>+*]", body)) and not _WORD.search(body)


class Found(NamedTuple):
    """A formula in a text: characters ``start:end``, its LaTeX and its form."""

    start: int
    end: int
    latex: str
    display: bool


class Scanner:
    """Finds formulas between the delimiters of one page, with bounded ``work``: after ``MAX_WORK`` it finds no more."""

    def __init__(self, delimiters: tuple[Delimiter, ...]):
        self.work = 0
        self.by_left = {d.left: d for d in delimiters}
        marks = "|".join(re.escape(d.left) for d in delimiters)
        begin = rf"\\begin\{{(?P<env>(?:{_ENVIRONMENTS})\*?)\}}"
        self._open = re.compile(rf"(?<!\\)(?:{marks}|{begin})")
        self._fast = list(_by_first_character([d.left for d in delimiters]))

    def openers(self, markup: str) -> "Openers":
        """Where a formula may open in mark-up (``<math>`` as a delimiter is written with entities there)."""
        return Openers(self._fast, markup)

    def unclosed(self, text: str) -> bool:
        """Does a display formula open here and not close? (Its rest stands behind a ``<br>``.)"""
        self.work += len(text)
        ends = (("\\[", "\\]"), ("\\(", "\\)"))
        if any(text.rfind(a) > text.rfind(b) for a, b in ends) or text.count("$$") % 2:
            return True
        return text.count("\\begin{") > text.count("\\end{")

    def find(self, text: str) -> list[Found]:
        """All formulas, left to right, not overlapping."""
        out: list[Found] = []
        closers: dict[str, int] = {}  # right mark -> where it stands next (len(text): nowhere)
        pos = 0
        while self.work < MAX_WORK and (m := self._open.search(text, pos)):
            env = m["env"]
            right = f"\\end{{{env}}}" if env else self.by_left[m[0]].right
            end = _next(text, right, m.end(), closers)
            d = None if env else self.by_left[m[0]]
            self.work += _OPENER_WORK
            if end >= len(text) or end - m.end() > MAX_FORMULA:
                pos = m.end()
                continue
            body = text[m.end() : end]
            self.work += len(body) * (_ASCII_WORK if d and d.ascii else 1)
            if not (env or _accept(d, body, text, end)):
                pos = m.end()
                continue
            stop = end + len(right)
            latex = text[m.start() : stop] if env else body
            if d and d.ascii:
                latex = asciimath_to_latex(body)
            out.append(Found(m.start(), stop, latex, d is None or d.display))
            pos = stop
        return out


class Openers:
    """The places in a page where a formula may open."""

    def __init__(self, patterns: list[re.Pattern], markup: str):
        self._patterns, self._markup = patterns, markup
        self._next: list[tuple[int, int]] = [(-1, -1)] * len(patterns)

    def after(self, pos: int) -> tuple[int, int]:
        """Start and end of the first opener from ``pos`` on; both the length of the page if there is none."""
        for i, (start, _) in enumerate(self._next):
            if start < pos:
                m = self._patterns[i].search(self._markup, pos)
                self._next[i] = m.span() if m else (len(self._markup),) * 2
        return min(self._next)


def _by_first_character(lefts: list[str]) -> Iterator[re.Pattern]:
    """A pattern that starts with one literal is searched several times faster than an alternation."""
    groups: dict[str, list[str]] = {"\\": [rf"begin\{{(?:{_ENVIRONMENTS})\*?\}}"]}
    for left in lefts:
        first, *rest = html.escape(left, quote=False)
        groups.setdefault(first, []).append(re.escape("".join(rest)))
    for first, rests in groups.items():
        c = re.escape(first)
        yield re.compile(rf"{c}(?<!\\{c})(?:{'|'.join(rests)})")


def _next(text: str, mark: str, start: int, known: dict[str, int]) -> int:
    """The next unescaped ``mark`` at or after ``start``; remembered, so a page of openers stays linear."""
    at = known.get(mark, -1)
    if at < start:
        at = text.find(mark, start)
        while (
            at > 0
            and mark[0] == "$"
            and (text[at - 1] == "\\" or (mark == "$" and _double(text, at)))
        ):
            at = text.find(mark, at + 1 + (text[at - 1] != "\\"))
        at = len(text) if at < 0 else at
        known[mark] = at
    return at


def _double(text: str, at: int) -> bool:
    return text[at : at + 2] == "$$"


def _accept(d: Delimiter, body: str, text: str, end: int) -> bool:
    if not body.strip():
        return False
    if d.ascii:
        return len(body) <= _MAX_ASCII and is_asciimath(body)
    if d.left != "$":
        return d.declared or looks_like_tex(body) or (d.left in ("\\(", "\\[") and len(body) < 60)
    number = d.declared and _NUMBER.fullmatch(body)
    if not number and not _TEX.search(body) and _PROSE.search(body):
        return False  # "$5 and $7"
    if d.declared:
        return True
    tight = not body[0].isspace() and not body[-1].isspace()
    return tight and not text[end + 1 : end + 2].isdigit() and looks_like_tex(body)
