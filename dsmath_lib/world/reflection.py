"""Long solutions of the toy world: every step, slips that are noticed and mended, a check at the end.

They stand in for the long chains of thought of a large teacher, on which SimpleRL warms its model up (facts §8.1).
"""

from random import Random

from dsmath_lib.base.records import Problem
from dsmath_lib.world.problems import cot, parts

SLIP = 0.3  # share of steps that go wrong at first
_SLIPS = (-10, -2, -1, 1, 2, 10)
_WORDS = {"en": ("Wait, {undo} is not {a}.", "Retry:"), "zh": ("等等，{undo}不是{a}。", "重算：")}


def long_cot(problem: Problem, rng: Random) -> str:
    """A right solution that looks back: some steps are wrong at first, found by the inverse, and done again."""
    notice, again = _WORDS["zh" if problem.lang == "zh" else "en"]
    lines = []
    for step in problem.steps:
        a, op, b, r = parts(step)
        if op in "+-" and rng.random() < SLIP:
            wrong = int(r) + rng.choice([d for d in _SLIPS if int(r) + d >= 0])
            undo = f"{wrong}{'-' if op == '+' else '+'}{b}"
            lines += [f"{a}{op}{b}={wrong}", notice.format(undo=undo, a=a), f"{again} {step}"]
        else:
            lines.append(step)
    check, final = cot(problem, "check").split("\n")[-2:]
    return "\n".join([*lines, check, final])
