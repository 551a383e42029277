"""Ask a model questions and grade its answers: the one way from prompts to completions, and from those to accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.engines.decode import Sampler, Sampling, draw_completions
from dsmath_lib.engines.grader import Verdict, grade
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rows.rewards import REWARDS

ASK_RULE = "paper"  # extraction rule of the accuracy in 03, 05 and 06


@dataclass(frozen=True)
class Answers:
    """n answers to each of Q questions; row q holds those of question q. ``ids``: tokens of each."""

    texts: list[list[str]]
    correct: list[list[bool]]
    finish: list[list[str]]
    ids: list[list[list[int]]]

    @property
    def shares(self) -> list[float]:
        """Share of right answers of each question."""
        return [sum(c) / len(c) for c in self.correct]

    @property
    def lengths(self) -> list[list[int]]:
        """Tokens of each answer."""
        return [[len(ids) for ids in row] for row in self.ids]

    def summary(self) -> dict[str, float]:
        """Accuracy, mean over the questions, and mean length in tokens: what a validation logs."""
        lengths = flat(self.lengths)
        return {
            "accuracy": sum(self.shares) / len(self.shares),
            "length": sum(lengths) / len(lengths),
        }


def flat(rows: Sequence[Sequence]) -> list:
    """The entries of all rows, in order."""
    return [x for row in rows for x in row]


def ask(
    sampler: Sampler, asked: Questions, how: Sampling, seed: int, rule: str = ASK_RULE
) -> Answers:
    """Draw ``how.n`` answers to each question and grade them; ``rule`` as in ``is_right``."""
    return graded(asked, draw_completions(sampler, asked.prompts, how, seed), rule)


def graded(asked: Questions, done: Completions, rule: str) -> Answers:
    """Completions of the questions, group-major, with verdicts; ``rule`` as in ``is_right``."""
    n = len(done.ids) // len(asked)
    rows = [slice(i * n, (i + 1) * n) for i in range(len(asked))]
    correct = [
        [is_right(rule, p, t, f) for t, f in zip(done.texts[r], done.finish[r], strict=True)]
        for p, r in zip(asked.problems, rows, strict=True)
    ]
    parts = (done.texts, done.finish, done.ids)
    texts, finish, ids = ([part[r] for r in rows] for part in parts)
    return Answers(texts, correct, finish, ids)


def is_right(rule: str, problem: Problem, text: str, finish: str) -> bool:
    """Whether a text answers the problem.

    Args:
        rule: a row of ``REWARDS`` (right is what it rewards as accurate), or an extraction rule of the grader. Only the
            latter sees the question, which decides how a gold answer with several boxes is read.
    """
    if rule in REWARDS:
        return reward(rule, problem.answer, text, finish)["accuracy"] > 0
    return verdict_on(problem, text, rule).correct


def verdict_on(problem: Problem, text: str, rule: str, output: str | None = None) -> Verdict:
    """The grader's verdict on what was written; ``output``: what its program printed, where the rule reads that."""
    return grade(
        problem.answer, text, rule, problem.question, output=output, tolerance=problem.tolerance
    )
