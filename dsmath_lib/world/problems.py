"""Problems of the toy universe: drawing, splits and renderings (solution by habit, program, tool transcript).

Train, validation and test are split by a hash of the question, so no question is ever in two of them, whoever draws it
and with whatever seed. Web pages, SFT and RL draw from train only; benchmarks from test only.
"""

import re
from collections.abc import Sequence
from random import Random

from dsmath_lib.base.files import text_digest
from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.world.families import FAMILIES, HELD_OUT, Op, Operand

LEVELS = (1, 2, 3, 4, 5)
_LINE = re.compile(r"^[a-z]=(\w+)(//|[+*-])(\w+)$", re.MULTILINE)  # of a program
# how authors write a solution, as columns of their shares
HABITS = ("steps", "check", "skip", "guess", "careless")
SPLITS = ("train", "val", "test")
WORD_FAMILIES = tuple(f.name for f in FAMILIES.values() if f.kind == "word" and f.name != HELD_OUT)
ALGEBRA = tuple(f.name for f in FAMILIES.values() if f.kind == "algebra")

# name -> (families, language, levels)
TOY_BENCHMARKS: dict[str, tuple[tuple[str, ...], str, tuple[int, ...]]] = {
    "toy-gsm": (WORD_FAMILIES, "en", (1, 2, 3)),
    "toy-math": (ALGEBRA, "en", LEVELS),
    "toy-cmath": (WORD_FAMILIES, "zh", (1, 2, 3)),
    "toy-heldout": ((HELD_OUT,), "en", (1, 2, 3, 4)),
}


def split_of(question: str) -> str:
    """``train`` (70 %), ``val`` (15 %) or ``test`` (15 %), from a hash of the question's text."""
    bucket = int(text_digest(question)[:2], 16) / 256
    return "train" if bucket < 0.70 else "val" if bucket < 0.85 else "test"


def solve(ops: Sequence[Op]) -> list[tuple[int, str, int, int]]:
    """Evaluate operations: ``(left, op, right, result)`` with all references replaced by numbers.

    Raises:
        ValueError: a division leaves a remainder or a result is negative (a family's mistake).
    """
    done: list[tuple[int, str, int, int]] = []
    for left, op, right in ops:
        a, b = (done[int(v[1:])][3] if isinstance(v, str) else v for v in (left, right))
        if op == "/" and a % b:
            raise ValueError(f"{a} / {b} is not exact")
        result = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if op == "/" else 0}[op]
        if result < 0:
            raise ValueError(f"{a} {op} {b} is negative")
        done.append((a, op, b, result))
    return done


def draw_problem(rng: Random, family: str, level: int, lang: str) -> Problem:
    """One problem of a family, any split."""
    draft = FAMILIES[family].draw(rng, level)
    solved = solve(draft.ops)
    question = draft.zh if lang == "zh" else draft.en
    return Problem(
        id=text_digest(question)[:12],
        question=question,
        answer=str(solved[-1][3]),
        steps=tuple(f"{a}{op}{b}={r}" for a, op, b, r in solved),
        lang=lang,
        family=family,
        level=level,
        program=_code(draft.ops),
    )


def _code(ops: Sequence[Op]) -> str:
    name = [chr(ord("a") + i) for i in range(len(ops))]
    side = [
        [name[int(v[1:])] if isinstance(v, str) else str(v) for v in (left, right)]
        for left, _, right in ops
    ]
    lines = [
        f"{name[i]}={side[i][0]}{'//' if op == '/' else op}{side[i][1]}"
        for i, (_, op, _) in enumerate(ops)
    ]
    return "\n".join([*lines, f"print({name[-1]})"])


def operations(problem: Problem) -> tuple[Op, ...]:
    """The operations that solve a problem of the world, as its family drew them; () for another problem.

    They stand in its program, where each line names what earlier lines found.
    """

    def operand(text: str) -> Operand:
        return f"#{ord(text) - ord('a')}" if text.isalpha() else int(text)

    lines = _LINE.findall(problem.program) if problem.family else []
    return tuple((operand(left), op[0], operand(right)) for left, op, right in lines)


