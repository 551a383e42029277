"""The toy web: pages of a few hundred domains, and the truth about each page.

Domains and path trees are fixed (``domains``); pages depend on the seed. Of all pages, about 27 % are math (a quarter
of them Chinese), 2 % repeat an address with tracking parameters or a fragment, 2 % are mirrors on another address, 3 %
are near duplicates (small edits, another template); 3 % of the math pages hold a copy of a benchmark question, 2 % one
in other words.
"""

from dataclasses import dataclass, replace
from random import Random

from dsmath_lib.base.records import Page, Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.world.leaks import LEAKED, REWRITES, disguised, protected
from dsmath_lib.world.markup import Block, html_page
from dsmath_lib.world.mathpages import math_page
from dsmath_lib.world.problems import cot
from dsmath_lib.world.prose import fill, genres, prose, split_slots
from dsmath_lib.world.sites import SITE_KINDS, Domain, Path, web_domains

SAME_URL, MIRRORS, NEAR_COPIES = 0.02, 0.02, 0.03  # shares of all pages
LEAKS, REWRITTEN, NOTICES = 0.03, 0.02, 0.02  # shares of the pages under math paths
_PER_DOMAIN = 8  # a small web has fewer domains, not thinner ones
# a page full of numbers that is no mathematics -> the prose that stands in its place in a plain web
PLAIN = {
    "sports": "news", "standings": "news", "recipe": "blog", "shop": "company", "timetable": "news", "weather": "news",
    "finance": "news", "zh-sports": "zh-news", "zh-standings": "zh-news", "zh-shop": "zh-blog",
    "zh-recipe": "zh-blog",
}  # fmt: skip
_TAGS = tuple(
    "?utm_source=feed&utm_medium=rss ?utm_campaign=spring ?fbclid=a1b2c3 #comments #top".split()
)


@dataclass(frozen=True)
class PageTruth:
    """What is true of a page. ``dup_group`` is shared by copies and near copies, ``leak_of`` names a benchmark.

    leak_form: "copy", or how its question was rewritten (a key of ``leaks.REWRITES``).
    """

    is_math: bool
    lang: str
    domain: str
    kind: str
    style: str
    path_prefix: str
    dup_group: str | None = None
    leak_of: str | None = None
    leak_id: str | None = None
    leak_form: str | None = None


@dataclass(frozen=True)
class Web:
    """Pages in crawl order, and the truth by address as crawled."""

    pages: tuple[Page, ...]
    truth: dict[str, PageTruth]


@dataclass(frozen=True)
class _Draft:
    """A page with what is needed to make copies of it."""

    page: Page
    truth: PageTruth
    blocks: tuple[Block, ...]
    site: Domain


def _sites(n_pages: int) -> tuple[list[tuple[Domain, Path]], list[float]]:
    """Paths to draw from and their weights; each kind uses as many of its domains as it has pages for."""
    share = sum(k.share for k in SITE_KINDS)
    wanted = {k.name: max(2, int(n_pages * k.share / share / _PER_DOMAIN)) for k in SITE_KINDS}
    used: dict[str, list[Domain]] = {k.name: [] for k in SITE_KINDS}
    for d in web_domains():
        if len(used[d.kind]) < wanted[d.kind]:
            used[d.kind].append(d)
    places, weights = [], []
    for k in SITE_KINDS:
        total = sum(d.share for d in used[k.name])
        for d in used[k.name]:
            for path in d.paths:
                places.append((d, path))
                weights.append(k.share * d.share / total * path.share)
    return places, weights


def _write(rng: Random, site: Domain, path: Path, number: int) -> _Draft:
    style = path.style
    if path.math and rng.random() < NOTICES:
        style = "zh-notice" if site.lang == "zh" else "notice"
    is_math = path.math and style == path.style
    lang = "zh" if style.startswith("zh-") else "en"
    blocks = math_page(rng, style) if is_math else prose(rng, style)
    truth = PageTruth(is_math, lang, site.host, site.kind, style, path.prefix)
    if is_math and style.removeprefix("zh-") not in ("paper", "drill"):
        u = rng.random()
        if u < LEAKS + REWRITTEN:
            blocks, truth = _plant(rng, blocks, truth, rewritten=u >= LEAKS)
    url = f"https://{'www.' if number % 5 == 0 else ''}{site.host}{path.prefix}/{1000 + number * 7}"
    return _Draft(Page(url, _html(rng, blocks, site, lang)), truth, tuple(blocks), site)


def _plain(path: Path) -> Path:
    """The path with prose in the place of a hard negative."""
    return replace(path, style=PLAIN.get(path.style, path.style))


