"""Published data with labelled steps, one reader for each form; a row's form is known by its fields.

Known forms: Math-Shepherd, PRM800K, MATH-APS (values of prefixes), MR-GSM8K and ReasonEval's MR-MATH (first wrong
step, or a rating per step), PRM800K with a planted error, PRMBench, BIG-Bench-Mistake.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.prompts import AnswerForm, answer_form, plain_ids, prompt_ids
from dsmath_lib.engines.grader import extract
from dsmath_lib.rewards.labels import Solution
from dsmath_lib.rows.prompts import PromptStyle, make_prompt


@dataclass(frozen=True)
class StepLabelled:
    """A solution as text: its steps, a label in 0..1 for each (None: not judged), and whether its answer is right.

    ``correct`` is the label of the answer where the source has one, else whether no step is wrong; None: not known.
    """

    question: str
    steps: tuple[str, ...]
    labels: tuple[float | None, ...]
    correct: bool | None
    gold: str = ""


def read_labelled(row: Mapping[str, Any]) -> list[StepLabelled]:
    """The solutions in a row of any known form.

    Raises:
        StageError: unknown form, or a row that does not fit its form; names the fields.
    """
    for field, reader in READERS.items():
        if field in row:
            try:
                return [s for s in reader(row) if s.steps]
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as err:
                raise StageError(f"a row with '{field}' does not fit its form: {err!r}") from err
    raise StageError(f"no known form of labelled steps has the fields {', '.join(map(str, row))}")


def first_error(n: int, at: int | None) -> tuple[float | None, ...]:
    """Labels when the first wrong step (from 0) is known: right before it, not judged after it; None: all right."""
    if at is None:
        return (1.0,) * n
    if not 0 <= at < n:
        raise ValueError(f"first wrong step {at} of {n}")
    return (*(1.0,) * at, 0.0, *(None,) * (n - at - 1))


_STEP = re.compile(r"Step \d+:")


def _shepherd(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """``input`` marks each step's end by a sign of its own; ``label`` has + or - in its place."""
    question, first, _ = row["input"].partition("Step 1:")
    parts = (first + row["input"][len(question + first) :]).split("ки")[:-1]
    steps = tuple(p[m.start() :].strip() for p in parts if (m := _STEP.search(p)))
    label = row["label"]
    at, labels = len(question), []
    for s in steps:
        at = label.index(s, at) + len(s)
        sign = label[at:].lstrip()[:1]
        labels.append({"+": 1.0, "-": 0.0}[sign])
    yield StepLabelled(question.strip(), steps, tuple(labels), labels[-1] > 0 if labels else None)


