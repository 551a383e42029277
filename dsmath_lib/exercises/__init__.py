"""The exercises of the notebooks, with hints, solutions and checks.

``check("05.1", answer)``, ``hint("05.1")``, ``hint("05.1", 2)``, ``solution("05.1")``. Each file ``exNN.py`` registers
its exercises by the kinds of ``kinds.py``. ``check`` never raises, so *Run All* and papermill pass over answers that
are still ``...``. An open question has no check; ``solution("05.open")`` answers it. ``built("05.7", f)`` gives a real
run the learner's function, once it is right.
"""

import dis
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dsmath_lib.exercises.quiz import quiz as quiz


@dataclass(frozen=True)
class Exercise:
    """``verify(answer)`` returns None if right, else one sentence on what is wrong; None for an open question.

    hints: a push, then the way. reference: a right answer, for an open question a model answer. working: how a
    reference that is no function is found.
    """

    id: str
    hints: tuple[str, ...]
    reference: Any
    verify: Callable[[Any], str | None] | None = None
    working: str = ""


_REGISTRY: dict[str, Exercise] = {}


def register(exercise: Exercise) -> None:
    """Make an exercise known under its id."""
    _REGISTRY[exercise.id] = exercise


def all_of(notebook: str) -> list[Exercise]:
    """The exercises of one notebook number, e.g. ``"05"``, open questions last; [] if there is no such notebook."""
    if notebook not in numbers():
        return []
    importlib.import_module(f"{__name__}.ex{notebook}")
    return [e for e in _REGISTRY.values() if e.id.startswith(notebook + ".")]


def numbers() -> list[str]:
    """The numbers of the notebooks that have exercises."""
    names = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(n[2:] for n in names if n.startswith("ex") and n[2:].isdigit())


def _find(id: str) -> Exercise | None:
    """The exercise, or None after a line that names the known ones."""
    found = {e.id: e for e in all_of(str(id).split(".")[0])}
    if id not in found:
        known = ", ".join(found) or ", ".join(f"{n}.1" for n in numbers())
        print(f"there is no exercise {id!r} (known: {known})")
    return found.get(id)


def check(id: str, answer: Any) -> None:
    """Print whether an answer is right. ``...`` or None means not attempted."""
    if (exercise := _find(id)) is None:
        return
    if exercise.verify is None:
        print(f"– {id}: an open question; solution({id!r}) shows one answer")
    elif answer is ... or answer is None or _is_stub(answer):
        print(f"– {id}: not attempted yet")
    else:
        problem = exercise.verify(answer)
        print(f"✓ {id}: right" if problem is None else f"✗ {id}: {problem}")


def built(id: str, answer: Any) -> Callable:
    """Your function if it is right, else the library's answer to the same task; says which."""
    exercise = _find(id)
    if exercise is None or not inspect.isfunction(exercise.reference):
        raise KeyError(f"{id!r} is no function to write")
    if answer is ... or answer is None or _is_stub(answer):
        print(f"{id} is not written yet: the run takes solution({id!r})")
    elif (problem := exercise.verify(answer)) is None:
        print(f"{id}: the run takes your function")
        return answer
    else:
        print(f"{id} is not right yet ({problem}): the run takes solution({id!r})")
    return exercise.reference


def _is_stub(answer: Any) -> bool:
    """A function whose body is ``...``, ``pass`` or a docstring: it does nothing but return None or ``...``."""
    if not inspect.isfunction(answer):
        return False
    code = list(dis.get_instructions(answer))
    only = {"RESUME", "NOP", "LOAD_CONST", "POP_TOP", "RETURN_VALUE", "RETURN_CONST"}
    constants = [i.argval for i in code if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    return {i.opname for i in code} <= only and all(c is None or c is ... for c in constants)


def hint(id: str, step: int = 1) -> None:
    """Print a hint: step 1 gives a push, step 2 the way."""
    if exercise := _find(id):
        hints = exercise.hints or ("an open question: there is more than one good answer",)
        at = min(max(int(step), 1), len(hints))
        print(hints[at - 1])
        if at < len(hints):
            print(f'(hint("{id}", {at + 1}) says more)')


def solution(id: str) -> None:
    """Print a right answer and the way to it."""
    if (exercise := _find(id)) is None:
        return
    ref = exercise.reference
    if inspect.isfunction(ref):
        print(inspect.getsource(ref))
    elif exercise.verify is None:
        print("\n".join(textwrap.wrap(ref, 100)))
    else:
        print(f"{exercise.working}\n→ {ref!r}")
