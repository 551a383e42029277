"""What a training changed in the answers: who guesses, who has the plan, whose sums hold.

It is exact, because the toy world knows the operations of each of its problems. The table stands in 05, 07, 08 and 09.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dsmath_lib.base.records import Problem
from dsmath_lib.evaluation.behaviour import writes_code
from dsmath_lib.evaluation.equations import Equation, plain_equations
from dsmath_lib.evaluation.metrics import (
    Estimate,
    clustered,
    paired_difference,
    ratio_values,
    read_estimate,
)
from dsmath_lib.world.problems import operations


class Work(NamedTuple):
    """What one answer shows: plain equations, how many are true, all operations there, a program, a right answer."""

    equations: int
    holding: int
    plan: bool
    code: bool
    right: bool

    @property
    def guesses(self) -> bool:
        """The answer alone: no equation and no program before it."""
        return not (self.equations or self.code)


# measure -> (what is counted, of how many) in one answer
MEASURES = {
    "right": lambda w: (w.right, 1),
    "guesses": lambda w: (w.guesses, 1),
    "plan": lambda w: (w.plan, 1),
    "holding": lambda w: (w.holding, w.equations),
    "right_with_work": lambda w: (w.right and not w.guesses, not w.guesses),
}
WORDS = {
    "right": "right answer",
    "guesses": "guess at once",
    "plan": "right plan",
    "holding": "equations that hold",
    "right_with_work": "right, of those with work",
}
Works = Sequence[Work | None]  # one answer to each question; None: no problem of the world


def work_of(problem: Problem, text: str, right: bool) -> Work | None:
    """What an answer to a problem of the world shows; None for any other problem.

    It has the right plan if every operation of the problem's solution is there: with the numbers of the problem, or
    with results that the answer itself wrote, right or wrong. Checks and repairs beside it do no harm.
    """
    done = Operations(problem)
    if not done.wanted:
        return None
    found = plain_equations(text)
    for e in found:
        done.take(e)
    holding = sum(e.holds for e in found)
    return Work(len(found), holding, all(done.results), writes_code(text), bool(right))


class Operations:
    """The operations of a problem's solution, and what an answer has found for each so far."""

    def __init__(self, problem: Problem):
        self.wanted = operations(problem)
        self.results: list[set[str]] = [set() for _ in self.wanted]

    def take(self, e: Equation) -> bool:
        """Note an equation; is it one of the operations, with the problem's numbers or the answer's own results?"""
        belongs = False
        for result, (left, op, right) in zip(self.results, self.wanted, strict=True):
            if _is_operation(e.left, op, self._values(left), self._values(right)):
                result.add(e.right)
                belongs = True
        return belongs

    def _values(self, operand: int | str) -> set[str]:
        """What may stand for an operand: its number, or what was found for the operation it names."""
        return self.results[int(operand[1:])] if isinstance(operand, str) else {str(operand)}


def right_steps(problem: Problem, steps: Sequence[str], right: bool) -> list[bool]:
    """Is each step of an answer right? The last one if the answer is; any other if it writes an operation of the
    solution and all its equations hold. A step without an equation brings nothing."""
    done, out = Operations(problem), []
    for text in steps:
        found = plain_equations(text)
        belongs = [done.take(e) for e in found]
        out.append(bool(found) and all(belongs) and all(e.holds for e in found))
    return [*out[:-1], bool(right)] if out else []


def _is_operation(written: str, op: str, left: set[str], right: set[str]) -> bool:
    """``written`` is ``left op right``; sums and products may be turned."""
    parts = re.fullmatch(r"(\d+) ?([+*/-]) ?(\d+)", written)
    if parts is None or parts[2] != op:
        return False
    a, b = parts[1], parts[3]
    return (a in left and b in right) or (op in "+*" and b in left and a in right)


def read_works(row: Mapping[str, Any]) -> Works:
    """The works that a validation logged; [] in a row without."""
    return [w and Work(*w) for w in row.get("work", ())]


def logged(problems: Sequence[Problem], texts: Sequence[str], right: Sequence[bool]) -> dict:
    """``{"work": …}`` for the row of a validation, one answer to each question; {} without problems of the world."""
    works = [work_of(*x) for x in zip(problems, texts, right, strict=True)]
    return {"work": works} if any(works) else {}


def moments(rows: Sequence[Mapping[str, Any]]) -> dict[str, Works]:
    """Before, early (the first look after that) and end, of the validations of one run; {} if nothing was logged."""
    seen = [(r["step"], found) for r in rows if (found := read_works(r))]
    if len(seen) < 2:
        return {}
    early = {f"after {seen[1][0]} steps": seen[1][1]} if len(seen) > 2 else {}
    return {"before": seen[0][1]} | early | {f"after {seen[-1][0]} steps": seen[-1][1]}


def share_of_work(works: Works, measure: str) -> Estimate | None:
    """One measure of one answer to each question; None where nothing can be counted."""
    values = _per_question(works, measure)
    return clustered(values) if values else None