def _html(rng: Random, blocks: list[Block], site: Domain, lang: str) -> str:
    name = site.host.split(".")[0].replace("-", " ").title()
    return html_page(blocks, title=blocks[0][1], site=name, lang=lang, markup=site.markup, rng=rng)


def _plant(
    rng: Random, blocks: list[Block], truth: PageTruth, rewritten: bool
) -> tuple[list[Block], PageTruth]:
    names = [b for b in LEAKED if protected(b)[0].lang == truth.lang]
    name = rng.choice(names)
    item: Problem = rng.choice(protected(name))
    at = rng.randrange(2, len(blocks) + 1)
    form = rng.choice(list(REWRITES)) if rewritten else "copy"
    text = REWRITES[form](item, rng) if rewritten else disguised(item.question, rng)
    leak: list[Block] = [("p", text), ("p", cot(item))]
    truth = replace(truth, leak_of=name, leak_id=item.id, leak_form=form)
    return blocks[:at] + leak + blocks[at:], truth


def _mirror(
    rng: Random, draft: _Draft, twins: dict[tuple[str, str], list[tuple[Domain, Path]]]
) -> tuple[Domain, Path]:
    """A place for a copy: a site of the same kind and a path of the same style."""
    t = draft.truth
    style = next(p.style for p in draft.site.paths if p.prefix == t.path_prefix)
    return rng.choice(twins[t.kind, style])


def _edited(rng: Random, blocks: tuple[Block, ...], lang: str) -> list[Block]:
    """A few small edits, as copies on other sites have: a changed headline, a date line, a signature."""
    slots = genres()["zh-news" if lang == "zh" else "news"].slots
    out = list(blocks)
    line = fill(
        rng, split_slots("@name@ · @date@" if lang == "zh" else "Posted by @name@ on @date@"), slots
    )
    if rng.random() < 0.5:
        out.append(("p", line))
    else:
        out.insert(1, ("p", line))
    if rng.random() < 0.5:
        out[0] = ("h1", out[0][1] + (" (转载)" if lang == "zh" else " (copy)"))
    return out


def make_web(n_pages: int, seed: int, hard_negatives: bool = True) -> Web:
    """A crawl of ``n_pages`` pages (at least 50), the same for the same arguments in every process.

    Without ``hard_negatives`` the same addresses hold plain prose instead of pages full of numbers.

    Raises:
        ValueError: fewer than 50 pages asked for.
    """
    if n_pages < 50:
        raise ValueError(f"a toy web has at least 50 pages, not {n_pages}")
    rng = Random(seed_for("web", n_pages, seed))
    places, weights = _sites(n_pages)
    counts = [int(n_pages * s) for s in (SAME_URL, MIRRORS, NEAR_COPIES)]
    n_first = n_pages - sum(counts)
    drafts = [
        _write(rng, site, path if hard_negatives else _plain(path), i)
        for i, (site, path) in enumerate(rng.choices(places, weights, k=n_first))
    ]
    drafts += _copies(rng, drafts, places, counts)
    rng.shuffle(drafts)
    return Web(tuple(d.page for d in drafts), {d.page.url: d.truth for d in drafts})


def _copies(
    rng: Random, drafts: list[_Draft], places: list[tuple[Domain, Path]], counts: list[int]
) -> list[_Draft]:
    """Duplicates of clean pages; the originals in ``drafts`` get the group's name as well."""
    twins: dict[tuple[str, str], list[tuple[Domain, Path]]] = {}
    for site, path in places:
        twins.setdefault((site.kind, path.style), []).append((site, path))
    long = [
        i
        for i, d in enumerate(drafts)
        if d.truth.leak_of is None and len(d.page.html) > 1500 and "notice" not in d.truth.style
    ]
    chosen = rng.sample(long, sum(counts))
    out = []
    for k, i in enumerate(chosen):
        how = 0 if k < counts[0] else 1 if k < counts[0] + counts[1] else 2
        d = drafts[i]
        truth = replace(d.truth, dup_group=f"{('url', 'mirror', 'near')[how]}-{k}")
        drafts[i] = replace(d, truth=truth)
        if how == 0:
            page = Page(d.page.url + rng.choice(_TAGS), d.page.html)
        else:
            site, path = _mirror(rng, d, twins)
            url = f"https://{site.host}{path.prefix}/{1000 + (len(drafts) + k) * 7}"
            truth = replace(truth, domain=site.host, path_prefix=path.prefix)
            html = d.page.html
            if how == 2:
                blocks = _edited(rng, d.blocks, truth.lang)
                html = _html(rng, blocks, replace(site, markup=d.site.markup), truth.lang)
            page = Page(url, html)
        out.append(replace(d, page=page, truth=truth))
    return out
