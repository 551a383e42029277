"""Benchmarks as rows of data: where the questions are, which field is what, how answers are read, the paper's scores.

``load("gsm8k", data_dir="../shared/data")`` reads a local file, ``load("gsm8k@<commit>")`` the Hub at that commit. No
commit is written here: a hash that was not checked would be a guess, so whoever uses the Hub names one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dsmath_lib.data import read_rows
from dsmath_lib.records import Problem
from dsmath_lib.rewards.grade import gold_answers
from dsmath_lib.stage import StageError


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    file: path below ``data_dir``; hub: ``owner/name[:config]`` and ``split`` there. Toy benchmarks have neither.
    fields: what a ``Problem`` needs ("question", "answer") -> the name in the source (the same in file and on the Hub).
    shots: file of training questions for few-shot prompts ("": none); ``shot_fields`` as ``fields``.
    rule: extraction rule of the main score (the strict one is always reported beside it).
    templates: prompt templates by kind, "cot" and "tir".
    paper: (model, kind) -> the paper's score in percent; greedy.
    """

    name: str
    lang: str = "en"
    file: str = ""
    hub: str = ""
    split: str = "test"
    fields: Mapping[str, str] = field(default_factory=dict)
    shots: str = ""
    shot_fields: Mapping[str, str] = field(default_factory=dict)
    rule: str = "paper"
    templates: Mapping[str, str] = field(default_factory=dict)
    paper: Mapping[tuple[str, str], float] = field(default_factory=dict)


_TOY = {"cot": "toy-cot", "tir": "toy-tir"}
_DEEPSEEK = {"cot": "deepseek-cot", "tir": "deepseek-tir"}
_QA = {"question": "question", "answer": "answer"}


def _paper(*scores: float | None) -> dict[tuple[str, str], float]:
    """Base CoT, then Instruct and RL with CoT and TIR (Tables 2 and 5); None: not in the paper."""
    keys = (("base", "cot"), ("sft", "cot"), ("sft", "tir"), ("policy", "cot"), ("policy", "tir"))
    return {k: s for k, s in zip(keys, scores, strict=True) if s is not None}


BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        Benchmark("toy-gsm", templates=_TOY),
        Benchmark("toy-math", templates=_TOY),
        Benchmark("toy-cmath", "zh", templates=_TOY),
        Benchmark("toy-heldout", templates=_TOY),
        Benchmark(
            "gsm8k",
            file="math/gsm8k/test.jsonl",
            hub="openai/gsm8k:main",
            fields=_QA,
            shots="math/gsm8k/train.jsonl",
            shot_fields=_QA,
            templates=_DEEPSEEK,
            paper=_paper(64.2, 82.9, 83.7, 88.2, 86.7),
        ),
        Benchmark(  # the paper reports the 5,000-problem test set; MATH-500 is its common subset
            "math-500",
            file="math/math/math500.jsonl",
            hub="HuggingFaceH4/MATH-500",
            fields={"question": "problem", "answer": "answer"},
            shots="math/math/train.jsonl",
            shot_fields={"question": "problem", "answer": "solution"},
            templates=_DEEPSEEK,
            paper=_paper(36.2, 46.8, 57.4, 51.7, 58.8),
        ),
        Benchmark(
            "cmath",
            "zh",
            file="math/deepseek_math/cmath.jsonl",
            hub="weitianwen/cmath",
            fields={"question": "question", "answer": "golden"},
            templates=_DEEPSEEK,
            paper=_paper(71.7, 84.6, 84.3, 88.8, 87.6),
        ),
        Benchmark(
            "mgsm-zh",
            "zh",
            file="math/mgsm/mgsm_zh.tsv",
            fields={"question": "0", "answer": "1"},
            templates=_DEEPSEEK,
            paper=_paper(None, 73.2, 72.0, 79.6, 78.4),
        ),
    )
}


def get(name: str) -> Benchmark:
    """The row of a benchmark; ``name`` may carry ``@<commit>``.

    Raises:
        StageError: unknown name; lists the known ones.
    """
    name = name.partition("@")[0]
    if name not in BENCHMARKS:
        raise StageError(f"unknown benchmark '{name}' (known: {', '.join(BENCHMARKS)})")
    return BENCHMARKS[name]


def load(name: str, *, n: int = 0, seed: int = 0, data_dir: str = "") -> list[Problem]:
    """The first ``n`` problems of a benchmark (0: all; a toy benchmark needs a number).

    Raises:
        StageError: unknown benchmark, missing data, or a Hub commit that is missing.
    """
    row, revision = get(name), name.partition("@")[2]
    if not row.file:
        from dsmath_lib.world.problems import benchmark

        return benchmark(row.name, n or 500, seed)
    if revision and not row.hub:
        raise StageError(
            f"benchmark '{row.name}' has no Hub source; name a data_dir and drop the @"
        )
    rows = read_rows(
        f"hub:{row.hub}" if revision else row.file,
        data_dir=data_dir,
        revision=revision,
        split=row.split,
        fields=list(row.fields.values()),
    )
    q, a = row.fields["question"], row.fields["answer"]
    return [
        Problem(f"{row.name}-{i}", str(r[q]), gold_answers(r[a], str(r[q]))[0], lang=row.lang)
        for i, r in enumerate(rows[: n or None])
    ]


def examples(name: str, k: int, *, seed: int = 0, data_dir: str = "") -> list[tuple[str, str]]:
    """``k`` (question, worked answer) pairs from training questions, for few-shot prompts of base models.

    The first ones of the file; toy benchmarks draw step-by-step solutions. [] where the benchmark has no training file.
    """
    row, revision = get(name), name.partition("@")[2]
    if not k:
        return []
    if not row.file:
        from dsmath_lib.world.problems import BENCHMARKS as TOY
        from dsmath_lib.world.problems import HELD_OUT, cot, sample_problems

        families = [f for f in TOY[row.name][0] if f != HELD_OUT] or TOY["toy-gsm"][0]
        drawn = sample_problems(k, split="train", seed=seed, families=families, langs=(row.lang,))
        return [(p.question, cot(p)) for p in drawn]
    if not row.shots:
        return []
    q, a = row.shot_fields["question"], row.shot_fields["answer"]
    source = f"hub:{row.hub}" if revision else row.shots
    rows = read_rows(source, data_dir=data_dir, revision=revision, split="train", fields=(q, a))
    return [(r[q], _worked(r[a])) for r in rows[:k]]


def _worked(answer: str) -> str:
    """GSM8K's ``#### 18`` as a sentence, its calculator marks dropped; other solutions as they are."""
    text = re.sub(r"<<[^<>\n]*>>", "", answer)
    return re.sub(r"\n#### *(.+)\s*$", r"\nThe answer is \1.", text)
