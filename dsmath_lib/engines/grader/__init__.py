"""The grader's door: what a completion answers, and whether that equals the gold answer.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.grader.boxed import boxes
from dsmath_lib.engines.grader.choice import LETTERS, options_of
from dsmath_lib.engines.grader.command import grade_file
from dsmath_lib.engines.grader.equality import answers_equal
from dsmath_lib.engines.grader.evaluation import evaluate
from dsmath_lib.engines.grader.expression import parse
from dsmath_lib.engines.grader.rules import DEFAULT_RULE, RULES, before, extract
from dsmath_lib.engines.grader.tree import variables
from dsmath_lib.engines.grader.values import Undecided
from dsmath_lib.engines.grader.verdict import (
    VERSION,
    Verdict,
    gold_answers,
    grade,
    grade_answer,
)

__all__ = [
    "DEFAULT_RULE",
    "LETTERS",
    "RULES",
    "VERSION",
    "Undecided",
    "Verdict",
    "answers_equal",
    "before",
    "boxes",
    "evaluate",
    "extract",
    "gold_answers",
    "grade",
    "grade_answer",
    "grade_file",
    "options_of",
    "parse",
    "variables",
]
