"""How a model answers, beside whether it is right: length, reflection words, code, boxes, repetition (SimpleRL).

The counts are those of SimpleRL's later evaluation code (facts §8.2); its first release published none.
"""

import re
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from dsmath_lib.engines.grader import boxes

KEYWORDS = ("recheck", "rethink", "try again", "wait", "alternatively", "retry", "however")


def word_counts(text: str) -> dict[str, int]:
    """How often each keyword stands in a text, as a substring."""
    lower = text.lower()
    return {k: lower.count(k) for k in KEYWORDS}


def shares(texts: Sequence[str]) -> dict[str, Any]:
    """Share of texts with each keyword, with any of them, and the mean length in characters.

    Raises:
        ValueError: no texts.
    """
    if not texts:
        raise ValueError("no texts to count in")
    found = [word_counts(t) for t in texts]
    n = len(texts)
    out: dict[str, Any] = {k: sum(bool(c[k]) for c in found) / n for k in KEYWORDS}
    out["any"] = sum(any(c.values()) for c in found) / n
    return out | {"n": n, "mean length": sum(map(len, texts)) / n}


# how the toy world's authors look back, at the start of a line; "等等" is "wait"
TOY_REFLECTION = ("\ncheck:", "\n检验", "等等")
REPEATS = 3  # times a run of words must come, back to back, to count as repetition
_CODE = re.compile(
    r"^(?:[^\S\n]*+[a-z_]\w*+\s*+=\s*+[^=].*|[^\S\n]*+print\(.*\)\s*|```python)$", re.MULTILINE
)
_EQUATION_STEP = re.compile(r"^\s*[a-z]\s*=\s*-?[\d.]+\s*\.?$")


def reflections(text: str, words: Sequence[str] = KEYWORDS + TOY_REFLECTION) -> int:
    """How often the words occur in the lower-cased text."""
    low = "\n" + text.lower()
    return sum(low.count(w) for w in words)


def writes_code(text: str) -> bool:
    """The text holds a program: a fence, a print, or a line that assigns an expression to a name.

    ``x=4`` alone is how an equation's solution is written, and does not count.
    """
    return any(not _EQUATION_STEP.match(line) for line in _CODE.findall(text))


def repeats(text: str, times: int = REPEATS) -> bool:
    """Some run of 2 to 12 words comes ``times`` times back to back.

    Work is linear in the length for each size of run; only the last 400 words are read, where a loop shows.
    """
    words = text.split()[-400:]
    for size in range(2, 13):
        same = 0
        for i in range(size, len(words)):
            same = same + 1 if words[i] == words[i - size] else 0
            if same >= size * (times - 1):
                return True
    return False


def behaviour(
    texts: Sequence[str],
    correct: Sequence[bool],
    finish: Sequence[str],
    lengths: Sequence[int],
) -> dict[str, float | None]:
    """Means over N answers, given in the same order.

    Returns:
        mean tokens of all, right, wrong and normally stopped answers (``length``, ``length_right``, …; None: there
        are none); shares cut off at the limit, boxed, with code, repeating, and with a reflection word;
        ``reflections``, their number per answer.

    Raises:
        ValueError: the lists differ in length or are empty.
    """
    if not texts or not len(texts) == len(correct) == len(finish) == len(lengths):
        raise ValueError("behaviour needs four lists of the same length, at least one answer")
    rows = list(zip(correct, finish, lengths, strict=True))
    counts = [reflections(t) for t in texts]

    def mean(values: list[float]) -> float | None:
        return fmean(values) if values else None

    return {
        "length": fmean(lengths),
        "length_right": mean([n for c, _, n in rows if c]),
        "length_wrong": mean([n for c, _, n in rows if not c]),
        "length_stopped": mean([n for _, f, n in rows if f != "length"]),
        "truncated": fmean(f == "length" for f in finish),
        "boxed": fmean(bool(boxes(t)) for t in texts),
        "code": fmean(writes_code(t) for t in texts),
        "repeating": fmean(repeats(t) for t in texts),
        "reflections": fmean(counts),
        "reflecting": fmean(c > 0 for c in counts),
    }
