"""Exercises of 04_reward_model: the pairwise loss, labels by completion, calibration, replay."""

import math
from collections.abc import Callable, Sequence

from dsmath_lib.exercises import register


def my_pair_loss(chosen: float, rejected: float) -> tuple[float, float]:
    """-log σ(s⁺ - s⁻) and its derivative by s⁺."""
    lost = 1 / (1 + math.exp(chosen - rejected))  # chance that the wrong one wins
    return -math.log(1 - lost), -lost


@register(
    "04.1",
    "p = 1 / (1 + exp(-(chosen - rejected))). The loss is -log p, its derivative by the chosen score p - 1.",
    my_pair_loss,
)
def _(answer: Callable) -> str | None:
    for chosen, rejected in ((0.0, 0.0), (2.0, 1.0), (-1.0, 1.5)):
        got, want = tuple(answer(chosen, rejected)), my_pair_loss(chosen, rejected)
        for name, g, w in zip(("the loss", "the derivative"), got, want, strict=True):
            if not math.isclose(g, w, abs_tol=1e-6):
                return f"for scores {chosen}, {rejected} {name} is {w:.4f}, not {g}"
    return None


@register(
    "04.2",
    "Hard: did any completion succeed? Soft: which share? The last step is worth what the answer is worth.",
    ([1, 0, 0], [0.25, 0.0, 0.0]),
)
def _(answer: Sequence[Sequence[float]]) -> str | None:
    hard, soft = map(list, answer)
    if hard != [1, 0, 0]:
        return f"the hard labels are not {hard}: one success in eight is enough, none is not"
    if soft != [0.25, 0, 0]:
        return f"the soft labels are not {soft}: successes divided by completions"
    return None


def ece(probabilities: Sequence[float], right: Sequence[int], bins: int) -> float:
    """Mean of |predicted - right| over bins of equal width, weighted by their size."""
    groups: dict[int, list[tuple[float, int]]] = {}
    for p, y in zip(probabilities, right, strict=True):
        groups.setdefault(min(int(p * bins), bins - 1), []).append((p, y))
    gaps = (abs(sum(p for p, _ in g) - sum(y for _, y in g)) for g in groups.values())
    return sum(gaps) / len(probabilities)


@register(
    "04.3",
    "Put each p into bin min(int(p * bins), bins - 1). Per bin: |mean p - mean label| times its share of all.",
    ece,
)
def _(answer: Callable) -> str | None:
    cases = (
        ([0.1, 0.15, 0.9, 1.0], [0, 1, 1, 1], 2),
        ([0.2, 0.8], [1, 0], 10),
        ([0.5] * 4, [1, 0, 1, 0], 5),
    )
    for p, y, bins in cases:
        got, want = answer(p, y, bins), ece(p, y, bins)
        if not math.isclose(got, want, abs_tol=1e-6):
            return f"for {p}, {y}, {bins} bins expected {want:.4f}, got {got}"
    return None


@register("04.4", "The mix has 450 + x solutions, and x is a tenth of it.", 50)
def _(answer: int) -> str | None:
    if answer == 45:
        return "45 is 10 % of the new ones; of the mix it is only 9 %"
    if answer != 50:
        return f"{answer} of {450 + answer} is {answer / (450 + answer):.1%}"
    return None
