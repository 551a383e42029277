"""Questions for RL and reward models: from the toy world, or from rows of a data set."""

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.params.rl import RLParams
from dsmath_lib.runs.read_questions import problem_of, shuffled
from dsmath_lib.stage.data import read_rows
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.problems import sample_problems


def load_problems(cfg: RLParams) -> tuple[list[Problem], list[Problem]]:
    """Training and validation problems; no question is in both, and none is of a benchmark or a held-out family.

    Raises:
        StageError: the source is missing or too small, or a row holds no question or no answer.
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
    rows = shuffled(rows, cfg.question_source, cfg.seed, "grpo-rows")
    if len(rows) <= cfg.eval_questions:
        n = cfg.eval_questions
        raise StageError(
            f"'{cfg.question_source}' has {len(rows)} questions, eval_questions = {n} leaves none"
        )
    problems = [problem_of(row, where) for where, row in rows[: cfg.eval_questions + cfg.questions]]
    return problems[cfg.eval_questions :], problems[: cfg.eval_questions]