def _prm800k(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """Each step was chosen among rated completions; the path of chosen ones, and each rejected end of it."""
    question = row["question"]["problem"]
    gold = str(row["question"].get("ground_truth_answer") or "")
    path: list[tuple[str, float | None]] = []
    for step in row["label"]["steps"]:
        rated = [(c["text"], _rating(c["rating"])) for c in step["completions"] or ()]
        chosen = step["chosen_completion"]
        for k, part in enumerate(rated):
            if k != chosen and part[1] == 0.0:
                yield _joined(question, [*path, part], gold, False)
        if chosen is not None:
            path.append(rated[chosen])
        elif step.get("human_completion"):
            path.append((step["human_completion"]["text"], 1.0))  # written to be right
        else:
            break
    solved = row["label"].get("finish_reason") == "solution"
    yield _joined(question, path, gold, True if solved else None)


def _joined(question, parts, gold, correct) -> StepLabelled:
    texts, labels = zip(*parts, strict=True) if parts else ((), ())
    return StepLabelled(question, texts, labels, correct, gold)


def _rating(value: int | None) -> float | None:
    """+1 right and 0 neutral count as right, -1 as wrong, as in PRM800K's own use."""
    return None if value is None else float(value >= 0)


def _aps(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """Prefixes of solutions with the share of completions that succeed; one judged piece each."""
    question = row["question"]
    for p in row["reasoning_steps"]:
        text = p["solution_prefix"].removeprefix(question).strip()
        if text:
            value = float(p["mc_value"])
            yield StepLabelled(question, (text,), (value,), None, str(row["final_answer"]))


def _first_wrong(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """Steps as texts or as lists of lines, with a rating each or the number of the first wrong one (from 1)."""
    texts = row.get("model_output_steps")
    written = map(" ".join, row["model_output_step_format"]) if texts is None else texts
    steps, gold = tuple(written), str(row["ground_truth_answer"])
    if "rating" in row:
        labels = tuple(map(_rating, row["rating"]))
        yield StepLabelled(row["question"], steps, labels, 0.0 not in labels, gold)
        return
    at = row["model_output_solution_first_error_step"]
    wrong = None if str(at).upper() == "N/A" else int(at) - 1
    right = row["model_output_answer_correctness"] == "correct"
    yield StepLabelled(row["question"], steps, first_error(len(steps), wrong), right, gold)


def _planted(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """A right solution, and the same with an error planted at step ``tags`` (from 0).

    A changed number, operation or order is a wrong step; another question's solution is wrong as a whole; a repeated
    or removed step is a flaw, but not a wrong step, and left out.
    """
    gold = str(row["ground_truth_answer"])
    right, wrong = tuple(row["reference_steps"]), tuple(row["hypothesis_steps"])
    yield StepLabelled(row["question"], right, (1.0,) * len(right), True, gold)
    kind, at = row["error_type"], row["tags"]
    if kind in ("random number", "random operation", "swap steps"):
        labels = first_error(len(wrong), min(at) if isinstance(at, list) else int(at))
        yield StepLabelled(row["question"], wrong, labels, False, gold)
    elif kind == "swap solutions":
        yield StepLabelled(row["question"], wrong, (None,) * len(wrong), False, gold)


_NUMBER = re.compile(r"^\d+\. ")


def _prmbench(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    """A right solution, and one whose wrong steps (from 1) are all listed."""
    right = tuple(_NUMBER.sub("", s) for s in row["original_process"])
    steps = tuple(_NUMBER.sub("", s) for s in row["modified_process"])
    wrong = set(row["error_steps"])
    labels = tuple(float(k not in wrong) for k in range(1, len(steps) + 1))
    yield StepLabelled(row["question"], right, (1.0,) * len(right), True)
    yield StepLabelled(row["question"], steps, labels, not wrong)


def _big_bench(row: Mapping[str, Any]) -> Iterator[StepLabelled]:
    steps, right = tuple(row["steps"]), str(row["answer"]) == str(row["target"])
    labels = first_error(len(steps), row["mistake_index"])
    yield StepLabelled(row["input"], steps, labels, right, str(row["target"]))


# a field that only this form has -> its reader; more special forms first
READERS = {
    "mistake_index": _big_bench,
    "modified_process": _prmbench,
    "hypothesis_steps": _planted,
    "model_output_steps": _first_wrong,
    "model_output_step_format": _first_wrong,
    "reasoning_steps": _aps,
    "labeler": _prm800k,
    "task": _shepherd,
}


def labelled_solutions(
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterable[StepLabelled],
    style: PromptStyle | str,
    max_tokens: int,
) -> tuple[list[Solution], int]:
    """Token ids of labelled solutions, a line break after each step and eos at the end; equal ones count once.

    Returns:
        the solutions of at most ``max_tokens`` with their prompt, and how many were longer and left out.
    """
    unique = list(dict.fromkeys(rows))
    asked = [make_prompt(style, r.question.strip()) for r in unique]
    prompts = prompt_ids(tokenizer, asked)
    forms = [answer_form(tokenizer, p) for p in asked]
    out, dropped = [], 0
    for row, prompt, form in zip(unique, prompts, forms, strict=True):
        completion, ends = _completion(tokenizer, row.steps, form)
        if len(prompt) + len(completion) > max_tokens:
            dropped += 1
            continue
        out.append(
            Solution(
                question=row.question.strip(),
                gold=row.gold,
                prompt=prompt,
                completion=completion,
                ends=ends,
                answer=extract("\n".join(row.steps), "paper").text,
                correct=row.correct,
                steps=row.labels,
            )
        )
    return out, dropped


def _completion(
    tokenizer: PreTrainedTokenizerBase, steps: Sequence[str], form: AnswerForm
) -> tuple[list[int], list[int]]:
    """Token ids of the steps and where each ends. Steps are known here, so a step may have several lines."""
    ids: list[int] = []
    ends = []
    for k, step in enumerate(steps):
        last = k == len(steps) - 1
        text = form.lead * (k == 0) + step.strip() + "\n" * (not last)
        ids += plain_ids(tokenizer, [text])[0] + [form.end] * last
        ends.append(len(ids) - 1)
    return ids, ends
