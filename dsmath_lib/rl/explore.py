"""Exploration: a group of completions for each question, from one of three sources, and their rewards."""

from collections.abc import Callable
from dataclasses import asdict

import torch

from dsmath_lib.base.prompts import plain_ids
from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.lm.train import autocast
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rewards.ask import Sampling, draw_completions
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.experiment import Experiment, Players
from dsmath_lib.rl.reward_functions import Rewards, scored
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.methods import Method

# who writes the completions: questions, how they are drawn, seed -> completions, group-major
Source = Callable[[Questions, Sampling, int], Completions]


def explore(
    source: Source, asked: Questions, how: Sampling, rewards: Rewards | None, seed: int
) -> Rollouts:
    """``how.n`` completions of each question with their rewards (Algorithm 1, the sampling and reward lines).

    Args:
        rewards: None: nobody scores them (written solutions).
        seed: replays the same rollouts from the same weights.

    Raises:
        SamplerError: see ``draw_completions``. RewardError: see ``scored``.
    """
    rollouts = as_rollouts(asked.prompts, source(asked, how, seed))
    return rollouts if rewards is None else scored(rollouts, asked.golds, rewards)


def sampling_of(cfg: RLParams) -> Sampling:
    """How the parameters say that training completions are drawn."""
    return Sampling(cfg.max_new_tokens, cfg.group_size, cfg.temperature, cfg.top_p, cfg.stops)


def rollout_seed(seed: int, step: int) -> int:
    """Seed of the rollouts of a step."""
    return seed_for(seed, "rollouts", step)


def as_rollouts(prompts: list[list[int]], done: Completions) -> Rollouts:
    """Completions, group-major, as rollouts without rewards."""
    group = torch.arange(len(prompts)).repeat_interleave(len(done.ids) // len(prompts))
    return Rollouts(
        prompts=[prompts[g] for g in group.tolist()],
        completions=done.ids,
        logprobs=done.logprobs,
        finish=done.finish,
        group=group,
        texts=done.texts,
    )


# -- sources --------------------------------------------------------------------------------------


def source_of(e: Experiment, method: Method, players: Players, sampler: Sampler) -> Source:
    """The source of the method's row: the SFT set, the start (drawn once for all methods that ask), or the policy."""
    if method.data == "set":
        return lambda asked, how, seed: written(asked, e.tokenizer)
    if method.data == "policy":
        return live(sampler, players.device, e.cfg.dtype)

    def offline(asked: Questions, how: Sampling, seed: int) -> Completions:
        def drawn() -> dict:
            start = live(e.sampler(players.reference), players.device, e.cfg.dtype)
            return asdict(start(asked, how, seed))

        return Completions(**e.stage.kept(f"offline-{seed}", drawn))

    return offline


def live(sampler: Sampler, device: torch.device | None = None, dtype: str = "float32") -> Source:
    """The sampler's model as it is. Afterwards the sampler rests: weights may change."""

    def source(asked: Questions, how: Sampling, seed: int) -> Completions:
        with autocast(device, dtype):
            done = draw_completions(sampler, asked.prompts, how, seed)
        sampler.rest()
        return done

    return source


def written(asked: Questions, tokenizer) -> Completions:
    """Written solutions as completions: one per question, ended by eos, log-probs unknown (0)."""
    texts = [asked.form.lead + text for text in asked.solutions]
    ids = [[*c, asked.form.end] for c in plain_ids(tokenizer, texts)]
    return Completions(ids, [[0.0] * len(c) for c in ids], ["eos"] * len(ids), texts)
