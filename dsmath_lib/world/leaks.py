"""What decontamination must find and must leave alone: benchmark items planted in pages, and a guard for clean pages.

The generator knows the benchmarks. A clean page is written from training problems only, and one whose text would
share a run of ten grams (or a whole item of three to nine grams) with a benchmark question is written again in other
words. So every page the 10-gram rule removes beyond the planted ones is a mistake of the rule's implementation.

Whether the rule finds what was rewritten is another question, and open: rewritten items are planted, too.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from dsmath_lib.base.records import Problem
from dsmath_lib.base.text import grams
from dsmath_lib.world.problems import TOY_BENCHMARKS, benchmark
from dsmath_lib.world.wording import reworded

# the guard covers the first items of each benchmark; decontaminate against no more
BENCHMARK_ITEMS = 500
LEAKED = ("toy-gsm", "toy-math", "toy-cmath")
_WIDE = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x30, 0x3A)})


@dataclass(frozen=True)
class Guard:
    """Ten-grams of all benchmark questions, and whole items of 3 to 9 grams by length."""

    tens: frozenset[tuple[str, ...]]
    short: dict[int, frozenset[tuple[str, ...]]]

    def hits(self, text: str) -> bool:
        """True if the paper's rule (10-grams, short items exact) would call the text contaminated."""
        g = grams(text.replace("\n", " "))  # one line is faster, and grams never span a line break
        runs = zip(*(g[i:] for i in range(10)), strict=False)
        if not self.tens.isdisjoint(runs):
            return True
        return any(
            not items.isdisjoint(zip(*(g[i:] for i in range(n)), strict=False))
            for n, items in self.short.items()
        )


@cache
def guard() -> Guard:
    """The guard over the first ``BENCHMARK_ITEMS`` questions of every toy benchmark."""
    tens: set[tuple[str, ...]] = set()
    short: dict[int, set[tuple[str, ...]]] = {}
    for name in TOY_BENCHMARKS:
        for p in protected(name):
            g = tuple(grams(p.question))
            if len(g) >= 10:
                tens.update(g[i : i + 10] for i in range(len(g) - 9))
            elif len(g) >= 3:
                short.setdefault(len(g), set()).add(g)
    return Guard(frozenset(tens), {n: frozenset(s) for n, s in short.items()})


@cache
def protected(name: str) -> tuple[Problem, ...]:
    """The benchmark items that clean pages avoid and that leaks are taken from."""
    return tuple(benchmark(name, BENCHMARK_ITEMS))


def disguised(question: str, rng: Random) -> str:
    """A verbatim copy as people paste it: other case, punctuation, full-width digits, broken lines, or unchanged."""
    form = int(rng.random() * 5)
    if form == 1:
        return question.upper() if rng.random() < 0.5 and "\\" not in question else question.lower()
    if form == 2:
        return re.sub(r"[.?]( |$)", r" !\1", question).replace("，", "、").replace("。", "；")
    if form == 3 and "$" not in question:
        return question.translate(_WIDE)
    if form == 4:
        return re.sub(r"([.。，]) ?", r"\1" + "\n", question, count=2).strip()
    return question


def renamed(item: Problem, rng: Random) -> str:
    """The question with other names of people."""
    return reworded(item, rng, only_names=True).question


def in_other_words(item: Problem, rng: Random) -> str:
    """The question with other names and other nouns."""
    return reworded(item, rng).question


def renumbered(item: Problem, rng: Random) -> str:
    """The question with one of its numbers changed by one."""
    spots = list(re.finditer(r"\d+", item.question))
    if not spots:
        return item.question
    at = rng.choice(spots)
    return item.question[: at.start()] + str(int(at[0]) + 1) + item.question[at.end() :]


# how people rewrite an item before they post it
REWRITES: dict[str, Callable[[Problem, Random], str]] = {
    "names": renamed, "words": in_other_words, "number": renumbered,
}  # fmt: skip
