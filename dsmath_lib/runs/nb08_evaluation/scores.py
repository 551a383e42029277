"""From graded completions to named scores: ``<model>.<benchmark>.<kind>.<how>``, all with intervals.

``how`` is greedy, sampled, maj@K, pass@K, rm@K (where samples carry rewards), greedy-strict (a box or nothing),
greedy-lenient (the last statement of any kind), greedy-program (tools: the last output alone); truncated, no_answer,
timeout and, with tools, tool_errors are plain shares of the greedy completions.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dsmath_lib.engines.grader import VERSION, answers_equal
from dsmath_lib.evaluation.metrics import (
    Estimate,
    accuracy,
    answer_classes,
    best_of_k,
    maj_at_k,
    mean_best_of_k,
    mean_maj_at_k,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
    sample_mean,
)
from dsmath_lib.runs.nb08_evaluation import load as benchmarks
from dsmath_lib.runs.nb08_evaluation.evaluate import Graded, grade_rows
from dsmath_lib.runs.nb08_evaluation.run import EvalJob, completions_path
from dsmath_lib.runs.nb08_evaluation.store import write_scores

_Rows = Sequence[Mapping[str, Any]]


def classes_of(graded: Sequence[Graded]) -> list[list[int | None]]:
    """Answer classes of the samples of each question; equal answers share a class."""
    return [answer_classes([v.extracted for v in g.samples], _same) for g in graded]


def _same(a: str, b: str) -> bool:
    return answers_equal(a, b)[0]


def _right(graded: Sequence[Graded]) -> list[list[bool]]:
    return [[v.correct for v in g.samples] for g in graded]


def scores_of(rows: _Rows, graded: Sequence[Graded], ks: Sequence[int]) -> dict[str, Any]:
    """All scores of one model on one benchmark; K beyond the number of samples is left out."""
    out: dict[str, Any] = {"greedy": accuracy([g.greedy.correct for g in graded])}
    out |= {how: accuracy(right) for how, right in other_readings_of(rows).items()}
    out["truncated"] = _share(r["greedy"]["finish"] == "length" for r in rows)
    out["no_answer"] = _share(g.greedy.extracted is None for g in graded)
    out["timeout"] = _share(_late(r["greedy"], g) for r, g in zip(rows, graded, strict=True))
    if "greedy-program" in out:
        out["tool_errors"] = _share(r["greedy"].get("tool_errors", 0) > 0 for r in rows)
    n = len(rows[0]["samples"])
    if n:
        right, classes = _right(graded), classes_of(graded)
        out["sampled"] = sample_mean(right)
        rewards = sample_rewards(rows)
        for k in (k for k in ks if k <= n):
            out[f"maj@{k}"] = mean_maj_at_k(classes, right, k)
            out[f"pass@{k}"] = mean_pass_at_k(right, k)
            if rewards:
                out[f"rm@{k}"] = mean_best_of_k(right, rewards, k)
    return out


def other_readings_of(rows: _Rows) -> dict[str, list[bool]]:
    """``greedy-strict``, ``greedy-lenient`` and, with tools, ``greedy-program``: greedy completions by that rule.

    {} for programs: their answer is what they printed, which has one reading.
    """
    if "output" in rows[0]["greedy"]:
        return {}
    other = {"greedy-strict": "strict", "greedy-lenient": "lenient"}
    if any("sampled" in r["greedy"] for r in rows):
        other["greedy-program"] = "tool-output"
    bare = [{**r, "samples": []} for r in rows]
    return {h: [g.greedy.correct for g in grade_rows(bare, rule)] for h, rule in other.items()}


def _late(completion: Mapping[str, Any], graded: Graded) -> bool:
    """Did a program run out of time, or the comparison of answers out of its budget?"""
    program = completion.get("tool_timeouts") or completion.get("timed_out")
    return bool(program) or "too much work" in graded.greedy.reason


def score_line(job: EvalJob, rows: _Rows, scores: Mapping[str, Any]) -> dict[str, Any]:
    """The line that always goes with a score: rule, n, samples, strict and lenient, and what went wrong."""

    def of(how: str) -> Any:
        return scores.get(f"{job.name}.{how}", "–")

    def percent(how: str) -> str:
        return f"{100 * of(how):.1f} %"

    return {
        "model": job.model,
        "benchmark": job.benchmark,
        "prompt": job.prompt,
        "rule": job.rule,
        "n": len(rows),
        "samples": len(rows[0]["samples"]),
        "greedy": of("greedy"),
        "strict": of("greedy-strict"),
        "lenient": of("greedy-lenient"),
        "sampled": of("sampled"),
        "truncated": percent("truncated"),
        "no answer": percent("no_answer"),
        "timeout": percent("timeout"),
    }


def kept_scores(
    rule: str, rows: _Rows, graded: Sequence[Graded], scores: Mapping[str, Any]
) -> dict[str, Any]:
    """What is kept beside a completions file, to compare with after a rule or the grader changed."""
    return {
        "grader": VERSION,
        "rule": rule,
        "n": len(rows),
        "samples": len(rows[0]["samples"]),
        "scores": dict(scores),
        "right": "".join("01"[g.greedy.correct] for g in graded),
    }


def sample_rewards(rows: _Rows) -> list[list[float]]:
    """The rewards of the samples of each question; [] where a sample has none."""
    found = [[s.get("reward") for s in r["samples"]] for r in rows]
    return [] if any(None in r or not r for r in found) else found


def per_question(
    graded: Sequence[Graded], how: str, rewards: Sequence[Sequence[float]] = ()
) -> list[float]:
    """One number per question, for paired comparison: ``greedy``, ``sampled``, ``maj@K``, ``pass@K`` or ``rm@K``."""
    if how == "greedy":
        return [float(g.greedy.correct) for g in graded]
    right = _right(graded)
    if how == "sampled":
        return [sum(r) / len(r) for r in right]
    kind, _, k = how.partition("@")
    if kind == "pass":
        return [pass_at_k(len(r), sum(r), int(k)) for r in right]
    if kind == "maj":
        vote = partial(maj_at_k, k=int(k))
        return [vote(c, r) for c, r in zip(classes_of(graded), right, strict=True)]
    if kind == "rm" and rewards:
        return [best_of_k(r, s, int(k)) for r, s in zip(right, rewards, strict=True)]
    raise ValueError(f"unknown score '{how}' (known: greedy, sampled, maj@K, pass@K, rm@K)")


def paired_differences(
    after: Sequence[Graded], before: Sequence[Graded], how: Sequence[str]
) -> dict[str, Estimate]:
    """Paired differences ``after - before`` by score; both must hold the same questions in the same order."""
    return {h: paired_difference(per_question(after, h), per_question(before, h)) for h in how}


# -- a whole run -----------------------------------------------------------------------------------------------------
class BenchmarkScores:
    """Completions and verdicts of all jobs of a run, graded once by each benchmark's rule."""

    def __init__(self, folder: Path | None = None, ks: Sequence[int] = ()) -> None:
        self.rows: dict[EvalJob, _Rows] = {}
        self.graded: dict[EvalJob, list[Graded]] = {}
        self.scores: dict[EvalJob, dict[str, Any]] = {}
        self.not_run: dict[EvalJob, str] = {}
        self.folder, self.ks = folder, ks

    def add(self, job: EvalJob, rows: _Rows) -> None:
        """Grade the rows of a job and keep both; with a folder, keep the scores beside the completions too."""
        if not rows:
            self.not_run[job] = f"not run: needs {benchmarks.get(job.benchmark).needs}"
            return
        self.rows[job] = rows
        self.graded[job] = grade_rows(rows, job.rule)
        self.scores[job] = scores_of(rows, self.graded[job], self.ks)
        if self.folder is not None:
            kept = kept_scores(job.rule, rows, self.graded[job], self.scores[job])
            write_scores(completions_path(self.folder, job), kept)

    def metrics(self) -> dict[str, Any]:
        """Every score of every job, by name."""
        return {
            f"{job.name}.{how}": value
            for job, scores in self.scores.items()
            for how, value in scores.items()
        }

    def differences(self, after: str, before: str) -> dict[str, Estimate]:
        """Paired differences of two models wherever both ran: ``diff.<after>-<before>.<benchmark>.<kind>.<how>``."""
        out = {}
        for job, graded in self.graded.items():
            other = self.graded.get(EvalJob(before, job.benchmark, job.kind))
            if job.model == after and other:
                name = job.name.partition(".")[2]
                found = paired_differences(graded, other, self._kinds_of_score(job))
                out |= {f"diff.{after}-{before}.{name}.{how}": e for how, e in found.items()}
        return out

    def before_after(self, before: str, after: str) -> list[dict[str, Any]]:
        """Rows for a table: each benchmark that both models answered, greedy, strict, lenient and what was cut."""
        out = []
        for job, graded in self.graded.items():
            old = EvalJob(before, job.benchmark, job.kind)
            if job.model != after or old not in self.graded:
                continue
            was, now = self.scores[old], self.scores[job]
            asked = next(j for j in self.graded if j == old)
            row = {"benchmark": job.title, "prompt": job.prompt}
            if asked.prompt != job.prompt:
                row["prompt"] = f"differs: {asked.prompt}, {job.prompt}"
            hows = [h for h in ("greedy", "greedy-strict", "greedy-lenient") if h in now]
            row |= {h.removeprefix("greedy-"): _change(was[h].value, now[h].value) for h in hows}
            row["truncated"] = _change(was["truncated"], now["truncated"])
            row["gain"] = paired_differences(graded, self.graded[old], ["greedy"])["greedy"]
            out.append(row)
        return out

    def tool_gains(self) -> dict[str, Estimate]:
        """Greedy with tools minus greedy without, paired: ``diff.tir-cot.<model>.<benchmark>.greedy``."""
        out = {}
        for job, graded in self.graded.items():
            plain = self.graded.get(EvalJob(job.model, job.benchmark, "cot"))
            if job.kind == "tir" and plain:
                name = job.name.rpartition(".")[0]
                out[f"diff.tir-cot.{name}.greedy"] = paired_differences(graded, plain, ["greedy"])[
                    "greedy"
                ]
        return out

    def shot_gains(self) -> dict[str, Estimate]:
        """Greedy with examples minus greedy without, paired: ``diff.shots-cot.<model>.<benchmark>.greedy``."""
        out = {}
        for job, graded in self.graded.items():
            plain = self.graded.get(EvalJob(job.model, job.benchmark, "cot"))
            if job.kind == "shots" and plain:
                gain = paired_differences(graded, plain[: len(graded)], ["greedy"])["greedy"]
                out[f"diff.shots-cot.{job.model}.{job.title}.greedy"] = gain
        return out

    def reward_gains(self) -> dict[str, Estimate]:
        """Best of K by reward minus majority of K, paired, at the largest K: ``diff.rm-maj.<job>.@K``."""
        out = {}
        for job, graded in self.graded.items():
            rewards = sample_rewards(self.rows[job])
            k = max((k for k in self.ks if rewards and k <= len(rewards[0])), default=1)
            if k > 1:
                best = per_question(graded, f"rm@{k}", rewards)
                vote = per_question(graded, f"maj@{k}")
                out[f"diff.rm-maj.{job.name}.@{k}"] = paired_difference(best, vote)
        return out

    def vote_gains(self) -> dict[str, Estimate]:
        """Majority of K minus one sample, paired by question, at each K above 1: ``diff.maj-sampled.<job>.@K``."""
        out = {}
        for job, graded in self.graded.items():
            n = len(self.rows[job][0]["samples"])
            for k in (k for k in self.ks if 1 < k <= n):
                vote, one = per_question(graded, f"maj@{k}"), per_question(graded, "sampled")
                out[f"diff.maj-sampled.{job.name}.@{k}"] = paired_difference(vote, one)
        return out

    def _kinds_of_score(self, job: EvalJob) -> list[str]:
        n = len(self.rows[job][0]["samples"])
        votes = [f"{kind}@{k}" for kind in ("maj", "pass") for k in self.ks if 1 < k <= n]
        return ["greedy", *(["sampled", *votes] if n else [])]


def _change(before: float, after: float) -> str:
    return f"{100 * before:.1f} → {100 * after:.1f} %"


def _share(flags: Iterable[bool]) -> float:
    flags = list(flags)
    return sum(flags) / len(flags)
