"""From an estimate to a verdict: the rules, and the smallest effect that a measurement could have seen.

A rule can give every verdict: an interval on its side of a threshold agrees, one on the other side disagrees, one
across it is too noisy to tell. Whether there is enough to judge at all (questions, seeds, steps) is said by ``Enough``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsmath_lib.evaluation.metrics import Estimate, Z

AGREES, DISAGREES = "agrees", "disagrees"
NOISY, NOT_TESTED = "too noisy to tell", "not tested at this scale"
SYMBOL = {AGREES: "✓", DISAGREES: "✗", NOISY: "≈", NOT_TESTED: "–"}
POWER = 0.841621  # 80 % quantile of the normal distribution

VerdictRule = Callable[[Estimate], str]


def positive(e: Estimate) -> str:
    """A claimed gain: agrees if the whole interval is above 0, disagrees if it is below 0."""
    if e.low > 0:
        return AGREES
    return DISAGREES if e.high < 0 or e.low == e.high else NOISY


def at_least(threshold: float) -> VerdictRule:
    """A claimed level: agrees if the interval is at or above the threshold, disagrees if below it."""

    def rule(e: Estimate) -> str:
        if e.low >= threshold:
            return AGREES
        return DISAGREES if e.high < threshold else NOISY

    return rule


def at_most(threshold: float) -> VerdictRule:
    """The mirror of ``at_least``."""

    def rule(e: Estimate) -> str:
        if e.high <= threshold:
            return AGREES
        return DISAGREES if e.low > threshold else NOISY

    return rule


def not_raised(margin: float) -> VerdictRule:
    """A claimed absence of a gain: agrees if the interval ends below ``margin``, disagrees if it
    starts above 0."""

    def rule(e: Estimate) -> str:
        if e.low > 0:
            return DISAGREES
        return AGREES if e.high < margin else NOISY

    return rule


@dataclass(frozen=True)
class Enough:
    """What a part needs before it is judged: else the claim is not tested at this scale.

    seeds: runs behind the estimate, for one that compares two trainings, whose luck no interval over questions covers.
    questions: behind it, in all runs together. steps, and all else about a run, see ``holds``.
    """

    seeds: int = 1
    questions: int = 0

    def for_estimate(self, e: Estimate) -> bool:
        """Are there seeds and questions enough?"""
        return e.seeds >= self.seeds and (not self.questions or (e.n or 0) >= self.questions)

    @property
    def words(self) -> str:
        """What is asked for, for a table; empty: nothing."""
        asked = [f"{self.seeds} seeds"] if self.seeds > 1 else []
        asked += [f"{self.questions} questions"] if self.questions else []
        return " and ".join(asked)


ANYTHING = Enough()


def holds(wanted: Any, found: Any) -> bool:
    """Is a parameter or a metric of a run as a row wants it? ``{at_least: x}``, ``{given: true}``, or equal."""
    if not isinstance(wanted, Mapping):
        return bool(found == wanted)
    (how, x), *_ = wanted.items()
    if how == "given":
        return bool(found) == x
    value = found.get("value") if isinstance(found, Mapping) else found
    return isinstance(value, int | float) and value >= {"at_least": x}[how]


def detectable(e: Estimate) -> float | None:
    """The smallest true distance from a rule's threshold that a test like this one sees in 80 % of its runs.

    (1.96 + 0.84) standard errors; the error is read from the interval. None: an exact count has none.
    """
    half = (e.high - e.low) / 2
    return half * (Z + POWER) / Z if half else None


def combined(verdicts: Sequence[str]) -> str:
    """One verdict of several: one that disagrees decides; all must agree; what nothing measured leaves it open."""
    order = (DISAGREES, NOT_TESTED, NOISY, AGREES)
    return next((v for v in order if v in verdicts), NOT_TESTED)
