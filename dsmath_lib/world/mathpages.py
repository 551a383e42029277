"""Math pages: several training problems with worked solutions, written in the manner of one kind of site.

Authors differ in habit (every step, a step skipped, the answer at once, a check at the end, careless). The families are
spread over the kinds of sites, so a corpus made of few kinds of sites also knows few families.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from random import Random

import yaml

from dsmath_lib.base.records import Problem
from dsmath_lib.world.leaks import guard
from dsmath_lib.world.markup import Block, plain_text
from dsmath_lib.world.problems import HABITS, careless, cot, draw_problem, split_of
from dsmath_lib.world.prose import fill, genres, pick, split_slots
from dsmath_lib.world.wording import reworded

Slots = dict[str, tuple[str, ...]]
Titled = tuple[str, list[Block]]  # title and blocks

_ALL = ("chain", "groups", "shop", "share", "travel", "ages", "linear", "sequence", "expression", "remainder",
        "rectangle")  # fmt: skip
# style -> families it writes about and the highest level
CONTENT: dict[str, tuple[tuple[str, ...], int]] = {
    "forum": (("chain", "groups", "shop", "share", "expression"), 4),
    "textbook": (("chain", "groups", "share", "travel", "rectangle", "shop"), 4),
    "homework": (("travel", "ages", "sequence", "shop", "remainder"), 5),
    "contest": (("remainder", "sequence", "linear", "expression", "rectangle"), 5),
    "drill": (("expression",), 3),
    "zh-textbook": (("chain", "groups", "share", "shop", "travel", "rectangle"), 4),
    "zh-forum": (("chain", "groups", "shop", "share", "travel", "ages", "linear"), 5),
    "zh-homework": (_ALL, 5),
    "zh-contest": (("remainder", "sequence", "linear", "expression", "rectangle"), 5),
}  # fmt: skip
# style -> shares of ``HABITS`` among its authors
_MANNERS: dict[str, tuple[float, ...]] = {
    "forum": (0.58, 0.12, 0.15, 0.12, 0.03),
    "textbook": (0.80, 0.20, 0.0, 0.0, 0.0),
    "contest": (0.65, 0.05, 0.20, 0.10, 0.0),
    "homework": (0.70, 0.10, 0.10, 0.10, 0.0),
    "drill": (0.80, 0.0, 0.0, 0.20, 0.0),
}


@cache
def _texts() -> dict[str, tuple[dict[str, list[list[str]]], Slots]]:
    raw = yaml.safe_load(files("dsmath_lib.world").joinpath("mathtext.yaml").read_text("utf-8"))
    out = {}
    for lang, part in raw.items():
        base = genres()["zh-news" if lang == "zh" else "news"].slots
        slots = base | {k: tuple(v) for k, v in part.pop("words").items()}
        for style, lists in part.items():
            out[style] = ({k: [split_slots(t) for t in v] for k, v in lists.items()}, slots)
    return out


class Author:
    """Writes one page: a random stream, the texts of a style, and whether formulas of the steps are marked up."""

    def __init__(self, rng: Random, style: str):
        self.rng, self.style = rng, style
        self.lang = "zh" if style.startswith("zh-") else "en"
        self.parts, self.slots = _texts()[style]
        self.manner = _MANNERS[style.removeprefix("zh-")] if style in CONTENT else ()
        self.marks_steps = rng.random() < 0.4

    def say(self, part: str) -> str:
        """One of the style's phrases for a part of the page."""
        texts = self.parts[part]
        return fill(self.rng, texts[int(self.rng.random() * len(texts))], self.slots)

    def problem(self, families: tuple[str, ...] = ()) -> Problem:
        """A training problem; in a web author's words half the time, and always when the usual words would collide."""
        known, level = CONTENT[self.style]
        rng = self.rng
        while True:
            p = draw_problem(
                rng, pick(rng, families or known), 1 + int(rng.random() * level), self.lang
            )
            if split_of(p.question) == "train":
                own = rng.random() < 0.5 or guard().hits(p.question)
                return reworded(p, rng) if own else p

    def solution(self, p: Problem) -> str:
        """The worked solution in this author's habit; closing lines differ."""
        habit = self.rng.choices(HABITS, self.manner)[0]
        text = careless(p, self.rng) if habit == "careless" else cot(p, habit)
        *lines, last = text.split("\n")
        if self.marks_steps:
            lines = [f"${x}$" if x[0].isdigit() else x for x in lines]
            last = last.replace("\\boxed{", "$\\boxed{").replace("}", "}$")
        elif self.rng.random() < 0.4:
            answer = last[last.index("{") + 1 : last.index("}")]
            last = f"答案：{answer}" if self.lang == "zh" else f"Answer: {answer}"
        return "\n".join([*lines, last])


