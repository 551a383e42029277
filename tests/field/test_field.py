"""Every case of ``cases.jsonl`` holds; ``checks.py`` says what a case is and reports by kind."""

import pytest

from tests.field.checks import CASES, CHECKS


def test_each_case_has_its_check():
    assert {c["id"] for c in CASES} == set(CHECKS) and len(CASES) == len(CHECKS)


@pytest.mark.parametrize("case", CASES, ids=[f"{c['kind']}-{c['id']}" for c in CASES])
def test_case(case, tmp_path):
    assert CHECKS[case["id"]](tmp_path) is True
