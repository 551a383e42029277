"""Domains of the toy web and their path trees, the same for every seed and web size.

Each domain has a kind, a language, one formula mark-up and a tree of path prefixes; every prefix holds pages of one
style. Site kinds that the seed corpus does not know (homework programs, contests, drills, papers, Chinese sites) also
hold some pages in a style it does know, or in a style of a kind found a round earlier: that is how the 10 % rule of the
paper (§2.1) can find them. All hosts end in the reserved ``.example``.
"""

from dataclasses import dataclass
from functools import cache

from dsmath_lib.world.markup import MARKUPS

MATH_STYLES = (
    "forum", "textbook", "homework", "contest", "drill", "paper",
    "zh-forum", "zh-textbook", "zh-homework", "zh-contest",
)  # fmt: skip
SEED_STYLES = ("forum", "textbook")

PathTree = tuple[
    tuple[tuple[str, ...], str, float], ...
]  # names of a prefix, style, share of pages


@dataclass(frozen=True)
class Path:
    """A path prefix of a domain; ``share`` of the domain's pages lie under it."""

    prefix: str
    style: str
    share: float

    @property
    def math(self) -> bool:
        return self.style in MATH_STYLES


@dataclass(frozen=True)
class Domain:
    """``share`` is the part of all pages of the web that this domain holds when every domain is used."""

    host: str
    kind: str
    lang: str
    markup: str
    share: float
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of site: share of the web, number of domains, host name parts, path trees taken in turn."""

    name: str
    lang: str
    share: float
    count: int
    first: str
    second: str
    trees: tuple[PathTree, ...]


def _p(names: str, style: str, share: float) -> tuple[tuple[str, ...], str, float]:
    return tuple(names.split()), style, share


def _one(names: str, style: str) -> tuple[PathTree, ...]:
    return ((_p(names, style, 1.0),),)


_SCHOOL = tuple(
    (
        _p("/math /departments/math /classes/maths", style, 0.4),
        _p("/sports /athletics", "sports", 0.25),
        _p("/news /bulletin", "news", 0.2),
        _p("/lunch /cafeteria", "recipe", 0.15),
    )
    for style in ("textbook", "homework", "forum", "drill")
)
_PORTAL = tuple(
    (
        _p("/math /maths /c/math", style, 0.3),
        _p("/cooking /food", "recipe", 0.25),
        _p("/tech /computers", "tech", 0.25),
        _p("/travel /places", "blog", 0.2),
    )
    for style in ("forum", "contest", "homework")
)
_ZH_MIXED = tuple(
    (
        _p("/shuxue /xueke/shuxue /math", style, 0.4),
        _p("/tiyu /yundong", "zh-sports", 0.3),
        _p("/xinwen /news", "zh-news", 0.3),
    )
    for style in ("zh-textbook", "zh-forum", "zh-homework")
)

SITE_KINDS = (
    Kind("forum", "en", 0.042, 14, "sum algebra number count", "forum talk answers circle", (
        (_p("/questions /thread /q", "forum", 0.88), _p("/users /members", "profile", 0.12)),)),
    Kind("textbook", "en", 0.042, 16, "open first clear plain", "mathbook arithmetic textbook lessons", (
        (_p("/book /chapters /course", "textbook", 0.9), _p("/about /blog", "company", 0.1)),)),
    Kind("homework", "en", 0.04, 14, "quick smart daily easy", "homework solver tutor exercises", (
        (_p("/exercises /assignments /solutions", "homework", 0.66), _p("/ask /help", "forum", 0.22),
         _p("/pricing /blog", "company", 0.12)),)),
    Kind("contest", "en", 0.036, 12, "golden city young open", "olympiad mathcup contest challenge", (
        (_p("/problems /archive /rounds", "contest", 0.66), _p("/training /lessons", "textbook", 0.2),
         _p("/results /standings", "standings", 0.14)),)),
    Kind("drill", "en", 0.018, 8, "happy little", "worksheets timestables drills numberfacts", (
        (_p("/worksheets /practice", "drill", 0.7), _p("/lessons /learn", "textbook", 0.2),
         _p("/store", "shop", 0.1)),)),
    Kind("paper", "en", 0.012, 6, "pre open", "prints theorems journal", (
        (_p("/abs /papers", "paper", 0.75), _p("/notes /lectures", "textbook", 0.2),
         _p("/jobs", "company", 0.05)),)),
    Kind("zh-textbook", "zh", 0.035, 12, "xiao hao le wen", "shuxue ketang jiaocai", (
        (_p("/shuxue /kecheng /jiaocai", "zh-textbook", 0.7), _p("/bilingual /shuangyu", "textbook", 0.2),
         _p("/xinwen", "zh-news", 0.1)),)),
    Kind("zh-forum", "zh", 0.03, 9, "da wen jie", "ti wenda tiku", (
        (_p("/wenda /tiwen", "zh-forum", 0.5), _p("/zuoye /daan", "zh-homework", 0.2),
         _p("/english /en", "forum", 0.2), _p("/shenghuo", "zh-blog", 0.1)),)),
    Kind("zh-contest", "zh", 0.02, 8, "ao jin", "sai bei jingsai xueyuan", (
        (_p("/timu /jingsai", "zh-contest", 0.68), _p("/jiangyi", "zh-textbook", 0.2),
         _p("/chengji", "zh-standings", 0.12)),)),
    Kind("school", "en", 0.044, 16, "north lake hill oak", "school academy college primary", _SCHOOL),
    Kind("portal", "en", 0.026, 12, "ask all know", "answers people world hub", _PORTAL),
    Kind("zh-mixed", "zh", 0.02, 10, "dong xi nan bei", "xuexiao zhongxue luntan", _ZH_MIXED),
    Kind("code", "en", 0.05, 12, "git src bit", "host forge shelf hut", (
        (_p("/repos /projects", "code", 0.85), _p("/docs /help", "tech", 0.15)),)),
    Kind("sports", "en", 0.055, 16, "goal court city fan", "league scores sport arena",
         _one("/match /results /games", "sports")),
    Kind("shop", "en", 0.065, 18, "best home super mini corner", "store market shop outlet",
         _one("/item /product /p", "shop")),
    Kind("recipe", "en", 0.045, 14, "tasty warm green grand", "kitchen table recipes oven",
         _one("/recipe /recipes /dish", "recipe")),
    Kind("timetable", "en", 0.03, 10, "metro coast valley", "bus rail ferry lines",
         _one("/lines /schedule", "timetable")),
    Kind("weather", "en", 0.025, 8, "sky rain", "watch report station daily", _one("/forecast /city", "weather")),
    Kind("finance", "en", 0.03, 10, "bull coin trade", "market ledger report news",
         _one("/stocks /quotes", "finance")),
    Kind("news", "en", 0.07, 22, "daily evening river county global", "herald post times journal wire", (
        (_p("/news /story /local", "news", 0.8), _p("/sports", "sports", 0.2)),)),
    Kind("blog", "en", 0.055, 22, "my our slow long quiet", "days notes garden road letters",
         _one("/post /2023 /entry", "blog")),
    Kind("tech", "en", 0.03, 10, "fix net device", "help forum support desk", _one("/t /thread", "tech")),
    Kind("encyclopedia", "en", 0.03, 8, "every world", "pedia facts atlas wiki",
         _one("/wiki /entry", "encyclopedia")),
    Kind("company", "en", 0.02, 10, "nova alpha prime", "group works labs partners",
         _one("/about /press", "company")),
    Kind("spam", "en", 0.025, 12, "win free hot", "bonus deals offers prize", _one("/go /win", "spam")),
    Kind("links", "en", 0.018, 8, "top link", "list farm index directory", _one("/dir /links", "links")),
    Kind("zh-news", "zh", 0.04, 14, "ri wan xin du", "bao wang xun kan", _one("/xinwen /news", "zh-news")),
    Kind("zh-shop", "zh", 0.03, 10, "gou mai hui", "shang cheng dian pu", _one("/shangpin /item", "zh-shop")),
    Kind("zh-recipe", "zh", 0.02, 8, "mei wei", "shi cai chu fang", _one("/caipu", "zh-recipe")),
    Kind("zh-blog", "zh", 0.025, 12, "sui xing yue", "bi ji lu yuan", _one("/riji /post", "zh-blog")),
    Kind("zh-sports", "zh", 0.015, 6, "qiu sai", "tan chang kuang", _one("/bisai", "zh-sports")),
)  # fmt: skip


def _hosts(kind: Kind) -> list[str]:
    joint = "-" if kind.lang == "en" else ""
    names = [a + joint + b for b in kind.second.split() for a in kind.first.split()]
    return [f"{n}.{kind.name.removeprefix('zh-')}.example" for n in names[: kind.count]]


@cache
def web_domains() -> tuple[Domain, ...]:
    """All domains of the toy web; shares fall with the rank inside a kind and sum to 1."""
    out = []
    total = sum(k.share for k in SITE_KINDS)
    for kind in SITE_KINDS:
        weights = [1 / (i + 4) for i in range(kind.count)]
        for i, host in enumerate(_hosts(kind)):
            tree = kind.trees[i % len(kind.trees)]
            paths = tuple(Path(names[i % len(names)], style, share) for names, style, share in tree)
            math = any(p.math for p in paths)
            markup = MARKUPS[(i * 5 + len(kind.name)) % len(MARKUPS)] if math else ""
            share = kind.share / total * weights[i] / sum(weights)
            out.append(Domain(host, kind.name, kind.lang, markup, share, paths))
    return tuple(out)
