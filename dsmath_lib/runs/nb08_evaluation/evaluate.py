"""Ask a model every question of a benchmark, keep what it wrote, grade it; grade again when a rule changes.

A completions file (``store.py``) whose settings digest is the wanted one is not made again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import digest_of
from dsmath_lib.base.prompts import prompt_ids
from dsmath_lib.base.records import Problem, Prompt
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.base.vocabulary import context_of
from dsmath_lib.engines.grader import Verdict, before
from dsmath_lib.engines.sandbox import ToolResult, run_programs
from dsmath_lib.evaluation.tir import PROTOCOLS, Generation, Tools, generate_with_tools
from dsmath_lib.rewards.ask import Sampling, draw_completions, verdict_on
from dsmath_lib.rows.prompts import PROMPTS, PromptStyle, make_prompt
from dsmath_lib.runs.nb08_evaluation.formats import FORMATS, Demonstration, few_shot_prompt
from dsmath_lib.runs.nb08_evaluation.programs import to_program
from dsmath_lib.runs.nb08_evaluation.store import rows_made_with, write_file

PRINTED = 1_000  # characters of a program's output that are kept


@dataclass(frozen=True)
class EvalSettings:
    """Everything besides model and questions that a score depends on.

    template: a prompt template (tuned models, ``system``: its system text) or a few-shot format of ``formats.FORMATS``
    (base models).
    With ``tools``: ``protocol`` is a row of ``tir.PROTOCOLS``. executor, allow_network and tool_seconds are options of
    ``run_program``. examples: worked ones for a base model, ``shots`` of them; published: a ready text instead.
    """

    template: str
    shots: int
    tools: bool
    n: int
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int
    protocol: str = "course"
    executor: str = "monty"  # runs programs, of tools and of program-of-thought
    allow_network: bool = False
    tool_seconds: float = 2.0
    sampler: str = "hf"  # another one draws other completions from the same seed
    examples: tuple[Demonstration, ...] = ()
    published: str = ""
    system: str = ""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings at which the model's answer ends; none in chat form, where it ends its turn."""
        if self.template in FORMATS:
            return FORMATS[self.template].stop
        return tuple(PROMPTS.get(self.template, {}).get("stop", ()))

    @property
    def program(self) -> str:
        """How a completion becomes a program (``programs.STYLES``); "": it is text."""
        return FORMATS[self.template].program if self.template in FORMATS else ""


def prompt_of(
    tokenizer, problem: Problem, settings: EvalSettings, room: int = 0
) -> tuple[str, list[int]]:
    """Text and token ids of a question's prompt.

    ``room``: longest prompt in tokens; examples are left out from the front until it fits (0: no limit).
    """
    use = settings.examples[: settings.shots]
    while True:
        text, ids = _prompt(tokenizer, problem, settings, use)
        if not room or len(ids) <= room or not use:
            return text, ids
        use = use[1:]


def _prompt(
    tokenizer, problem: Problem, settings: EvalSettings, use: Sequence[Demonstration]
) -> tuple[str, list[int]]:
    """The prompt with these examples: in a few-shot format, or in the user's turn of a template."""
    if settings.template in FORMATS:
        text = few_shot_prompt(
            settings.template, problem.question, use, published=settings.published
        )
        return text, prompt_ids(tokenizer, [Prompt(text)])[0]
    style = PromptStyle(settings.template, settings.system)
    asked = few_shot_prompt("toy-qa", problem.question, use) if use else problem.question
    prompt = make_prompt(style, asked, problem.lang)
    (ids,) = prompt_ids(tokenizer, [prompt])
    return tokenizer.decode(ids) if prompt.chat else prompt.text, ids


