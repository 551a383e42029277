"""The rollout browser: one question, its G completions side by side, each token coloured by its advantage.

Plain HTML without scripts or links, so it works in a report without a network. Colour is not the only sign: a token
with negative advantage is underlined, hovering shows the number, and the head of each card says it in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dsmath_lib.base.tags import Html, tag
from dsmath_lib.report.notebook import no_math
from dsmath_lib.rl.rollouts import Rollouts

# the blue and the orange of the house's colour-blind palette
_BLUE, _ORANGE = "0,107,164", "255,128,14"
_GRID = (
    "display:grid;grid-auto-flow:column;grid-auto-columns:minmax(14em,1fr);gap:.6em;overflow-x:auto"
)
_CARD = "border:1px solid #ababab;border-radius:4px;padding:.4em;text-align:left"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace"


@dataclass(frozen=True)
class Card:
    """One completion: the text of each token, its advantage, the reward, and how the completion ended."""

    pieces: list[str]
    advantages: list[float]
    reward: float
    finish: str

    @property
    def mean(self) -> float:
        """Mean advantage of its tokens; 0 for an empty completion."""
        return sum(self.advantages) / len(self.advantages) if self.advantages else 0.0


class Browser:
    """Cards of one question. In a notebook it is HTML, in a log it is text."""

    def __init__(self, question: str, answer: str, cards: Sequence[Card]):
        self.question, self.answer, self.cards = question, answer, list(cards)
        values = [abs(a) for c in self.cards for a in c.advantages]
        self.scale = max(values, default=0.0) or 1.0

    def summary(self) -> str:
        """The whole group in a sentence, as alternative text."""
        rewards = ", ".join(f"{c.reward:+g}" for c in self.cards)
        flat = not any(a for c in self.cards for a in c.advantages)
        end = "no completion differs: no signal" if flat else "blue tokens are made more likely"
        return f"{len(self.cards)} completions with rewards {rewards}; {end}."

    def _repr_html_(self) -> str:
        legend = tag(
            "p",
            tag("span", "blue", style=self._style(self.scale)),
            ": advantage above 0, made more likely. ",
            tag("span", "orange, underlined", style=self._style(-self.scale)),
            f": below 0, made less likely. Full colour is ±{self.scale:.2f}; hover for the number.",
            style="font-size:90%",
        )
        asked = (tag("b", "Question."), " ", no_math(self.question))
        answer = (" ", tag("b", "Answer:"), " ", no_math(self.answer))
        cards = (self._card(i, c) for i, c in enumerate(self.cards, 1))
        grid = tag("div", *cards, style=_GRID, tabindex=0, role="list")
        label = self.summary()
        return tag("section", tag("p", *asked, *answer), legend, grid, aria_label=label)

    def _card(self, i: int, card: Card) -> Html:
        head = (
            f"{i}. reward {card.reward:+g}, mean advantage {card.mean:+.2f}, ended by {card.finish}"
        )
        tokens = [
            tag("span", no_math(p), style=self._style(a), title=f"{a:+.3f}")
            for p, a in zip(card.pieces, card.advantages, strict=True)
        ]
        title = tag("div", head, style="font-weight:bold")
        text = tag("div", *(tokens or [tag("i", "(empty)")]), style=_TEXT)
        return tag("div", title, text, role="listitem", style=_CARD)

    def _style(self, advantage: float) -> str:
        if not advantage:
            return ""
        alpha = 0.12 + 0.43 * min(1.0, abs(advantage) / self.scale)  # text stays readable on it
        if advantage > 0:
            return f"background:rgba({_BLUE},{alpha:.2f})"
        return f"background:rgba({_ORANGE},{alpha:.2f});text-decoration:underline"

    def __repr__(self) -> str:
        lines = [f"question: {self.question}  (answer {self.answer})", self.summary()]
        for i, c in enumerate(self.cards, 1):
            text = "".join(c.pieces).strip().replace("\n", " ⏎ ")
            lines.append(f"{i}. reward {c.reward:+g}, advantage {c.mean:+.2f}, {c.finish}: {text}")
        return "\n".join(lines)


def browse(
    tokenizer,
    rollouts: Rollouts,
    rewards: torch.Tensor,
    advantages: torch.Tensor,
    *,
    question: str,
    answer: str,
    group: int = 0,
) -> Browser:
    """The completions of one group.

    Args:
        rewards: (B,). advantages: (B,) or (B, T), as the loss gets them.
        group: which question of the batch.

    Raises:
        ValueError: no completion belongs to this group.
    """
    rows = (rollouts.group == group).nonzero().flatten().tolist()
    if not rows:
        raise ValueError(
            f"no completion of group {group}; there are {rollouts.group.unique().tolist()}"
        )
    cards = []
    for i in rows:
        ids = rollouts.completions[i]
        a = advantages[i]
        values = [float(a)] * len(ids) if a.ndim == 0 else a[: len(ids)].tolist()
        cards.append(
            Card(token_texts(tokenizer, ids), values, float(rewards[i]), rollouts.finish[i])
        )
    return Browser(question, answer, cards)


def token_texts(tokenizer, ids: Sequence[int]) -> list[str]:
    """The text each token adds. Bytes of one character count for its last token; eos is shown by its name."""
    out, done = [], ""
    for end in range(1, len(ids) + 1):
        text = tokenizer.decode(list(ids[:end]), skip_special_tokens=False)
        whole = text.rstrip("\ufffd") if end < len(ids) else text
        out.append(whole[len(done) :] if whole.startswith(done) else "")
        done = whole if whole.startswith(done) else done
    return out
