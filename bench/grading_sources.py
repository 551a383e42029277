"""Labelled material for ``bench/grading.py``: solutions with a verdict, and pairs of answers, from a data folder.

A ``Case`` has a label: True or False as its publisher or a human said it, or as two plain numbers decide it.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from dsmath_lib.runs.nb08_evaluation.published import SYSTEMS
from dsmath_lib.stage.data import read_rows


class Case(NamedTuple):
    """``text`` is a completion, or a bare answer where ``bare``; ``right`` is the label."""

    gold: str
    text: str
    right: bool
    question: str = ""
    bare: bool = False


_PLAIN = re.compile(r"[-+]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?\.?")


def plain_number(text: object) -> Fraction | None:
    """The value of a plain number, with nothing else around it; None for anything else."""
    text = str(text).strip()
    if not _PLAIN.fullmatch(text):
        return None
    try:
        return Fraction(re.sub("[$,]", "", text).rstrip("."))
    except ZeroDivisionError:
        return None


def _same_number(a: object, b: object) -> bool | None:
    x, y = plain_number(a), plain_number(b)
    if x is None or y is None:
        return None
    return abs(x - y) <= abs(x) / 10_000


def _tools(blocks: list[dict[str, str]]) -> str:
    fence = {"code": "```python\n{}\n```", "execution": "```output\n{}\n```", "text": "{}"}
    parts = [fence[b["role"]].format(b["content"]) for b in blocks if b["role"] in fence]
    return "\n".join(parts[:-1] if len(parts) > 1 else parts)  # the last repeats the bare answer


def gsm8k(system: str, data: str) -> Iterator[Case]:
    """GSM8K's released solutions; labels of its authors."""
    for r in read_rows("gsm8k/example_model_solutions.jsonl", data_dir=data):
        s = r[system]
        yield Case(r["ground_truth"], s["solution"], bool(s["is_correct"]), r["question"])


def tora(data: str) -> Iterator[Case]:
    """ToRA's tool traces; its own prediction against the gold number."""
    for r in read_rows("model_outputs/tora_70b_gsm8k.jsonl", data_dir=data):
        same = _same_number(r["gt"], r["pred"][0])
        if same is not None:
            yield Case(r["gt"], r["code"][0], same, r["question"])


def mathcoder(name: str, data: str) -> Iterator[Case]:
    """MathCoder's tool traces, published as a right and a wrong file."""
    for r in read_rows(f"model_outputs/mathcoder_l70b_gsm8k_{name}.jsonl", data_dir=data):
        question = r["messages"][-1]["content"][0]["content"]
        text = _tools(r["debug_result"])
        yield Case(r["ground_truth"]["answer"], text, name == "correct", question)


def qwen(data: str) -> Iterator[Case]:
    """Eight samples each of Qwen2.5-Math; the score of its own harness."""
    for r in read_rows("model_outputs/qwen_math_cot_8x_rm.jsonl", data_dir=data):
        for text, score in zip(r["code"], r["score"], strict=True):
            yield Case(r["answer"], text, bool(score), r["question"])


def tinyllama(name: str, data: str) -> Iterator[Case]:
    """A small base model, few-shot; the score of a Qwen-family harness."""
    for r in read_rows(f"model_outputs/tinyllama_1b_owm_{name}.jsonl", data_dir=data):
        yield Case(r["gt"], r["code"][0], bool(r["score"][0]), r["question"])


_NEXT = re.compile(
    r"\n#{0,3} ?(?:Question|Problem) ?:|\nThe correct reasoning"
)  # the model goes on by itself
_JSON = re.compile(r'"answer"\s*:\s*("(?:[^"\\]|\\.)*"|[-\d.,]+)')


def zeroeval(name: str, data: str) -> Iterator[Case]:
    """Answers as JSON, six models; labelled where the JSON field and the gold are both plain numbers.

    The field is the last one before the model goes on with a question of its own.
    """
    for r in read_rows(f"model_outputs/zeroeval_{name}.jsonl", data_dir=data):
        output = r["output"][0] if isinstance(r["output"], list) else r["output"]
        fields = _JSON.findall(_NEXT.split(output)[0])
        same = _same_number(r["gold"].lstrip("# "), fields[-1].strip('"')) if fields else None
        if same is not None:
            yield Case(r["gold"], output, same, r["question"])


def mr_gsm8k(data: str) -> Iterator[Case]:
    """Human labels of the final answer."""
    for r in read_rows("process_reward/mr_gsm8k_labelled.jsonl", data_dir=data):
        right = r["model_output_answer_correctness"] == "correct"
        text = "\n".join(r["model_output_steps"])
        yield Case(str(r["ground_truth_answer"]), text, right, r["question"])


