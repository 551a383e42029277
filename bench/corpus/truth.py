"""The formulas that stand in the source of a page, per group of mark-up: what an extractor has to keep.

Read with the standard library's HTML parser and plain expressions, so not with the code that is measured.
"""

import html as entities
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from dsmath_lib.engines.webtext import clean_latex

ELEMENTS = {  # group -> where its LaTeX stands in the source of a page
    "x-tex annotation": r'<annotation encoding="application/x-tex">(.*?)</annotation>',
    "d-math": r"<dt?-math[^>]*>(.*?)</?(?:dt?-math|div)",
    "mjx aria-label": r'class="mjx-math"[^>]*?aria-label="([^"]*)"',
}
MATHML = r"<(?:mml:)?math\b(?:(?!/x-tex|alttext=|</(?:mml:)?math).)*</(?:mml:)?math>"
DELIMITED = re.compile(
    r"\$\$(?P<dd>.+?)\$\$|\\\[(?P<br>.+?)\\\]|\\\((?P<par>.+?)\\\)"
    r"|(?P<env>\\begin\{(?P<e>(?:align|equation|gather|eqnarray|multline)\*?)\}.+?\\end\{(?P=e)\})"
    r"|(?<!\\)\$(?P<d>(?:[^$\\]|\\.)+?)\$",
    re.S,
)
NAMES = {"dd": "$$..$$", "br": r"\[..\]", "par": r"\(..\)", "env": r"\begin{..}", "d": "$..$"}
GROUPS = (*ELEMENTS, *NAMES.values(), "MathML", "texhtml")
_NO_PROSE = {"script", "style", "noscript", "textarea", "pre", "code", "title", "math", "template"}
_VOID = {"br", "img", "hr", "meta", "link", "input", "wbr", "source", "col", "area", "base"}
_FUNCTIONS = "sin|cos|tan|log|ln|exp|lim|max|min|sup|inf|det|dim|ker|gcd|arg|Pr"
_OUTPUT = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$((?:[^$\\]|\\.)+?)\$", re.S)
_SAYS_DOLLAR = re.compile(r"""inlineMath[^;]{0,80}?["']\$["']|left["']?\s*:\s*["']\$["']""")
_MEANS_DOLLAR = ("mathinsight",)  # pages that show formulas between dollars without saying so


@dataclass
class Page:
    """``formulas``: group -> LaTeX without white space, as often as it stands there.

    ``parts``: the same for groups whose LaTeX the extractor makes: ASCII letters and digits only.
    ``linked``: formulas in the text of links, which may stand in the text (titles) or not (tables of contents).
    """

    name: str
    html: str
    formulas: dict[str, Counter] = field(default_factory=dict)
    parts: dict[str, Counter] = field(default_factory=dict)
    linked: Counter = field(default_factory=Counter)

    @property
    def total(self) -> Counter:
        """Every formula with LaTeX in the source, whatever its group."""
        return sum(self.formulas.values(), Counter(self.linked))

    @property
    def n(self) -> int:
        """How many formulas the page holds at most."""
        return self.total.total() + sum(c.total() for c in self.parts.values())


