"""The Python tool: programs per second on one core, and which published programs run under which executor.

    python bench/python_tool.py --out tool.json                          speed, beside fresh ``python -c`` processes
    python bench/python_tool.py --traces ../shared/data --out traces.json   real programs of ToRA, MathCoder, PoT, PAL

Speed: this process and all its children are bound to one core. Rounds of the methods alternate, all programs differ, so
no result comes from the cache. The best round counts; the second rate is per second of processor time of all
processes together, and does not see other users of the core. ``sympy`` programs import SymPy and factor a polynomial.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from dsmath_lib.base.machine import environment
from dsmath_lib.engines.sandbox import describe, extract_programs, run_program

SMALL = "def income(eggs, price):\n    sold = eggs - 3 - {i} % 7\n    return sold * price\n\nprint(income({i}, 2))\n"
SYMPY = "from sympy import *\nx = symbols('x')\nprint(factor(x**2 - {i}**2))\n"


# -- speed -----------------------------------------------------------------------------------------------------------
def with_executor(name: str) -> Callable[[str], str]:
    """Runs a program by one of our executors; returns what it printed."""
    return lambda code: run_program(code, executor=name).stdout


def fresh_process(code: str) -> str:
    """The peer: a new interpreter for every program, without any wall."""
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, timeout=60).stdout


METHODS = {  # name: (run, program, programs a round)
    "monty": (with_executor("monty"), SMALL, 1000),
    "cpython": (with_executor("cpython"), SMALL, 40),
    "python -c": (fresh_process, SMALL, 20),
    "cpython, sympy": (with_executor("cpython"), SYMPY, 20),
    "python -c, sympy": (fresh_process, SYMPY, 4),
}


def processor_seconds() -> float:
    """Of this process, its living children and its dead ones."""
    times = []
    for child in psutil.Process().children(recursive=True):
        # one that just ended counts to the worker
        with suppress(psutil.NoSuchProcess):
            times.append(child.cpu_times())
    own = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # a worker's dead children count to the worker
    living = sum(t.user + t.system + t.children_user + t.children_system for t in times)
    return living + sum(r.ru_utime + r.ru_stime for r in own)


def speed(rounds: int) -> dict[str, dict[str, float]]:
    """Programs per second of each method; best of the rounds."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    best: dict[str, dict[str, float]] = {}
    for run, program, _ in METHODS.values():
        run(program.format(i=1))  # start the workers
    for r in range(1, rounds + 1):
        for name, (run, program, n) in METHODS.items():
            codes = [program.format(i=10_000 * r + i) for i in range(n)]
            cpu, start = processor_seconds(), time.perf_counter()
            printed = [run(code) for code in codes]
            seconds, cpu = time.perf_counter() - start, processor_seconds() - cpu
            if not all(printed):
                raise RuntimeError(f"{name}: a program printed nothing")
            row = {"per_s": n / seconds, "per_cpu_s": n / cpu if cpu else 0.0}
            print(r, name, {k: round(v, 1) for k, v in row.items()}, flush=True)
            known = best.setdefault(name, row)
            best[name] = {k: max(v, known[k]) for k, v in row.items()}
    return best


# -- real programs ---------------------------------------------------------------------------------------------------
def rows_of(path: Path) -> Iterator[dict]:
    """Rows of a .jsonl or .jsonl.gz file."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as f:
        yield from map(json.loads, f)


def tora(row: dict) -> tuple[str, str | None]:
    text = row["code"][0] if "code" in row else row["messages"][1]["content"]
    programs = extract_programs(text)
    output = text.rpartition("```output\n")[2].partition("```")[0].strip()
    return (programs[-1] if programs else ""), output


def mathcoder(row: dict) -> tuple[str, str | None]:
    """Cells of one notebook, joined; it shows values, not prints, so there is no output to compare."""
    return "\n".join(x["content"] for x in row["debug_result"] if x["role"] == "code"), None


def pot(row: dict) -> tuple[str, str | None]:
    code = row.get("generated")
    return (f"{code[0]}\nprint(ans)" if code else ""), str(row.get("executed"))


def pal(row: dict) -> tuple[str, str | None]:
    return row["code"] + "\nprint(solution())", str(row["target"])


SOURCES = {
    "ToRA 70B, GSM8K": ("math/model_outputs/tora_70b_gsm8k.jsonl.gz", tora),
    "ToRA corpus, MATH": ("math/model_outputs/tora_examples.jsonl", tora),
    "MathCoder 70B, right": ("math/model_outputs/mathcoder_l70b_gsm8k_correct.jsonl.gz", mathcoder),
    "MathCoder 70B, wrong": ("math/model_outputs/mathcoder_l70b_gsm8k_wrong.jsonl.gz", mathcoder),
    "PoT Codex, GSM8K": ("math/model_outputs/pot_codex_gsm8k.jsonl", pot),
    "PAL, GSM-hard": ("math/qwen_eval/gsm_hard.jsonl.gz", pal),
}


def same(printed: str, recorded: str) -> bool:
    """Equal as text, or as numbers to 9 digits."""
    if printed.strip() == recorded.strip():
        return True
    try:
        a, b = float(printed), float(recorded)
    except ValueError:
        return False
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def traces(root: Path, limit: int) -> list[dict]:
    """How many programs of each source run without an error, and print what was recorded; by executor."""
    table = []
    for name, (file, read) in SOURCES.items():
        pairs = [p for row in rows_of(root / file) if (p := read(row))[0]][: limit or None]
        for executor in ("monty", "cpython"):
            results = [run_program(code, executor=executor, timeout_s=10.0) for code, _ in pairs]
            errors: dict[str, int] = {}
            for r in results:
                if r.error:
                    kind = r.error.rpartition("\n")[2][:80]
                    errors[kind] = errors.get(kind, 0) + 1
            known = [(r, p[1]) for r, p in zip(results, pairs, strict=True) if p[1] is not None]
            row = {
                "source": name,
                "executor": executor,
                "programs": len(pairs),
                "run": sum(not r.error for r in results),
                "recorded": len(known),
                "same output": sum(same(r.stdout, out) for r, out in known),
                "errors": sorted(errors.items(), key=lambda e: -e[1])[:8],
            }
            print(row, flush=True)
            table.append(row)
    return table


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--traces", default="", metavar="DATA", help="folder of the real data")
    args.add_argument("--limit", type=int, default=0, help="programs of each source; 0: all")
    args.add_argument("--out", default="")
    a = args.parse_args()
    tools = {name: describe(name) for name in ("monty", "cpython")}
    print(tools)
    settings = {k: v for k, v in vars(a).items() if k not in ("traces", "out")}
    result = {"bench": "python_tool", "settings": settings, "executors": tools}
    if a.traces:
        result["traces"] = traces(Path(a.traces), a.limit)
    else:
        result["speed"] = speed(a.rounds)
    if a.out:
        result["environment"] = environment()
        Path(a.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
