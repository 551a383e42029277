"""Scores with intervals: every score of the course is an ``Estimate``.

Items are the unit of chance: many samples of one question are not independent, so every standard error comes from
one number per question.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any

from dsmath_lib.base.seeds import seed_for

Z = 1.959964  # 97.5 % quantile of the normal distribution
SMALL = 100  # below this many items the normal interval of a share is too narrow
FEW = 10  # and where fewer than this many are right, or wrong
MAX_SUBSETS = 500  # of K out of n samples, for one question; all of them when there are fewer


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; shares are in 0-1. ``low == high`` marks an exact count.

    n: questions, pages or runs of text behind it (None: does not apply). seeds: runs pooled. samples: per question.
    """

    value: float
    low: float
    high: float
    n: int | None = None
    seeds: int = 1
    samples: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Its form in ``results.json``: what does not apply is left out. ``read_estimate`` reads it."""
        return {k: v for k, v in vars(self).items() if v is not None and (k, v) != ("seeds", 1)}


def read_estimate(found: Any) -> Estimate | None:
    """What stands in JSON: a number (exact) or an estimate's dict; None for anything else, and where no number is."""
    found = found if isinstance(found, Mapping) else {"value": found}
    value = found.get("value")
    if not _finite(value):
        return None
    low, high = (found[k] if _finite(found.get(k)) else value for k in ("low", "high"))
    n, seeds, samples = (
        found[k] if _finite(found.get(k)) else None for k in ("n", "seeds", "samples")
    )
    return Estimate(value, low, high, n, 1 if seeds is None else seeds, samples)


def _finite(x: Any) -> bool:
    return isinstance(x, int | float) and abs(x) < float("inf")


def share(value: float, low: float, high: float, n: int, samples: int | None = None) -> Estimate:
    """An estimate of a share; its bounds are kept inside 0-1."""
    return Estimate(value, max(0.0, low), min(1.0, high), n, samples=samples)


def wilson(right: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of ``right`` in ``n``; holds near 0 and 1 and for small (effective) n."""
    p, z2 = right / n, Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # exact at the ends, where rounding would leave 4e-19
    return (0.0 if right == 0 else centre - half), (1.0 if right == n else centre + half)


def standard_error(values: Sequence[float]) -> float:
    """Standard error of the mean of independent values (sample variance, n - 1)."""
    n = len(values)
    if n < 2:
        return math.inf
    mean = sum(values) / n
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def students_t(df: int) -> float:
    """97.5 % quantile of Student's t for ``df`` degrees of freedom, exact to rounding: 12.706 at 1, ``Z`` at infinity.

    P(|T| <= t) is a finite sum for whole ``df`` (Abramowitz and Stegun, 26.7.3 and 26.7.4); its inverse by halving.

    Raises:
        ValueError: ``df`` below 1.
    """
    if df < 1:
        raise ValueError(f"Student's t needs at least one degree of freedom, got {df}")

    def within(angle: float) -> float:
        """P(|T| <= t) for t = √df · tan(angle)."""
        cos, total = math.cos(angle), 0.0
        term = cos if df % 2 else 1.0
        for k in range(2 + df % 2, df + 1, 2):
            total += term
            term *= cos * cos * (k - 1) / k
        total *= math.sin(angle)
        return (angle + total) * 2 / math.pi if df % 2 else total

    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if within(middle) < 0.95 else (low, middle)
    return math.sqrt(df) * math.tan(high)


def accuracy(correct: Sequence[bool]) -> Estimate:
    """Share of right answers, one per question.

    Raises:
        ValueError: no items.
    """
    return share_of(sum(map(bool, correct)), _count(correct))


def share_of(right: float, n: int) -> Estimate:
    """The share ``right`` of ``n`` questions: Wilson below 100 questions or 10 right or wrong ones, else normal."""
    p = right / n
    if n < SMALL or min(right, n - right) < FEW:
        return share(p, *wilson(right, n), n)
    half = Z * math.sqrt(p * (1 - p) / n)
    return share(p, p - half, p + half, n)


def clustered(values: Sequence[float], samples: int = 1) -> Estimate:
    """Mean over questions of one number each (e.g. the share of right samples), with the clustered interval.

    The spread between questions holds both sources of chance, which questions and which samples. Where it says little,
    because fewer than 10 are right or wrong or all are equal, the interval is Wilson's, of as many independent draws as
    have this spread: all samples where the shares are equal, the questions where each is 0 or 1.
    """
    n = _count(values)
    mean = math.fsum(values) / n
    se = standard_error(values)
    if (n > 1 or mean in (0.0, 1.0)) and (min(mean, 1 - mean) * n < FEW or not se > 1e-9):
        draws = (
            n if mean in (0.0, 1.0) else min(n * samples, mean * (1 - mean) / max(se, 1e-9) ** 2)
        )
        return share(mean, *wilson(mean * draws, draws), n, samples=samples)
    return share(mean, mean - Z * se, mean + Z * se, n, samples=samples)


def ratio_values(tops: Sequence[float], bottoms: Sequence[float]) -> list[float]:
    """One number per question whose mean is Σ tops / Σ bottoms and whose spread is that of the ratio (linearised).

    Sizes differ between questions (steps of an answer, say); ``clustered`` and ``paired_difference`` take the result.

    Raises:
        ValueError: all ``bottoms`` are 0.
    """
    n, total = len(tops), math.fsum(bottoms)
    if not total:
        raise ValueError("a share of nothing")
    r = math.fsum(tops) / total
    return [r + (t - r * b) * n / total for t, b in zip(tops, bottoms, strict=True)]


def sample_mean(correct: Sequence[Sequence[bool]]) -> Estimate:
    """Mean accuracy of n samples per question (= Pass@1), clustered by question."""
    return clustered([sum(map(bool, c)) / len(c) for c in correct], samples=_samples(correct))


def pass_at_k(n: int, right: int, k: int) -> float:
    r"""Unbiased chance that one of ``k`` samples is right, from ``n`` samples of which ``right`` are.

    :math:`1 - \binom{n-c}{k} / \binom{n}{k}`, as a product that never overflows (Chen et al. 2021).

    Raises:
        ValueError: ``k`` is not in 1..n or ``right`` not in 0..n.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise ValueError(f"pass@k needs 1 <= k <= n and 0 <= right <= n, got {n=}, {right=}, {k=}")
    if n - right < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - right + 1, n + 1))


