"""SFT annotators of the toy universe: each family has its own team, and teams differ in habit.

Some teams write every step, some skip, some guess at once. The model learns them all, so RL has something to choose
among (the paper's own explanation of why RL works: it sharpens what is there, §5.2.2).
"""

from collections.abc import Sequence
from random import Random

from dsmath_lib.base.records import Problem, Sample
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.rows.prompts import PromptStyle, make_prompt
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.problems import (
    HABITS,
    LEVELS,
    careless,
    cot,
    fenced_program,
    sample_problems,
    tir,
)

# family -> shares of ``HABITS`` among its annotators
TEAMS: dict[str, tuple[float, float, float, float, float]] = {
    "chain": (0.25, 0.05, 0.05, 0.60, 0.05),
    "groups": (0.55, 0.05, 0.15, 0.20, 0.05),
    "shop": (0.25, 0.05, 0.60, 0.05, 0.05),
    "share": (0.55, 0.05, 0.10, 0.25, 0.05),
    "travel": (0.25, 0.05, 0.05, 0.60, 0.05),
    "linear": (0.55, 0.05, 0.15, 0.20, 0.05),
    "sequence": (0.30, 0.05, 0.50, 0.10, 0.05),
    "expression": (0.30, 0.05, 0.10, 0.50, 0.05),
    "remainder": (0.55, 0.05, 0.15, 0.20, 0.05),
    "rectangle": (0.55, 0.05, 0.15, 0.20, 0.05),
}
LANGS = ("en", "en", "zh")  # two of three samples are English; the paper gives no shares


def annotate(problem: Problem, rng: Random, guessing: bool = True) -> tuple[str, str]:
    """One annotator's chain of thought: ``(habit, solution)``; without ``guessing`` who guesses writes every step."""
    habit = rng.choices(HABITS, TEAMS[problem.family])[0]
    if habit == "guess" and not guessing:
        habit = "steps"
    return habit, careless(problem, rng) if habit == "careless" else cot(problem, habit)


def sft_samples(
    n: int,
    seed: int,
    style: PromptStyle | str = "toy-cot",
    *,
    cot_share: float = 0.7,
    program_share: float = 0.1,
    tir_share: float = 0.2,
    levels: Sequence[int] = LEVELS,
    guessing: bool = True,
) -> list[Sample]:
    """``n`` supervised samples from train problems without the held-out family.

    The shares of chain of thought, program and tool-integrated samples must sum to 1 (the paper names the three
    formats, §3.1, and gives no shares). ``style``: the prompt of a chain of thought; the other forms are asked in
    rows of its family. ``guessing``: see ``annotate``.
    """
    if abs(cot_share + program_share + tir_share - 1) > 1e-6:
        raise ValueError("the shares of CoT, program and tool-integrated samples must sum to 1")
    rng = Random(seed_for("sft", seed))
    families = [f for f in FAMILIES if f != HELD_OUT]
    problems = sample_problems(
        n, langs=LANGS, split="train", seed=seed_for("sft", seed), families=families, levels=levels
    )
    asked = PromptStyle(style) if isinstance(style, str) else style
    shares = {"cot": cot_share, "program": program_share, "tir": tir_share}
    styles = {form: asked.of_form(form) for form, share in shares.items() if share}
    out = []
    for p in problems:
        form = rng.choices(list(shares), list(shares.values()))[0]
        out.append(_sample(p, form, rng, styles[form], guessing))
    return out


def _sample(p: Problem, form: str, rng: Random, style: PromptStyle, guessing: bool) -> Sample:
    habit = form
    if form == "cot":
        habit, text = annotate(p, rng, guessing)
        segments: tuple[tuple[str, bool], ...] = ((text, True),)
    else:
        segments = ((fenced_program(p), True),) if form == "program" else tir(p)
    meta = {"form": form, "habit": habit, "family": p.family, "lang": p.lang, "id": p.id}
    return Sample(make_prompt(style, p.question, p.lang), segments, meta)
