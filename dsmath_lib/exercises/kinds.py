"""Kinds of exercises: a function to write, numbers to find, words to choose, an open question.

A checker takes what a learner may honestly give (a list, an array, a tensor, a whole number) and says in one sentence
what is wrong with anything else. It never raises.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dsmath_lib.exercises import Exercise, register

Hints = tuple[str, str]
DIGITS = 1e-5  # relative: float32 is as good as float64


class Wrong(Exception):
    """The sentence for the learner."""


def function(
    id: str,
    reference: Callable,
    cases: Iterable[Sequence[Any]],
    hints: Hints,
    gives: str = "",
    say: Callable[..., str | None] = lambda *_: None,
    through: Callable[[Callable], Callable] = lambda f: f,
) -> None:
    """A function to write; it must give what ``reference`` gives for each case, a tuple of arguments.

    gives: what it returns, in words, where that is not plain. say: (arguments, result, wanted) -> a better sentence.
    through: what is compared, made from the function: its value and gradient, say.
    """
    names = list(inspect.signature(reference).parameters)
    takes = f"({', '.join(names)})"
    cases = [tuple(c) for c in cases]

    def verify(answer: Any) -> str | None:
        if not callable(answer):
            return f"expected a function of {takes}, got {_kind(answer)}"
        for at, case in enumerate(cases, 1):
            want = through(reference)(*_copied(case))
            shown = ", ".join(f"{n} = {_shown(a)}" for n, a in zip(names, case, strict=True))
            shown = shown if len(shown) < 150 else f"case {at} of {len(cases)}"
            try:
                got = through(answer)(*_copied(case))
            except Wrong as wrong:
                return f"for {shown}: {wrong}"
            except Exception as err:  # a learner's function may raise anything
                return f"for {shown} your function raised {type(err).__name__}: {err}"
            if got is None and want is not None:
                return f"for {shown} your function returned None: did you forget `return`?"
            if problem := differs(got, want, gives):
                return say(case, got, want) or f"for {shown}: {problem}"
        return None

    register(Exercise(id, hints, reference, verify))


def number(
    id: str,
    reference: float,
    hints: Hints,
    working: str,
    tol: float = 1e-6,
    above: float = 0.0,
    near: Mapping[float, str] | None = None,
    otherwise: str = "",
) -> None:
    """A number to find, to ``tol`` (absolute), or up to ``above`` more. near: a wrong number -> why it is wrong."""

    def verify(answer: Any) -> str | None:
        try:
            got = number_in(answer)
        except Wrong as wrong:
            return str(wrong)
        if -tol <= got - reference <= max(tol, above):
            return None
        for value, reason in (near or {}).items():
            if math.isclose(got, value, rel_tol=5e-3, abs_tol=tol):
                return reason
        return otherwise or f"not {_shown(got)}"

    register(Exercise(id, hints, reference, verify, working))


def several(
    id: str,
    reference: Sequence[float],
    hints: Hints,
    working: str,
    tol: float,
    says: Sequence[str],
    gives: str,
) -> None:
    """Some numbers to find, each to ``tol``; ``says``: what to think of where that number is wrong."""

    def verify(answer: Any) -> str | None:
        try:
            got = as_list(answer, len(reference), gives)
            got = [number_in(x) for x in got]
        except Wrong as wrong:
            return str(wrong)
        for g, want, said in zip(got, reference, says, strict=True):
            if not abs(g - want) <= tol:
                percent = abs(g - 100 * want) <= 100 * tol and abs(want) < 1
                return "give shares between 0 and 1, not percent" if percent else said
        return None

    register(Exercise(id, hints, tuple(reference), verify, working))


def words(
    id: str, reference: str, also: Sequence[str], hints: Hints, working: str, otherwise: str
) -> None:
    """A word to choose; case, blanks and hyphens do not count. also: other right words."""
    right = {_plain(w) for w in (reference, *also)}

    def verify(answer: Any) -> str | None:
        if not isinstance(answer, str):
            return f"expected text, got {_kind(answer)}"
        return None if _plain(answer) in right else otherwise

    register(Exercise(id, hints, reference, verify, working))


def open_question(notebook: str, answer: str) -> None:
    """A question without a check, and a model answer."""
    register(Exercise(f"{notebook}.open", (), " ".join(answer.split())))


# -- reading answers ------------------------------------------------------------------------------


def number_in(x: Any) -> float:
    """What ``float`` reads, except text; never nan.

    Raises:
        Wrong: says what it is instead.
    """
    if isinstance(x, str | bytes):
        raise Wrong(f"expected a number, got the text {x!r}")
    try:
        value = float(x)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise Wrong(f"expected a number, got {_kind(x)}") from None
    if math.isnan(value):
        raise Wrong("the result is nan, not a number")
    return value


def as_list(x: Any, n: int, gives: str = "") -> list[Any]:
    """``n`` things in order: a list, a tuple, an array or a tensor.

    Raises:
        Wrong: it is something else, or not ``n``.
    """
    gives = gives or f"{n} number{'' if n == 1 else 's'}"
    if isinstance(x, str | bytes | Mapping | set | frozenset):
        raise Wrong(f"expected {gives}, got {_kind(x)}")
    try:
        out = list(x)
    except TypeError:
        raise Wrong(f"expected {gives}, got {_kind(x)}") from None
    if len(out) != n:
        raise Wrong(f"expected {gives}, got {len(out)} item{'' if len(out) == 1 else 's'}: {x!r}")
    return out


def differs(got: Any, want: Any, gives: str = "") -> str | None:
    """None if ``got`` is as good as ``want``, else one sentence. The type of ``want`` decides what is compared."""
    try:
        right = _same(got, want, gives)
    except Wrong as wrong:
        return str(wrong)
    except Exception as err:  # an object of the learner's own may raise anything
        return f"expected {gives or _shown(want)}, got {_kind(got)} ({type(err).__name__})"
    return None if right else f"expected {_shown(want)}, got {_shown(got)}"


def _same(got: Any, want: Any, gives: str = "") -> bool:
    want = want.tolist() if hasattr(want, "tolist") else want
    if isinstance(want, bool):
        got = got.item() if hasattr(got, "item") else got
        if not isinstance(got, bool | int) or got not in (0, 1):
            raise Wrong(f"expected True or False, got {_kind(got)}")
        return bool(got) == want
    if isinstance(want, int | float):
        return math.isclose(number_in(got), want, rel_tol=DIGITS, abs_tol=1e-6)
    if isinstance(want, str):
        return isinstance(got, str) and got == want
    if isinstance(want, set):
        if not isinstance(got, set | frozenset | list | tuple):
            raise Wrong(f"expected a set, got {_kind(got)}")
        return set(got) == want
    if isinstance(want, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(want):
            raise Wrong(f"expected a dict with the keys {', '.join(map(repr, want))}")
        return all(_same(got[k], v) for k, v in want.items())
    return all(map(_same, as_list(got, len(want), gives), want))


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _copied(case: Sequence[Any]) -> list[Any]:
    """A learner's function may change its arguments."""
    return [
        a.copy() if isinstance(a, list) else a.clone() if hasattr(a, "clone") else a for a in case
    ]


def _kind(x: Any) -> str:
    if callable(x):
        return "a function"
    if x is None:
        return "None"
    text = repr(x)
    return f"the {type(x).__name__} {text}" if len(text) < 40 else f"a {type(x).__name__}"


def _shown(x: Any) -> str:
    """Numbers with as many digits as matter."""
    x = x.tolist() if hasattr(x, "tolist") else x
    if isinstance(x, bool | str) or x is None:
        return repr(x)
    if isinstance(x, float):
        return f"{x:.6g}"
    if isinstance(x, list | tuple):
        inside = ", ".join(map(_shown, x))
        return f"[{inside}]" if isinstance(x, list) else f"({inside})"
    return repr(x)