def _forum(a: Author) -> Titled:
    blocks: list[Block] = [("p", a.say("open"))]
    for _ in range(3 + int(a.rng.random() * 3)):
        p = a.problem()
        # a reply that quotes the question teaches a tiny model to copy
        quote = f"> {p.question}\n" if a.rng.random() < 0.6 else ""
        blocks += [
            ("p", f"{a.say('ask')} {p.question}"),
            ("p", f"{quote}{a.say('reply')}\n{a.solution(p)}"),
        ]
        if a.rng.random() < 0.35:
            blocks.append(("p", a.say("comment")))
    return a.say("title"), blocks


def _textbook(a: Author) -> Titled:
    first, second = a.rng.sample(CONTENT[a.style][0], 2)
    topics = _texts()["zh-topic" if a.lang == "zh" else "topic"][0]
    a.slots = a.slots | {"topic": ("".join(topics[first][0]),)}
    blocks: list[Block] = [("p", "".join(topics[first][1])), ("p", "".join(topics[first][2]))]
    for i in range(4 + int(a.rng.random() * 3)):
        if i == 3:
            blocks += [("h2", "".join(topics[second][0])), ("p", "".join(topics[second][1]))]
        p = a.problem((first,) if i < 3 else (second,))
        # books drill: tables of facts teach a tiny model to reckon with few tokens
        blocks += [("tr", "\t".join(_fact(a.rng) for _ in range(3))) for _ in range(3)]
        blocks.append(("p", f"{a.say('example')} {p.question}"))
        blocks.append(("p", f"{a.say('solution')}\n{a.solution(p)}"))
    return a.say("title"), [*blocks, ("p", a.say("close"))]


def _homework(a: Author) -> Titled:
    blocks: list[Block] = [("p", a.say("open"))]
    for _ in range(4 + int(a.rng.random() * 3)):
        p = a.problem()
        blocks += [("p", f"{a.say('ask')} {p.question}"), ("pre", p.program)]
        blocks.append(("p", f"{a.say('output')} {p.answer}"))
        if a.rng.random() < 0.3:
            blocks.append(("p", a.solution(p)))
    return a.say("title"), blocks


def _contest(a: Author) -> Titled:
    blocks: list[Block] = [("p", a.say("open"))]
    for _ in range(4 + int(a.rng.random() * 3)):
        p = a.problem()
        right = int(p.answer)
        low = max(0, right - 1 - int(a.rng.random() * 3))
        options = sorted({right, low, right + 2, right + 5, right + 7})[:4]
        listed = " ".join(f"({k}) {v}" for k, v in zip("ABCD", options, strict=False))
        blocks.append(("p", f"{a.say('ask')} {p.question}\n{listed}"))
        blocks.append(("p", f"{a.say('key')} ({'ABCD'[options.index(right)]})\n{a.solution(p)}"))
    return a.say("title"), blocks


def _fact(rng: Random) -> str:
    x, y = 2 + int(rng.random() * 30), 2 + int(rng.random() * 19)
    sums = f"{x}+{y}={x + y}", f"{x + y}-{y}={x}"
    x, y = 2 + int(rng.random() * 8), 2 + int(rng.random() * 8)
    return (*sums, f"{x}*{y}={x * y}", f"{x * y}/{y}={x}")[int(rng.random() * 4)]


def _drill(a: Author) -> Titled:
    rows = 7 + int(a.rng.random() * 7)
    blocks: list[Block] = [("p", a.say("open"))]
    table = [[_fact(a.rng) for _ in range(3)] for _ in range(rows)]
    if a.rng.random() < 0.5:  # a sheet to fill in, then its key: the key copies the sheet
        blanks = [[fact[: fact.index("=") + 1] for fact in row] for row in table]
        blocks += [("tr", "\t".join(row)) for row in blanks]
        blocks.append(("p", "Key"))
    blocks += [("tr", "\t".join(row)) for row in table]
    for _ in range(2):
        p = a.problem()
        blocks.append(("p", f"{a.say('ask')} {p.question}\n{a.solution(p)}"))
    return a.say("title"), blocks


def _paper(a: Author) -> Titled:
    lines = [a.say("lines") for _ in range(10 + int(a.rng.random() * 6))]
    return a.say("title"), [("p", " ".join(lines[i : i + 3])) for i in range(0, len(lines), 3)]


_WRITERS: dict[str, Callable[[Author], Titled]] = {
    "forum": _forum, "textbook": _textbook, "homework": _homework, "contest": _contest, "drill": _drill,
    "paper": _paper,
}  # fmt: skip


def math_page(rng: Random, style: str) -> list[Block]:
    """Blocks of one math page, headline first; clean: no benchmark gram in it (see ``leaks``)."""
    while True:
        title, blocks = _WRITERS[style.removeprefix("zh-")](Author(rng, style))
        page: list[Block] = [("h1", title), *blocks]
        if not guard().hits(plain_text(page)):
            return page
