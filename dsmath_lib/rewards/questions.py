"""Questions that a model is asked: problems, and their prompts as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.prompts import AnswerForm, answer_form, prompt_ids
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.rows.prompts import PromptStyle, make_prompt
from dsmath_lib.world.habits import annotate


@dataclass(frozen=True)
class Questions:
    """Problems and the token ids of their prompts, in the same order; ``form``: how a written answer follows."""

    problems: list[Problem]
    prompts: list[list[int]]
    form: AnswerForm | None = None

    @property
    def solutions(self) -> list[str]:
        """A written solution of each problem, as in the SFT set.

        Raises:
            StageError: the source has no solutions.
        """
        return [solution_of(p) for p in self.problems]

    @property
    def golds(self) -> list[str]:
        return [p.answer for p in self.problems]

    def __len__(self) -> int:
        return len(self.problems)

    def __getitem__(self, rows: slice | Sequence[int]) -> "Questions":
        rows = range(len(self))[rows] if isinstance(rows, slice) else rows
        some = [self.problems[i] for i in rows], [self.prompts[i] for i in rows]
        return Questions(*some, self.form)


def solution_of(problem: Problem) -> str:
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
    style: PromptStyle | str,
    max_tokens: int | None = None,
) -> Questions:
    """Problems with the token ids of their prompts; those longer than ``max_tokens`` are left out and counted aloud.

    Args:
        style: a prompt template, with its system text if it has one. max_tokens: None: no limit.

    Raises:
        StageError: none is left, or the template does not fit the tokenizer.
    """
    made = [make_prompt(style, p.question, p.lang) for p in problems]
    prompts = prompt_ids(tokenizer, made)
    form = answer_form(tokenizer, made[0]) if made else None
    if max_tokens is None:
        return Questions(list(problems), prompts, form)
    kept = [i for i, ids in enumerate(prompts) if len(ids) <= max_tokens]
    if not kept:
        shortest = min(map(len, prompts), default=0)
        raise StageError(
            f"no prompt fits {max_tokens} tokens (the shortest has {shortest}): "
            "a smaller max_new_tokens leaves more room"
        )
    if len(kept) < len(prompts):
        longest = max(map(len, prompts))
        print(
            f"{len(prompts) - len(kept)} of {len(prompts)} questions left out: their prompts are longer than the "
            f"{max_tokens} tokens that the model's context leaves (the longest has {longest})"
        )
    return Questions(list(problems), prompts, form)[kept]
