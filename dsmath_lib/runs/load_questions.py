"""Questions for SFT and RL: from the toy world, or from rows of a data set."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.text import exact_text
from dsmath_lib.engines.grader import boxes
from dsmath_lib.params.rl import RLParams
from dsmath_lib.rows.prompts import chat_prompt
from dsmath_lib.stage.data import read_rows
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.problems import sample_problems

_CALCULATOR = re.compile(r"<<[^<>]*>>")
_BOXED = re.compile(r"\\boxed\s*\{")


# names of the same field in the data sets that are in use
_QUESTION, _ANSWER = ("question", "problem"), ("answer", "final_answer")
_MARK = "####"


def row_problem(row: Mapping[str, Any]) -> tuple[Problem, str]:
    """A row's problem, and its worked solution ("" if it has none).

    Forms: GSM8K's ``{question, answer}`` (calculator marks ``<<48/2=24>>`` go, ``#### 72`` is the answer); MATH's
    ``{problem, solution}``, its answer in a field or in the solution's last box; a question and its answer alone.

    Raises:
        StageError: there is no question, or no answer; says what the row has.
    """
    question = next((row[n] for n in _QUESTION if _says(row.get(n))), "")
    answer = next((row[n] for n in _ANSWER if _says(row.get(n))), "")
    solution = str(row["solution"]).strip() if _says(row.get("solution")) else ""
    if not solution and _MARK in str(answer):
        text, _, answer = str(answer).rpartition(_MARK)
        steps = tuple(_CALCULATOR.sub("", text).strip().split("\n"))
        answer = answer.strip().replace(",", "")  # thousands separators are not part of the number
        problem = Problem("", str(question).strip(), answer, steps)
        solution = "\n".join([*steps, f"The answer is \\boxed{{{answer}}}."])
    else:
        found = [] if _says(answer) else boxes(solution)
        answer = exact_text(answer).strip() or (found[-1][1].strip() if found else "")
        problem = Problem("", str(question).strip(), answer)
        if solution and not _BOXED.search(solution):
            solution += f"\nThe answer is \\boxed{{{answer}}}."
    if not problem.question or not problem.answer:
        raise StageError(
            "a row needs a question (question or problem) and an answer (answer, final_answer, or a box in its "
            f"solution); this one has {', '.join(row) or 'nothing'}"
        )
    return problem, solution


def _says(x: Any) -> bool:
    return bool(x.strip()) if isinstance(x, str) else type(x) in (int, float)


def row_sample(row: Mapping[str, Any], template: str) -> tuple[Problem, Sample]:
    """Problem and chain-of-thought sample of a row (see ``row_problem``).

    Raises:
        StageError: it has no question, answer or worked solution.
    """
    problem, solution = row_problem(row)
    if not solution:
        raise StageError(
            f"a row without a worked solution is no SFT sample ('solution', or '{_MARK}' in its answer): "
            f"{problem.question[:60]!r}"
        )
    prompt = chat_prompt(template, problem.question)
    return problem, Sample(prompt, ((" " + solution, True),), {"form": "cot", "habit": "steps"})


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
    problems = [_with_steps(*row_problem(row)) for row in rows]
    return problems[cfg.eval_questions :], problems[: cfg.eval_questions]


def _with_steps(problem: Problem, solution: str) -> Problem:
    """MATH's solution is one text; its lines are the steps."""
    if problem.steps or not solution:
        return problem
    return replace(problem, steps=tuple(solution.split("\n")))
