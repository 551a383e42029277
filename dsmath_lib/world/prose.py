"""Pages without math, in English and Chinese: templates with slots (``prose.yaml``), many of them full of numbers."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random

import yaml

from dsmath_lib.world.families import PEOPLE, THINGS
from dsmath_lib.world.markup import Block

_MONTHS = ("January", "March", "May", "June", "August", "October")
_MORE = (
    ("Clara", "王芳"), ("Hugo", "李伟"), ("Iris", "张敏"), ("Felix", "刘洋"), ("Greta", "陈静"),
    ("Oscar", "杨帆"), ("Ruth", "赵磊"), ("Simon", "周涛"), ("Vera", "吴霞"), ("Walter", "孙丽"),
)  # fmt: skip
_TABLES = ("timetable", "standings", "zh-standings")
_LISTS = ("recipe", "shop", "zh-recipe", "zh-shop")


@dataclass(frozen=True)
class Genre:
    """Compiled templates of one genre; ``length`` is the mean number of sentences."""

    title: list[str]
    length: int
    lines: list[list[str]]
    slots: dict[str, tuple[str, ...]]


def pick(rng: Random, pool: tuple[str, ...]) -> str:
    """A random member; three times faster than ``rng.choice``."""
    return pool[int(rng.random() * len(pool))]


def split_slots(template: str) -> list[str]:
    """A template as alternating literals and slot names (``@name@``)."""
    return template.split("@")


def fill(rng: Random, parts: list[str], slots: dict[str, tuple[str, ...]]) -> str:
    """A compiled template with each slot drawn anew."""
    out = parts[:]
    for i in range(1, len(out), 2):
        pool = slots[out[i]]
        out[i] = pool[int(rng.random() * len(pool))]
    return "".join(out)


def _made_slots(zh: bool) -> dict[str, tuple[str, ...]]:
    days = range(1, 29)
    prices = [f"{i}.{i * 13 % 90 + 10}" for i in range(2, 90)]
    return {
        "n": tuple(map(str, range(2, 100))),
        "k": tuple(map(str, range(2, 12))),
        "big": tuple(str(i * 37 + 104) for i in range(120)),
        "pct": tuple(f"{i}.{i * 7 % 10}%" for i in range(1, 40)),
        "price": tuple(f"{p}元" if zh else f"${p}" for p in prices),
        "time": tuple(f"{h}:{m:02d}" for h in range(6, 23) for m in range(0, 60, 7)),
        "date": tuple(f"{m}月{d}日" for m in range(1, 13) for d in days)
        if zh
        else tuple(f"{m} {d}" for m in _MONTHS for d in days),
        "year": tuple(f"{y}年" if zh else str(y) for y in range(1890, 2024)),
        "name": tuple(pair[zh] for pair in (*PEOPLE, *_MORE)),
        "thing": tuple(pair[zh] for pair in THINGS),
    }


@cache
def genres() -> dict[str, Genre]:
    """All genres by name; Chinese ones start with ``zh-``."""
    raw = yaml.safe_load(files("dsmath_lib.world").joinpath("prose.yaml").read_text("utf-8"))
    out = {}
    for lang, part in raw.items():
        slots = _made_slots(lang == "zh") | {k: tuple(v) for k, v in part["words"].items()}
        for name, g in part["genres"].items():
            lines = [split_slots(line) for line in g["lines"]]
            out[name] = Genre(split_slots(g["title"]), g["length"], lines, slots)
    return out


def prose(rng: Random, genre: str) -> list[Block]:
    """Blocks of one page of a genre, headline first; 4 to 21 sentences."""
    g = genres()[genre]
    count = max(4, int(g.length * (0.8 + 0.8 * rng.random())))
    order = g.lines[:]
    rng.shuffle(order)
    texts = [fill(rng, order[i % len(order)], g.slots) for i in range(count)]
    head: list[Block] = [("h1", fill(rng, g.title, g.slots))]
    if genre in _TABLES:
        return head + [("tr", t) for t in texts]
    if genre == "links":
        return head + [("li", t) for t in texts]
    if genre == "code":
        half = len(texts) // 2
        return [*head, ("pre", "\n\n".join(texts[:half])), ("pre", "\n\n".join(texts[half:]))]
    if genre in _LISTS and rng.random() < 0.5:
        return [*head, ("p", texts[0]), *(("li", t) for t in texts[1:])]
    step = 3 + int(rng.random() * 3)
    glue = "" if genre.startswith("zh-") else " "
    return head + [("p", glue.join(texts[i : i + step])) for i in range(0, len(texts), step)]
