"""Where a method's completions come from: the SFT set, samples of the SFT model, or the live policy (Table 10).

The batch of a step is a pure function of (seed, step) and the model that draws it, so a resumed run sees the same.
"""

import gzip
import json
import os
from dataclasses import asdict
from pathlib import Path

from dsmath_lib.files import temporary
from dsmath_lib.lm.sampler import Completions
from dsmath_lib.lm.samplers import Sampler, make_sampler
from dsmath_lib.lm.tokenizer import encode_many
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rl.explore import as_rollouts, draw, questions_of_step, rollout_seed, scored
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rl.records import Rollouts
from dsmath_lib.stage import Stage


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
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = temporary(path)
    tmp.write_bytes(gzip.compress(json.dumps(asdict(done)).encode(), mtime=0))
    os.replace(tmp, path)


def read_completions(path: Path) -> Completions | None:
    """What ``write_completions`` kept, or None if it is not there or damaged."""
    try:
        return Completions(**json.loads(gzip.decompress(path.read_bytes())))
    except (OSError, ValueError, TypeError, EOFError):
        return None