def complete_all(
    sampler,
    tokenizer,
    problems: Sequence[Problem],
    settings: EvalSettings,
    path: Path,
    about: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Greedy completion and ``settings.n`` samples of every problem, kept at ``path``; returns the rows.

    A file there is read if its settings, model and questions are the same.

    Args:
        sampler: see ``engines.decode.Sampler``.
        about: ``model``: digest of the model; what else is there (benchmark, kind, rule) is written into the header,
            and not a reason to generate again.

    Raises:
        ValueError: no problems.
    """
    if not problems:
        raise ValueError("no problems to evaluate on")
    how = asdict(settings)
    shots = digest_of([how.pop("published"), *how.pop("examples")])
    asked = digest_of([[p.id, p.question, p.answer] for p in problems])
    header = {"settings": how, "model": about["model"], "problems": asked, "shots": shots}
    header["digest"] = digest_of(header)
    if kept := rows_made_with(path, header["digest"]):
        return kept
    room = _context(sampler) - settings.max_new_tokens
    prompts = [prompt_of(tokenizer, p, settings, max(room, 1)) for p in problems]
    ids = [i for _, i in prompts]
    drawn = replace(settings, seed=seed_for(settings.seed, path.stem, "evaluation"))
    greedy = _answers(sampler, tokenizer, ids, replace(drawn, n=1, temperature=0.0))
    sampled = _answers(sampler, tokenizer, ids, drawn) if settings.n else []
    rows = [
        {
            **{f: getattr(p, f) for f in FIELDS},
            "prompt": prompts[i][0],
            "prompt_ids": ids[i],
            "greedy": greedy[i],
            "samples": sampled[i * settings.n : (i + 1) * settings.n],
        }
        for i, p in enumerate(problems)
    ]
    write_file(path, header | about, rows)
    return rows


FIELDS = ("id", "question", "answer", "lang", "family", "level", "tolerance")


def _answers(
    sampler, tokenizer, ids: list[list[int]], settings: EvalSettings
) -> list[dict[str, Any]]:
    """``settings.n`` records of each prompt; one that fills the model's context gets empty ones, which count as cut."""
    context = _context(sampler)
    fits = [len(i) < context for i in ids]
    if not all(fits):
        n = fits.count(False)
        print(f"{n} of {len(ids)} prompts fill the context of {context} tokens: unanswered, wrong")
    asked = [i for i in ids if len(i) < context]
    done = iter(_complete(sampler, tokenizer, asked, settings) if asked else ())
    empty: dict[str, Any] = {"ids": [], "text": "", "finish": "length"}
    empty |= {"output": None, "tool_error": "the prompt did not fit"} if settings.program else {}
    return [next(done) if fit else dict(empty) for fit in fits for _ in range(settings.n)]


def _complete(
    sampler,
    tokenizer,
    ids: list[list[int]],
    settings: EvalSettings,
) -> list[dict[str, Any]]:
    s = settings
    how = Sampling(s.max_new_tokens, s.n, s.temperature, s.top_p, s.stop)
    run = partial(
        run_programs,
        executor=settings.executor,
        timeout_s=settings.tool_seconds,
        allow_network=settings.allow_network,
    )
    if settings.tools:
        tools = Tools(PROTOCOLS[s.protocol], run, _context(sampler))
        done = generate_with_tools(sampler, tokenizer, ids, how, s.seed, tools)
        return [_record(g) for g in done]
    out = draw_completions(sampler, ids, how, s.seed)
    records = [
        _record(Generation(i, [True] * len(i), before(t, settings.stop), f))
        for i, t, f in zip(out.ids, out.texts, out.finish, strict=True)
    ]
    return with_outputs(records, settings.program, run) if settings.program else records


def with_outputs(
    records: list[dict[str, Any]], style: str, run: Callable[[Sequence[str]], list[ToolResult]]
) -> list[dict[str, Any]]:
    """Records of program-of-thought with what each program printed (``output``; None: no program, or it failed)."""
    codes = [to_program(style, r["text"]) for r in records]
    todo = [c for c in codes if c]
    results = dict(zip(todo, run(todo), strict=True)) if todo else {}
    out = []
    for record, code in zip(records, codes, strict=True):
        result = results.get(code)
        error = result.error if result else "no program in the expected form"
        printed = None if error or result is None else result.stdout[-PRINTED:]
        late = {"timed_out": True} if result and result.timed_out else {}
        out.append({**record, "output": printed, "tool_error": error[:PRINTED], **late})
    return out


def _context(sampler) -> int:
    return context_of(sampler.model)


def _record(g: Generation) -> dict[str, Any]:
    out = {"ids": g.ids, "text": g.text, "finish": g.finish}
    if not all(g.sampled):
        out["sampled"] = [int(s) for s in g.sampled]
    counts = {k: getattr(g, k) for k in ("tool_runs", "tool_errors", "tool_timeouts")}
    return out | {k: v for k, v in counts.items() if v}


# -- grading ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Graded:
    """Verdicts of one question: the greedy completion and every sample, in order."""

    greedy: Verdict
    samples: list[Verdict]


def grade_rows(rows: Sequence[Mapping[str, Any]], rule: str) -> list[Graded]:
    """Grade kept completions under an extraction rule; nothing is generated. Grader: ``VERSION``."""

    def one(row: Mapping[str, Any], completion: Mapping[str, Any]) -> Verdict:
        problem = Problem("", row["question"], row["answer"], tolerance=row.get("tolerance", 0.0))
        return verdict_on(problem, completion["text"], rule, completion.get("output"))

    return [Graded(one(r, r["greedy"]), [one(r, s) for s in r["samples"]]) for r in rows]
