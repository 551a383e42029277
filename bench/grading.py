"""The grader beside math-verify on published, labelled solutions; and a soak in hostile expressions.

    python bench/grading.py --data DATA/math [--limit 200]      agreement with labels and times, per source
    python bench/grading.py --soak 10000 --threads 4            hostile expressions: time, memory, crashes

Both graders see the same rows in turn: math-verify (default configuration, the gold answer in a box) called as its
documentation says, with its own time limits. Times are processor time of this process, where both compute. Results go
to ``reports/reference/bench/grading.json`` (``--out``). Labels are the publishers'; some are wrong, see the file of
disagreements (``--show FILE``).
"""

import argparse
import json
import random
import resource
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grading_sources import COMPLETIONS, SOLUTIONS, Case

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.machine import environment
from dsmath_lib.base.paths import ROOT
from dsmath_lib.engines.grader import (
    DEFAULT_RULE,
    VERSION,
    answers_equal,
    gold_answers,
    grade,
    grade_answer,
)
from dsmath_lib.engines.grader.choice import gold_letters

WARM = ("\\sqrt{2}+x", "x+\\sqrt{2}")


def ours(case: Case) -> bool:
    if case.bare:
        return grade_answer(case.gold, case.text, case.question).correct
    return grade(case.gold, case.text, DEFAULT_RULE, case.question).correct


def theirs(case: Case) -> bool:
    from math_verify import (
        ExprExtractionConfig,
        LatexExtractionConfig,
        StringExtractionConfig,
        parse,
        verify,
    )

    answer = gold_answers(case.gold, case.question)[0]
    config = [LatexExtractionConfig(), ExprExtractionConfig()]
    letter = gold_letters(answer)
    config = [StringExtractionConfig(), *config] if letter else config
    text = f"\\boxed{{{case.text}}}" if case.bare else case.text
    gold = parse(letter or f"\\boxed{{{answer}}}", config)
    return bool(verify(gold, parse(text, config)))


def timed(run: Callable[[Case], bool], case: Case) -> tuple[bool, float]:
    start = time.process_time()
    verdict = run(case)
    return verdict, time.process_time() - start


def row(cases: list[Case], verdicts: list[bool], seconds: list[float]) -> dict[str, Any]:
    """Agreement of one grader on one source; times in milliseconds."""
    pairs = list(zip(cases, verdicts, strict=True))
    return {
        "agree": sum(c.right == v for c, v in pairs),
        "right refused": sum(c.right and not v for c, v in pairs),
        "wrong accepted": sum(v and not c.right for c, v in pairs),
        "median ms": 1000 * statistics.median(seconds),
        "mean ms": 1000 * statistics.fmean(seconds),
        "max ms": 1000 * max(seconds),
    }


def measure(data: str, limit: int, show: Path | None) -> dict[str, Any]:
    """Both graders on every source, rows in turn."""
    table, shown = {}, []
    total: dict[str, list[float]] = {"ours": [], "math-verify": []}
    graders = {"ours": ours, "math-verify": theirs}
    answers_equal(*WARM)  # imports are not what is measured
    theirs(Case(WARM[0], WARM[1], True, bare=True))
    for name, source in {**COMPLETIONS, **SOLUTIONS}.items():
        cases = list(source(data))
        if limit and len(cases) > limit:
            cases = random.Random(0).sample(cases, limit)
        found: dict[str, list[tuple[bool, float]]] = {g: [] for g in graders}
        for case in cases:
            for grader, run in graders.items():
                found[grader].append(timed(run, case))
        table[name] = {"n": len(cases), "labelled right": sum(c.right for c in cases)}
        for grader, results in found.items():
            verdicts, seconds = zip(*results, strict=True)
            table[name][grader] = row(cases, verdicts, seconds)
            if name in COMPLETIONS:
                total[grader] += seconds
        shown += [
            {
                "source": name,
                "label": c.right,
                "ours": v,
                "gold": c.gold[-200:],
                "text": c.text[-400:],
            }
            for c, (v, _) in zip(cases, found["ours"], strict=True)
            if v != c.right
        ]
        print_row(name, table[name])
    if show:
        write_atomic(show, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in shown))
    times = {
        g: {"median ms": 1000 * statistics.median(s), "mean ms": 1000 * statistics.fmean(s)}
        for g, s in total.items()
    }
    return {
        "sources": table,
        "all completions": summed(table),
        "times": times,
        "ratios": ratios(times),
    }


def ratios(times: dict[str, dict[str, float]]) -> dict[str, float]:
    """How many times longer math-verify takes, by median and by mean."""
    return {k: times["math-verify"][k] / times["ours"][k] for k in ("median ms", "mean ms")}


