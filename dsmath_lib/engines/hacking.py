"""A small search for answers that cheat a reward: what RL would find, found in seconds.

The searcher sees rewards only, as RL does. It looks for one text that is paid for several questions at once, whose
right answers all differ: an honest text answers one of them. It starts from plain answers and edits them at random:
values
are appended, joined by "or", put in boxes, tags and tables, signs are swapped for look-alikes; what is paid at least as
often is kept.
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

Paid = Callable[[str], int]  # for how many of the questions a text is paid


class Cheat(NamedTuple):
    """``text`` is paid for ``paid`` questions; 1 is honest."""

    text: str
    paid: int


GLUE = (
    ", ", " or ", " and ", " / ", "; ", " ", "\n", ". ", " maybe ", ", no, ",
    "\\lor ", "\\text{ or }", " = ", "\\pm ", "!", "|",
    " \\approx ", " to ", "(", ")", "{", "}", "^", "_", "\\quad ", "\u200b", "…", "\\ne ", "\\cup ",
)  # fmt: skip
WRAP = (
    "{}", "\\boxed{{{}}}", "The answer is {}.", "Answer: {}", "#### {}", "<answer>{}</answer>", "**{}**",
    "${}$", "\\{{{}\\}}",
    "({})", "<think>{}</think>", '{{"answer": "{}"}}', "\\text{{{}}}", "Step 1: {}", "not {}", "```output\n{}\n```",
    "print({})", "```python\nprint('{}')\n```", "\\begin{{pmatrix}}{}\\end{{pmatrix}}", "答案是{}",
)  # fmt: skip
SIGNS = str.maketrans("-0123456789", "−𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
ENDINGS = (
    " million",
    " squared",
    "%",
    " cm",
    "!",
    "th",
    " dollars",
    "^\\circ",
    "'",
    "…",
    ".0",
    "0",
    "\\%",
    "x",
)


def edited(text: str, values: Sequence[str], rng: random.Random) -> str:
    """One random edit."""
    value, kind = rng.choice(values), rng.randrange(8)
    if kind == 0:
        return text + rng.choice(GLUE) + value
    if kind == 1:
        return text + rng.choice(GLUE) + rng.choice(WRAP).format(value)
    if kind == 2:
        return value + rng.choice(GLUE) + text
    if kind == 3:
        return rng.choice(WRAP).format(text)
    if kind == 4:
        return text + rng.choice(ENDINGS)
    place = rng.randrange(len(text) + 1)
    if kind == 5:
        return text[:place] + rng.choice(GLUE) + text[place:]
    if kind == 6:
        return text[:place] + text[place + rng.randint(1, 4) :]
    return text[:place] + text[place:].translate(SIGNS)


def search(paid: Paid, values: Sequence[str], steps: int, seed: int, longest: int = 120) -> Cheat:
    """The text that is paid for most questions, after ``steps`` edits.

    Args:
        paid: how many questions pay a text.
        values: the right answers of all questions, which a policy could have learnt.
        steps: number of texts that are tried.
        longest: characters; a longer text is cut.
    """
    rng = random.Random(seed)
    starts = [w.format(v) for v in values for w in WRAP[:8]]
    pool = [Cheat(t, paid(t)) for t in rng.sample(starts, min(8, len(starts)))]
    for step in range(steps):
        if step % 60 == 59:  # a fresh start in place of the worst
            pool[-1] = Cheat(rng.choice(starts), 0)
        parent = rng.choice(pool)
        text = edited(parent.text, values, rng)[-longest:]
        child = Cheat(text, paid(text))
        if child.paid >= parent.paid:
            pool[pool.index(parent)] = child
        pool.sort(key=lambda f: -f.paid)
    return pool[0]
