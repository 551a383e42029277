"""Exploration: sample a group of completions for each question and score them."""

import gzip
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from dsmath_lib.base.files import write_fast
from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import questions_of_step, seed_for
from dsmath_lib.engines.decode import Sampler, SamplerError, make_sampler
from dsmath_lib.lm.tokenizer import encode_many
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.stage.folder import Stage

# A reward function sees the rollouts and the gold answer of each row, and returns named rewards of each row.
RewardFunction = Callable[[Rollouts, Sequence[str]], dict[str, Sequence[float]]]
# A step reward function returns where the steps of each row end (last token, 0-based) and named rewards of each step.
StepRewardFunction = Callable[
    [Rollouts, Sequence[str]], tuple[list[list[int]], dict[str, list[list[float]]]]
]


class RewardError(ValueError):
    """A reward function failed or returned something that is not one finite number per row or step."""


def explore(
    sampler: Sampler,
    prompts: list[list[int]],
    golds: list[str],
    reward_function: RewardFunction,
    *,
    group_size: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    seed: int,
    step_rewards: StepRewardFunction | None = None,
    stop: tuple[str, ...] = (),
) -> Rollouts:
    """``group_size`` scored completions of each prompt (Algorithm 1, the sampling and reward lines).

    Args:
        prompts: Q token-id lists; golds: their Q answers.
        seed: replays the same rollouts from the same weights.

    Raises:
        SamplerError: see there. RewardError: see ``score``.
    """
    done = draw(
        sampler,
        prompts,
        n=group_size,
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=max_new_tokens,
        seed=seed,
        stop=stop,
    )
    return scored(as_rollouts(prompts, done, group_size), golds, reward_function, step_rewards)


def draw(sampler: Sampler, prompts: list[list[int]], *, n: int, **how) -> Completions:
    """``sampler.sample``, with its failures named.

    Raises:
        SamplerError: it raised, or returned another number of completions than asked for.
    """
    try:
        done = sampler.sample(prompts, n=n, **how)
    except (ValueError, SamplerError):
        raise  # bad arguments are the caller's mistake; both are already named
    except Exception as err:
        raise SamplerError(
            f"the sampler failed: {type(err).__name__}: {err}. Finished steps are kept; run the same command again "
            "to go on from the last checkpoint."
        ) from err
    if len(done.ids) != len(prompts) * n:
        raise SamplerError(
            f"the sampler returned {len(done.ids)} completions for {len(prompts)} prompts × {n}"
        )
    return done


def as_rollouts(prompts: list[list[int]], done: Completions, group_size: int) -> Rollouts:
    """Completions, group-major, as rollouts without rewards."""
    group = torch.arange(len(prompts)).repeat_interleave(group_size)
    return Rollouts(
        prompts=[prompts[g] for g in group.tolist()],
        completions=done.ids,
        logprobs=done.logprobs,
        finish=done.finish,
        group=group,
        texts=done.texts,
    )


def scored(
    rollouts: Rollouts,
    golds: Sequence[str],
    reward_function: RewardFunction,
    step_rewards: StepRewardFunction | None = None,
) -> Rollouts:
    """The rollouts with their rewards, checked; ``golds`` are the answers of the groups.

    Raises:
        RewardError: see ``score`` and ``score_steps``; or a reward and a step reward have one name.
    """
    rows = [golds[g] for g in rollouts.group.tolist()]
    rollouts = replace(rollouts, rewards=score(rollouts, rows, reward_function))
    if step_rewards is None:
        return rollouts
    ends, named = score_steps(rollouts, rows, step_rewards)
    if double := rollouts.rewards.keys() & named.keys():
        raise RewardError(f"a reward and a step reward are both named {sorted(double)}")
    return replace(rollouts, step_ends=ends, step_rewards=named)


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


def score_steps(
    rollouts: Rollouts, golds: Sequence[str], function: StepRewardFunction
) -> tuple[list[list[int]], dict[str, list[list[float]]]]:
    """Call the step reward function and check what it returns.

    Raises:
        RewardError: it raised, has other numbers of rows or steps than there are, a step that ends outside its
            completion or before the one before it, or a value that is not finite.
    """
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


def rule_reward(rule: str) -> RewardFunction:
    """The reward function of a rule of ``dsmath_lib.rewards.reward``.

    The rules read answers from the text. Only ``program`` runs what a completion holds, in the sandbox of
    ``dsmath_lib.rewards.program_tests`` (no files, no network, bounded time and memory).
    """

    def function(rollouts: Rollouts, golds: Sequence[str]) -> dict[str, list[float]]:
        rows = [
            reward(rule, gold, text, finish)
            for gold, text, finish in zip(golds, rollouts.texts, rollouts.finish, strict=True)
        ]
        return {name: [r[name] for r in rows] for name in rows[0]}

    return function


def rollout_seed(seed: int, step: int) -> int:
    """Seed of the rollouts of a step."""
    return seed_for(seed, "rollouts", step)


def batch_of_step(
    cfg: RLParams, method, stage: Stage, step: int, players, sampler: Sampler,
    questions: Questions, rewards, seed: int,
) -> Rollouts:  # fmt: skip
    """The scored completions that a method learns from at a step (from 0).

    ``set``: one solution of the SFT set per question, without rewards. ``start``: drawn from the SFT model, once for
    all methods that ask for them. ``policy``: drawn from the policy as it is.

    Raises:
        SamplerError, RewardError: see ``explore``.
    """
    index = questions_of_step(len(questions), cfg.questions_per_step, step, seed)
    prompts = [questions.prompts[i] for i in index]
    golds = [questions.problems[i].answer for i in index]
    if method.data == "set":
        return demonstrations(prompts, [questions.solutions[i] for i in index], players.tokenizer)

    def sample(source: Sampler) -> Completions:
        return draw(
            source,
            prompts,
            n=cfg.group_size,
            temperature=cfg.temperature,
            top_p=cfg.top_p,
            max_new_tokens=cfg.max_new_tokens,
            seed=rollout_seed(seed, step),
            stop=cfg.stops,
        )

    if method.data == "policy":
        done = sample(sampler)
    else:
        path = stage.artifacts / "offline" / f"seed{seed}-step{step:06d}.json.gz"
        done = read_completions(path)
        if done is None:
            done = sample(make_sampler(cfg, players.start, players.tokenizer))
            write_completions(path, done)
    steps = rewards.steps if method.reward == "steps" else None
    return scored(as_rollouts(prompts, done, cfg.group_size), golds, rewards.outcome, steps)


def demonstrations(prompts: list[list[int]], solutions: list[str], tokenizer) -> Rollouts:
    """Written solutions as rows that look like rollouts: one per question, ended by eos, log-probs unknown (0)."""
    ids = [[*c, tokenizer.eos_token_id] for c in encode_many(tokenizer, solutions)]
    done = Completions(ids, [[0.0] * len(c) for c in ids], ["eos"] * len(ids), list(solutions))
    return as_rollouts(prompts, done, 1)


def write_completions(path: Path, done: Completions) -> None:
    """Keep completions; the file is whole or not there."""
    write_fast(path, gzip.compress(json.dumps(asdict(done)).encode(), mtime=0))


def read_completions(path: Path) -> Completions | None:
    """What ``write_completions`` kept, or None if it is not there or damaged."""
    try:
        return Completions(**json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, ValueError, TypeError, EOFError):
        return None
