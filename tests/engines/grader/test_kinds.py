"""Every kind of case: what the grader must accept and refuse, and the table of rules that is made from the cases."""

import pytest

from tests.engines.grader.kinds import PAGE, RULES, cases, page, verdict_on


@pytest.mark.parametrize("kind", RULES)
def test_cases(kind):
    wrong = [
        (c, v) for c in cases() if c["kind"] == kind and (v := verdict_on(c)).correct != c["right"]
    ]
    assert wrong == []


def test_every_rule_has_cases_of_both_sides():
    for kind in RULES:
        rows = [c for c in cases() if c["kind"] == kind]
        assert len(rows) >= 4 and {c["right"] for c in rows} == {True, False}, kind
    assert {c["kind"] for c in cases()} == set(RULES)


def test_the_table_of_rules_is_that_of_the_cases():
    """``python -m tests.engines.grader.kinds --write`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
