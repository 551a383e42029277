"""Quick questions: decide, then open an answer; the right one says why, each wrong one says what is wrong with it.

Plain HTML that folds without a script: it works in a notebook, in a report and with a keyboard. The questions
stand in ``quizNN.yaml`` beside this file.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import yaml

from dsmath_lib.base.tags import tag
from dsmath_lib.report.notebook import no_math

_CARD = "border:1px solid #ababab;border-left:4px solid #006ba4;border-radius:4px;padding:.3em .8em"
_LINE = "padding:.25em 0;border-top:1px solid #ddd"


@dataclass(frozen=True)
class Question:
    """A question with one right option and some wrong ones, each ``(text, reason)``."""

    id: str
    ask: str
    right: tuple[str, str]
    wrong: tuple[tuple[str, str], ...]

    @property
    def options(self) -> list[tuple[str, str]]:
        """All of them in an order that tells nothing and never changes."""
        return sorted(
            (self.right, *self.wrong), key=lambda o: sha256((self.id + o[0]).encode()).digest()
        )

    def _repr_html_(self) -> str:
        folded = (
            tag(
                "details",
                tag("summary", no_math(text), style="cursor:pointer"),
                tag(
                    "p",
                    tag("b", "✓ Yes. " if (text, why) == self.right else "✗ No. "),
                    no_math(why),
                ),
                style=_LINE,
            )
            for text, why in self.options
        )
        how = tag("span", "(Decide, then open your answer.)", style="color:#595959")
        head = tag("p", tag("b", "What do you expect? "), no_math(self.ask), " ", how)
        return tag("section", head, *folded, style=_CARD, aria_label=f"Question {self.id}")

    def __repr__(self) -> str:
        lines = [f"What do you expect? {self.ask}", *(f"  ( ) {text}" for text, _ in self.options)]
        return "\n".join(lines)


@cache
def questions_of(notebook: str) -> dict[str, Question]:
    """The questions of a notebook by id, in their order, e.g. of ``"05"``."""
    path = Path(__file__).with_name(f"quiz{notebook}.yaml")
    return {
        id: Question(id, q["ask"], tuple(q["right"]), tuple(map(tuple, q["wrong"])))
        for id, q in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    }


def quiz(id: str) -> Question:
    """A question of a notebook, e.g. ``quiz("05.q3")``: the last line of a cell.

    Raises:
        KeyError: no such question; names the known ones.
    """
    known = questions_of(id.partition(".")[0])
    if id not in known:
        raise KeyError(f"no question {id!r} (known: {', '.join(known)})")
    return known[id]
