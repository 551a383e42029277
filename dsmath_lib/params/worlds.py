"""The toy world, and control worlds: each takes out one thing that we built in, all else as it was.

A claim that comes true in the toy world may owe it to the way the world is built. Where its effect stays when that part
is taken out, it is mechanism; where it vanishes, it was built in.
"""

from typing import Literal, NamedTuple


class World(NamedTuple):
    """What a world has. ``title``: what was changed, in words.

    guessing: do SFT annotators give answers without a step? hard_negatives: are there pages full of numbers that are
    no mathematics? wrong_labels: share of the answers whose reward by rule says the opposite.
    """

    title: str
    guessing: bool = True
    hard_negatives: bool = True
    wrong_labels: float = 0.0


WorldName = Literal["normal", "no-guessing", "plain-web", "wrong-labels"]
WORLDS: dict[str, World] = {
    "normal": World("the toy world"),
    "no-guessing": World("no annotator guesses: who did writes every step", guessing=False),
    "plain-web": World(
        "no pages full of numbers: they became news and blogs", hard_negatives=False
    ),
    # the paper: about a fifth of PRM800K's labels are wrong (Section 5.2.3)
    "wrong-labels": World("a tenth of the rewards say the opposite", wrong_labels=0.1),
}