def change(before: Works, after: Works, measure: str) -> Estimate | None:
    """After minus before, the same questions; None where one of them has nothing to count."""
    a, b = (_per_question(w, measure) for w in (after, before))
    return paired_difference(a, b) if a and b else None


def _per_question(works: Works, measure: str) -> list[float]:
    counted = [MEASURES[measure](w) for w in works if w is not None]
    if not sum(of for _, of in counted):
        return []
    return ratio_values([float(x) for x, _ in counted], [float(of) for _, of in counted])


def changes_table(seen: Mapping[str, Works]) -> list[dict[str, Any]]:
    """A row for each moment, and what changed between the first and the last, with intervals."""
    if not seen:
        return []
    rows = [{"": w} | {WORDS[m]: share_of_work(x, m) for m in MEASURES} for w, x in seen.items()]
    first, *_, last = seen.values()
    return [*rows, {"": "last − first"} | {WORDS[m]: change(first, last, m) for m in MEASURES}]


def families_table(problems: Sequence[Problem], seen: Mapping[str, Works]) -> list[dict[str, Any]]:
    """A row for each family of problems: the change of right answers, and the other measures over the moments."""
    out = []
    for name in sorted({p.family for p in problems if p.family}) if seen else ():
        rows = [i for i, p in enumerate(problems) if p.family == name]
        parts = [[works[i] for i in rows] for works in seen.values()]
        row = {
            "family": name,
            "n": len(rows),
            "right, change": change(parts[0], parts[-1], "right"),
        }
        for m in MEASURES:
            row[WORDS[m]] = " → ".join(_percent(share_of_work(p, m)) for p in parts)
        out.append(row)
    return out


def _percent(e: Estimate | None) -> str:
    return "–" if e is None else f"{100 * e.value:.0f}"


def change_metrics(problems: Sequence[Problem], seen: Mapping[str, Works]) -> dict[str, Estimate]:
    """``work.before.X``, ``work.early.X`` (if there was one), ``work.end.X``, ``work.change.X``, and of each family
    ``work.change.FAMILY.X``, for each measure X."""
    if not seen:
        return {}
    names = ("before", "end") if len(seen) == 2 else ("before", "early", "end")
    found = dict(zip(names, seen.values(), strict=True))
    out = {f"work.{w}.{m}": share_of_work(x, m) for w, x in found.items() for m in MEASURES}
    parts = {"": list(range(len(problems)))}
    for i, p in enumerate(problems):
        parts.setdefault(f"{p.family}." if p.family else "other.", []).append(i)
    for name, rows in parts.items():
        a, b = ([found[w][i] for i in rows] for w in ("before", "end"))
        out |= {f"work.change.{name}{m}": change(a, b, m) for m in MEASURES}
    return {k: v for k, v in out.items() if v is not None}


def read_changes(metrics: Mapping[str, Any], front: str = "") -> dict[str, Estimate]:
    """What ``change_metrics`` wrote into a ``results.json``, there with ``front`` before each name."""
    start = f"{front}work."
    named = (
        (k.removeprefix(front), read_estimate(v)) for k, v in metrics.items() if k.startswith(start)
    )
    return {k: e for k, e in named if e is not None}


def moments_table(metrics: Mapping[str, Estimate], title: str) -> list[dict[str, Any]]:
    """The rows of ``changes_table`` from metrics, each with a ``title``; [] without any."""
    times = ("before", "early", "end", "change")
    rows = {t: {WORDS[m]: metrics.get(f"work.{t}.{m}") for m in MEASURES} for t in times}
    return [{"run": title, "": t} | row for t, row in rows.items() if any(row.values())]


def reading(metrics: Mapping[str, Estimate]) -> str:
    """What the numbers of ``change_metrics`` say, in words that they decide: a change counts if its interval is not
    across 0."""
    found = {m: metrics[f"work.change.{m}"] for m in MEASURES if f"work.change.{m}" in metrics}
    if not found:
        return "Nothing to compare: no two looks at problems of the world."
    said = [f"{WORDS[m]} {_moved(e)}" for m, e in found.items()]
    up = {m for m, e in found.items() if e.low > 0}
    down = {m for m, e in found.items() if e.high < 0}
    return f"Change in points: {'; '.join(said)}. {_because(up, down)}"


def _because(up: set[str], down: set[str]) -> str:
    if "right" in down:
        return "It answers worse than before."
    if "right" not in up:
        return "No gain is shown, so there is none to explain."
    habit = "guesses" in down or "plan" in up
    if "holding" in up:
        return "It calculates better" + (", and it shows its work more often." if habit else ".")
    if habit:
        return "It shows its work more often; that it calculates better is not shown."
    return "Neither habit nor arithmetic explains the gain beyond chance."


def _moved(e: Estimate) -> str:
    text = f"{100 * e.value:+.1f} [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"
    return text if e.low > 0 or e.high < 0 else f"{text}, no change beyond chance"
