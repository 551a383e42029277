"""The questions that RL trains on and those it is validated on, as prompts of token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.rewards.ask import prompt_ids
from dsmath_lib.world.habits import annotate


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
