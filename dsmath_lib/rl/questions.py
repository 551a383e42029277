"""The questions that RL trains on and those it is validated on, as prompts of token ids."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from transformers import PreTrainedTokenizerBase

from dsmath_lib.data import read_rows
from dsmath_lib.lm.finetune import row_sample
from dsmath_lib.params.rl import RLParams
from dsmath_lib.records import Problem, Sample
from dsmath_lib.rewards.ask import prompt_ids
from dsmath_lib.runtime import seed_for
from dsmath_lib.stage import StageError
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.habits import annotate
from dsmath_lib.world.problems import sample_problems


@dataclass(frozen=True)
class Questions:
    """Problems and the token ids of their prompts, in the same order."""

    problems: list[Problem]
    prompts: list[list[int]]

    @property
    def solutions(self) -> list[str]:
        """A written solution of each problem, as in the SFT set; starts with a space, as completions do.

        Raises:
            StageError: the source has no solutions.
        """
        return [" " + _solution(p) for p in self.problems]

    @property
    def golds(self) -> list[str]:
        return [p.answer for p in self.problems]

    def __len__(self) -> int:
        return len(self.problems)


def load_problems(cfg: RLParams) -> tuple[list[Problem], list[Problem]]:
    """Training and validation problems; no question is in both, and none is of a benchmark or a held-out family.

    Raises:
        StageError: the source is missing or too small.
    """
    if cfg.question_source == "world":
        families = [f for f in FAMILIES if f != HELD_OUT]
        train, val = (
            sample_problems(
                n,
                split=split,
                seed=seed_for(cfg.seed, "grpo"),
                families=families,
                levels=cfg.levels,
                langs=cfg.langs,
            )
            for n, split in ((cfg.questions, "train"), (cfg.eval_questions, "val"))
        )
        return train, val
    rows = read_rows(cfg.question_source, data_dir=cfg.data_dir, revision=cfg.data_revision)
    if len(rows) <= cfg.eval_questions:
        n = cfg.eval_questions
        raise StageError(
            f"'{cfg.question_source}' has {len(rows)} rows, eval_questions = {n} leaves none"
        )
    order = np.random.default_rng(seed_for(cfg.seed, "grpo-rows")).permutation(len(rows)).tolist()
    rows = [rows[i] for i in order[: cfg.eval_questions + cfg.questions]]
    problems = [_with_steps(*row_sample(row, cfg.question_template)) for row in rows]
    return problems[cfg.eval_questions :], problems[: cfg.eval_questions]


def _with_steps(problem: Problem, sample: Sample) -> Problem:
    """MATH's solution is one text; its lines are the steps."""
    if problem.steps:
        return problem
    return replace(problem, steps=tuple(sample.segments[0][0].strip().split("\n")))


def _solution(problem: Problem) -> str:
    """One solution: an annotator's of the toy world (some are careless), or the lines of the data set."""
    if problem.family:
        return annotate(problem, Random(seed_for("demonstration", problem.id)))[1]
    if not problem.steps:
        raise StageError(f"no solution is known for {problem.question[:60]!r}: no SFT set here")
    text = "\n".join(problem.steps)
    return text if "\\boxed" in text else text + f"\nThe answer is \\boxed{{{problem.answer}}}."


def as_prompts(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], template: str, max_tokens: int
) -> Questions:
    """Prompt token ids with bos; problems whose prompt is longer than ``max_tokens`` are left out.

    Raises:
        StageError: none is left.
    """
    pairs = list(zip(problems, prompt_ids(tokenizer, problems, template), strict=True))
    kept = [(p, ids) for p, ids in pairs if len(ids) <= max_tokens]
    if not kept:
        shortest = min((len(ids) for _, ids in pairs), default=0)
        raise StageError(f"no prompt fits {max_tokens} tokens (the shortest has {shortest})")
    return Questions([p for p, _ in kept], [ids for _, ids in kept])
