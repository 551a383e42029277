"""``dsmath run SCALE --dry``: every stage of a scale through papermill on this CPU, in miniature, without a network.

The parameters are those of the scale, but for what makes it large or remote: a model becomes a stand-in of the same
architecture with a tokenizer of the same kind, a data set a few made-up rows with the same fields, counts a few.
Nothing of the scale's own report is touched.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from dsmath_lib.app.plan_command import checked_params, plan_rows
from dsmath_lib.app.runner import run_stages
from dsmath_lib.base.records import Problem
from dsmath_lib.params.base import Params
from dsmath_lib.params.registry import params_model
from dsmath_lib.plan.architecture import known_models
from dsmath_lib.plan.scale import plan_stages
from dsmath_lib.plan.standin import write_standin
from dsmath_lib.report.notebook import table
from dsmath_lib.rows.benchmarks import BENCHMARKS
from dsmath_lib.runs.nb08_evaluation.formats import FORMATS, PUBLISHED
from dsmath_lib.world.problems import cot, sample_problems

_MODELS = {"init_model", "base_model", "start_model", "sft_model"}
_SOURCES = {"dataset", "question_source"}
# what is large at a scale, and what it is in a dry run; a smaller value of the scale stays
_FEW: dict[str, Any] = {
    "n_pages": 300, "seed_docs": 60, "benchmark_items": 20, "ft_dim": 8, "ft_bucket": 5000, "ft_epochs": 3,
    "shards": 2, "partitions": 2, "workers": 1, "lesson_rounds": 0, "max_rounds": 2,
    "tokens": 2048, "compare_tokens": 1024, "few_tokens": 512, "large_hidden": 96, "start_tokens": 1024,
    "start_math_tokens": 1024, "start_heldout": 4, "context": 256, "heldout_n": 6, "tokenizer_chars": 100_000,
    "vocab_size": 512, "hidden_size": 64, "layers": 2, "intermediate_size": 128, "heads": 2, "kv_heads": 2,
    "batch_size": 2, "micro_batch": 2, "steps": 1, "warmup_steps": 0, "samples": 40, "low_lr_steps": 0,
    "questions": 8, "eval_questions": 4, "questions_per_step": 2, "group_size": 2, "max_new_tokens": 16,
    "sampler_rows": 64, "max_rows": 64, "micro_tokens": 2048, "eval_samples": 2, "eval_every": 0, "compare_steps": 2,
    "checkpoint_every": 1, "evals": 1, "log_every": 1, "step_solutions": 2, "completions": 2, "renew_questions": 2,
    "renew_completions": 2, "renew_steps": 1, "memory_hidden": 128, "memory_layers": 2, "warm_samples": 4,
    "warm_steps": 1, "processes": 1, "nodes": 1, "tool_seconds": 2.0, "k": 2,
}  # fmt: skip
_OTHER: dict[str, Any] = {
    "device": "cpu", "threads": 1, "sampler": "hf", "artifacts_dir": "", "pages_from": "world", "page_sources": [],
    "seed_sources": [], "benchmark_sources": [], "annotation_tables": ["world"], "corpus_docs": 40,
    "executor": "monty", "data_dir": "data",
}  # fmt: skip


def miniature(stage: str, cfg: Params, models: Mapping[str, Path]) -> dict[str, Any]:
    """The values of a stage in a dry run: small, local, else as at the scale.

    Args:
        models: Hub name -> folder of its stand-in.
    """
    values = cfg.model_dump(mode="json")
    for name, few in _FEW.items():
        if values.get(name):
            values[name] = min(values[name], few)
    values |= {k: v for k, v in _OTHER.items() if k in values}
    for name in _MODELS & values.keys():
        values[name] = str(models[values[name]]) if values[name] else ""
    for name in _SOURCES & values.keys():
        if values[name] != "world":
            values[name] = "rows.jsonl"
    values |= {k: "" for k in values if k.endswith("_revision")}
    if stage == "04_reward_model":
        # a new model is never right: its answers would have one label, and nothing to learn
        values |= {
            "data": "annotators",
            "question_source": "world",
            "questions": 24,
            "levels": [1, 2],
        }
    if stage == "08_evaluation":
        names = [n.partition("@")[0] for n in values["models"]]
        values["models"] = [str(models.get(n, n)) for n in names]
        values["benchmarks"] = [b.partition("@")[0] for b in values["benchmarks"]]
        values["n_items"] = [3] * len(values["benchmarks"])
        values |= {"samples": 2, "ks": [1, 2], "labelled": []}
    return values


def _row(p: Problem) -> dict[str, Any]:
    """A problem with the fields of the usual data sets, all in one row."""
    text = "\n".join(p.steps)
    return {"question": p.question, "answer": f"{text}\n#### {p.answer}"}


def _demonstrations(p: Problem) -> list[dict[str, Any]]:
    """A demonstration in every format that has published ones, in the form of their local copy."""
    made = {"i": 1, "question": p.question, "solution": cot(p), "program": f"print({p.answer})"}
    published = [f for f in FORMATS.values() if f.published]
    return [{"task": f.published, "text": f.demo.format(**made)} for f in published]


def write_rows(folder: Path, scale: Mapping[str, Params]) -> None:
    """Rows that stand for the data sets of a scale, and files that stand for its benchmarks, below ``folder``."""
    problems = sample_problems(64, split="train", seed=0, levels=(1, 2), langs=("en",))
    _write(folder / "rows.jsonl", [_row(p) for p in problems])
    _write(folder / PUBLISHED, _demonstrations(problems[-1]))
    named = scale["08_evaluation"].benchmarks if "08_evaluation" in scale else []
    for p, name in enumerate(n.partition("@")[0] for n in named):
        bench = BENCHMARKS[name]
        if not bench.file:
            continue
        rows = []
        for q in problems[8 * (p % 4) : 8 * (p % 4) + 8]:
            long = {"question": q.question, "answer": q.answer} | {"solution": cot(q)}
            answers = {"solution": cot(q), "answer": q.answer}
            if name == "gsm8k":
                answers["answer"] = _row(q)["answer"]
            fields = bench.fields
            rows.append(
                long
                | {
                    fields["question"]: q.question,
                    fields["answer"]: answers.get(fields["answer"], q.answer),
                }
            )
        _write(folder / bench.file, rows)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """JSONL; a .tsv has no header, and its fields are called "0", "1", …"""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(r, ensure_ascii=False) for r in rows]
    if path.suffix == ".tsv":
        lines = ["\t".join(r[k] for k in sorted(r) if k.isdigit()) for r in rows]
    path.write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")


def names_of(scale: Mapping[str, Params]) -> set[str]:
    """The Hub names of all models that a scale names."""
    found = {getattr(c, n, "") for c in scale.values() for n in _MODELS}
    if "08_evaluation" in scale:
        found |= {m.partition("@")[0] for m in scale["08_evaluation"].models}
    return found & known_models().keys()


def prepare_dry(scale: str, folder: Path) -> Path:
    """Write stand-ins, rows and the parameters of the dry run below ``folder``; the folder of the parameters."""
    cfgs = checked_params(scale)
    models = {n: write_standin(n, folder / "models") for n in sorted(names_of(cfgs))}
    write_rows(folder / "data", cfgs)
    place = folder / "params" / scale
    place.mkdir(parents=True, exist_ok=True)
    common = set(Params.model_fields)
    for stage, cfg in cfgs.items():
        values = miniature(stage, cfg, models)
        if "data_dir" in values:
            values["data_dir"] = str(folder / "data")
        params_model(stage).check(values, f"dry run of {scale}/{stage}")
        own = {k: v for k, v in values.items() if k not in common}
        _write_yaml(place / f"{stage}.yaml", own)
        _write_yaml(place / "common.yaml", {k: values[k] for k in Params.model_fields})
    return place.parent


def _write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(values), allow_unicode=True), encoding="utf-8")


def dry_run(scale: str, folder: Path, stages: tuple[str, ...] = ()) -> int:
    """Print the plan, and run the miniature of every stage; 0 if all ended well."""
    print(repr(table(plan_rows(plan_stages(checked_params(scale), 80)), f"plan of {scale}, 80 GB")))
    params = prepare_dry(scale, folder)
    reports = {"DSMATH_REPORTS": str(folder / "reports")}
    with mock.patch.dict(os.environ, reports):
        return run_stages(scale, list(stages), params=params)