def mean_pass_at_k(correct: Sequence[Sequence[bool]], k: int) -> Estimate:
    """Pass@K over questions, from all samples of each."""
    n = _samples(correct)
    return clustered([pass_at_k(n, sum(map(bool, c)), k) for c in correct], samples=n)


def answer_classes(
    answers: Sequence[str | None], same: Callable[[str, str], bool]
) -> list[int | None]:
    """Number the answers so that equal ones share a number; None (no answer) stays None."""
    heads: list[str] = []
    out: list[int | None] = []
    for a in answers:
        if a is None:
            out.append(None)
            continue
        found = next((i for i, h in enumerate(heads) if h == a or same(h, a)), None)
        if found is None:
            found = len(heads)
            heads.append(a)
        out.append(found)
    return out


TIES = ("expected", "first")


def majority(
    classes: Sequence[int | None], correct: Sequence[bool], ties: str = "expected"
) -> float:
    """Score of a majority vote over answer classes; no answer casts no vote.

    ``ties``: "expected" draws one of the classes with most votes; "first" takes the one seen first, so the result
    depends on the order of the samples (as Qwen2.5-Math's script does).

    Raises:
        ValueError: unknown ``ties``.
    """
    if ties not in TIES:
        raise ValueError(f"unknown ties '{ties}' (known: {', '.join(TIES)})")
    votes: dict[int, list[bool]] = {}
    for c, right in zip(classes, correct, strict=True):
        if c is not None:
            votes.setdefault(c, []).append(bool(right))
    if not votes:
        return 0.0
    most = max(map(len, votes.values()))
    winners = [sum(v) / len(v) for v in votes.values() if len(v) == most]
    return winners[0] if ties == "first" else sum(winners) / len(winners)


def maj_at_k(
    classes: Sequence[int | None],
    correct: Sequence[bool],
    k: int,
    *,
    ties: str = "expected",
    seed: int = 0,
) -> float:
    """Majority vote over ``k`` of the n samples, averaged over all subsets (over 500 drawn ones when more).

    Raises:
        ValueError: ``k`` is not in 1..n.
    """
    n = len(classes)
    if not 1 <= k <= n:
        raise ValueError(f"maj@k needs 1 <= k <= n, got {n=}, {k=}")
    if math.comb(n, k) <= MAX_SUBSETS:
        subsets = list(combinations(range(n), k))
    else:
        rng = Random(seed_for("maj", seed, n, k))
        subsets = [tuple(sorted(rng.sample(range(n), k))) for _ in range(MAX_SUBSETS)]
    scores = (majority([classes[i] for i in s], [correct[i] for i in s], ties) for s in subsets)
    return sum(scores) / len(subsets)


