"""The benchmarks, one row each: source, language, prompts, shots, extraction rules, metric, licence, published scores.

Few-shot forms are for base models, zero-shot ones for tuned models (facts §9.1). A Hub revision was read in public
code that pins it (MATH-500's file there has the SHA-256 of a local copy); where none was found, ``revision`` is empty
and ``note`` says so: the user names a commit. Demonstrations are our own, as many as the paper's (``formats.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_Scores = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Few:
    """Few-shot form: row of ``formats.FORMATS``, set of demonstrations, their number, extraction rule."""

    format: str
    demos: str
    shots: int
    rule: str


@dataclass(frozen=True)
class Zero:
    """Zero-shot form: prompt template (``prompts.py``) and extraction rule."""

    template: str
    rule: str = "paper"


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    items: questions of the whole set (0: toy, as many as asked for).
    file: path below ``data_dir``; hub: ``owner/name[:config[+config]]`` with ``revision`` and ``split``.
    fields: what ``layout`` needs -> name in the file; hub_fields: on the Hub, where the names differ.
    few, zero: forms by kind: "cot", "pot" (program), "tir" (tools), "proof".
    metric: what the source reports: "greedy" or "avg@N" (mean of N samples).
    needs: what is missing here to score it; such a row reports *not run*.
    paper: (model, kind) -> published percent. Models base, sft, policy are DeepSeekMath's; others carry their name.
        Kind "tir-program": the last program output alone.
    """

    name: str
    lang: str = "en"
    items: int = 0
    file: str = ""
    hub: str = ""
    revision: str = ""
    split: str = "test"
    fields: Mapping[str, str] = field(default_factory=dict)
    hub_fields: Mapping[str, str] = field(default_factory=dict)
    layout: str = "plain"
    few: Mapping[str, Few] = field(default_factory=dict)
    zero: Mapping[str, Zero] = field(default_factory=dict)
    metric: str = "greedy"
    needs: str = ""
    licence: str = ""
    note: str = ""
    paper: _Scores = field(default_factory=dict)


def _table(base: float | None, *rest: float, pot: float | None = None, tools=()) -> _Scores:
    """Tables 2, 3 and 5: base; Instruct and RL with CoT; Instruct and RL with tools; then the program outputs alone."""
    keys = (("sft", "cot"), ("policy", "cot"), ("sft", "tir"), ("policy", "tir"))
    out = {("base", "cot"): base, ("base", "pot"): pot, **dict(zip(keys, rest, strict=False))}
    out |= dict(zip((("sft", "tir-program"), ("policy", "tir-program")), tools, strict=False))
    return {k: v for k, v in out.items() if v is not None}


def _simplerl(base: float, zero: float, full: float) -> _Scores:
    """SimpleRL's own table (facts §8.1): the base model, SimpleRL-Zero and SimpleRL, one greedy sample."""
    return {
        ("Qwen2.5-Math-7B", "cot"): base,
        ("SimpleRL-Zero", "cot"): zero,
        ("SimpleRL", "cot"): full,
    }


_QA = {"question": "question", "answer": "answer"}
_PA = {"question": "problem", "answer": "answer"}
_PS = {"question": "problem", "answer": "solution"}
_CHOICE = {"question": "question", "options": "options", "answer": "answer"}
_TUNED = {"cot": Zero("deepseek-cot"), "tir": Zero("deepseek-tir")}
_SIMPLERL = {"cot": Zero("deepseek-cot", "simplerl"), "tir": Zero("deepseek-tir", "simplerl")}
_TOY_FEW = {
    "cot": Few("toy-qa", "toy", 2, "paper"),
    "pot": Few("toy-qa-program", "toy", 2, "program"),
}
_TOY_ZERO = {"cot": Zero("toy-cot"), "tir": Zero("toy-tir")}
_MATH_FEW = {
    "cot": Few("math-cot", "math", 4, "math-few-shot"),
    "pot": Few("math-pot", "math", 5, "program"),  # the paper's file is named 4-shot and holds five
}
_AOPS = "MIT repository; problems are AoPS/MAA contest text: do not redistribute"
_MAA = "problems are the MAA's: do not redistribute"
_TEMPLATE = "SimpleRL asks in its models' chat form; the template here is DeepSeekMath's."
_SUBJECTS = (
    "algebra+counting_and_probability+geometry+intermediate_algebra"
    "+number_theory+prealgebra+precalculus"
)


