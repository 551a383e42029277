"""The page reader's door: HTML becomes text that keeps its formulas, and its language is told.

Only this module is imported from outside; the engine stands on ``base`` and third parties alone.
"""

from dsmath_lib.engines.webtext.formulas import clean_latex
from dsmath_lib.engines.webtext.languages import language, without_formulas
from dsmath_lib.engines.webtext.pages import PageError, documents, extract, source_sample

__all__ = [
    "PageError",
    "clean_latex",
    "documents",
    "extract",
    "language",
    "source_sample",
    "without_formulas",
]
