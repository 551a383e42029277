"""What trained reward models are worth on test solutions: ranking, calibration, and choosing the best of N."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.engines.grader import answers_equal
from dsmath_lib.evaluation import metrics
from dsmath_lib.evaluation import reward_models as quality
from dsmath_lib.evaluation.reward_models import CEILING, STEPS, VOTE
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.labels import Solution, by_question, hard, normal
from dsmath_lib.rewards.models import (
    SOLUTION_SCORES,
    kind_of,
    score_completions,
    score_steps,
    solution_score,
)

# solutions to choose from; votes over all K would take minutes
KS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


@dataclass(frozen=True)
class ModelScores:
    """ModelScores of the same solutions by several models.

    solutions: name -> one score per solution; a process model appears as ``name.min`` and ``name.mean``.
    steps: process model -> per solution, one score per step.
    probabilities: names in ``solutions`` whose scores are probabilities.
    """

    solutions: dict[str, list[float]]
    steps: dict[str, list[list[float]]]
    probabilities: tuple[str, ...]


def score_all(
    models: Mapping[str, PreTrainedModel],
    tokenizer: PreTrainedTokenizerBase,
    solutions: Sequence[Solution],
    *,
    batch_size: int,
    dtype: str,
) -> ModelScores:
    """Score every solution with every model; an outcome model gives one score, a process model one per step."""
    rows = [s.prompt for s in solutions], [s.completion for s in solutions]
    how = {"batch_size": batch_size, "dtype": dtype}
    scores, steps, probable = {}, {}, []
    for name, model in models.items():
        if kind_of(model) == "outcome":
            scores[name] = score_completions(model, tokenizer, *rows, **how)
            probable += [name] if model.config.reward_probability else []
        else:
            steps[name] = score_steps(
                model, tokenizer, *rows, ends=[s.ends for s in solutions], **how
            )
            for rule in SOLUTION_SCORES:
                scores[f"{name}.{rule}"] = [solution_score(s, rule) for s in steps[name]]
                probable.append(f"{name}.{rule}")
    return ModelScores(scores, steps, tuple(probable))


def ranking(
    scores: ModelScores, solutions: Sequence[Solution], bins: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Per solution score: AUC, AUC inside questions, accuracy at 1/2 and calibration error against the answer's label.

    Only solutions with a known answer label count. Accuracy and calibration are None for scores on pairs, which are
    no probabilities.
    """
    known = [i for i, s in enumerate(solutions) if s.correct is not None]
    right = [bool(solutions[i].correct) for i in known]
    groups = [normal(solutions[i].question) for i in known]
    out = {}
    for name, values in scores.solutions.items():
        s = [values[i] for i in known]
        out[name] = _judged(s, right, groups, bins, seed, name in scores.probabilities)
    return out


def step_ranking(
    scores: ModelScores, solutions: Sequence[Solution], bins: int, seed: int
) -> dict[str, dict[str, Any]]:
    """The same for steps, against the hard label of each judged step."""
    out = {}
    for name, values in scores.steps.items():
        s, right, groups = step_pairs(values, solutions)
        if s:
            out[name] = _judged(s, right, groups, bins, seed, True)
    return out


def step_pairs(
    values: Sequence[Sequence[float]], solutions: Sequence[Solution]
) -> tuple[list[float], list[bool], list[str]]:
    """Score, hard label and question of each judged step."""
    rows = [
        (v, bool(hard(y)), normal(s.question))
        for step_scores, s in zip(values, solutions, strict=True)
        for v, y in zip(step_scores, s.steps, strict=False)  # nobody looked at some solutions
        if y is not None
    ]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def _judged(s, right, groups, bins: int, seed: int, probable: bool) -> dict[str, Any]:
    table = quality.reliability(s, right, bins) if probable else None
    return {
        "auc": quality.auc_estimate(s, right, groups, seed),
        "pair_accuracy": quality.pair_accuracy(s, right, groups),
        "accuracy": quality.threshold_accuracy(s, right, groups) if probable else None,
        "ece": quality.calibration_error(table) if probable else None,
        "reliability": table,
    }


@dataclass(frozen=True)
class BestOf:
    """Choosing one of K solutions. Per question, in the same order: which solutions, which are right, their votes."""

    ks: list[int]
    rows: list[list[int]]
    correct: list[list[bool]]
    classes: list[list[int | None]]
    curves: dict[str, list[metrics.Estimate]]


