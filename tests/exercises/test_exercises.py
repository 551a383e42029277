"""Every exercise accepts its own reference solution, refuses a wrong answer, and skips a stub."""

import pkgutil

import pytest

import dsmath_lib.exercises as ex

NOTEBOOKS = sorted(m.name[2:] for m in pkgutil.iter_modules(ex.__path__) if m.name.startswith("ex"))
ALL = [e for nb in NOTEBOOKS for e in ex.all_of(nb)]
WRONG = (-12345.678, "not an answer", [], lambda *args, **kwargs: "not an answer")


def test_every_notebook_has_at_least_three():
    assert NOTEBOOKS
    for nb in NOTEBOOKS:
        assert len(ex.all_of(nb)) >= 3, nb


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.id)
class TestExercise:
    def test_reference_passes(self, exercise, capsys):
        ex.check(exercise.id, exercise.reference)
        assert capsys.readouterr().out == f"✓ {exercise.id}: right\n"

    @pytest.mark.parametrize("wrong", WRONG, ids=["number", "text", "list", "function"])
    def test_wrong_fails_with_a_reason(self, exercise, wrong, capsys):
        ex.check(exercise.id, wrong)
        out = capsys.readouterr().out
        assert out.startswith(f"✗ {exercise.id}: ") and len(out) > 15

    def test_stub_is_not_attempted(self, exercise, capsys):
        ex.check(exercise.id, ...)
        ex.check(exercise.id, lambda: ...)
        assert capsys.readouterr().out == f"– {exercise.id}: not attempted yet\n" * 2

    def test_hint_and_solution_print(self, exercise, capsys):
        ex.hint(exercise.id)
        ex.solution(exercise.id)
        assert len(capsys.readouterr().out) > 10
