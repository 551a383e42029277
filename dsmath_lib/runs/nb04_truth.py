"""Step labels and process models beside the truth, which the toy world knows: how many steps are judged wrongly?"""

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from dsmath_lib.evaluation.metrics import Estimate, clustered, ratio_values
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.labels import Solution, by_question
from dsmath_lib.runs.changes import right_steps
from dsmath_lib.runs.load_questions import load_problems

Judged = Sequence[
    Sequence[float | None]
]  # per solution, what a judge says of each step; None: nothing


def step_truths(
    cfg: RewardModelParams, solutions: Sequence[Solution], tokenizer: PreTrainedTokenizerBase
) -> list[list[bool]]:
    """Per solution, is each step right (see ``right_steps``)? Empty where the world does not know."""
    own = cfg.question_source == "world" and cfg.data != "labelled"
    known = {p.question: p for part in load_problems(cfg) for p in part} if own else {}
    out = []
    for s in solutions:
        problem = known.get(s.question)
        starts = [0, *(e + 1 for e in s.ends[:-1])]
        pieces = [s.completion[a : e + 1] for a, e in zip(starts, s.ends, strict=True)]
        if problem is None or not pieces:
            out.append([])
            continue
        texts = tokenizer.batch_decode(pieces, skip_special_tokens=True)
        out.append(right_steps(problem, texts, bool(s.correct)))
    return out


def errors(
    solutions: Sequence[Solution], judged: Judged, truths: Sequence[Sequence[bool]], at: float
) -> dict[str, Estimate]:
    """How often a judge is wrong about a step that is not the last (whose truth is the answer's own).

    Args:
        at: a step is called right if the judge says more than this.

    Returns:
        ``right_called_wrong``, of the right steps; ``wrong_called_right``, of the wrong ones; ``errors``, of all; by
        question. What has no steps is left out.
    """
    counts = {"right_called_wrong": {}, "wrong_called_right": {}, "errors": {}}
    for q, rows in by_question(solutions).items():
        pairs = [
            (y > at, truth)
            for i in rows
            for y, truth in list(zip(judged[i], truths[i], strict=False))[:-1]
            if y is not None
        ]
        for name, among in (
            ("right_called_wrong", [p for p in pairs if p[1]]),
            ("wrong_called_right", [p for p in pairs if not p[1]]),
            ("errors", pairs),
        ):
            counts[name][q] = (sum(said != truth for said, truth in among), len(among))
    out = {}
    for name, found in counts.items():
        tops, bottoms = zip(*found.values(), strict=True) if found else ((), ())
        if sum(bottoms):
            out[name] = clustered(ratio_values(tops, bottoms))
    return out


def errors_table(judges: Mapping[str, Mapping[str, Estimate]]) -> list[dict[str, Any]]:
    """Rows for a table, one a judge."""
    words = {
        "right_called_wrong": "right steps called wrong",
        "wrong_called_right": "wrong steps called right",
        "errors": "steps judged wrongly",
    }
    return [{"judge": j} | {w: e.get(k) for k, w in words.items()} for j, e in judges.items() if e]