def _toy(name: str, lang: str = "en") -> Benchmark:
    return Benchmark(name, lang, few=_TOY_FEW, zero=_TOY_ZERO, licence="generated here")


def _minif2f(split: str, score: float) -> Benchmark:
    return Benchmark(
        f"minif2f-{split}",
        items=244,
        file=f"math/deepseek_math/minif2f_{split}.jsonl",
        fields={"question": "formal_statement"},
        layout="formal",
        few={"proof": Few("minif2f", "minif2f", 7, "proof")},
        metric="proved",
        needs="Isabelle with a PISA server",
        licence="MIT / Apache-2.0",
        note="7 proofs where the statement names number theory, else 6. "
        "Ours are not checked with Isabelle.",
        paper={("base", "proof"): score},
    )


BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        _toy("toy-gsm"),
        _toy("toy-math"),
        _toy("toy-cmath", "zh"),
        _toy("toy-heldout"),
        Benchmark(
            "gsm8k",
            items=1319,
            file="math/gsm8k/test.jsonl",
            hub="openai/gsm8k:main",
            revision="740312add88f781978c0658806c59bc2815b9866",
            fields=_QA,
            few={
                "cot": Few("gsm8k-cot", "gsm8k", 8, "gsm8k-few-shot"),
                "pot": Few("gsm8k-pot", "gsm8k", 8, "program"),
            },
            zero=_TUNED,
            licence="MIT",
            paper=_table(64.2, 82.9, 88.2, 83.7, 86.7, pot=66.9, tools=(83.3, 86.8)),
        ),
        Benchmark(
            "math",
            items=5000,
            file="math/math/test.jsonl",
            hub=f"EleutherAI/hendrycks_math:{_SUBJECTS}",
            revision="21a5633873b6a120296cce3e2df9d5550074f4a3",
            fields=_PS,
            few=_MATH_FEW,
            zero={
                "cot": Zero("deepseek-cot", "all-boxes"),
                "tir": Zero("deepseek-tir", "all-boxes"),
            },
            licence=_AOPS,
            note="2,936 of its questions are in SimpleRL's 8K training set.",
            paper=_table(36.2, 46.8, 51.7, 57.4, 58.8, pot=31.4, tools=(46.6, 50.9)),
        ),
        Benchmark(
            "math-500",
            items=500,
            file="math/math/math500.jsonl",
            hub="HuggingFaceH4/MATH-500",
            revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
            fields=_PA,
            few=_MATH_FEW,
            zero={
                "cot": Zero("deepseek-cot", "all-boxes"),
                "tir": Zero("deepseek-tir", "all-boxes"),
            },
            licence=_AOPS,
            note="A subset of math that SimpleRL did not train on. DeepSeekMath reports all 5,000.",
            paper=_simplerl(52.4, 77.2, 82.4),
        ),
        Benchmark(
            "ocw",
            items=272,
            file="math/deepseek_math/ocw.jsonl",
            fields=_PA,
            few={"cot": Few("ocw-cot", "ocw", 4, "ocw-few-shot")},
            licence="MIT OpenCourseWare, CC BY-NC-SA: non-commercial",
            note="No Hub source in the paper's form.",
            paper=_table(15.4),
        ),
        Benchmark(
            "sat",
            items=32,
            file="math/deepseek_math/sat.jsonl",
            fields={"question": "question", "options": "options", "answer": "Answer"},
            layout="lettered",
            few={"cot": Few("sat-cot", "choice", 4, "choice-few-shot")},
            licence="questions are the College Board's: do not redistribute",
            note="One question is 3.1 points. No Hub source in the paper's form.",
            paper=_table(84.4),
        ),
        Benchmark(
            "mmlu-stem",
            items=3018,
            file="math/deepseek_math/mmlu_stem.jsonl",
            fields=_CHOICE,
            layout="lettered",
            few={"cot": Few("mmlu-stem-cot", "choice", 4, "choice-few-shot")},
            licence="MIT",
            note="No Hub source in the paper's form.",
            paper=_table(56.5),
        ),
        Benchmark(
            "cmath",
            "zh",
            items=1098,
            file="math/deepseek_math/cmath.jsonl",
            hub="weitianwen/cmath",
            fields={"question": "question", "answer": "golden"},
            few={"cot": Few("cmath-cot", "cmath", 6, "cmath-few-shot")},
            zero=_TUNED,
            licence="CC BY 4.0",
            note="Hub revision unknown: name a commit.",
            paper=_table(71.7, 84.6, 88.8, 84.3, 87.6, tools=(82.1, 85.7)),
        ),
        Benchmark(
            "gaokao-cloze",
            "zh",
            items=118,
            file="math/deepseek_math/gaokao_mathcloze.jsonl",
            fields=_QA,
            layout="raw",
            few={"cot": Few("gaokao-cloze-cot", "gaokao-cloze", 5, "gaokao-cloze-few-shot")},
            licence="MIT (AGIEval)",
            note="No Hub source in the paper's form.",
            paper=_table(20.3),
        ),
        Benchmark(
            "gaokao-qa",
            "zh",
            items=351,
            file="math/deepseek_math/gaokao_mathqa.jsonl",
            fields={"question": "question", "options": "options", "answer": "label"},
            layout="lettered-zh",
            few={"cot": Few("gaokao-qa-cot", "gaokao-qa", 5, "gaokao-qa-few-shot")},
            licence="MIT (AGIEval)",
            note="7 questions have several right letters: the paper's grader, which reads one, never "
            "accepts them; here all letters must be given. No Hub source in the paper's form.",
            paper=_table(35.3),
        ),
        Benchmark(
            "mgsm-zh",
            "zh",
            items=250,
            file="math/mgsm/mgsm_zh.tsv",
            hub="juletxara/mgsm:zh",
            revision="b2f13d426afe3be8d69a7e739b36724db8b66bbc",
            fields={"question": "0", "answer": "1"},
            hub_fields={"question": "question", "answer": "answer_number"},
            zero=_TUNED,
            licence="CC BY 4.0",
            note="Not run for the base model.",
            paper=_table(None, 73.2, 79.6, 72.0, 78.4, tools=(71.6, 77.6)),
        ),
        Benchmark(
            "aime24",
            items=30,
            file="math/qwen_eval/aime24.jsonl",
            hub="HuggingFaceH4/aime_2024",
            revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
            split="train",
            fields=_PA,
            zero=_SIMPLERL,
            metric="avg@32",
            licence=_MAA,
            note=f"One question is 3.3 points: take 16 samples or more. {_TEMPLATE}",
            paper=_simplerl(16.7, 33.3, 26.7),
        ),
        Benchmark(
            "amc23",
            items=40,
            file="math/qwen_eval/amc23.jsonl",
            hub="math-ai/amc23",
            revision="80815d37005feb82cd7f8fbc6901d5d3eff43057",
            fields=_PA,
            hub_fields=_QA,
            zero=_SIMPLERL,
            licence=_MAA,
            note=_TEMPLATE,
            paper=_simplerl(52.5, 62.5, 62.5),
        ),
        Benchmark(
            "minerva",
            items=272,
            file="math/qwen_eval/minerva_math.jsonl",
            fields=_PS,
            layout="solution-box",
            zero=_SIMPLERL,
            licence="MIT OpenCourseWare, CC BY-NC-SA: non-commercial",
            note=f"The questions of ocw in SimpleRL's form. {_TEMPLATE}",
            paper=_simplerl(12.9, 33.5, 39.7),
        ),
        Benchmark(
            "olympiadbench",
            items=675,
            file="math/qwen_eval/olympiadbench.jsonl",
            hub="Hothan/OlympiadBench:OE_TO_maths_en_COMP",
            revision="91184b52131e7fc9455fef848035173aea8cc01a",
            split="train",
            fields={"question": "question", "answer": "final_answer"},
            layout="listed",
            zero=_SIMPLERL,
            licence="MIT / Apache-2.0",
            note=f"A question's own error bound is honoured. {_TEMPLATE}",
            paper=_simplerl(16.4, 37.6, 43.3),
        ),
        _minif2f("valid", 25.8),
        _minif2f("test", 24.6),
    )
}
