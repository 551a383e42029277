"""Few-shot prompts as rows of data: how a demonstration is written, how the question is asked, where the model stops.

The frames are those of the paper's released evaluation (facts §9.2): a base model answers well only in a form it has
seen. The demonstrations are our own (``demonstrations.yaml``), as many as the paper uses. With a local copy of the
published prompts, ``published`` takes those instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from dsmath_lib.base.errors import StageError
from dsmath_lib.stage.data import read_rows

PUBLISHED = "math/deepseek_math/few_shot_prompts.jsonl"  # below data_dir; fields task, name, text


@dataclass(frozen=True)
class Format:
    """A few-shot frame.

    demo: one demonstration, with ``{i}``, ``{question}`` and ``{solution}`` or ``{program}``, its gap included.
    ask: the question at the end; the completion follows.
    stop: the model goes on with the next question; generation ends at any of these.
    program: how the completion becomes a program (``programs.STYLES``); "": the completion is text.
    published: the published prompt's ``task``; gap: what stands between it and ``ask``.
    """

    demo: str
    ask: str
    stop: tuple[str, ...]
    program: str = ""
    published: str = ""
    gap: str = "\n\n"


_EXPERT = (
    "You are an expert programmer. Solve the above mathematical problem by writing a Python "
    "program. Express your answer as a numeric type or a SymPy object."
)
_PROBLEM = ("\nProblem:",)

FORMATS: dict[str, Format] = {
    "toy-qa": Format(
        "Question: {question}\nAnswer: {solution}\n\n",
        "Question: {question}\nAnswer:",
        ("\nQuestion:", "\n\n"),
    ),
    "toy-qa-program": Format(
        "Question: {question}\nAnswer: {program}\n\n",
        "Question: {question}\nAnswer:",
        ("\nQuestion:", "\n\n"),
        program="print",
    ),
    "gsm8k-cot": Format(
        "Q: {question}\nA: {solution}\n\n\n",
        "Q: {question}\nA:",
        ("\nQ:",),
        published="cot_gsm_8_shot",
        gap="\n\n\n",
    ),
    "gsm8k-pot": Format(
        "Q: {question}\n\n# solution in Python:\n\n\n{program}\n\n\n\n\n\n",
        "Q: {question}\n\n# solution in Python:",
        ("\nQ:", "Q: "),
        program="function",
        published="pal_gsm_8_shot",
        gap="\n\n\n\n\n\n",
    ),
    "math-cot": Format(
        "Problem:\n{question}\n\nSolution:\n{solution}\n\n",
        "Problem:\n{question}\n\nSolution:",
        _PROBLEM,
        published="cot_minerva_math_4_shot",
    ),
    "math-pot": Format(
        f"Problem:\n{{question}}\n\n{_EXPERT}\n{{program}}\n\n",
        f"Problem:\n{{question}}\n\n{_EXPERT}",
        (*_PROBLEM, "Problem:"),
        program="answer",
        published="pal_math_4_shot",
    ),
    "ocw-cot": Format(
        "Problem:\n{question}\nSolution:\n{solution}\n\n",
        "Problem:\n{question}\nSolution:",
        _PROBLEM,
        published="cot_ocwcourses_4_shot",
    ),
    "sat-cot": Format(
        "Problem:\n{question}\nSolution:\n{solution}\n\n",
        "Problem:\n{question}\nSolution:",
        _PROBLEM,
        published="cot_math_sat_4_shot",
    ),
    "mmlu-stem-cot": Format(
        "Problem:\n{question}\nSolution:\n{solution}\n\n",
        "Problem:\n{question}\nSolution:",
        _PROBLEM,
        published="cot_mmlu_stem_4_shot",
    ),
    "cmath-cot": Format(
        "问题：{question}\n答案：{solution}\n\n\n",
        "问题：{question}\n答案：",
        ("\n问题：",),
        published="cot_cmath_6_shot",
        gap="\n\n\n",
    ),
    "gaokao-cloze-cot": Format(
        "问题 {i}.   {question}\n问题 {i}的解析:   {solution}\n\n\n",
        "问题 {i}.   {question}\n问题 {i}的解析:",
        ("\n问题 ",),
        published="cot_gaokao_mathcloze_5_shot",
        gap="\n\n\n",
    ),
    "gaokao-qa-cot": Format(
        "问题 {i}.    {question}\n问题 {i}的解析:   {solution}\n\n\n",
        "问题 {i}.    {question}\n问题 {i}的解析:",
        ("\n问题 ",),
        published="cot_gaokao_mathqa_5_shot",
        gap="\n\n\n",
    ),
    "minif2f": Format(
        "Informal:\n{question}\n{solution}\n\n\n\n",
        "Informal:\n{question}",
        ("\nInformal:",),
    ),
}


@dataclass(frozen=True)
class Demonstration:
    """A worked example. ``program`` is a whole answer of the program format, "" where there is none."""

    question: str
    answer: str
    solution: str = ""
    program: str = ""
    tag: str = ""  # miniF2F: an example for number theory only


@cache
def own_demonstrations(name: str) -> tuple[Demonstration, ...]:
    """Our own demonstrations of a set, e.g. ``gsm8k``, in the order of the prompt.

    Raises:
        StageError: no such set; lists the known ones.
    """
    text = (files("dsmath_lib.runs.nb08_evaluation") / "demonstrations.yaml").read_text(
        encoding="utf-8"
    )
    sets: Mapping[str, list] = yaml.safe_load(text)
    if name not in sets:
        raise StageError(f"no demonstrations '{name}' (known: {', '.join(sets)})")
    return tuple(
        Demonstration(**{k: str(v).rstrip("\n") for k, v in row.items()}) for row in sets[name]
    )


def few_shot_prompt(
    name: str, question: str, shots: Sequence[Demonstration], *, published: str = ""
) -> str:
    """The whole prompt in the format ``name``: demonstrations, then the open question.

    ``published``: a ready text of demonstrations, used instead of ``shots``.
    """
    form = FORMATS[name]
    if published:
        # the published Gaokao prompts hold five numbered examples, so the question is number 6
        return published + form.gap + form.ask.format(i=6, question=question)
    blocks = [
        form.demo.format(i=i, question=d.question, solution=d.solution, program=d.program)
        for i, d in enumerate(shots, start=1)
    ]
    return "".join(blocks) + form.ask.format(i=len(shots) + 1, question=question)


def published_prompt(name: str, data_dir: str) -> str:
    """The paper's own demonstrations for a format, from a local copy of its prompts.

    Raises:
        StageError: no copy in ``data_dir``, or no published prompt for this format.
    """
    task = FORMATS[name].published
    texts = [
        r["text"]
        for r in read_rows(PUBLISHED, data_dir=data_dir, fields=("task", "text"))
        if r["task"] == task
    ]
    if not task or not texts:
        raise StageError(f"no published demonstrations for '{name}' in '{PUBLISHED}'")
    return texts[-1].strip("\n")  # OCW has two; the release uses the later one
