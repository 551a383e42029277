"""Grade published, labelled solutions and compare: how far can the grader be trusted on real text?

A source is a row: its file, and how a record becomes ``Labelled`` items. Labels are those of the publishers; a few are
wrong, so every disagreement is listed for a person to read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.grader import grade
from dsmath_lib.stage.data import read_rows


class Labelled(NamedTuple):
    """One published solution. ``group``: which system or file wrote it."""

    group: str
    question: str
    gold: str
    text: str
    label: bool


# GSM8K's released solutions of four systems, each labelled right or wrong by its authors
SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def _systems(row: Mapping[str, Any]) -> Iterable[Labelled]:
    for s in SYSTEMS:
        yield Labelled(
            s, row["question"], row["ground_truth"], row[s]["solution"], bool(row[s]["is_correct"])
        )


def _scored(row: Mapping[str, Any]) -> Iterable[Labelled]:
    """The evaluation harness's form: parallel lists of texts and its grader's verdicts."""
    for text, label in zip(row["code"], row["score"], strict=True):
        yield Labelled("", row["question"], row["gt"], text, bool(label))


def _predicted(row: Mapping[str, Any]) -> Iterable[Labelled]:
    """No label in the file: the publisher's extracted number against the gold one."""
    for text, pred in zip(row["code"], row["pred"], strict=True):
        yield Labelled("", row["question"], row["gt"], text, _same_number(row["gt"], pred))


def _same_number(gold: str, pred: str) -> bool:
    try:
        return abs(float(gold.replace(",", "")) - float(pred.replace(",", ""))) < 1e-3
    except ValueError:
        return gold == pred


_FENCES = {"code": "```python\n{}\n```", "execution": "```output\n{}\n```"}


def _blocks(label: bool) -> Callable[[Mapping[str, Any]], Iterable[Labelled]]:
    """MathCoder: text, code and execution blocks; right and wrong ones are in two files."""

    def read(row: Mapping[str, Any]) -> Iterable[Labelled]:
        said = [m for m in row["debug_result"] if m["role"] in ("text", *_FENCES)]
        text = "\n".join(_FENCES.get(m["role"], "{}").format(m["content"]) for m in said)
        asked = next(m["content"] for m in row["debug_result"] if m["role"] == "user")
        gold = str(row["ground_truth"]["answer"])
        yield Labelled("right" if label else "wrong", asked, gold, text, label)

    return read


@dataclass(frozen=True)
class Source:
    """Files of labelled solutions and how to read them; ``about`` says where the labels come from."""

    files: tuple[tuple[str, Callable[[Mapping[str, Any]], Iterable[Labelled]]], ...]
    about: str


_OUT = "math/model_outputs/"
SOURCES: dict[str, Source] = {
    "gsm8k-systems": Source(
        (("math/gsm8k/example_model_solutions.jsonl", _systems),), "GSM8K's authors"
    ),
    "qwen-math-8x": Source(
        ((_OUT + "qwen_math_cot_8x_rm.jsonl", _scored),), "Qwen2.5-Math's grader"
    ),
    "tora-gsm8k": Source(
        ((_OUT + "tora_70b_gsm8k.jsonl", _predicted),), "ToRA's extracted number, compared here"
    ),
    "mathcoder-gsm8k": Source(
        (
            (_OUT + "mathcoder_l70b_gsm8k_correct.jsonl", _blocks(True)),
            (_OUT + "mathcoder_l70b_gsm8k_wrong.jsonl", _blocks(False)),
        ),
        "MathCoder's grader",
    ),
    "tinyllama-gsm8k": Source(
        ((_OUT + "tinyllama_1b_owm_gsm8k.jsonl", _scored),), "the evaluation harness"
    ),
}


def labelled(name: str, data_dir: str) -> list[Labelled]:
    """All labelled solutions of a source.

    Raises:
        StageError: unknown source, or its files are not in ``data_dir``.
    """
    if name not in SOURCES:
        raise StageError(f"unknown labelled source '{name}' (known: {', '.join(SOURCES)})")
    return [
        item
        for file, read in SOURCES[name].files
        for row in read_rows(file, data_dir=data_dir)
        for item in read(row)
    ]


def agreement(
    name: str, *, data_dir: str, rule: str = "paper"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Verdicts against labels, per group of a source: ``(summary rows, disagreements)``.

    A summary row counts agreements, right ones refused and wrong ones accepted; a disagreement shows the gold answer,
    the end of the solution, the verdict and the label.
    """
    groups: dict[str, list] = defaultdict(list)
    for item in labelled(name, data_dir):
        groups[item.group].append((item, grade(item.gold, item.text, rule, item.question)))
    summary, differ = [], []
    for group, pairs in groups.items():
        system = f"{name}/{group}" if group else name
        summary.append(
            {
                "system": system,
                "rule": rule,
                "solutions": len(pairs),
                "labelled right": sum(i.label for i, _ in pairs),
                "agree": sum(v.correct == i.label for i, v in pairs),
                "right refused": sum(i.label and not v.correct for i, v in pairs),
                "wrong accepted": sum(v.correct and not i.label for i, v in pairs),
            }
        )
        differ += [
            {
                "system": system,
                "gold": i.gold[-60:],
                "solution ends": i.text[-120:],
                "extracted": v.extracted,
                "ours": v.correct,
                "label": i.label,
            }
            for i, v in pairs
            if v.correct != i.label
        ]
    return summary, differ


def rules_differ(
    rows: Sequence[Mapping[str, Any]], rules: Sequence[str]
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Greedy completions of a run under several rules: right ones per rule, and the rows where the rules disagree."""
    right = dict.fromkeys(rules, 0)
    differ = []
    for r in rows:
        text = r["greedy"]["text"]
        found = {rule: grade(r["answer"], text, rule, r["question"]) for rule in rules}
        for rule, v in found.items():
            right[rule] += v.correct
        if len({v.correct for v in found.values()}) > 1:
            marks = {
                k: f"{v.extracted or 'none'} {'✓' if v.correct else '✗'}" for k, v in found.items()
            }
            differ.append({"gold": r["answer"], "completion ends": text[-160:], **marks})
    return right, differ
