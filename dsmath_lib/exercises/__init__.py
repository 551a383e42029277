"""The exercises of the notebooks, with hints, solutions and checks.

``check("05.1", answer)``, ``hint("05.1")``, ``solution("05.1")``. Each file ``exNN.py`` registers its exercises.
``check`` never raises, so *Run All* and papermill pass over answers that are still ``...``; the tests run every
reference solution through its own check.
"""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Exercise:
    """``verify(answer)`` returns None if right, else one sentence on what is wrong. ``reference`` is a right answer."""

    id: str
    hint: str
    reference: Any
    verify: Callable[[Any], str | None]


_REGISTRY: dict[str, Exercise] = {}


def register(
    id: str, hint: str, reference: Any
) -> Callable[[Callable[[Any], str | None]], Callable]:
    """Decorator for the ``verify`` function of an exercise."""

    def add(verify: Callable[[Any], str | None]) -> Callable:
        _REGISTRY[id] = Exercise(id, hint, reference, verify)
        return verify

    return add


def _get(id: str) -> Exercise:
    importlib.import_module(f"dsmath_lib.exercises.ex{id.split('.')[0]}")
    return _REGISTRY[id]


def all_of(notebook: str) -> list[Exercise]:
    """The exercises of one notebook number, e.g. ``"05"``."""
    importlib.import_module(f"dsmath_lib.exercises.ex{notebook}")
    return [e for e in _REGISTRY.values() if e.id.startswith(notebook + ".")]


def check(id: str, answer: Any) -> None:
    """Print whether an answer is right. ``...`` or None means not attempted."""
    if answer is ... or answer is None or _is_stub(answer):
        print(f"– {id}: not attempted yet")
        return
    try:
        problem = _get(id).verify(answer)
    except Exception as err:  # a learner's function may raise anything; the notebook must go on
        problem = f"your answer raised {type(err).__name__}: {err}"
    print(f"✓ {id}: right" if problem is None else f"✗ {id}: {problem}")


def _is_stub(answer: Any) -> bool:
    """A function whose body is only ``...`` (and perhaps a docstring)."""
    if not inspect.isfunction(answer):
        return False
    code = answer.__code__
    return len(code.co_code) <= len((lambda: ...).__code__.co_code) + 4 and code.co_consts[-1] in (
        None,
        ...,
    )


def hint(id: str) -> None:
    """Print the hint of an exercise."""
    print(_get(id).hint)


def solution(id: str) -> None:
    """Print the reference solution."""
    ref = _get(id).reference
    print(inspect.getsource(ref) if inspect.isfunction(ref) else repr(ref))
