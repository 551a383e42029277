"""Questions for SFT and RL: from the toy world, or from rows of a data set."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rows.prompts import chat_prompt
from dsmath_lib.stage.data import read_rows
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.problems import sample_problems

_CALCULATOR = re.compile(r"<<[^<>]*>>")


_BOXED = re.compile(r"\\boxed\s*\{")


def gsm8k_problem(row: Mapping[str, str]) -> Problem:
    """A row ``{question, answer}`` of GSM8K: calculator marks ``<<48/2=24>>`` go, ``#### 72`` is the answer.

    Raises:
        StageError: the row has no ``####`` line.
    """
    text, mark, answer = row["answer"].rpartition("####")
    if not mark:
        raise StageError(f"not a GSM8K row, no '####' in its answer: {row['answer'][:60]!r}")
    steps = tuple(_CALCULATOR.sub("", text).strip().split("\n"))
    # Thousands separators are not part of the number.
    return Problem("", row["question"].strip(), answer.strip().replace(",", ""), steps)


def row_sample(row: Mapping[str, str], template: str) -> tuple[Problem, Sample]:
    """Problem and chain-of-thought sample of a row: GSM8K's form, or MATH's ``{problem, solution, answer}``."""
    if "solution" in row:
        problem = Problem("", row["problem"].strip(), str(row["answer"]).strip())
        text = row["solution"].strip()
        if not _BOXED.search(text):
            text += f"\nThe answer is \\boxed{{{problem.answer}}}."
    else:
        problem = gsm8k_problem(row)
        text = "\n".join([*problem.steps, f"The answer is \\boxed{{{problem.answer}}}."])
    prompt = chat_prompt(template, problem.question)
    return problem, Sample(prompt, ((" " + text, True),), {"form": "cot", "habit": "steps"})


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
