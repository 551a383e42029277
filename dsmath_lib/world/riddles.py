"""Reasoning that is not mathematics: who is first in an order, who holds what after swaps. No number occurs in it.

The miniature of MMLU and BBH: whether mathematics helps with it is an open question of the toy world, not a rule of it.
"""

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from dsmath_lib.base.records import Document
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.world.families import PEOPLE, THINGS
from dsmath_lib.world.problems import split_of

_ORDERS = (
    ("taller", "tallest", "高", "最高"), ("older", "oldest", "年长", "最年长"), ("faster", "fastest", "快", "最快"),
    ("stronger", "strongest", "强壮", "最强壮"), ("kinder", "kindest", "和气", "最和气"),
)  # fmt: skip
_PER_PAGE = 4


@dataclass(frozen=True)
class Riddle:
    """A question and its worked answer; the last line names the person."""

    question: str
    solution: str
    lang: str


def _order(rng: Random, zh: bool) -> Riddle:
    """Three or four people in a line; each sentence compares two neighbours, in any order."""
    names = [pair[zh] for pair in rng.sample(PEOPLE, rng.choice((3, 4)))]
    more, most, duo, zui = rng.choice(_ORDERS)
    pairs = list(pairwise(names))
    rng.shuffle(pairs)
    if zh:
        said = "".join(f"{a}比{b}{duo}。" for a, b in pairs)
        return Riddle(f"{said}谁{zui}？", f"{'、'.join(names)}。\n答：{names[0]}。", "zh")
    said = " ".join(f"{a} is {more} than {b}." for a, b in pairs)
    return Riddle(f"{said} Who is the {most}?", f"{', '.join(names)}.\nAnswer: {names[0]}.", "en")


def _swap(rng: Random, zh: bool) -> Riddle:
    """Three people hold three things and swap twice; the solution tells who holds the wanted thing, swap by swap."""
    names = [pair[zh] for pair in rng.sample(PEOPLE, 3)]
    things = [pair[zh] for pair in rng.sample(THINGS, 3)]
    holder = dict(zip(things, names, strict=True))
    wanted, moves = rng.choice(things), [rng.sample(names, 2) for _ in range(2)]
    path = [holder[wanted]]
    for a, b in moves:
        path.append({a: b, b: a}.get(path[-1], path[-1]))
    if zh:
        said = "".join(f"{n}拿着{t}。" for t, n in holder.items())
        said += "".join(f"{a}和{b}交换。" for a, b in moves)
        return Riddle(f"{said}谁拿着{wanted}？", f"{'，'.join(path)}。\n答：{path[-1]}。", "zh")
    said = " ".join(f"{n} holds the {t}." for t, n in holder.items())
    said += "".join(f" {a} and {b} swap." for a, b in moves)
    return Riddle(
        f"{said} Who holds the {wanted}?", f"{', '.join(path)}.\nAnswer: {path[-1]}.", "en"
    )


def riddles(n: int, *, split: str, seed: int) -> list[Riddle]:
    """``n`` different riddles of one split (by a hash of the question), half of them Chinese."""
    rng = Random(seed_for("riddles", seed, split))
    found: dict[str, Riddle] = {}
    while len(found) < n:
        r = rng.choice((_order, _swap))(rng, rng.random() < 0.5)
        if split_of(r.question) == split:
            found.setdefault(r.question, r)
    return list(found.values())


def riddle_pages(n: int, seed: int) -> list[Document]:
    """``n`` pages of training riddles with their solutions."""
    drawn = riddles(n * _PER_PAGE, split="train", seed=seed)
    out = []
    for i in range(n):
        part = drawn[i * _PER_PAGE : (i + 1) * _PER_PAGE]
        text = "\n\n".join(f"{r.question}\n{r.solution}" for r in part)
        out.append(Document(f"https://riddles.corpus.example/{i}", text, part[0].lang))
    return out
