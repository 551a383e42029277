"""Planned and measured peak memory of the training notebooks on this CPU, side by side.

    python bench/plan_memory.py --out reports/reference/bench/plan_memory.json
    python bench/plan_memory.py --model FOLDER --only FOLDER-NAME   a pre-trained model, e.g. SmolLM2-135M

Each notebook runs over papermill in a kernel of its own, a few steps of scale ``smoke`` with a larger model; its peak
is the most resident memory that its ``results.json`` names. The plan is that of ``dsmath plan``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

STAGES = ("02_pretraining", "03_sft", "05_grpo", "06_one_gradient")
# name -> hidden, layers, heads, intermediate, vocabulary
SIZES = {"6M": (256, 6, 8, 768, 2048), "28M": (512, 8, 8, 1536, 2048)}
SMALL = {
    "common": {"threads": 1},
    "01_corpus_mining": {},
    "02_pretraining": {
        "context": 256, "batch_size": 16, "micro_batch": 8, "tokens": 16_384, "compare_tokens": 8192,
        "compare_corpora": ["mined"], "start_tokens": 0, "checkpoint_every": 2, "evals": 1, "heldout_n": 16,
    },
    "03_sft": {
        "context": 256, "batch_size": 16, "micro_batch": 8, "steps": 4, "checkpoint_every": 2, "evals": 1,
        "heldout_n": 8, "max_new_tokens": 24,
    },
    "05_grpo": {
        "questions_per_step": 4, "group_size": 8, "max_new_tokens": 64, "micro_tokens": 4096, "steps": 3,
        "checkpoint_every": 2, "compare_steps": 0, "eval_questions": 8,
    },
    "06_one_gradient": {
        "questions_per_step": 4, "group_size": 8, "max_new_tokens": 64, "micro_tokens": 4096, "steps": 2,
        "checkpoint_every": 0, "methods": ["grpo-os", "ppo"],
    },
}  # fmt: skip


def make_scale(folder: Path, smoke: Path, name: str, model: str) -> None:
    """The files of a scale ``name`` below ``folder``: smoke's, the few steps above, and the model."""
    scale = folder / name
    scale.mkdir(parents=True)
    for stage, more in SMALL.items():
        values = yaml.safe_load((smoke / f"{stage}.yaml").read_text(encoding="utf-8")) or {}
        values |= more
        if stage == "common":
            values["scale"] = name
        if stage == "02_pretraining":
            values |= own_model(name) if not model else {"init_model": model}
        (scale / f"{stage}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def own_model(name: str) -> dict:
    """Parameters of a new model of one of ``SIZES``."""
    hidden, layers, heads, inner, vocab = SIZES[name]
    shape = {"hidden_size": hidden, "layers": layers, "heads": heads, "kv_heads": heads}
    return shape | {"intermediate_size": inner, "vocab_size": vocab, "init_std": 0.02}


def child(a: argparse.Namespace) -> int:
    """Run the chain in this process: its kernels are processes of their own."""
    from dsmath_lib.app.runner import run_stages

    stages = ["01_corpus_mining", *STAGES]
    return run_stages(a.child, stages, params=Path(a.params))


def measure(name: str, model: str, folder: Path) -> list[dict]:
    """Rows of one model: stage, planned and measured MB."""
    from dsmath_lib.base.paths import PARAMS_DIR

    make_scale(folder / "params", PARAMS_DIR / "smoke", name, model)
    command = [sys.executable, __file__, "--child", name, "--params", str(folder / "params")]
    env = os.environ | {"DSMATH_REPORTS": str(folder / "reports")}
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stdout[-500:]}\n{done.stderr[-2000:]}")
    results = {
        s: json.loads((folder / "reports" / name / s / "results.json").read_text(encoding="utf-8"))
        for s in STAGES
    }
    rows = compared(name, results)
    print("\n".join(map(json.dumps, rows)), flush=True)
    return rows


def compared(name: str, results: dict[str, dict]) -> list[dict]:
    """Plan and measurement of each stage, in MB (10^6 bytes)."""
    from dsmath_lib.params.registry import params_model
    from dsmath_lib.plan.scale import plan_stages

    cfgs = {s: params_model(s).check(r["params"], s) for s, r in results.items()}
    rows = []
    for p in plan_stages(cfgs):
        measured = results[p.memory.stage]["peak_memory_mb"]["resident"]
        planned = p.as_json()
        row = {"model": name, "stage": p.memory.stage, "planned_mb": planned["peak_mb"]}
        row |= {"measured_mb": measured, "planned_over_measured": planned["peak_mb"] / measured}
        rows.append(row | {"lines_mb": planned["lines_mb"]})
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="folder of a pre-trained model to measure, too")
    parser.add_argument("--only", default="", help="only the model of this name")
    parser.add_argument("--out", default="")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--params", default="", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        return child(a)
    models = dict.fromkeys(SIZES, "") | ({Path(a.model).name: a.model} if a.model else {})
    rows = []
    for name, model in models.items():
        if not a.only or name == a.only:
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(name, model, Path(folder))
    if a.out:
        from dsmath_lib.base.machine import environment

        text = json.dumps({"rows": rows, "environment": environment()}, indent=1)
        Path(a.out).write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