def summed(table: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The counts over all real completions."""
    rows = [table[name] for name in COMPLETIONS]
    out: dict[str, Any] = {k: sum(r[k] for r in rows) for k in ("n", "labelled right")}
    for grader in ("ours", "math-verify"):
        keys = ("agree", "right refused", "wrong accepted")
        out[grader] = {k: sum(r[grader][k] for r in rows) for k in keys}
    return out


def print_row(name: str, r: dict[str, Any]) -> None:
    cells = [f"{name:42}{r['n']:6}{r['labelled right']:6} |"]
    for grader in ("ours", "math-verify"):
        g = r[grader]
        cells.append(
            f"{g['agree'] / r['n']:8.2%} {g['right refused']:4} {g['wrong accepted']:4} "
            f"{g['median ms']:8.2f} {g['mean ms']:8.2f} |"
        )
    print(" ".join(cells), flush=True)


PIECES = (
    "9^{9^{9^{9}}}", "10^{10^{10}}", "(10^6)!", "99999!",
    "(" * 500, ")" * 500, "{" * 300, "}" * 300, "\\frac{1}{", "\\sqrt{",
    "\u200b", "\u202e", "\u2066", "\x00", "\\sum_{n=1}^{10^{9}}", "\\int_0^{x}", "\\lim_{x\\to0}",
    "^", "_", "!", "!!", "|", "||",
    "\\begin{pmatrix}", "\\\\", "&", "\\end{pmatrix}", "\\{", "\\}", ",", ";", "=", "<", "\\le",
    "\\cup", "\\in", "\\pm", "%",
    "1", "2", "x", "y", "e", "i", "\\pi", "\\infty", "+", "-", "*", "/", ".",
    "0" * 300, "9" * 300, " " * 200, "x" * 200, "1/" * 100,
    "三分之", "零" * 50, "万" * 20, "\\text{", "$", "\\boxed{", "**", "a:b", "1:2:", "_2",
    "\ud83d\ude00", "½", "²", "＋", "（", "cm", "\\%",
    "\\sin", "\\log_", "\\binom{9999}{", "lambda: 0", "__import__('os')", "\\mathbb{R}", "\\setminus",
    "...", "\\ldots", "\\overline{3}",
)  # fmt: skip


SLOW = 0.1  # processor seconds of the calling thread


def hostile(rng: random.Random) -> str:
    """A made-up answer: towers, deep nesting, wrong brackets, invisible characters; up to 100,000 characters."""
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(PIECES) * rng.choice((1, 10, 100, 1000, 20_000))
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 12 if kind < 0.7 else 60)))


def soak(n: int, threads: int = 1, seed: int = 0) -> dict[str, Any]:
    """n hostile pairs in some threads: the longest times, memory as it goes, what was raised (nothing may be)."""
    answers_equal(*WARM)
    found: list[dict[str, Any]] = [{} for _ in range(threads)]
    memory = [resident_mb()]
    crowd = [
        threading.Thread(target=_soak_one, args=(n // threads, seed + i, found[i]))
        for i in range(threads)
    ]
    for t in crowd:
        t.start()
    while any(t.is_alive() for t in crowd):
        for t in crowd:
            t.join(5.0 / threads)
        memory.append(resident_mb())
    wall = sorted(x for f in found for x in f["wall"])
    own = sorted(x for f in found for x in f["own"])
    every = len(memory) // 10 or 1
    return {
        "pairs": n // threads * threads,
        "threads": threads,
        "verdicts": len(wall),
        "wall ms": quantiles(wall),
        "processor ms of the calling thread": quantiles(own),
        "raised": [r for f in found for r in f["raised"]][:5],
        "slow": [r for f in found for r in f["slow"]][:10],
        "memory MB": [round(m, 1) for m in [*memory[::every], memory[-1]]],
        "peak memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def quantiles(ordered: list[float]) -> dict[str, float]:
    """Median, mean, 99.9 % and largest, in milliseconds."""
    return {
        "median": 1000 * statistics.median(ordered),
        "mean": 1000 * statistics.fmean(ordered),
        "99.9 %": 1000 * ordered[int(0.999 * (len(ordered) - 1))],
        "max": 1000 * ordered[-1],
    }


GOLDS = (
    "7",
    "x^2+1",
    "(1,2)",
    "[0,\\infty)",
    "x<3",
    "\\frac{1}{2}",
    "2\\sqrt{3}",
    "\\{1,2\\}",
    "\\int_0^1 x dx",
)


def _soak_one(n: int, seed: int, out: dict[str, Any]) -> None:
    rng = random.Random(seed)
    out.update(wall=[], own=[], raised=[], slow=[])
    for _ in range(n):
        text = hostile(rng)
        pair = (rng.choice(GOLDS), text) if rng.random() < 0.8 else (text, hostile(rng))
        completion = f"so \\boxed{{{text}}}" if rng.random() < 0.5 else f"The answer is {text}"
        for run, args in ((answers_equal, pair), (grade, ("7", completion))):
            wall, own = time.perf_counter(), time.thread_time()
            try:
                run(*args)
            except Exception as err:
                out["raised"].append(repr(err)[:200])
            out["wall"].append(time.perf_counter() - wall)
            out["own"].append(time.thread_time() - own)
            if out["own"][-1] > SLOW:
                out["slow"].append([round(out["own"][-1], 2), *(a[:80] for a in args)])


def resident_mb() -> float:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the folder that holds gsm8k/, math/, model_outputs/ …")
    parser.add_argument("--limit", type=int, default=0, help="rows per source; 0: all")
    parser.add_argument("--soak", type=int, default=0, help="number of hostile pairs")
    parser.add_argument("--threads", type=int, default=1, help="of the soak")
    parser.add_argument(
        "--show", type=Path, help="file for the rows where ours and the label differ"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports/reference/bench/grading.json")
    args = parser.parse_args()
    results = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else {}
    results |= {"bench": "grading", "grader version": VERSION, "rule": DEFAULT_RULE}
    if args.data:
        results["labelled"] = measure(args.data, args.limit, args.show) | {"limit": args.limit}
        print(
            json.dumps({k: results["labelled"][k] for k in ("all completions", "ratios")}, indent=1)
        )
    if args.soak:
        results["soak"] = soak(args.soak, args.threads)
        print(json.dumps(results["soak"], indent=1))
    results["environment"] = environment()
    write_atomic(args.out, json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
