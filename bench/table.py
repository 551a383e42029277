"""The measured blocks of the README, written from results of real runs, never by hand.

    dsmath run toy && python bench/table.py --collect toy     keep this run under reports/reference/toy
    dsmath run claims --seeds 0,1,2 && python bench/table.py --collect claims
    python bench/table.py                                     write the blocks between the README's markers

Runs of other seeds and control worlds lie beside a scale's own (``toy-seed1``, ``control-plain-web``) and are collected
with it: results, thinned logs, and ``ledger.md`` over all seeds. In the README their numbers are pooled.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from dsmath_lib.base.files import write_atomic
from dsmath_lib.base.folders import reports_root
from dsmath_lib.base.paths import ROOT
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.report.claims import all_claims
from dsmath_lib.report.compare import eval_metric, gain
from dsmath_lib.report.ledger import Measure, as_text, ledger, metric, pool
from dsmath_lib.report.verdict_rules import SYMBOL

KEEP = (
    "stage",
    "scale",
    "params",
    "metrics",
    "timings",
    "seconds",
    "peak_memory_mb",
    "environment",
)
LOG_ROWS = 40  # of each kind, of a kept log
TABLES = ("course",)  # numbers that the README names and no metric holds
PATHS = ("artifacts_dir", "data_dir")  # of one machine: not kept
METHODS = "06_one_gradient"
Run = dict[str, dict[str, Any]]  # stage -> results


def collect(scale: str, root: Path) -> None:
    """Keep the results of a scale and its variants, without paths and most tables, one folder per seed and world."""
    worlds = "|".join(WORLDS)
    name = re.compile(re.escape(scale) + rf"(-({worlds}))?(-seed\d+)?")
    folders = [p for p in sorted(reports_root().glob(f"{scale}*")) if name.fullmatch(p.name)]
    for path in (f for p in folders for f in sorted(p.glob("*/results.json"))):
        results = json.loads(path.read_text(encoding="utf-8"))
        kept = {k: results[k] for k in KEEP if k in results}
        kept |= {k: t for k, t in results.get("tables", {}).items() if k in TABLES}
        kept["params"] = {k: v for k, v in kept["params"].items() if k not in PATHS}
        seed, world = kept["params"]["seed"], kept["params"].get("world", "normal")
        out = (
            root / f"{'' if world == 'normal' else world + '-'}seed{seed}" / f"{kept['stage']}.json"
        )
        write_atomic(out, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
        if log := thinned(path.with_name("log.jsonl")):
            write_atomic(out.with_suffix(".log.jsonl"), log)
        print("kept", out.relative_to(ROOT))
    runs = [run for run in read(root) if "09_paper_vs_ours" in run or len(run) > 3]
    if runs:
        write_atomic(root / "ledger.md", ledger_page(scale, runs))


def thinned(path: Path) -> str:
    """A log with all validations, 40 rows of each other kind that holds numbers, and four digits of each."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row = json.loads(line)
        row = {
            k: float(f"{v:.4g}") if isinstance(v, float) else v
            for k, v in row.items()
            if k == "kind" or isinstance(v, int | float)
        }
        if len(row) > 2 and not str(row["kind"]).endswith((".timing", ".samples")):
            kinds.setdefault(row["kind"], []).append(row)
    out = []
    for kind, rows in kinds.items():
        every = 1 if kind.endswith(".eval") else -(-len(rows) // LOG_ROWS)
        out += [*rows[::every], *([] if (len(rows) - 1) % every == 0 else rows[-1:])]
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in out)


