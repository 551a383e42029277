"""Grade published, labelled solutions and compare: how far can the grader be trusted on real text?"""

from collections.abc import Sequence
from typing import Any

from dsmath_lib.data import read_rows
from dsmath_lib.rewards.grade import grade

# GSM8K's released solutions of four systems, each labelled right or wrong by its authors
SYSTEMS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def agreement(
    source: str, *, data_dir: str, rule: str = "paper", systems: Sequence[str] = SYSTEMS
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Verdicts against labels, per system: ``(summary rows, disagreements)``.

    A summary row counts agreements, right ones refused and wrong ones accepted; a disagreement shows the gold answer,
    the end of the solution, the verdict and the label.
    """
    rows = read_rows(source, data_dir=data_dir, fields=("ground_truth", *systems))
    summary, disagreements = [], []
    for system in systems:
        verdicts = [grade(r["ground_truth"], r[system]["solution"], rule) for r in rows]
        labels = [bool(r[system]["is_correct"]) for r in rows]
        pairs = list(zip(verdicts, labels, strict=True))
        summary.append(
            {
                "system": system,
                "rule": rule,
                "solutions": len(rows),
                "labelled right": sum(labels),
                "agree": sum(v.correct == label for v, label in pairs),
                "right refused": sum(label and not v.correct for v, label in pairs),
                "wrong accepted": sum(v.correct and not label for v, label in pairs),
            }
        )
        disagreements += [
            {
                "system": system,
                "gold": r["ground_truth"][-60:],
                "solution ends": r[system]["solution"][-120:],
                "extracted": v.extracted,
                "ours": v.correct,
                "label": label,
            }
            for r, (v, label) in zip(rows, pairs, strict=True)
            if v.correct != label
        ]
    return summary, disagreements