class _Runs(HTMLParser):
    """Text between two tags; a break or a comment does not end it. ``runs``: (text, in a math container, in a link)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, str]] = []
        self.runs: list[tuple[str, bool, bool]] = []
        self.texhtml: list[str] = []
        self.now = ""

    def _cut(self) -> None:
        skip = any(tag in _NO_PROSE or "_ignore" in names for tag, names in self.stack)
        if self.now.strip() and not skip:
            container = any("math-container" in names for _, names in self.stack)
            self.runs.append((self.now, container, any(tag == "a" for tag, _ in self.stack)))
        self.now = ""

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "br":
            self.now += "\n"
            return
        self._cut()
        if tag not in _VOID:
            if "texhtml" in (dict(attrs).get("class") or "") and not self._in_texhtml():
                self.texhtml.append("")
            self.stack.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        self._cut()
        if tag in [t for t, _ in self.stack]:
            while self.stack.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.now += data
        if self._in_texhtml():
            self.texhtml[-1] += data

    def _in_texhtml(self) -> bool:
        return any("texhtml" in names for _, names in self.stack)


def squeeze(text: str) -> str:
    """Text without white space."""
    return re.sub(r"\s+", "", text)


def letters(latex: str) -> str:
    """The ASCII letters and digits of a formula, in order: those of names and numbers, not those of commands."""
    latex = re.sub(
        r"\\(?:begin|end)\{[a-z]+\}|\\mathbb *\{[A-Z]\}|\\(?:mathrm|text|operatorname)\b",
        " ",
        latex,
    )
    latex = re.sub(rf"\\({_FUNCTIONS})\b", r"\1", latex)
    return re.sub(r"\\[A-Za-z]+|[^A-Za-z0-9]", "", latex)


def formulas_in(text: str) -> list[str]:
    """The formulas that an extractor's text holds between dollar signs."""
    return [a or b for a, b in _OUTPUT.findall(text)]


def read(name: str, html: str) -> Page:
    """The formulas of one page's source."""
    page = Page(name, html)
    prose = re.sub(r"(?s)<script\b.*?</script>", "", html)
    for group, pattern in ELEMENTS.items():
        found = (re.sub("(?s)<!--.*?-->", "", m) for m in re.findall(pattern, prose, re.S))
        _put(page.formulas, group, (squeeze(clean_latex(entities.unescape(m))) for m in found))
    bare = (re.sub(r"<[^>]*>", " ", m) for m in re.findall(MATHML, prose, re.S))
    _put(page.parts, "MathML", (letters(entities.unescape(m)) for m in bare))
    dollars = name in _MEANS_DOLLAR or bool(_SAYS_DOLLAR.search(html))
    reader = _Runs()
    reader.feed(html)
    reader.close()
    _put(page.parts, "texhtml", map(letters, reader.texhtml))
    for text, container, link in reader.runs:
        for m in DELIMITED.finditer(text):
            key = "env" if m["env"] else m.lastgroup
            if link:
                page.linked[squeeze(clean_latex(m[key]))] += 1
            elif key != "d" or dollars or container:
                _put(page.formulas, NAMES[key], [squeeze(clean_latex(m[key]))])
    return page


def _put(into: dict[str, Counter], group: str, found) -> None:
    counts = Counter(f for f in found if f and not f.startswith(("\\begingroup", "\\endgroup")))
    if counts:
        into[group] = into.get(group, Counter()) + counts


def pages(folder: Path, *names: str) -> Iterator[Page]:
    """The pages of ``folder/name/*.html``, decoded as the extractor decodes them."""
    from dsmath_lib.crawl.read_pages import decode

    for name in names:
        for path in sorted((folder / name).glob("*.html")):
            yield read(path.stem, decode(path.read_bytes()))


def survival(page: Page, text: str) -> dict[str, tuple[int, int]]:
    """Group -> (formulas of the source, how many of them stand between dollar signs in the text)."""
    found = formulas_in(text)
    have, parts = Counter(map(squeeze, found)), Counter(map(letters, found))
    out = {}
    for group, want in page.formulas.items():
        out[group] = want.total(), (want & have).total()
    for group, want in page.parts.items():
        out[group] = want.total(), (want & parts).total()
    return out


def twice(page: Page, text: str) -> Counter:
    """Formulas of the source that stand in the text more often than there. Single symbols are left out."""
    known, found = page.total, formulas_in(text)
    have = Counter(squeeze(f) for f in found if letters(f) and squeeze(f) in known)
    without = sum(
        page.parts.values(), Counter()
    )  # made by the extractor; one may equal one with LaTeX
    same = Counter(letters(f) for f in known.elements())
    parts = Counter(k for k in map(letters, found) if k in without)
    return (have - known - Counter({f: without[letters(f)] for f in have})) + (
        parts - without - same
    )
