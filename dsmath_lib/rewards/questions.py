"""Questions that a model is asked: problems, and their prompts as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.lm.tokenizer import bos_ids, encode_many
from dsmath_lib.rows.prompts import chat_prompt
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

    def __getitem__(self, rows: slice | Sequence[int]) -> "Questions":
        rows = range(len(self))[rows] if isinstance(rows, slice) else rows
        return Questions([self.problems[i] for i in rows], [self.prompts[i] for i in rows])


def _solution(problem: Problem) -> str:
    """One solution: an annotator's of the toy world (some are careless), or the lines of the data set."""
    if problem.family:
        return annotate(problem, Random(seed_for("demonstration", problem.id)))[1]
    if not problem.steps:
        raise StageError(f"no solution is known for {problem.question[:60]!r}: no SFT set here")
    text = "\n".join(problem.steps)
    return text if "\\boxed" in text else text + f"\nThe answer is \\boxed{{{problem.answer}}}."


def as_prompts(
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    template: str,
    max_tokens: int | None = None,
) -> Questions:
    """Prompt token ids, after bos where there is one; prompts longer than ``max_tokens`` are left out (None: none is).

    Raises:
        StageError: none is left.
    """
    bos = bos_ids(tokenizer)
    texts = [chat_prompt(template, p.question, p.lang) for p in problems]
    prompts = [bos + ids for ids in encode_many(tokenizer, texts)]
    if max_tokens is None:
        return Questions(list(problems), prompts)
    kept = [i for i, ids in enumerate(prompts) if len(ids) <= max_tokens]
    if not kept:
        shortest = min(map(len, prompts), default=0)
        raise StageError(f"no prompt fits {max_tokens} tokens (the shortest has {shortest})")
    return Questions(list(problems), prompts)[kept]
