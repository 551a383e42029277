"""From a row of a data set to a question and its gold answer. A layout is a pure function of the row and its fields."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dsmath_lib.base.text import exact_text
from dsmath_lib.engines.grader import LETTERS, boxes, gold_answers, options_of

_Row = Mapping[str, Any]
CHOICE = "What of the following is the right choice? Explain your answer."
CHOICE_ZH = "从以下选项中选择:"


def _gold(raw: Any, question: str) -> str:
    """The answer alone; a solution that allows several answers stays whole, because the grader reads it."""
    text = exact_text(raw)
    found = gold_answers(text, question)
    return found[0] if len(found) == 1 else text


def plain(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """``question`` and ``answer`` as they are; a worked solution is reduced to its answer."""
    question = str(row[fields["question"]]).strip()
    return question, _gold(row[fields["answer"]], question)


def lettered(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """English choice: the options ``(A) …, (B) …`` below the question; the gold answer is a letter.

    Options are a list, a dict, or labels and texts (``options_of``); labels of another kind (1, 2, …) become letters,
    in the question and in the answer. A whole number that is no label counts the options from 0.
    """
    options, between = row[fields["options"]], ", "
    if isinstance(options, str):  # SAT: "A) … B) …"
        pieces = re.split(r"(?:^|\s)([A-J])\) ", options.strip())[1:]
        options, between = dict(zip(pieces[::2], pieces[1::2], strict=True)), " "
    found = options_of(options)
    letters = dict(zip(found, LETTERS, strict=False))
    listed = between.join(f"({c}) {found[k].strip()}" for k, c in letters.items())
    answer = row[fields["answer"]]
    label = str(answer).strip()
    if isinstance(answer, int) and label not in letters:
        label = list(letters)[answer]
    return f"{str(row[fields['question']]).strip()}\n{CHOICE}\n{listed}", letters.get(label, label)


def lettered_zh(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """Gaokao choice: options hold their letters; a gold answer may name several (``A C``)."""
    question = str(row[fields["question"]]).strip().rstrip("\\").strip()
    options: Sequence[str] = row[fields["options"]]
    listed = " ".join(o.strip() for o in options)
    letters = "".join(re.findall("[A-D]", str(row[fields["answer"]])))
    return f"{question}\n{CHOICE_ZH}    {listed}", letters


def raw(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """Gaokao cloze: the parts of the gold answer stay joined by ``;``."""
    return str(row[fields["question"]]).strip(), exact_text(row[fields["answer"]]).strip()


def listed(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """OlympiadBench: a list of one gold string, the context before the question."""
    context = row.get("context")
    question = str(row[fields["question"]]).strip()
    golds = [exact_text(g).strip().strip("$").strip() for g in row[fields["answer"]]]
    return f"{context.strip()}\n{question}" if context else question, _gold(
        ", ".join(g.replace("$,$", ", ") for g in golds), question
    )


def solution_box(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """Minerva: the gold answer is the last box of the solution."""
    found = boxes(str(row[fields["answer"]]))
    question = str(row[fields["question"]]).strip()
    return question, found[-1][1] if found else _gold(row[fields["answer"]], question)


def formal(row: _Row, fields: Mapping[str, str]) -> tuple[str, str]:
    """miniF2F: the informal problem and proof in a comment, then the statement to prove."""
    informal, proof = row["informal_statement"].strip(), row["informal_proof"].strip()
    statement = str(row[fields["question"]]).strip()
    head = f"(*### Problem\n\n{informal}\n\n### Solution\n\n{proof} *)"
    return f"{head}\n\nFormal:\n{statement}", "proof"


LAYOUTS: dict[str, Callable[[_Row, Mapping[str, str]], tuple[str, str]]] = {
    "plain": plain,
    "lettered": lettered,
    "lettered-zh": lettered_zh,
    "raw": raw,
    "listed": listed,
    "solution-box": solution_box,
    "formal": formal,
}


def tolerance_of(row: _Row) -> float:
    """The absolute error a row allows (OlympiadBench's ``error``); 0 where none is given."""
    try:
        return float(row.get("error") or 0.0)
    except (TypeError, ValueError):
        return 0.0
