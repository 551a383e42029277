"""Cases by kind: one rule of reading or of equality each, with what it accepts and what it refuses.

``kinds.jsonl`` has a row a case: ``kind``, ``gold``, ``right`` (whether the grader must accept), and a bare ``answer``
or a ``completion``; ``choices``, ``question`` and ``rule`` where the case needs them. The table of rules in
``docs/grading.md`` is made from here:

    python -m tests.engines.grader.kinds --write
"""

import json
import sys
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.paths import ROOT
from dsmath_lib.engines.grader import Verdict, grade, grade_answer

BEGIN, END = "<!-- rules:begin -->", "<!-- rules:end -->"
PAGE = ROOT / "docs" / "grading.md"
READING = {
    "sign": "The sign of a number is part of it, with any of its characters; between two numbers a dash is a range.",
    "goes-on": "A number that goes on in words is another number: *5 million*, *3 and a half*, *5 less than 12*.",
    "side-by-side": "Two numbers side by side are no number, in digits or in words.",
    "hedge": "Values joined by *or*, a slash, *maybe*, or *it could also be* are one statement; all of them "
    "must be right.",
    "correction": "A new statement, or *no*, *wait*, *actually*, *I mean* before a value, takes back what was "
    "said: the last one "
    "stands alone. So do two boxes with other words between them.",
    "more-values": "Boxes or numbers in a row are a list; more values than are asked for are wrong.",
    "box-in-box": "The outermost box is the answer; a box in it marks nothing.",
    "denied": "What is said not to be the answer is not stated.",
    "thought": "What stands before a closing tag of thought or behind an opening one is never read.",
    "two-letters": "Letters joined by *or*, a slash or a question mark choose nothing; joined by *and* they "
    "choose several.",
    "article": "The article *A* and the pronoun *I* are no letters.",
    "labels": "Options keep the labels of their row (A to J, 1 to 9); the text of one option chooses it.",
    "few-shot-letter": "The few-shot reader wants a capital after *final answer is*, else after *answer is*, "
    "and no word behind it.",
    "fence": "Line ends may be CRLF.",
    "no-answer": "What is malformed, empty, or only holds the number is no answer.",
    "last-line": "Without any mark the last line is read: a formula whole (*2π* is not 2), values of one name as a "
    "list, a time as a time; what is taken back (*7 is wrong*) or given as a reason in brackets is not read.",
    "field": "Other forms of statements that public reports name.",
}  # fmt: skip
EQUALITY = {
    "values": "Numbers are compared exactly, in any spelling of theirs; 50% is 50 and 0.5.",
    "decimals": "A decimal is also what rounds to it, right in its last digit and within 1/10,000 (four digits "
    "at least beside an "
    "exact value); a whole number is nobody's rounding. A benchmark that allows an error says so (`tolerance`).",
    "exact": "Exact values are compared to 40 digits, or to 50 of the largest term of a sum.",
    "functions": "Expressions are equal if they agree at random places and beside and beyond every number that "
    "they hold.",
    "operators": "Sums, products, integrals and derivatives are computed.",
    "words-change": "A word behind a number is a unit or a noun; a word that makes another number of it is neither.",
    "product": "Letters behind a number are a product, unless they are a known unit.",
    "letters": "Letters alone are a code, a name or a sequence, and compared as text.",
    "prose": "Words are compared without case and articles; numbers in them stay apart.",
    "scripts": "Superscript letters are exponents, subscript letters are indices.",
    "fractions": "A vulgar fraction behind a whole number is added to it.",
    "spelling": "Signs and their LaTeX are one spelling: roots, Greek, ‰, ≤, brackets of matrices, I for i.",
    "layout": "Layout commands go, and nothing else with them.",
    "units": "Known units are converted; another unit is another answer, behind an expression too; degrees are "
    "no radians.",
    "question-unit": "An answer may leave out only a unit that the question names (where the question is known).",
    "left-side": "Two equations must name the same thing, or be the same equation; beside a bare value the "
    "name is dropped.",
    "equations": "Equations are equal up to a constant factor, once their denominators are gone.",
    "chains": "A chain ends in the answer if its last link is true.",
    "alternatives": "Alternatives (`1 or 2`, ±) are a set, named values (`x=1, y=2`) a tuple in the order of "
    "the names.",
    "lists": "A bare list is a set or a tuple, as the other side says; the index of a family may have any name.",
    "sets": "Sets of reals are compared at, between and beyond all ends and roots.",
    "vectors": "A cross product is no product.",
    "matrices": "Matrices are compared by shape and entry; a column is also its tuple.",
    "times": "Times of day, dates and days of the week are compared as such; a date without a year fits any year.",
    "ratios": "Ratios are compared up to a common factor; *a : b* is also *a/b*.",
    "residues": "A residue is compared modulo its modulus; a quotient with a remainder by both.",
    "bases": "Digits with a base are compared as digits; an index is no base.",
}  # fmt: skip
RULES = READING | EQUALITY


def cases() -> list[dict[str, Any]]:
    text = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def verdict_on(case: dict[str, Any]) -> Verdict:
    question, choices = case.get("question", ""), case.get("choices", ())
    if "answer" in case:
        return grade_answer(case["gold"], case["answer"], question, choices=choices)
    return grade(
        case["gold"], case["completion"], case.get("rule", "lenient"), question, choices=choices
    )


def _cell(text: str) -> str:
    """Text in a cell of a table of Markdown, as code."""
    shown = text.replace("\r", "").replace("\n", " ⏎ ").replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def _example(kind: str, right: bool, rows: list[dict[str, Any]]) -> str:
    fitting = [r for r in rows if r["kind"] == kind and r["right"] is right and len(str(r)) < 190]
    row = fitting[0]
    asked = f"{row['question']} " if "question" in row else ""
    return f"{asked}{_cell(str(row['gold']))} ~ {_cell(row['answer'] if 'answer' in row else row['completion'])}"


def table() -> str:
    """The rules as Markdown, each with the first short case that it accepts and the first that it refuses."""
    rows, lines = cases(), []
    for title, rules in (("Reading", READING), ("Equality", EQUALITY)):
        lines += [f"| {title} | accepted: gold ~ text | refused | cases |", "|---|---|---|---|"]
        for kind, sentence in rules.items():
            n = sum(r["kind"] == kind for r in rows)
            lines.append(
                f"| {sentence} | {_example(kind, True, rows)} | {_example(kind, False, rows)} | {n} |"
            )
        lines.append("")
    return "\n".join(lines).rstrip()


def page() -> str:
    """``docs/grading.md`` with the table of now."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_atomic(PAGE, page())
    else:
        print(table())
