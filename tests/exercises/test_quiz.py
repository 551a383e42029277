"""Quick questions: one right option, a reason for each, and pages that need no script."""

import math
import re
from collections import Counter
from html import unescape

import pytest

from dsmath_lib.evaluation.metrics import pass_at_k
from dsmath_lib.exercises import numbers
from dsmath_lib.exercises.quiz import questions_of, quiz

ALL = [q for n in numbers() for q in questions_of(n).values()]
each = pytest.mark.parametrize("q", ALL, ids=lambda q: q.id)


def test_there_are_a_hundred():
    assert len(ALL) >= 100
    assert {q.id.partition(".")[0] for q in ALL} == set(numbers())


@each
def test_one_right_option_and_a_reason_for_each(q):
    assert q.options.count(q.right) == 1 and len(q.wrong) >= 2
    texts = [text for text, _ in q.options]
    reasons = [why for _, why in q.options]
    assert len(set(texts)) == len(texts) and len(set(reasons)) == len(reasons)
    assert all(text.strip() and len(why) > 12 for text, why in q.options)
    assert q.ask.rstrip().endswith(("?", "…"))


@each
def test_the_page_says_yes_once_and_shows_every_option(q):
    page = q._repr_html_()
    assert page.count("✓ Yes.") == 1 and page.count("✗ No.") == len(q.wrong)
    assert page.count("<details") == page.count("<summary") == len(q.options)
    assert (
        "<script" not in page
        and "http" not in page
        and "$" not in re.sub(r"<span>\$</span>", "", page)
    )
    yes = page[: page.index("✓ Yes.")].rpartition("<summary")[2]
    assert unescape(re.sub("<[^>]+>", "", yes.partition(">")[2])).strip() == q.right[0].strip()


def test_the_right_one_stands_anywhere():
    places = Counter(q.options.index(q.right) for q in ALL)
    assert set(places) == {0, 1, 2} and max(places.values()) < 0.5 * len(ALL)


def test_a_log_shows_the_options_and_no_answer():
    text = repr(quiz("05.q1"))
    assert text.count("( )") == 3 and "✓" not in text and quiz("05.q1").right[1] not in text


def test_an_unknown_question_names_the_known():
    with pytest.raises(KeyError, match=r"05\.q1, 05\.q2"):
        quiz("05.q99")


@pytest.mark.numeric
@pytest.mark.parametrize(
    ("ask", "value"),
    {
        "00.q5": ("1.73", (1 - 1 / 4) / math.sqrt(3) * 4),
        "02.q4": ("6.24", math.log(512)),
        "05.q2": ("85 %", 100 * 0.99**16),
        "06.q6": ("1.8", 36 / 20),
        "08.q3": ("0.79", pass_at_k(8, 2, 4)),
        "08.q5": ("9,600", 0.25 * (1.96 / 0.01) ** 2),
        "09.q7": ("One", 40 * 0.025),
    }.items(),
)
def test_numbers_of_right_answers(ask, value):
    text, number = value
    q = quiz(ask)
    assert any(text in part for o in (q.right, *q.wrong) for part in o)
    said = 1.0 if text == "One" else float(text.replace(",", "").split()[0])
    assert math.isclose(said, number, rel_tol=0.01)
