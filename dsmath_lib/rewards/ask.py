"""Ask a model questions and grade its answers: one way from problems to prompts, and from prompts to accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.records import Problem
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.grader import grade
from dsmath_lib.lm.tokenizer import encode_many
from dsmath_lib.rows.prompts import chat_prompt

RULE = "paper"  # extraction rule of the accuracy in 03, 05 and 06


@dataclass(frozen=True)
class Answers:
    """n answers to each of Q questions; row q holds those of question q. ``lengths`` in tokens."""

    texts: list[list[str]]
    correct: list[list[bool]]
    finish: list[list[str]]
    lengths: list[list[int]]

    @property
    def shares(self) -> list[float]:
        """Share of right answers of each question."""
        return [sum(c) / len(c) for c in self.correct]


def prompt_ids(
    tokenizer: PreTrainedTokenizerBase, problems: Sequence[Problem], template: str
) -> list[list[int]]:
    """Token ids of each problem's prompt, after bos where the tokenizer has one."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    texts = [chat_prompt(template, p.question, p.lang) for p in problems]
    return [bos + ids for ids in encode_many(tokenizer, texts)]


def ask(
    sampler: Sampler,
    problems: Sequence[Problem],
    prompts: list[list[int]],
    *,
    n: int,
    temperature: float,
    max_new_tokens: int,
    seed: int,
) -> Answers:
    """Draw ``n`` answers to each prompt (temperature 0: greedily) and grade them by ``RULE``.

    The grader sees the question, too: it decides how a gold answer with several boxes is read.

    Args:
        problems, prompts: in the same order, as of ``prompt_ids``.
    """
    done = sampler.sample(
        prompts, n=n, temperature=temperature, max_new_tokens=max_new_tokens, seed=seed
    )
    asked = [p for p in problems for _ in range(n)]
    correct = [
        grade(p.answer, text, RULE, p.question).correct
        for p, text in zip(asked, done.texts, strict=True)
    ]
    rows = range(0, len(asked), n)
    return Answers(
        texts=[done.texts[i : i + n] for i in rows],
        correct=[correct[i : i + n] for i in rows],
        finish=[done.finish[i : i + n] for i in rows],
        lengths=[[len(ids) for ids in done.ids[i : i + n]] for i in rows],
    )
