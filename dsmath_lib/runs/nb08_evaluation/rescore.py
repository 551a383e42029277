"""Grade kept completions again: after a rule or the grader changed, seconds instead of a new run."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.grader import RULES, VERSION
from dsmath_lib.evaluation.metrics import read_estimate
from dsmath_lib.runs.nb08_evaluation import store
from dsmath_lib.runs.nb08_evaluation.evaluate import grade_rows
from dsmath_lib.runs.nb08_evaluation.scores import kept_scores, scores_of


def files_in(folder: Path) -> list[Path]:
    """All completions files at any depth below ``folder``.

    Raises:
        StageError: there is none.
    """
    found = sorted(p for p in folder.rglob(f"*{store.SUFFIX}") if p.is_file())
    if not found:
        raise StageError(f"no completions ('*{store.SUFFIX}') below {folder}")
    return found


def _ks(old: Mapping[str, Any], samples: int) -> list[int]:
    """The K of the scores kept before; powers of two up to the number of samples when there are none."""
    kept = {int(k.partition("@")[2]) for k in old.get("scores", {}) if "@" in k}
    return sorted(kept) or [2**i for i in range(samples.bit_length())] if samples else []


def regrade_file(path: Path, rule: str = "") -> dict[str, Any] | None:
    """Old and new scores of one file: None if it holds prompts only, was never run, or is damaged.

    Args:
        rule: extraction rule; "": the one the file was made for.

    Returns:
        ``header``, ``old`` (as kept, {} if never graded), ``new``, ``changed``: ids whose greedy verdict changed.
    """
    found = store.read_file(path)
    if found is None or found[0].get("not_run") or not found[1]:
        return None
    header, rows = found
    old = store.read_scores(path)
    rule = rule or header.get("rule") or old.get("rule", "paper")
    graded = grade_rows(rows, rule)
    ks = _ks(old, len(rows[0]["samples"]))
    new = kept_scores(rule, rows, graded, scores_of(rows, graded, ks))
    before = old.get("right", "")
    changed = [
        r["id"]
        for r, a, b in zip(rows, before, new["right"], strict=False)
        if len(before) == len(rows) and a != b
    ]
    return {"header": header, "old": old, "new": new, "changed": changed}


def regrade_folder(folder: Path, rule: str = "", *, write: bool = False) -> list[dict[str, Any]]:
    """Grade every file below ``folder`` again; one row per file with old and new scores.

    ``write``: keep the new scores beside the completions.

    Raises:
        StageError: no completions there, or all are damaged.
        StageError: unknown rule.
    """
    if rule and rule not in RULES:
        raise StageError(f"unknown rule '{rule}' (known: {', '.join(RULES)})")
    rows = []
    for path in files_in(folder):
        try:
            found = regrade_file(path, rule)
        except (TypeError, KeyError, AttributeError, IndexError, ValueError) as err:
            found = None
            print(
                f"{path}: not graded: other rows than ours ({type(err).__name__})", file=sys.stderr
            )
        else:
            if found is None and store.read_file(path) is None:
                print(f"{path}: not graded: damaged, or cut short", file=sys.stderr)
        if found is None:
            continue
        old, new = found["old"], found["new"]
        name = str(path.relative_to(folder)).removesuffix(store.SUFFIX)
        row: dict[str, Any] = {"file": name, "n": new["n"], "samples": new["samples"]}
        row["rule"] = _change(old.get("rule"), new["rule"])
        row["grader"] = _change(old.get("grader"), VERSION)
        for how in ("greedy", "sampled"):
            row[f"{how}, old"] = read_estimate(old.get("scores", {}).get(how)) or "–"
            row[f"{how}, new"] = new["scores"].get(how, "–")
        row["verdicts changed"] = len(found["changed"])
        rows.append(row)
        if write:
            store.write_scores(path, new)
    if not rows:
        raise StageError(f"no readable completions below {folder}")
    return rows


def _change(old: Any, new: Any) -> str:
    return str(new) if old in (None, new) else f"{old} → {new}"
