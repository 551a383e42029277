"""Reward functions beyond the rule on the answer: learned reward models, and rewards of each step.

They return named rewards; which count and how much is said by weights (``Rollouts.total_reward``), so a rule and a
model can be added up.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from dsmath_lib.engines.grader import Undecided, evaluate, parse, variables
from dsmath_lib.rewards.models import score_completions, score_steps
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.rl.explore import RewardFunction, StepRewardFunction
from dsmath_lib.rl.rollouts import Rollouts

_EQUATION = re.compile(r"(?<![\d.+\-*/() ])([\d.+\-*/() ]++)=([\d.+\-*/() ]+)")


def model_reward(model, tokenizer, dtype: str = "float32") -> RewardFunction:
    """An outcome reward model r_φ(q, o) as the reward ``model`` (§4.1.2); truncated completions are scored as they are.

    Raises (when called):
        RewardError: its vocabulary is not the policy's, or it is no outcome model.
    """

    def function(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, list[float]]:
        scores = score_completions(
            model, tokenizer, rollouts.prompts, rollouts.completions, dtype=dtype
        )
        return {"model": scores}

    return function


def model_steps(model, tokenizer, dtype: str = "float32") -> StepRewardFunction:
    """A process reward model as the step reward ``steps`` (§4.1.3)."""

    def function(rollouts: Rollouts, golds: Sequence[str]) -> tuple[list, dict]:
        ends = [step_ends(c, tokenizer) for c in rollouts.completions]
        scores = score_steps(
            model, tokenizer, rollouts.prompts, rollouts.completions, ends=ends, dtype=dtype
        )
        return ends, {"steps": scores}

    return function


def rule_steps(tokenizer, rule: str) -> StepRewardFunction:
    """A rule as the step reward ``steps``: 1 if no equation is false, at the last step if the answer is right.

    It needs no labels and no model, so process supervision can be tried without them. It cannot see that a true
    equation does not help, so more steps are more reward: the failure that a learned model is meant to avoid.
    """

    def function(rollouts: Rollouts, golds: Sequence[str]) -> tuple[list, dict]:
        ends = [step_ends(c, tokenizer) for c in rollouts.completions]
        rewards = []
        rows = zip(rollouts.completions, ends, golds, rollouts.texts, rollouts.finish, strict=True)
        for ids, row, gold, text, finish in rows:
            starts = [0, *(e + 1 for e in row[:-1])]
            pieces = [ids[a : e + 1] for a, e in zip(starts, row, strict=True)]
            texts = tokenizer.batch_decode(pieces, skip_special_tokens=True) if pieces else []
            steps = [float(equations_hold(t)) for t in texts]
            if steps:
                steps[-1] = float(reward(rule, gold, text, finish)["accuracy"] > 0)
            rewards.append(steps)
        return ends, {"steps": rewards}

    return function


def equations_hold(text: str) -> bool:
    """No plain equation ``12 + 3 = 15`` in the text is false; a text without equations holds.

    What cannot be judged is not: in ``x + 3 = 15`` the left side is no plain arithmetic.
    """
    for m in _EQUATION.finditer(text):
        left, right = m[1], m[2].strip(" .")
        glued = m.start() > 0 and text[m.start() - 1].isalnum() and left[0] != " "
        if glued or left.strip()[:1] in ("", "+", "-", "*", "/"):
            continue
        a, b = _value(left.strip(" .")), _value(right)
        if a is not None and b is not None and a != b:
            return False
    return True


def _value(text: str) -> Fraction | None:
    """Exact value of plain arithmetic; None for anything else."""
    tree = parse(text)
    if tree is None or variables(tree):
        return None
    try:
        value = evaluate(tree)
    except Undecided:
        return None
    return value if isinstance(value, Fraction) else None
