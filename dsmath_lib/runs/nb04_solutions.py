"""What 04_reward_model learns from: rollouts, annotators' solutions or labelled files, kept piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.progress import progress
from dsmath_lib.base.prompts import plain_ids
from dsmath_lib.base.records import Completions
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.params.reward_model import RewardModelParams
from dsmath_lib.rewards.ask import Sampling, ask, graded
from dsmath_lib.rewards.labels import (
    Solution,
    by_question,
    hard,
    normal,
    read_solutions,
    shepherd_labels,
    solutions_of,
    some_questions,
    split_by_question,
    write_solutions,
)
from dsmath_lib.rewards.questions import Questions, as_prompts
from dsmath_lib.runs.load_questions import load_problems
from dsmath_lib.runs.nb04_published import labelled_solutions, read_labelled
from dsmath_lib.stage.data import read_rows
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.habits import annotate
from dsmath_lib.world.problems import careless

CARELESS = 0.5  # share of annotators' solutions with a slip, so that both labels are there


@dataclass(frozen=True)
class RewardData:
    """Training and test solutions; no question is in both. ``dropped``: labelled solutions that were too long."""

    train: list[Solution]
    test: list[Solution]
    dropped: int = 0


def load_data(
    cfg: RewardModelParams, stage: Stage, sampler, tokenizer: PreTrainedTokenizerBase
) -> RewardData:
    """The solutions that the parameters ask for, with labelled steps on the first ``step_solutions`` of a question.

    Rollouts and step labels are kept in ``artifacts/data`` piece by piece, so a killed run goes on with the next piece.

    Args:
        sampler: the policy; it writes the rollouts and completes steps.

    Raises:
        StageError: a source is missing or too small.
    """
    if cfg.data == "labelled":
        rows = [
            solution
            for name in cfg.labelled_files
            for row in read_rows(name, data_dir=cfg.data_dir, revision=cfg.data_revision)
            for solution in read_labelled(row)
        ]
        parts, dropped = [], 0
        for side, n in zip(
            split_by_question(rows, cfg.test_share, cfg.seed),
            (cfg.questions, cfg.eval_questions),
            strict=True,
        ):
            some = some_questions(side, n, cfg.seed)
            done = labelled_solutions(tokenizer, some, cfg.style, cfg.context)
            parts.append(done[0])
            dropped += done[1]
        data = RewardData(*parts, dropped)
    else:
        room = sampler.model.config.max_position_embeddings - cfg.max_new_tokens
        parts = {}
        problems = zip(("train", "test"), load_problems(cfg), strict=True)
        for part, found in problems:
            asked = as_prompts(tokenizer, found, cfg.style, room)
            parts[part] = _pieces(cfg, stage, sampler, tokenizer, part, asked)
        data = RewardData(parts["train"], parts["test"])
    for part in ("train", "test"):
        write_solutions(stage.artifacts / "data" / f"{part}.jsonl.gz", getattr(data, part))
    return data


def _pieces(cfg, stage: Stage, sampler, tokenizer, part: str, asked: Questions) -> list[Solution]:
    out: list[Solution] = []
    starts = range(0, len(asked), cfg.save_every)
    for at in progress(starts, desc=f"{part} solutions", total=len(starts)):
        path = stage.artifacts / "data" / "pieces" / f"{part}-{at:06d}.jsonl.gz"
        if not (cfg.resume and path.exists()):
            rows = slice(at, at + cfg.save_every)
            seed = seed_for(cfg.seed, "reward-model", part, at)
            n = cfg.samples if part == "train" else cfg.eval_samples
            if cfg.data == "annotators":
                answers = graded(
                    asked[rows], annotated(tokenizer, asked[rows], n, seed), cfg.reward_rule
                )
            else:
                answers = ask(sampler, asked[rows], _sampling(cfg, n), seed, cfg.reward_rule)
            solutions = solutions_of(asked[rows], answers, tokenizer, cfg.reward_rule)
            write_solutions(path, label_some(cfg, sampler, tokenizer, solutions, seed))
        out += read_solutions(path)
    return out


def _sampling(cfg: RewardModelParams, n: int) -> Sampling:
    """How the parameters say that solutions and completions of steps are drawn."""
    return Sampling(cfg.max_new_tokens, n, cfg.temperature, cfg.top_p)


def annotated(
    tokenizer: PreTrainedTokenizerBase, asked: Questions, n: int, seed: int
) -> Completions:
    """``n`` solutions of each question by the world's annotators, about half of them with a slip; no log-probs."""
    rng, ids = Random(seed), []
    for problem in asked.problems:
        for _ in range(n):
            slips = rng.random() < CARELESS
            text = careless(problem, rng) if slips else annotate(problem, rng)[1]
            written = plain_ids(tokenizer, [asked.form.lead + text])[0]
            ids.append([*written, asked.form.end])
    texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return Completions(ids, [], ["eos"] * len(ids), texts)


def label_some(
    cfg: RewardModelParams, sampler, tokenizer, solutions: Sequence[Solution], seed: int
) -> list[Solution]:
    """Step labels for the first ``step_solutions`` solutions of each question; the others stay as they are."""
    if not any(name.startswith("process") for name in cfg.models):
        return list(solutions)
    chosen = [i for rows in by_question(solutions).values() for i in rows[: cfg.step_solutions]]
    labelled = shepherd_labels(
        sampler,
        tokenizer,
        [solutions[i] for i in chosen],
        _sampling(cfg, cfg.completions),
        seed_for(seed, "completions"),
        cfg.reward_rule,
    )
    out = list(solutions)
    for i, s in zip(chosen, labelled, strict=True):
        out[i] = s
    return out


def solution_counts(solutions: Sequence[Solution]) -> dict[str, Any]:
    """What a set of solutions holds: questions, solutions, the right ones, steps with labels, questions with pairs."""
    groups = by_question(solutions).values()
    known = [s.correct for s in solutions if s.correct is not None]
    judged = [y for s in solutions for y in s.steps if y is not None]
    return {
        "questions": len(groups),
        "solutions": len(solutions),
        "right": sum(known) / len(known) if known else None,
        "questions with both": sum(
            {True, False} <= {solutions[i].correct for i in g} for g in groups
        ),
        "labelled steps": len(judged),
        "steps hard 1": sum(map(hard, judged)) / len(judged) if judged else None,
        "mean soft label": sum(judged) / len(judged) if judged else None,
        "truncated": sum(s.finish == "length" for s in solutions) / len(solutions),
    }


def shared_questions(data: RewardData) -> set[str]:
    """Questions that are in training and in test: always empty, and the notebook asserts it."""
    return {normal(s.question) for s in data.train} & {normal(s.question) for s in data.test}
