"""What the class, id, role and itemprop of an element say of its text: menu, advertisement, comment, lead, body …

The words are those that sites use, in the languages of the web that share them. They decide nothing alone: an element
that holds most of the text of its page is kept whatever it is called (``content``).
"""

import re

# HARD: not the article, wherever it stands. SOFT: not the article unless it holds whole paragraphs.
HARD, COMMENT, NAMED, HIDDEN, BODY, SOFT, CAPTION, LEAD = (1 << i for i in range(8))
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _words(*lines: str) -> re.Pattern[str]:
    """Any of the words, letters on neither side."""
    return re.compile(rf"(?<![a-z])(?:{'|'.join(' '.join(lines).split())})(?![a-z])")


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
    "lead intro teaser-text teasertext abstract subtitle subline subheadline standfirst excerpt summary perex",
    "vorspann dek deck lede anleser",
)
# blog software writes the tags and the author of a post into its class
_POST = _words(r"hentry type-post status-publish post-\d+")
_NAMED = re.compile(
    r"(?:article|entry|post|story|news|blog|page|main)[-_ ]?(?:body|content|text)|itemtext"
)
HIDES = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")


def meaning(name: bytes) -> int:
    """The bits of what an element is called."""
    text = _CAMEL.sub(" ", name[:2_000].decode("utf-8", "ignore")).lower()
    bits = 0
    if not _POST.search(text):
        bits |= HARD * bool(_HARD.search(text)) | SOFT * bool(_SOFT.search(text))
    bits |= COMMENT * bool(_COMMENT.search(text)) | CAPTION * bool(_CAPTION.search(text))
    bits |= NAMED * bool(_NAMED.search(text))
    if "articlebody" in text or "article body" in text:
        bits |= BODY | NAMED
    return (bits | LEAD) & ~SOFT if _LEAD.search(text) else bits
