"""Options of a choice question keep their labels, in whatever form a row has them."""

import pytest

from dsmath_lib.engines.grader import grade
from dsmath_lib.runs.nb08_evaluation.layouts import lettered

FIELDS = {"question": "q", "options": "o", "answer": "a"}


@pytest.mark.parametrize(
    ("options", "answer", "shown", "letter"),
    [
        (list("klmnopqrst"), 9, "(J) t", "J"),
        (["x", "y"], "B", "(A) x, (B) y", "B"),
        ({"label": ["1", "2"], "text": ["x", "y"]}, "2", "(A) x, (B) y", "B"),
        ({"1": "x", "2": "y"}, 2, "(A) x, (B) y", "B"),
        ({"B": "y", "A": "x"}, "A", "(A) y, (B) x", "B"),
        ("A) x B) y", "B", "(A) x (B) y", "B"),
    ],
)
def test_a_row_becomes_letters(options, answer, shown, letter):
    question, gold = lettered({"q": "Which?", "o": options, "a": answer}, FIELDS)
    assert question.endswith(shown) and gold == letter
    assert grade(gold, f"The final answer is {letter}.").correct


def test_an_index_past_the_options_is_an_error():
    with pytest.raises(IndexError):
        lettered({"q": "Which?", "o": ["x", "y"], "a": 5}, FIELDS)