def sample_problems(
    n: int,
    *,
    split: str,
    seed: int,
    families: Sequence[str] | None = None,
    levels: Sequence[int] = LEVELS,
    langs: Sequence[str] = ("en", "zh"),
) -> list[Problem]:
    """``n`` different problems of one split; families, levels and languages are drawn evenly.

    Raises:
        ValueError: an unknown split or family, or more problems asked for than could be found.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}' (known: {', '.join(SPLITS)})")
    names = list(FAMILIES if families is None else families)
    unknown = [f for f in names if f not in FAMILIES]
    if unknown:
        raise ValueError(f"unknown families {unknown} (known: {', '.join(FAMILIES)})")
    rng = Random(seed_for("problems", seed, split))
    found: dict[str, Problem] = {}
    for _ in range(200 * n + 1000):
        if len(found) == n:
            break
        p = draw_problem(rng, rng.choice(names), rng.choice(list(levels)), rng.choice(list(langs)))
        if split_of(p.question) == split:
            found.setdefault(p.id, p)
    if len(found) < n:
        raise ValueError(f"only {len(found)} different problems of {names} found, {n} asked for")
    return list(found.values())


def benchmark(name: str, n: int, seed: int = 0) -> list[Problem]:
    """The first ``n`` problems of a toy benchmark (test split).

    Raises:
        ValueError: unknown name; lists the known ones.
    """
    if name not in TOY_BENCHMARKS:
        raise ValueError(f"unknown toy benchmark '{name}' (known: {', '.join(TOY_BENCHMARKS)})")
    families, lang, levels = TOY_BENCHMARKS[name]
    return sample_problems(
        n, split="test", seed=seed_for(name, seed), families=families, levels=levels, langs=(lang,)
    )


def final(answer: str, lang: str) -> str:
    """The closing line with the boxed answer."""
    said = "答案是 {}。" if lang == "zh" else "The answer is {}."
    return said.format(f"\\boxed{{{answer}}}")


def cot(problem: Problem, habit: str = "steps") -> str:
    """A right solution in one of ``HABITS`` but ``careless``; ends with the boxed answer.

    ``steps`` writes every step, ``skip`` only the last one, ``guess`` none, ``check`` adds the last step's inverse.
    """
    lines = {
        "steps": list(problem.steps),
        "skip": list(problem.steps[-1:]) if len(problem.steps) > 1 else [],
        "guess": [],
        "check": [*problem.steps, _inverse(problem.steps[-1], problem.lang)],
    }[habit]
    return "\n".join([*lines, final(problem.answer, problem.lang)])


def parts(step: str) -> tuple[str, str, str, str]:
    """A step's left operand, operator, right operand and result."""
    return re.fullmatch(r"(\d+)([+*/-])(\d+)=(\d+)", step).groups()


def _inverse(step: str, lang: str) -> str:
    a, op, b, r = parts(step)
    word = "检验：" if lang == "zh" else "Check: "
    undo = {"+": "-", "-": "+", "*": "/", "/": "*"}[op]
    return f"{word}{r}{undo}{b}={a}"


def careless(problem: Problem, rng: Random) -> str:
    """A step-by-step solution with one arithmetic slip that is carried into the answer (the last step is off)."""
    a, op, b, r = parts(problem.steps[-1])
    slips = (-10, -2, -1, 1, 2, 10)
    wrong = str(int(r) + rng.choice([d for d in slips if int(r) + d >= 0]))
    return "\n".join([*problem.steps[:-1], f"{a}{op}{b}={wrong}", final(wrong, problem.lang)])


def fenced_program(problem: Problem) -> str:
    """A fenced Python program that prints the answer (program-of-thought)."""
    return f"```python\n{problem.program}\n```"


def tir(problem: Problem) -> tuple[tuple[str, bool], ...]:
    """A tool-integrated transcript as ``(text, trained)``: program, tool output (not trained), closing line."""
    return (
        (f"{fenced_program(problem)}\n", True),
        (f"```output\n{problem.answer}\n```\n", False),
        (final(problem.answer, problem.lang), True),
    )
