"""What reward models learn from: solutions, right or wrong by rule, and their steps labelled by completing them.

No person labels anything here: a rule grades the answer, and a step is worth what becomes of it (Math-Shepherd, which
the paper follows in §4.1.3).
"""

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.engines.grader import extract
from dsmath_lib.rewards.ask import Answers, Sampling, draw_completions
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rewards.steps import step_ends
from dsmath_lib.rows.rewards import REWARDS


class NoSignal(StageError):
    """All labels are equal, or no question has both a right and a wrong solution: there is nothing to tell apart."""


@dataclass(frozen=True)
class Solution:
    """One solution of a question, in token ids.

    question: its text; splits and pairs go by it.
    gold: the right answer, empty where it is not known.
    prompt, completion: token ids; a sampled eos is part of the completion.
    ends: index in the completion of the last token of each step.
    finish: "eos", "stop" or "length" (truncated).
    answer: what the rule read as the answer (None: nothing), the vote in a majority.
    correct: is the answer right? None: not known.
    steps: per step the share of completions from it that reach the right answer, or a person's 0 or 1; None: not
        judged. Empty: nobody looked at the steps.
    """

    question: str
    gold: str
    prompt: list[int]
    completion: list[int]
    ends: list[int]
    finish: str = "eos"
    answer: str | None = None
    correct: bool | None = None
    steps: tuple[float | None, ...] = ()


def solutions_of(
    asked: Questions, answers: Answers, tokenizer: PreTrainedTokenizerBase, rule: str
) -> list[Solution]:
    """Answers graded by ``rule``, a row of ``REWARDS``, as solutions; their steps are found, not yet labelled."""
    out = []
    for i, (problem, prompt) in enumerate(zip(asked.problems, asked.prompts, strict=True)):
        for j, ids in enumerate(answers.ids[i]):
            known = problem.question, problem.answer, prompt, ids, step_ends(ids, tokenizer)
            read = extract(answers.texts[i][j], REWARDS[rule].extraction).text
            out.append(Solution(*known, answers.finish[i][j], read, answers.correct[i][j]))
    return out


def shepherd_labels(
    sampler: Sampler,
    tokenizer: PreTrainedTokenizerBase,
    solutions: Sequence[Solution],
    how: Sampling,
    seed: int,
    rule: str,
) -> list[Solution]:
    """Label every step by completing the solution from there ``how.n`` times (Math-Shepherd).

    The label is the share of the n completions that reach the right answer (the soft label). The last step needs none:
    nothing is left to write, so its label is whether the answer is right. Equal beginnings are completed once.

    Returns:
        the solutions in the same order with ``steps`` filled in; an empty completion has no steps.
    """
    starts: dict[tuple[int, ...], list[int]] = {}  # beginning -> [number, tokens of the prompt]
    golds: list[str] = []
    for s in solutions:
        for end in s.ends[:-1]:
            start = (*s.prompt, *s.completion[: end + 1])
            if start not in starts:
                starts[start] = [len(starts), len(s.prompt)]
                golds.append(s.gold)
    share: list[float] = []
    if starts:
        done, n = draw_completions(sampler, [list(start) for start in starts], how, seed), how.n
        begun = [list(start[n_prompt:]) for start, (_, n_prompt) in starts.items()]
        for k, gold in enumerate(golds):
            hits = 0
            for r in range(k * n, (k + 1) * n):
                text = tokenizer.decode(begun[k] + done.ids[r], skip_special_tokens=True)
                hits += reward(rule, gold, text, done.finish[r])["accuracy"] > 0
            share.append(hits / n)
    out = []
    for s in solutions:
        before = [share[starts[*s.prompt, *s.completion[: e + 1]][0]] for e in s.ends[:-1]]
        out.append(replace(s, steps=(*before, float(s.correct)) if s.ends else ()))
    return out


def hard(share: float | None) -> float | None:
    """The hard label: 1 if any completion reached the right answer, else 0; None stays None."""
    return None if share is None else float(share > 0)


def by_question(solutions: Sequence) -> dict[str, list[int]]:
    """Question -> indices of its solutions, in order of first appearance."""
    groups: dict[str, list[int]] = {}
    for i, s in enumerate(solutions):
        groups.setdefault(normal(s.question), []).append(i)
    return groups


def pairs_of(solutions: Sequence[Solution], per_question: int, seed: int) -> list[tuple[int, int]]:
    """Indices of (right, wrong) solutions to the same question, at most ``per_question`` of each, at random.

    A question with one solution, or with all right or all wrong, gives none.
    """
    pairs = []
    for k, index in enumerate(by_question(solutions).values()):
        right = [i for i in index if solutions[i].correct is True]
        wrong = [i for i in index if solutions[i].correct is False]
        every = [(i, j) for i in right for j in wrong]
        rng = np.random.default_rng(seed_for(seed, "pairs", k))
        pairs += [every[p] for p in rng.permutation(len(every))[:per_question].tolist()]
    return pairs


def normal(question: str) -> str:
    """A question without case and white space: copies of one question in different files are one question."""
    return "".join(question.split()).lower()


def split_by_question(solutions: Sequence, test_share: float, seed: int) -> tuple[list, list]:
    """Training and test solutions; all solutions of a question are on one side, drawn by a hash of the question.

    Args:
        solutions: rows with a ``question``.

    Raises:
        NoSignal: one side is empty.
    """
    test = {q for q in by_question(solutions) if seed_for(seed, "split", q) / 2**63 < test_share}
    sides = ([], [])
    for s in solutions:
        sides[normal(s.question) in test].append(s)
    if not all(sides):
        raise NoSignal(f"{len(solutions)} solutions do not fill a training and a test side")
    return sides


def some_questions(solutions: Sequence, n: int, seed: int) -> list:
    """All solutions of ``n`` questions drawn by a hash of the question (of all questions, if there are fewer)."""
    groups = by_question(solutions)
    chosen = sorted(groups, key=lambda q: seed_for(seed, "some", q))[:n]
    return [solutions[i] for i in sorted(i for q in chosen for i in groups[q])]


def mix_replay(new: Sequence, old: Sequence, share: float, seed: int) -> list:
    """New training data with a share of old data among them, shuffled (Algorithm 1: "10 % historical data").

    The paper does not say 10 % of what; here it is a share of the mix, so 90 new rows come with 10 old ones. Old rows
    are drawn without replacement; if there are too few, all of them are taken. Nothing new means nothing to learn: the
    mix is empty.

    Args:
        new, old: rows of any kind.
        share: of old rows in the mix, in [0, 1).

    Raises:
        ValueError: ``share`` is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of old data must be in [0, 1), got {share}")
    rng = np.random.default_rng(seed_for(seed, "replay"))
    n_old = min(len(old), round(len(new) * share / (1 - share)))
    rows = [*new, *(old[i] for i in rng.permutation(len(old))[:n_old].tolist())]
    return [rows[i] for i in rng.permutation(len(rows)).tolist()]


def write_solutions(path: Path, solutions: Sequence[Solution]) -> None:
    """Write .jsonl.gz, whole or not at all; equal solutions give equal bytes."""
    text = "".join(json.dumps(asdict(s), ensure_ascii=False) + "\n" for s in solutions)
    write_atomic(path, gzip.compress(text.encode("utf-8", "replace"), mtime=0))


def read_solutions(path: Path) -> list[Solution]:
    """What ``write_solutions`` wrote."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")[:-1]
    rows = (json.loads(line) for line in lines)
    return [Solution(**row | {"steps": tuple(row["steps"])}) for row in rows]
