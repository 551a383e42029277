"""Exploration: sample a group of completions for each question and score them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from dsmath_lib.lm.sampler import Completions
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rl.records import Rollouts
from dsmath_lib.runtime import generator, seed_for

# A reward function sees the rollouts and the gold answer of each row, and returns named rewards of each row.
RewardFunction = Callable[[Rollouts, Sequence[str]], dict[str, Sequence[float]]]


class RewardError(ValueError):
    """A reward function failed or returned something that is not one finite number per row."""


def explore(
    sampler,
    prompts: list[list[int]],
    golds: list[str],
    reward_function: RewardFunction,
    *,
    group_size: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    seed: int,
) -> Rollouts:
    """``group_size`` scored completions of each prompt (Algorithm 1, the sampling and reward lines).

    Args:
        sampler: anything with ``HFSampler.sample``'s signature.
        prompts: Q token-id lists; golds: their Q answers.
        seed: replays the same rollouts from the same weights.

    Raises:
        RewardError: see ``score``.
    """
    done: Completions = sampler.sample(
        prompts,
        n=group_size,
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=max_new_tokens,
        seed=seed,
    )
    group = torch.arange(len(prompts)).repeat_interleave(group_size)
    rollouts = Rollouts(
        prompts=[prompts[g] for g in group.tolist()],
        completions=done.ids,
        logprobs=done.logprobs,
        finish=done.finish,
        group=group,
        texts=done.texts,
    )
    rewards = score(rollouts, [golds[g] for g in group.tolist()], reward_function)
    return replace(rollouts, rewards=rewards)


def score(
    rollouts: Rollouts, golds: list[str], reward_function: RewardFunction
) -> dict[str, torch.Tensor]:
    """Call the reward function and check what it returns: name -> (B,) float32.

    Raises:
        RewardError: it raised, returned another number of values than rows, or a value that is not finite.
    """
    try:
        named = reward_function(rollouts, golds)
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
        try:
            out[name] = torch.tensor([float(v) for v in values])
        except (TypeError, ValueError) as err:
            raise RewardError(f"reward '{name}' has a value that is no number: {err}") from None
        bad = (~out[name].isfinite()).nonzero().flatten().tolist()
        if bad:
            row = bad[0]
            text = f"{rollouts.texts[row]!r:.200}"
            raise RewardError(f"reward '{name}' of row {row} is {out[name][row]}: {text}")
    return out


def rule_reward(rule: str) -> RewardFunction:
    """The reward function of a rule of ``dsmath_lib.rewards.reward``; it never runs or evaluates a completion."""

    def function(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, list[float]]:
        rows = [
            reward(rule, gold, text, finish)
            for gold, text, finish in zip(golds, rollouts.texts, rollouts.finish, strict=True)
        ]
        return {name: [r[name] for r in rows] for name in rows[0]}

    return function


def questions_of_step(n_questions: int, per_step: int, step: int, seed: int) -> list[int]:
    """Indices of the questions of a step (from 0): pass after pass over all, each in its own random order.

    A pure function, so a resumed run needs no cursor.
    """
    out = []
    for at in range(step * per_step, (step + 1) * per_step):
        epoch, i = divmod(at, n_questions)
        if not out or i == 0:
            order = torch.randperm(n_questions, generator=generator(seed, "questions", epoch))
        out.append(int(order[i]))
    return out


def rollout_seed(seed: int, step: int) -> int:
    """Seed of the rollouts of a step."""
    return seed_for(seed, "rollouts", step)
