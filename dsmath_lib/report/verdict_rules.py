"""From an estimate to a verdict: the rules, and the smallest effect that a measurement could have seen.

A rule can give every verdict: an interval on its side of a threshold agrees, one on the other side disagrees, one
across it is too noisy to tell.
"""

from collections.abc import Callable, Sequence

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
    return DISAGREES if e.high < 0 or e.low == e.high == 0 else NOISY


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


def with_interval(rule: VerdictRule) -> VerdictRule:
    """For a number that is no exact count: without an interval (one run) nothing can be said."""
    return lambda e: NOISY if e.low == e.high else rule(e)


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