def ledger_page(scale: str, runs: list[Run]) -> str:
    """The ledger over all seeds as Markdown: one row a claim, two verdicts, the command."""
    p = next((r["09_paper_vs_ours"]["params"] for r in runs if "09_paper_vs_ours" in r), {})
    book = ledger(all_claims(p.get("margin", 0.03), p.get("k", 8)), runs)
    seeds = ", ".join(str(next(iter(run.values()))["params"]["seed"]) for run in runs)
    counts = ", ".join(f"{SYMBOL[v]} {v}: {n}" for v, n in book.counts().items())
    lines = [f"# The ledger at scale `{scale}`, seed {seeds}", "", f"Ours: {counts}.", ""]
    lines += [
        "| claim | the source's own evidence | ours | owed to | made by |",
        "|---|---|---|---|---|",
    ]
    for r in book.rows:
        own = f"{SYMBOL[r.published.verdict]} " if r.claim.evidence else ""
        cells = [
            f"**{r.claim.id}** {r.claim.claim}",
            own + "<br>".join(r.published.lines() or ["no numbers to judge"]),
            f"{SYMBOL[r.verdict]} **{r.verdict}**<br>" + "<br>".join(r.ours.lines()),
            r.claim.earned or "–",
            f"`{r.command}`" if r.command and r.claim.parts else "–",
        ]
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def read(root: Path) -> list[Run]:
    """One run per seed, in the order of the seeds."""
    runs: dict[int, Run] = {}
    for path in sorted(root.rglob("*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        normal = results.get("params", {}).get("world", "normal") == "normal"
        if "stage" in results and "metrics" in results and normal:
            runs.setdefault(results["params"]["seed"], {})[results["stage"]] = results
    return [runs[seed] for seed in sorted(runs)]


def measured(k: int) -> list[tuple[str, Measure, str]]:
    """The rows of the first table: what, how it is measured, unit."""
    mine, b = "01_corpus_mining", "toy-gsm"
    rows = [
        ("mining: recall of round 1", metric(mine, "recall_first"), "%"),
        ("mining: recall of the last round", metric(mine, "recall"), "%"),
        ("mining: precision of the last round", metric(mine, "precision"), "%"),
    ]
    for name, model in (("SFT", "sft"), ("RL", "policy")):
        for how in ("greedy", "sampled", f"maj@{k}", f"pass@{k}"):
            rows.append((f"{b}, {name}, {how}", eval_metric(model, b, "cot", how), "%"))
    for how in ("greedy", "sampled"):
        rows.append((f"{b}, RL minus SFT, {how}", gain(b, "cot", how), "points"))
    zero = "07_simplerl_zero"
    rows.append(("RL from the base model: sampled gain", metric(zero, "main_gain"), "points"))
    return rows


def block(runs: list[Run]) -> str:
    """The Markdown between the markers."""
    if not runs:
        return "No reference run is kept yet.\n"
    evaluation = runs[0].get("09_paper_vs_ours", {}).get("params", {})
    k = evaluation.get("k", 8)
    lines = ["| measured at scale `toy` | |", "|---|---|"]
    for what, measure, unit in measured(k):
        found = [e for run in runs if (e := measure(run)) is not None]
        if found:
            lines.append(f"| {what} | {as_text(pool(found), unit)} |")
        # paired over questions, while the line above is over seeds
        if unit == "points" and len(found) > 1:
            each = "; ".join(as_text(e, unit) for e in found)
            lines.append(f"| {what}, seed by seed | {each} |")
    counts = ledger(all_claims(evaluation.get("margin", 0.03), k), runs).counts()
    verdicts = ", ".join(f"{SYMBOL[v]} {v}: {n}" for v, n in counts.items())
    lines.append(f"| claims | {verdicts} |")
    seeds = ", ".join(str(next(iter(run.values()))["params"]["seed"]) for run in runs)
    lines += ["", f"| stage | seconds (seed {seeds}) | peak memory (MB) |", "|---|---|---|"]
    stages = sorted({s for run in runs for s in run})
    for s in stages:
        memory = max(run[s]["peak_memory_mb"]["resident"] for run in runs if s in run)
        lines.append(f"| {s} | {_seconds(runs, [s])} | {memory:.0f} |")
    lines.append(f"| all | {_seconds(runs, stages)} | |")
    where = next(iter(runs[0].values()))["environment"]
    lines += [
        "",
        f"{len(runs)} run(s) on {where['device']}, {where['cores']} cores, "
        f"{where['threads']} threads, torch {where['versions']['torch']}. Intervals are 95 %.",
    ]
    return "\n".join(lines) + "\n"


def methods(runs: list[Run]) -> str:
    """Every method of 06 on one budget; the seeds are inside the one run."""
    run = next((r for r in runs if METHODS in r), None)
    if run is None:
        return "No run of scale `claims` is kept yet.\n"
    p = run[METHODS]["params"]
    lines = [
        "| method | sampled accuracy | gain over SFT | entropy at the end |",
        "|---|---|---|---|",
    ]
    for name in p["methods"]:
        cells = [
            as_text(metric(METHODS, f"{name}_{what}")(run), unit)
            for what, unit in (("sampled", "%"), ("gain", "points"), ("entropy", "nats"))
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for name, against in zip(p["methods"][1:4], p["methods"], strict=False):
        difference = metric(METHODS, f"{name}_minus_{against}")(run)
        if difference is not None:
            lines.append(f"| {name} minus {against} | | {as_text(difference, 'points')} | |")
    batch = p["questions_per_step"] * p["group_size"]
    lines += ["", f"{p['steps']} steps of {batch} rollouts, seeds {', '.join(map(str, p['seeds']))} "
              f"together, {p['eval_questions']} questions × {p['eval_samples']} samples at T = "
              f"{p['eval_temperature']}. Intervals are 95 %."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _seconds(runs: list[Run], stages: list[str]) -> str:
    """Seconds of these stages together, one number per run: a busy machine shows. A dash where one did not run."""
    cells = []
    for run in runs:
        whole = all(s in run for s in stages)
        cells.append(f"{sum(run[s]['seconds'] for s in stages):.0f}" if whole else "–")
    return ", ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect", metavar="SCALE", help="keep the results of this scale")
    parser.add_argument("--to", metavar="NAME", help="its folder; none: the name of the scale")
    args = parser.parse_args()
    if args.collect:
        collect(args.collect, ROOT / "reports" / "reference" / (args.to or args.collect))
        return
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    kept = ROOT / "reports" / "reference"
    for name, made in (
        ("measured", block(read(kept / "toy"))),
        ("methods", methods(read(kept / "claims"))),
    ):
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
        text = pattern.sub(lambda _, new=f"{begin}\n{made}{end}": new, text)
    write_atomic(page, text)
    print("README.md: measured blocks written")


if __name__ == "__main__":
    main()
