"""A search plays against each rule reward: no text may be paid for two questions whose answers differ.

The stated rate is 0: of all the texts that the search tries, none. ``make test-hacking`` searches longer.
"""

import os

import pytest

from dsmath_lib.engines.hacking import search
from dsmath_lib.rewards.reward import reward
from dsmath_lib.rows.rewards import REWARDS

# pairwise different; each is near another one: by sign, power of ten, fraction, letter
GOLDS = (
    "5",
    "-5",
    "6",
    "56",
    "0.5",
    "5/6",
    "25",
    "120",
    "5000000",
    "5, 6",
    "x^5",
    "A",
    "B",
    "yes",
    "x>5",
)
STEPS = int(os.environ.get("DSMATH_SEARCH_STEPS", "250"))  # texts per reward and seed
PROGRAM_STEPS = STEPS // 10  # each text is run


def payer(rule: str):
    """For how many golds a completion is paid as a right one."""

    def paid(text: str) -> int:
        return sum(reward(rule, g, text, "eos")["accuracy"] == REWARDS[rule].right for g in GOLDS)

    return paid


@pytest.mark.parametrize(
    "rule", [r for r in REWARDS if r != "random"]
)  # a control that pays by chance
def test_no_text_answers_two_questions(rule):
    steps = PROGRAM_STEPS if REWARDS[rule].extraction == "program" else STEPS
    found = search(payer(rule), GOLDS, steps, seed=0)
    assert found.paid <= 1, found


def test_the_search_finds_what_a_naive_rule_pays():
    """The same search against "the gold answer stands somewhere in the text"."""
    found = search(lambda text: sum(g in text for g in GOLDS), GOLDS, 300, seed=0)
    assert found.paid >= 10
