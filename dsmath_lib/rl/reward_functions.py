"""How completions are paid: reward functions (rules, learned models, steps), their weights, and the checks of both.

They return named rewards; which count and how much is said by weights (``Rollouts.total_reward``), so a rule and a
model can be added up.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from dsmath_lib.base.files import text_digest
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.parallel import gathered, ranks, share
from dsmath_lib.evaluation.equations import equations_hold
from dsmath_lib.params.rl import RLParams
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.rewards.models import score_completions, score_steps
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.rewards import REWARDS, RewardRule

# A reward function sees the rollouts and the gold answer of each row, and returns named rewards of each row.
RewardFunction = Callable[[Rollouts, Sequence[str]], dict[str, Sequence[float]]]
# A step reward function returns where the steps of each row end (last token, 0-based) and named rewards of each step.
StepRewardFunction = Callable[
    [Rollouts, Sequence[str]], tuple[list[list[int]], dict[str, list[list[float]]]]
]


class RewardError(ValueError):
    """A reward function failed or returned something that is not one finite number per row or step."""


@dataclass(frozen=True)
class Rewards:
    """How completions are scored: reward functions and the weights of their named rewards in the sum."""

    outcome: RewardFunction
    weights: dict[str, float]
    steps: StepRewardFunction | None = None
    step_weights: dict[str, float] | None = None
    made_of: tuple | None = None  # arguments of ``rewards_from``, for other processes


def rewards_from(cfg: RLParams, tokenizer, outcome=None, process=None, rule: str = "") -> Rewards:
    """The rewards of a run: a rule, and reward models where there are some.

    Args:
        outcome, process: reward models of whole completions and of steps.
        rule: a run's own; its named parts count 1 each. Empty: the rule and the weights of the parameters.
    """
    weights = dict(zip(cfg.reward_names, cfg.reward_weights, strict=True))
    if rule:
        weights = {"accuracy": 1.0} | ({"format": 1.0} if _has_format(rule) else {})
    by_rule = rule_reward(rule or cfg.reward_rule, cfg.seed)
    if wrong := WORLDS[cfg.world].wrong_labels:
        by_rule = mislabelled(by_rule, REWARDS[rule or cfg.reward_rule], wrong, cfg.seed)
    functions = [by_rule]
    if outcome is not None:
        functions.append(model_reward(outcome, tokenizer, cfg.dtype))
    steps = rule_steps(tokenizer, by_rule)
    if process is not None:
        steps = model_steps(process, tokenizer, cfg.dtype)
    step_weights = dict(zip(cfg.step_names, cfg.step_weights, strict=True))
    made_of = (cfg, tokenizer, outcome, process, rule)
    return Rewards(together(*functions), weights, steps, step_weights, made_of)


# -- the functions --------------------------------------------------------------------------------


def together(*functions: RewardFunction) -> RewardFunction:
    """All named rewards of several reward functions; their weighted sum is ``Rollouts.total_reward``.

    Raises (when called):
        ValueError: two functions use one name.
    """

    def function(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, Sequence[float]]:
        out: dict[str, Sequence[float]] = {}
        for f in functions:
            named = f(rollouts, golds)
            if double := out.keys() & named.keys():
                raise ValueError(f"two reward functions are named {sorted(double)}")
            out |= named
        return out

    return function


def _has_format(rule: str) -> bool:
    row = REWARDS[rule]
    return bool(row.form) or row.no_box is not None


def rule_reward(rule: str, seed: int = 0) -> RewardFunction:
    """The reward function of a rule of ``dsmath_lib.rewards.reward``.

    The rules read answers from the text. Only ``program`` runs what a completion holds, in the sandbox of
    ``dsmath_lib.rewards.program_tests`` (no files, no network, bounded time and memory). ``random`` throws a coin for
    each completion, anew for each batch; ``seed`` and the batch decide it, so that a run replays.
    """

    def coins(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, list[float]]:
        batch = text_digest(repr(rollouts.completions))
        rng, row = np.random.default_rng(seed_for(seed, "random reward", batch)), REWARDS[rule]
        return {"accuracy": [row.right if x < 0.5 else row.wrong for x in rng.random(len(golds))]}

    if rule in REWARDS and REWARDS[rule].extraction == "random":
        return coins

    def function(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, list[float]]:
        rows = [
            reward(rule, gold, text, finish)
            for gold, text, finish in zip(golds, rollouts.texts, rollouts.finish, strict=True)
        ]
        return {name: [r[name] for r in rows] for name in rows[0]}

    return function


def mislabelled(
    function: RewardFunction, row: RewardRule, part: float, seed: int = 0
) -> RewardFunction:
    """The rewards of a rule of which a ``part`` (0–1) says the opposite; equal answers to a question get the same.

    As labels of reward models are: about a fifth of PRM800K's are wrong (§5.2.3).
    """

    def lies(prompt: Sequence[int], completion: Sequence[int]) -> bool:
        return seed_for(seed, "wrong label", repr(prompt), repr(completion)) % 10**6 < part * 10**6

    def noisy(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, Sequence[float]]:
        out = function(rollouts, golds)
        paid = zip(out["accuracy"], rollouts.prompts, rollouts.completions, strict=True)
        other = {row.right: row.wrong}
        return out | {
            "accuracy": [other.get(x, row.right) if lies(p, c) else x for x, p, c in paid]
        }

    return noisy


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


def rule_steps(tokenizer, rule: RewardFunction) -> StepRewardFunction:
    """A rule as the step reward ``steps``: 1 if no equation is false, at the last step if ``rule`` pays the answer.

    It needs no labels and no model, so process supervision can be tried without them. It cannot see that a true
    equation does not help, so more steps are more reward: the failure that a learned model is meant to avoid.
    """

    def function(rollouts: Rollouts, golds: Sequence[str]) -> tuple[list, dict]:
        ends = [step_ends(c, tokenizer) for c in rollouts.completions]
        rewards = []
        paid = rule(rollouts, golds)["accuracy"]
        for ids, row, p in zip(rollouts.completions, ends, paid, strict=True):
            starts = [0, *(e + 1 for e in row[:-1])]
            pieces = [ids[a : e + 1] for a, e in zip(starts, row, strict=True)]
            texts = tokenizer.batch_decode(pieces, skip_special_tokens=True) if pieces else []
            steps = [float(equations_hold(t)) for t in texts]
            if steps:
                steps[-1] = float(p > 0)
            rewards.append(steps)
        return ends, {"steps": rewards}

    return function


# -- what they return, checked --------------------------------------------------------------------


def scored(rollouts: Rollouts, golds: Sequence[str], rewards: Rewards) -> Rollouts:
    """The rollouts with their rewards, and with those of their steps if there are some; ``golds`` of the groups.

    Of many processes each scores its own groups, and all get the rewards of all.

    Raises:
        RewardError: a function failed or returned what is no reward, or a reward and a step reward have one name.
    """
    n = len(rollouts.completions) // len(golds)
    own = share(len(golds)) if len(golds) >= ranks() else slice(0, len(golds))  # groups are whole
    part = rollouts.part(slice(own.start * n, own.stop * n))
    rows = [golds[g] for g in part.group.tolist()]
    outcomes = {k: v.tolist() for k, v in _outcomes(part, rows, rewards.outcome).items()}
    ends, named = [], {}
    if rewards.steps is not None:
        ends, named = _steps(part, rows, rewards.steps)
    if double := outcomes.keys() & named.keys():
        raise RewardError(f"a reward and a step reward are both named {sorted(double)}")
    found = [[outcomes, ends, named]]
    if len(golds) >= ranks():
        found = gathered(found[0])
    return replace(
        rollouts,
        rewards={k: torch.tensor([x for o, _, _ in found for x in o[k]]) for k in outcomes},
        step_ends=[e for _, rows, _ in found for e in rows],
        step_rewards={k: [r for _, _, s in found for r in s[k]] for k in named},
    )


def _outcomes(
    rollouts: Rollouts, golds: list[str], function: RewardFunction
) -> dict[str, torch.Tensor]:
    """Name -> (B,) float32."""
    try:
        named = function(rollouts, golds)
    except Exception as err:
        raise RewardError(f"the reward function raised {type(err).__name__}: {err}") from err
    if not named:
        raise RewardError("the reward function returned no reward")
    out = {}
    for name, values in named.items():
        if len(values) != len(golds):
            raise RewardError(
                f"reward '{name}' has {len(values)} values for {len(golds)} completions"
            )
        out[name] = torch.tensor([_as_float(v, name, row) for row, v in enumerate(values)])
        bad = (~out[name].isfinite()).nonzero().flatten().tolist()
        if bad:
            row = bad[0]
            text = f"{rollouts.texts[row]!r:.200}"
            raise RewardError(f"reward '{name}' of row {row} is {out[name][row]}: {text}")
    return out


def _as_float(value: object, name: str, row: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RewardError(f"reward '{name}' of row {row} is no number: {value!r:.200}") from None


def _steps(
    rollouts: Rollouts, golds: Sequence[str], function: StepRewardFunction
) -> tuple[list[list[int]], dict[str, list[list[float]]]]:
    """Where the steps of each row end, and name -> rewards of each row's steps."""
    try:
        ends, named = function(rollouts, golds)
    except Exception as err:
        raise RewardError(f"the step reward function raised {type(err).__name__}: {err}") from err
    if len(ends) != len(golds) or not named:
        raise RewardError(f"step rewards {sorted(named)} of {len(ends)} rows for {len(golds)}")
    for i, row in enumerate(ends):
        inside = all(0 <= e < len(rollouts.completions[i]) for e in row)
        if not inside or list(row) != sorted(set(row)):
            raise RewardError(f"row {i} has {len(rollouts.completions[i])} tokens and ends {row}")
    for name, rows in named.items():
        if [len(r) for r in rows] != [len(e) for e in ends]:
            raise RewardError(f"step reward '{name}' has other numbers of values than of steps")
        bad = [i for i, r in enumerate(rows) if not all(math.isfinite(v) for v in r)]
        if bad:
            raise RewardError(f"step reward '{name}' of row {bad[0]} is {list(rows[bad[0]])}")
    return [list(e) for e in ends], {n: [list(map(float, r)) for r in v] for n, v in named.items()}