def mean_maj_at_k(
    classes: Sequence[Sequence[int | None]],
    correct: Sequence[Sequence[bool]],
    k: int,
    ties: str = "expected",
) -> Estimate:
    """Maj@K over questions."""
    values = [maj_at_k(c, r, k, ties=ties) for c, r in zip(classes, correct, strict=True)]
    return clustered(values, samples=_samples(correct))


def best_of_k(correct: Sequence[bool], rewards: Sequence[float], k: int) -> float:
    r"""Expected score of the highest-reward sample among ``k`` of n (rm@k).

    :math:`\sum_i s_{(i)} \binom{n-i}{k-1} / \binom{n}{k}` with s_(i) the correctness of the i-th best by reward.

    Samples of equal reward share the score of their tie.
    """
    n = len(correct)
    if not 1 <= k <= n:
        raise ValueError(f"best-of-k needs 1 <= k <= n, got {n=}, {k=}")
    ties: dict[float, list[bool]] = {}
    for right, r in zip(correct, rewards, strict=True):
        ties.setdefault(r, []).append(bool(right))
    ranked = [sum(ties[r]) / len(ties[r]) for r in sorted(rewards, reverse=True)]
    return sum(s * math.comb(n - i, k - 1) for i, s in enumerate(ranked, 1)) / math.comb(n, k)


def mean_best_of_k(
    correct: Sequence[Sequence[bool]], rewards: Sequence[Sequence[float]], k: int
) -> Estimate:
    """Best-of-K by a reward model over questions (rm@k)."""
    values = [best_of_k(c, r, k) for c, r in zip(correct, rewards, strict=True)]
    return clustered(values, samples=_samples(correct))


def paired_difference(after: Sequence[float], before: Sequence[float]) -> Estimate:
    """Mean of ``after - before`` per question, same questions in the same order; bounds are those of a difference.

    The interval adds half a question each way (Agresti and Min 2005): it stays honest where few questions, or none,
    come out differently, and changes nothing at hundreds.

    Raises:
        ValueError: different numbers of questions.
    """
    if len(after) != len(before):
        raise ValueError(f"paired questions must be the same: {len(after)} and {len(before)}")
    differences = [float(a) - float(b) for a, b in zip(after, before, strict=True)]
    n = _count(differences)
    total, squares = math.fsum(differences), math.fsum(d * d for d in differences)
    centre = total / (n + 2)  # two questions more: half won, half lost, one even
    half = Z * math.sqrt(((squares + 1) / (n + 2) - centre**2) / (n + 2))
    return Estimate(total / n, max(-1.0, centre - half), min(1.0, centre + half), n)


def independent_difference(a: Estimate, b: Estimate) -> Estimate:
    """``a - b`` of two estimates from different questions or runs: half-widths add in squares (Newcombe 1998)."""
    value = a.value - b.value
    down = math.hypot(a.value - a.low, b.high - b.value)
    up = math.hypot(a.high - a.value, b.value - b.low)
    n = None if a.n is None or b.n is None else min(a.n, b.n)
    return Estimate(value, value - down, value + up, n, min(a.seeds, b.seeds))


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of runs with different seeds.

    Two intervals are possible: the one within the runs (half-widths in squares over the number of
    runs) and Student's t between the runs. The wider of both is taken, because a small number of
    runs estimates its own spread badly.
    """
    k = len(estimates)
    if k == 1:
        return estimates[0]
    mean = sum(e.value for e in estimates) / k
    down = math.sqrt(sum((e.value - e.low) ** 2 for e in estimates)) / k
    up = math.sqrt(sum((e.high - e.value) ** 2 for e in estimates)) / k
    spread = math.sqrt(sum((e.value - mean) ** 2 for e in estimates) / (k - 1))
    between = students_t(k - 1) * spread / math.sqrt(k)
    n = sum(e.n for e in estimates) if all(e.n is not None for e in estimates) else None
    low, high = mean - max(down, between), mean + max(up, between)
    return Estimate(mean, low, high, n, sum(e.seeds for e in estimates))


def _count(values: Sequence) -> int:
    if not len(values):
        raise ValueError("no items to score")
    return len(values)


def _samples(correct: Sequence[Sequence[bool]]) -> int:
    """Samples per question; refuses when a question has fewer than another (the average would be wrong)."""
    sizes = {len(c) for c in correct}
    if len(sizes) != 1:
        raise ValueError(f"questions have different numbers of samples: {sorted(sizes)}")
    return sizes.pop()