def best_of(scores: ModelScores, solutions: Sequence[Solution], largest: int) -> BestOf:
    """Best-of-K by each score for K = 1, 2, … (``KS``), beside three rivals that need no model: a majority vote, the
    solution with the most steps, and the ceiling (one of K is right).

    Questions with fewer than two solutions of known label are left out; K ends at ``largest`` or where the question
    with the fewest solutions does.
    """
    known = [i for i, s in enumerate(solutions) if s.correct is not None]
    groups = by_question([solutions[i] for i in known]).values()
    rows = [[known[i] for i in g][:largest] for g in groups if len(g) > 1]
    if not rows:
        return BestOf([], [], [], [], {})
    most = min(map(len, rows))
    ks = [k for k in KS if k < most] + [most]
    correct = [[bool(solutions[i].correct) for i in r] for r in rows]
    classes = [metrics.answer_classes([solutions[i].answer for i in r], _same) for r in rows]
    curves = {
        name: quality.best_of_curve(correct, [[values[i] for i in r] for r in rows], ks)
        for name, values in scores.solutions.items()
    }
    steps = [[float(len(solutions[i].ends)) for i in r] for r in rows]
    curves[STEPS] = quality.best_of_curve(correct, steps, ks)
    curves[VOTE] = quality.majority_curve(correct, classes, ks)
    curves[CEILING] = [
        metrics.clustered([metrics.pass_at_k(len(c), sum(c), k) for c in correct]) for k in ks
    ]
    return BestOf(ks, rows, correct, classes, curves)


def gains(found: BestOf, scores: ModelScores) -> dict[str, dict[str, metrics.Estimate]]:
    """At the largest K: best-of-K minus one sample, and minus the majority vote, paired by question."""
    if not found.ks:
        return {}
    k = found.ks[-1]
    one = [sum(c) / len(c) for c in found.correct]
    vote = [metrics.maj_at_k(a, c, k) for a, c in zip(found.classes, found.correct, strict=True)]
    out = {}
    for name, values in scores.solutions.items():
        best = [
            metrics.best_of_k(c, [values[i] for i in r], k)
            for c, r in zip(found.correct, found.rows, strict=True)
        ]
        out[name] = {
            "over_one": metrics.paired_difference(best, one),
            "over_majority": metrics.paired_difference(best, vote),
        }
    return out


def as_metrics(
    ranked: Mapping[str, Mapping[str, Any]],
    stepwise: Mapping[str, Mapping[str, Any]],
    found: BestOf,
    gained: Mapping[str, Mapping[str, metrics.Estimate]],
) -> dict[str, Any]:
    """The numbers of the stage by flat names; ``best.*``, ``majority`` and ``ceiling`` are at the largest K.

    ``auc.X``, ``pair_accuracy.X``, ``accuracy.X``, ``ece.X`` judge solutions, with ``step_`` in front the steps.
    """
    out: dict[str, Any] = {}
    for front, judged in (("", ranked), ("step_", stepwise)):
        for name, row in judged.items():
            out |= {f"{front}{k}.{name}": v for k, v in row.items() if k != "reliability"}
    if found.ks:
        out |= {f"best.{name}": found.curves[name][-1] for name in gained}
        out |= {f"{k}.{name}": v for name, g in gained.items() for k, v in g.items()}
        out |= {"largest_k": found.ks[-1], "one": found.curves[VOTE][0]}
        out |= {"majority": found.curves[VOTE][-1], "ceiling": found.curves[CEILING][-1]}
        out |= {"most_steps": found.curves[STEPS][-1]}
    return out


def watcher(
    cfg: RewardModelParams,
    tokenizer: PreTrainedTokenizerBase,
    name: str,
    solutions: Sequence[Solution],
    most: int = 200,
) -> Callable[[PreTrainedModel], dict[str, float]]:
    """What training looks at now and then: AUC on the first ``most`` test solutions with labels, or on their steps."""
    process = name.startswith("process")
    seen = [s for s in solutions if (s.steps if process else s.correct is not None)][:most]
    return partial(
        solutions_auc, name, tokenizer, seen, {"batch_size": cfg.micro_batch, "dtype": cfg.dtype}
    )


def solutions_auc(
    name: str,
    tokenizer: PreTrainedTokenizerBase,
    seen: Sequence[Solution],
    how: Mapping[str, Any],
    model: PreTrainedModel,
) -> dict[str, float]:
    """AUC of a model on labelled solutions, or on their steps; {} where all labels are equal."""
    scores = score_all({name: model}, tokenizer, seen, **how)
    if name.startswith("process"):
        values, right, _ = step_pairs(scores.steps[name], seen)
    else:
        values, right = scores.solutions[name], [bool(s.correct) for s in seen]
    value = quality.auc(values, right)
    return {} if value is None else {"auc": value}


def disagreements(
    scores: ModelScores, solutions: Sequence[Solution], tokenizer: PreTrainedTokenizerBase, n: int
) -> list[dict[str, Any]]:
    """The ``n`` different wrong solutions that the first score rates highest: what a policy would learn to write."""
    unique = {(normal(s.question), *s.completion): i for i, s in enumerate(solutions)}
    wrong = [i for i in unique.values() if solutions[i].correct is False]
    name = next(iter(scores.solutions))
    top = sorted(wrong, key=lambda i: -scores.solutions[name][i])[:n]
    return [
        {
            "question": solutions[i].question,
            "right answer": solutions[i].gold,
            "solution": tokenizer.decode(solutions[i].completion, skip_special_tokens=True).strip(),
            **{k: v[i] for k, v in scores.solutions.items()},
        }
        for i in top
    ]


def _same(a: str, b: str) -> bool:
    return answers_equal(a, b)[0]
