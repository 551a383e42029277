"""Which of the costly steps does a page need? Told from its bytes: most pages hold no formula and need none.

A false alarm costs time only; a step is left out only where it could not find anything.
"""

import html as entities
import re
from dataclasses import dataclass
from itertools import pairwise

from dsmath_lib.engines.webtext.delimiters import MAX_FORMULA, looks_like_tex
from dsmath_lib.engines.webtext.places import needles, places

_SIGN = re.compile(
    rb"math(?!\.|emat)"  # <math, math/tex, mjx-math, d-math, MathJax …, not Math.floor
    rb"|tex(?!t)"  # latex, katex, mimetex, [tex], texhtml …
    rb"|q(?:l-formula|uation)|x(?:&(?:amp;)?chl|-ck12)"
)
_SIGNS = (b"math", b"tex!t", b"ql-f", b"quat", b"x&ch", b"x&am", b"x-ck")  # how one begins
# what else costly steps are told by: scripts, templates, prefixes of MathML, elements that MathJax is to ignore
_RARE = (b"</su", b"<tem", b"mml:", b"<m:m", b"_ign", b"no-m")
_NEEDLES = needles(*_SIGNS, *_RARE)
_MAX_SIGNS = 20_000
_OPENERS = re.compile(rb"\\(?:[(\[]|begin\{)")
_ENTITIES = re.compile(rb"&(?:#36|#92|#x24|#x5c|dollar|bsol);")
_CONFIGURED = (b"mathjax", b"katex", b"rendermath", b"asciimath")
_ASCII = re.compile(rb"asciimath|[=\-/]am_(?:chtml|html|mml|svg)|-am_|config=am")
_ASCII_WORDS = (b"asciimath", b"am_", b"config=am")  # each match has one, and they are found faster
_ALT = re.compile(rb"alt=[\"']?\s*(?:\$|\\[(\[])")  # an image's text begins with a delimiter
_TAGS = (b"tex]", b"math]", b"&lt;math")
_TAG = re.compile("<[A-Za-z/!?]")


@dataclass(frozen=True)
class Signals:
    """``low``: the page as lower-case UTF-8. ``words``: what stands around "math", "tex" …, where formulas are marked.

    ``configured``: it loads or configures MathJax or KaTeX. ``text``: its text may hold formulas between delimiters.
    ``alt``: an image may have a formula between delimiters as its text. ``scripts``: it has ``sup`` or ``sub``.
    ``ascii``: it loads AsciiMath. ``templates``: it has ``template``. ``prefixes``: MathML may have ones that HTML does
    not know. ``ignored``: it may have elements that MathJax is told to ignore.
    """

    low: bytes
    words: bytes
    configured: bool
    text: bool
    alt: bool
    scripts: bool
    ascii: bool = False
    templates: bool = False
    prefixes: bool = False
    ignored: bool = False


def read_signals(html: str, data: bytes, dollars: bool) -> Signals:
    """Signals of a page; ``data`` is its UTF-8. ``dollars``: its site takes ``$`` as a delimiter without saying so."""
    low = data.lower()
    counts, at = places(low, _NEEDLES, len(_SIGNS), _MAX_SIGNS)
    words = _words(low, at.tolist())
    configured = any(w in words for w in _CONFIGURED)
    backslash = bool(_OPENERS.search(low))
    money = b"$" in low
    text = (
        backslash
        or any(t in words for t in _TAGS)
        or (money and (dollars or configured or _looks_delimited(html)))
        or bool(_ENTITIES.search(low))
        or configured  # it may have delimiters of its own
    )
    alt = (money or backslash) and bool(_ALT.search(low))
    ascii = configured and b"`" in low and any(w in low for w in _ASCII_WORDS)
    ascii = ascii and bool(_ASCII.search(low))
    scripts, templates, mml, m, ignore, no = (counts[len(_SIGNS) :] > 0).tolist()
    return Signals(low, words, configured, text, alt, scripts, ascii, templates, mml or m, ignore or no)  # fmt: skip


def _words(low: bytes, places: list[int]) -> bytes:
    """The places of a page that name mathematics, each once; a page full of them stands for itself."""
    if len(places) == _MAX_SIGNS:
        return low
    ends = [(at, m.end()) for at in places if (m := _SIGN.match(low, at))]
    return b"\n".join({low[max(at - 8, 0) : end + 8] for at, end in ends})


def _looks_delimited(html: str) -> bool:
    """Is there TeX between two dollar signs of the text, on a page that declares no delimiters?"""
    at = 0
    in_script = _Scripts(html)
    for body, after in pairwise(html.split("$")):
        start, at = at, at + len(body) + 1
        if not body:
            if start and html[start - 2 : start] == "$$" and not in_script(start):
                return True
        elif not (
            len(body) > MAX_FORMULA
            or body[0].isspace()
            or body[-1].isspace()
            or after[:1].isdigit()
            or not start
            or _TAG.search(body)
        ):
            if not in_script(start) and looks_like_tex(entities.unescape(body)):
                return True
    return False


class _Scripts:
    """Does a place of a page stand in a script? Asked from the left to the right."""

    def __init__(self, html: str):
        self._html, self._start, self._end = html, -1, 0

    def __call__(self, at: int) -> bool:
        # until the next script begins behind ``at``, or there is none
        while self._end < at and self._start < len(self._html):
            start = self._html.find("<script", self._end)
            self._start = start if start >= 0 else len(self._html)
            end = self._html.find("</script", self._start)
            self._end = end if end >= 0 else len(self._html)
        return self._start < at <= self._end
