"""Steps paid by the truth, with a share of wrong labels: how good must a process reward model be before it pays?

The toy world knows the operations of its problems, so a step can be judged exactly, as no person and no model does.
"""

from collections.abc import Sequence

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.rl.reward_functions import RewardFunction, StepRewardFunction
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.runs.changes import right_steps


def truth_steps(
    questions: Questions, tokenizer, rule: RewardFunction, wrong: float, seed: int
) -> StepRewardFunction:
    """The truth as the step reward ``steps``, 1 or 0; a share ``wrong`` (0–1) of the labels says the opposite.

    Which ones is decided by the step and its beginning, so equal steps get equal labels and a run replays.
    """
    problems = dict(zip(map(tuple, questions.prompts), questions.problems, strict=True))

    def function(rollouts: Rollouts, golds: Sequence[str]) -> tuple[list, dict]:
        ends, rewards = [], []
        paid = rule(rollouts, golds)["accuracy"]
        for prompt, ids, p in zip(rollouts.prompts, rollouts.completions, paid, strict=True):
            row = step_ends(ids, tokenizer)
            starts = [0, *(e + 1 for e in row[:-1])]
            pieces = [ids[a : e + 1] for a, e in zip(starts, row, strict=True)]
            texts = tokenizer.batch_decode(pieces, skip_special_tokens=True) if pieces else []
            labels = right_steps(problems[tuple(prompt)], texts, p > 0)
            lies = [_lies(prompt, ids[: e + 1], wrong, seed) for e in row]
            ends.append(row)
            rewards.append([float(y != lie) for y, lie in zip(labels, lies, strict=True)])
        return ends, {"steps": rewards}

    return function


def _lies(prompt: Sequence[int], beginning: Sequence[int], wrong: float, seed: int) -> bool:
    return seed_for(seed, "step label", repr(prompt), repr(beginning)) % 10**6 < wrong * 10**6
