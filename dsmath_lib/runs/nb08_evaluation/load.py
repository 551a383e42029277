"""Load benchmarks: the questions of a row, its few-shot prompt, its extraction rule.

``problems_of("gsm8k", data_dir="../shared/data")`` reads a local file, ``"gsm8k@hub"`` the Hub at the row's pinned
revision, ``"gsm8k@<commit>"`` the Hub at another one. Nothing else touches a network.
"""

from collections.abc import Sequence
from functools import partial

from dsmath_lib.base.errors import StageError
from dsmath_lib.base.records import Problem
from dsmath_lib.rows.benchmarks import BENCHMARKS, Benchmark, Few
from dsmath_lib.runs.nb08_evaluation.formats import (
    Demonstration,
    few_shot_prompt,
    own_demonstrations,
    published_prompt,
)
from dsmath_lib.runs.nb08_evaluation.layouts import LAYOUTS, tolerance_of
from dsmath_lib.stage.data import read_rows

_HUB = "hub"


def get(name: str) -> Benchmark:
    """The row of a benchmark; ``name`` may carry ``@hub`` or ``@<commit>``.

    Raises:
        StageError: unknown name; lists the known ones.
    """
    name = name.partition("@")[0]
    if name not in BENCHMARKS:
        raise StageError(f"unknown benchmark '{name}' (known: {', '.join(BENCHMARKS)})")
    return BENCHMARKS[name]


def rule_of(name: str, kind: str, few_shot: bool) -> str:
    """The extraction rule of a benchmark's main score for this kind of prompt."""
    row = get(name)
    return (row.few if few_shot else row.zero)[kind].rule


def _rows(row: Benchmark, version: str, data_dir: str) -> tuple[list[dict], dict[str, str]]:
    fields = dict(row.fields)
    if not version:
        return read_rows(row.file, data_dir=data_dir, fields=list(fields.values())), fields
    if not row.hub:
        raise StageError(
            f"benchmark '{row.name}' has no Hub source; name a data_dir and drop the @"
        )
    revision = row.revision if version == _HUB else version
    if not revision:
        raise StageError(
            f"benchmark '{row.name}': no pinned Hub revision is known; write {row.name}@<commit>"
        )
    fields = dict(row.hub_fields or row.fields)
    path, _, configs = row.hub.partition(":")
    read = partial(read_rows, revision=revision, split=row.split, fields=list(fields.values()))
    sources = [f"hub:{path}:{c}" if c else f"hub:{path}" for c in configs.split("+")]
    return [r for s in sources for r in read(s)], fields


def problems_of(name: str, *, n: int = 0, seed: int = 0, data_dir: str = "") -> list[Problem]:
    """The first ``n`` problems of a benchmark (0: all; a toy benchmark needs a number).

    Raises:
        StageError: unknown benchmark, missing data, or a Hub commit that is missing.
    """
    row, version = get(name), name.partition("@")[2]
    if not row.file:
        from dsmath_lib.world.problems import benchmark

        return benchmark(row.name, n or 500, seed)
    rows, fields = _rows(row, version, data_dir)
    layout = LAYOUTS[row.layout]
    out = []
    for i, r in enumerate(rows[: n or None]):
        question, answer = layout(r, fields)
        out.append(
            Problem(f"{row.name}-{i}", question, answer, lang=row.lang, tolerance=tolerance_of(r))
        )
    return out


def shots(
    name: str, kind: str, k: int = -1, *, seed: int = 0, question: str = ""
) -> list[Demonstration]:
    """``k`` demonstrations (-1: as many as the paper) for a base model's prompt.

    Toy benchmarks draw training problems of their families; the others have their own checked-in set. miniF2F's
    number-theory example is only shown for a number-theory ``question``.
    """
    few = get(name).few[kind]
    k = few.shots if k < 0 else k
    if few.demos == "toy":
        return _toy_shots(get(name), k, seed)
    return [d for d in own_demonstrations(few.demos) if not d.tag or d.tag in question][:k]


def _toy_shots(row: Benchmark, k: int, seed: int) -> list[Demonstration]:
    from dsmath_lib.world.families import HELD_OUT
    from dsmath_lib.world.problems import TOY_BENCHMARKS as TOY
    from dsmath_lib.world.problems import cot, fenced_program, sample_problems

    if not k:
        return []
    families = [f for f in TOY[row.name][0] if f != HELD_OUT] or TOY["toy-gsm"][0]
    drawn = sample_problems(k, split="train", seed=seed, families=families, langs=(row.lang,))
    return [Demonstration(p.question, p.answer, cot(p), fenced_program(p)) for p in drawn]


def prompt(
    name: str, kind: str, question: str, examples: Sequence[Demonstration], published: str = ""
) -> str:
    """The few-shot prompt of a question; ``published`` takes the place of ``examples``."""
    return few_shot_prompt(get(name).few[kind].format, question, examples, published=published)


def published(few: Few, data_dir: str) -> str:
    """The paper's own demonstrations for a few-shot form, from a local copy; see ``formats.published_prompt``."""
    return published_prompt(few.format, data_dir)