def mr_math(data: str) -> Iterator[Case]:
    """Abel and WizardMath on MATH; human labels of the final answer."""
    for r in read_rows("process_reward/mr_math_invalid_errors.jsonl", data_dir=data):
        right = r["model_output_answer_correctness"] == "correct"
        yield Case(r["ground_truth_answer"], r["model_output"], right, r["question"])


def bigbench(data: str) -> Iterator[Case]:
    """Multistep arithmetic; the answer it states against the target."""
    for r in read_rows("process_reward/bigbench_mistake_multistep_arithmetic.jsonl", data_dir=data):
        same = _same_number(r["target"], r["answer"])
        if same is not None:
            yield Case(str(r["target"]), "\n".join(r["steps"]), same, r["input"])


def _examples(source: str, data: str) -> list[dict[str, Any]]:
    rows = read_rows(source, data_dir=data)
    return rows[0]["example"] if "example" in rows[0] else rows


def gaokao(name: str, data: str) -> Iterator[Case]:
    """Chinese worked solutions, all right: the letter of a choice, or the value of a blank."""
    for paper in ("I", "II"):
        source = f"gaokao_bench/2010-2022_Math_{paper}_{name}.json"
        for r in _examples(source, data):
            answer = r["answer"]
            gold = answer if isinstance(answer, str) else ", ".join(answer)
            yield Case(gold.strip(), r["analysis"], True, r["question"])


def aqua(data: str) -> Iterator[Case]:
    """Worked solutions of choice questions, all right."""
    for r in read_rows("qwen_eval/aqua.jsonl", data_dir=data):
        if re.search(r"(?i)\b(?:answer|option|choice|ans)\b", r["rationale"]):
            yield Case(r["correct"], r["rationale"], True, r["question"])


def math_solutions(data: str) -> Iterator[Case]:
    """MATH's own worked solutions against a cleaned-up answer from elsewhere (MARIO)."""
    answers = {
        r["question"].strip(): r["answer"]
        for r in read_rows("math/mario_math_test_annotation.json", data_dir=data)
    }
    for r in read_rows("math/test.jsonl", data_dir=data):
        if r["problem"].strip() in answers:
            yield Case(answers[r["problem"].strip()], r["solution"], True, r["problem"])


def spellings(data: str) -> Iterator[Case]:
    """MATH train: the same answer as two other projects spell it; and the next problem's answer, as a wrong one."""
    ours = {r["problem"].strip(): r for r in read_rows("math/train.jsonl", data_dir=data)}
    rows = read_rows("simplerl/simplerl_math_lvl3to5_8k_qwen.parquet", data_dir=data)
    theirs = {r["question"].strip(): r["gt_answer"] for r in rows}
    other = read_rows("simplerl/deepscaler_math_train.json", data_dir=data)
    theirs = {r["problem"].strip(): r["answer"] for r in other} | theirs
    for question, answer in theirs.items():
        if question in ours and ours[question]["target"]:
            yield Case(ours[question]["solution"], answer, True, question, bare=True)


COMPLETIONS = {
    **{f"GSM8K {s}": (lambda d, s=s: gsm8k(s, d)) for s in SYSTEMS},
    "ToRA 70B, GSM8K": tora,
    "MathCoder 70B, right": lambda d: mathcoder("correct", d),
    "MathCoder 70B, wrong": lambda d: mathcoder("wrong", d),
    "Qwen2.5-Math, MATH": qwen,
    "TinyLlama, GSM8K": lambda d: tinyllama("gsm8k", d),
    "TinyLlama, SAT": lambda d: tinyllama("sat_math", d),
    "TinyLlama, MATH": lambda d: tinyllama("minerva_math", d),
    **{
        f"ZeroEval {n}": (lambda d, n=n: zeroeval(n, d))
        for n in (
            "gsm_Qwen2-7B-Instruct", "gsm_Meta-Llama-3.1-8B-Instruct", "gsm_Phi-3.5-mini-instruct",
            "math_l5_Qwen2.5-7B-Instruct", "math_l5_Meta-Llama-3.1-8B-Instruct",
            "math_l5_deepseek-v2.5-0908", "math_l5_Phi-3.5-mini-instruct",
        )
    },
    "MR-GSM8K, human labels": mr_gsm8k,
    "MR-MATH, human labels": mr_math,
    "BIG-Bench arithmetic": bigbench,
}  # fmt: skip
SOLUTIONS = {
    "Gaokao choice, Chinese": lambda d: gaokao("MCQs", d),
    "Gaokao blanks, Chinese": lambda d: gaokao("Fill-in-the-Blank", d),
    "AQuA, letters": aqua,
    "MATH test, solutions": math_solutions,
    "MATH train, two spellings": spellings,
}
