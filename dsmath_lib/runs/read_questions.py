"""A row of a data set as a problem, by the names that data sets give their fields.

GSM8K has ``{question, answer}`` with ``#### 72`` at the end, MATH ``{problem, solution}`` with a box, verl's files
``{prompt: [{role, content}], reward_model: {ground_truth}}``. RL needs question and answer alone; SFT a worked
solution, too. A row that fits nothing is an error that names the row and the fields it has.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.text import exact_text
from dsmath_lib.engines.grader import boxes, gold_answers
from dsmath_lib.rewards.questions import solution_of
from dsmath_lib.rows.prompts import PromptStyle, make_prompt

# in lower case, words joined by _; the first that a row has is taken
QUESTION = ("question", "problem", "prompt", "query", "instruction", "input")
ANSWER = (
    "final_answer", "expected_answer", "ground_truth", "answer", "gold", "golden", "target",
    "answer_number",
)  # fmt: skip
SOLUTION = ("solution", "worked_solution", "generated_solution", "rationale", "answer")
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_THOUSANDS = re.compile(r"[-+$]*\d{1,3}(,\d{3})+(\.\d+)?")
_BETWEEN = re.compile(r"[\s_-]+")


def problem_of(row: Mapping[str, Any], where: str = "this row") -> Problem:
    """Question, answer and, where the row has one, the lines of its worked solution.

    Raises:
        StageError: no question, or no answer; says where, and what the row has.
    """
    fields = _fields(row)
    question = _first(fields, QUESTION)
    if not question:
        raise _misfit(row, where, "question", "question, problem or prompt")
    worked = next((t for n in SOLUTION if (t := fields.get(n, "")) and _is_worked(n, t)), "")
    stated = _first(fields, ANSWER) or worked
    if not stated or (stated == worked and not _has_answer(worked)):
        need = "answer or final answer, or a solution with a box or '####'"
        raise _misfit(row, where, "answer", need)
    answer = _final(stated, question)
    if not answer:
        raise _misfit(row, where, "answer after its '####'", "a final answer")
    text = _CALCULATOR.sub("", worked.rpartition("####")[0] if "####" in worked else worked).strip()
    return Problem("", question, answer, tuple(text.split("\n")) if text else ())


def solved(row: Mapping[str, Any], style: PromptStyle | str, where: str) -> tuple[Problem, Sample]:
    """Problem and chain-of-thought sample of a row.

    Raises:
        StageError: see ``problem_of``; or the row has no worked solution.
    """
    problem = problem_of(row, where)
    if not problem.steps:
        raise _misfit(row, where, "worked solution", "a solution, or an answer that ends in '####'")
    segments = ((solution_of(problem), True),)
    meta = {"form": "cot", "habit": "steps"}
    return problem, Sample(make_prompt(style, problem.question), segments, meta)


def shuffled(
    rows: Sequence[Mapping[str, Any]], source: str, seed: int, stream: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """Each row with the words that name it, in a seeded order; of rows with one question the first stays."""
    order = np.random.default_rng(seed_for(seed, stream)).permutation(len(rows)).tolist()
    seen, out = set(), []
    for i in order:
        question = _first(_fields(rows[i]), QUESTION)
        if question and question in seen:  # or a question could be trained on and validated on
            continue
        seen.add(question)
        out.append((f"'{source}' row {i + 1}", rows[i]))
    return out


def _fields(row: Mapping[str, Any]) -> dict[str, str]:
    """Plain name -> text; ``reward_model.ground_truth`` counts as ``ground_truth``."""
    out = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and "ground_truth" in value:
            name, value = "ground_truth", value["ground_truth"]
        out.setdefault(_BETWEEN.sub("_", str(name).strip().lower()), _text(value))
    return out


def _text(value: Any) -> str:
    """A field as text: numbers plainly, lists joined, of a chat the last turn of the user; "" if there is nothing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float):
        return exact_text(value)
    if isinstance(value, list | tuple):
        turns = [v for v in value if isinstance(v, Mapping)]
        if turns:
            asked = [t for t in turns if t.get("role") == "user"]
            return _text(asked[-1].get("content")) if asked else ""
        return ", ".join(t for v in value if (t := _text(v)))
    return str(value).strip() if isinstance(value, str | int) else ""


def _first(fields: Mapping[str, str], names: Sequence[str]) -> str:
    return next((fields[n] for n in names if fields.get(n)), "")


def _is_worked(name: str, text: str) -> bool:
    """An answer is a worked solution if it ends in ``####`` or holds more than a box."""
    return name != "answer" or "####" in text or "\n" in text or _has_box_in_text(text)


def _has_box_in_text(text: str) -> bool:
    found = boxes(text)
    return bool(found) and len(text) > len(found[-1][1]) + len("$\\boxed{}$.")


def _has_answer(text: str) -> bool:
    return "####" in text or bool(boxes(text))


def _final(stated: str, question: str) -> str:
    """The answer alone; where a solution allows several, the whole text, which the grader reads."""
    if "####" in stated:
        answer = stated.rpartition("####")[2].strip()
    else:
        found = gold_answers(stated, question)
        answer = found[0] if len(found) == 1 else stated
    return answer.replace(",", "") if _THOUSANDS.fullmatch(answer) else answer


def _misfit(row: Mapping[str, Any], where: str, what: str, need: str) -> StageError:
    has = ", ".join(map(str, row)) or "nothing"
    return StageError(f"{where} has no {what}: it needs {need}; it has: {has}")
