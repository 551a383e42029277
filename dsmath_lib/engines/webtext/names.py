"""What the class, id, role and itemprop of an element say of its text: menu, advertisement, comment, lead, body …

The words are those that sites use, in the languages of the web that share them. They decide nothing alone: an element
that holds most of the text of its page is kept whatever it is called (``content``).
"""

import re
import secrets

import numpy as np

from dsmath_lib.base.compiled import compiled
from dsmath_lib.engines.webtext.outline import Outline

# HARD: not the article, wherever it stands. SOFT: not the article unless it holds whole paragraphs.
HARD, COMMENT, NAMED, HIDDEN, BODY, SOFT, CAPTION, LEAD = (1 << i for i in range(8))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _words(*lines: str) -> set[str]:
    """Words; ``s?`` at the end stands for both forms."""
    words = " ".join(lines).split()
    return {w.removesuffix("s?") for w in words} | {w[:-1] for w in words if w.endswith("s?")}


_HARD = _words(
    "nav navi navbar navigation subnav menu submenu breadcrumbs? footer foot sidebar masthead skip screenreader",
    "share sharing shares sharebar sharedaddy social socials socialmedia follow whatsapp hashtags?",
    "related relatedposts similar recommend recommended recommendations? recirc readmore readalso seealso",
    "trending popular mostread mostpopular blogroll outbrain taboola authorbox authorbio postnav",
    "newsletters? subscribe subscription signup signin login loginform register paywall cookies? consent gdpr",
    "ads? adv advert adverts advertisement advertising adsense adbox banner sponsor sponsored promo promotions?",
    "popup popmake pum modal overlay tooltip dropdown taglist tagcloud pagination pager pagenav prevnext",
    "search searchform noscript",
)
_SOFT = _words(
    "teasers? widgets? tags? keywords paging toolbar tools ratings? vote votes printonly impressum disclaimer kicker",
    "byline authors? bio meta postmeta metadata metainfo dateline timestamp date pubdate credits? copyrights? toc",
    "archives? calendar filed category categories aside latest more facebook twitter pinterest rail infobox flair",
    "donate donation support source quelle",
)
_COMMENT = _words(
    "comments? commentlist commentbox disqus respond replies kommentare? comentarios commentaires"
)
_CAPTION = _words("captions? figcaption imgcaption bildunterschrift legend bildtext")
_LEAD = _words(
    "lead intro teasertext abstract subtitle subline subheadline standfirst excerpt summary perex",
    "vorspann dek deck lede anleser",
)
_NAMED = re.compile(
    r"(?:article|entry|post|story|news|blog|page|main)[-_ ]?(?:body|content|text)|itemtext"
)
HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")


def _table() -> dict[str, int]:
    bits: dict[str, int] = {}
    for bit, words in (
        (HARD, _HARD),
        (SOFT, _SOFT),
        (COMMENT, _COMMENT),
        (CAPTION, _CAPTION),
        (LEAD, _LEAD),
    ):
        for w in words:
            bits[w] = bits.get(w, 0) | bit
    return bits


_BITS = _table()
_WORD = re.compile("[a-z]+")
# blog software writes the tags and the author of a post into its class
_POST = re.compile(r"(?<![a-z])(?:hentry|type-post|status-publish|post-\d+)(?![a-z])")


def meaning(name: bytes) -> int:
    """The bits of what an element is called."""
    text = name[:2_000].decode("utf-8", "ignore")
    if not name.islower():
        text = _CAMEL.sub(" ", text).lower()
    bits = 0
    for word in _WORD.findall(text):
        bits |= _BITS.get(word, 0)
    if bits & (HARD | SOFT) and _POST.search(text):
        bits &= ~(HARD | SOFT)
    if ("body" in text or "content" in text or "text" in text) and _NAMED.search(text):
        bits |= NAMED
    if "articlebody" in text or "article body" in text:
        bits |= BODY | NAMED
    if bits & LEAD or "teaser-text" in text:
        bits = (bits | LEAD) & ~SOFT
    return bits


# -- of a whole page ---------------------------------------------------------------------------------------------------
_MOST_NAMES = 100_000  # kept in memory
_NAMES_OF_PAGE = 10_000  # looked at; a page has some hundred


def meanings(data: bytes, low: bytes, page: Outline) -> np.ndarray:
    """What each element is called, as bits of ``names``."""
    first, of = _distinct(page.keys, _SECRET)
    first = first[1 : _NAMES_OF_PAGE + 1]
    bits = [0] * (int(of.max()) + 1)
    for k, (key, e) in enumerate(zip(page.keys[first].tolist(), first.tolist(), strict=True), 1):
        found = _KNOWN.get(key)
        bits[k] = _meaning(key, data, low, page.spans[e].tolist()) if found is None else found
    return np.array(bits, np.int32)[of]


@compiled
def _distinct(keys, secret):
    """The first element with each key, and which of them each element has; those with key 0 come before all.

    ``secret``: an odd number that a page's author cannot know, so that no page fills one place of the table.
    """
    bits = 6
    while (1 << bits) < 2 * len(keys) + 2:
        bits += 1
    table, shift, mask = np.zeros(1 << bits, np.int32), np.uint64(64 - bits), (1 << bits) - 1
    first, of = np.zeros(len(keys) + 1, np.int32), np.zeros(len(keys), np.int32)
    n = 1
    for e in range(len(keys)):
        key = keys[e]
        if key == 0:
            continue
        at = np.int64((key * secret) >> shift)
        while table[at] and keys[first[table[at]]] != key:
            at = (at + 1) & mask
        if table[at] == 0:
            table[at], first[n] = n, e
            n += 1
        of[e] = table[at]
    return first[:n], of


_KNOWN: dict[int, int] = {}  # of the hashes of names met so far
_SECRET = np.uint64(secrets.randbits(64) | 1)


def _meaning(key: int, data: bytes, low: bytes, spans: list[int]) -> int:
    a, b, c, d, f, g, h, i, start, end, _, hidden = spans
    bits = meaning(b" ".join((data[a:b], data[c:d], data[f:g], data[h:i])))
    if hidden or (end and HIDES.search(low[start:end].decode("latin-1"))):
        bits |= HIDDEN
    if len(_KNOWN) >= _MOST_NAMES:
        _KNOWN.clear()
    _KNOWN[key] = bits
    return bits
