"""The benchmarks, rows of ``benchmarks.yaml``: source, prompts, shots, rules, metric, licence, published scores.

Few-shot forms are for base models, zero-shot ones for tuned models (facts §9.1). A Hub revision was read in public
code that pins it (MATH-500's file there has the SHA-256 of a local copy); where none was found, ``revision`` is empty
and ``note`` says so: the user names a commit. Demonstrations are our own, as many as the paper's (``formats.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_Scores = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Few:
    """Few-shot form: row of ``formats.FORMATS``, set of demonstrations, their number, extraction rule."""

    format: str
    demos: str
    shots: int
    rule: str


@dataclass(frozen=True)
class Zero:
    """Zero-shot form: prompt template (``prompts.py``) and extraction rule."""

    template: str
    rule: str = "paper"


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    items: questions of the whole set (0: toy, as many as asked for).
    file: path below ``data_dir``; hub: ``owner/name[:config[+config]]`` with ``revision`` and ``split``.
    fields: what ``layout`` needs -> name in the file; hub_fields: on the Hub, where the names differ.
    few, zero: forms by kind: "cot", "pot" (program), "tir" (tools), "proof"; "shots": "cot" with examples in the
        user's turn, "page": as on a web page, for RL from a base model.
    metric: what the source reports: "greedy" or "avg@N" (mean of N samples).
    needs: what is missing here to score it; such a row reports *not run*.
    paper: (model, kind) -> published percent. Models base, sft, policy are DeepSeekMath's; others carry their name.
        Kind "tir-program": the last program output alone.
    """

    name: str
    lang: str = "en"
    items: int = 0
    file: str = ""
    hub: str = ""
    revision: str = ""
    split: str = "test"
    fields: Mapping[str, str] = field(default_factory=dict)
    hub_fields: Mapping[str, str] = field(default_factory=dict)
    layout: str = "plain"
    few: Mapping[str, Few] = field(default_factory=dict)
    zero: Mapping[str, Zero] = field(default_factory=dict)
    metric: str = "greedy"
    needs: str = ""
    licence: str = ""
    note: str = ""
    paper: _Scores = field(default_factory=dict)


def _benchmark(name: str, row: dict[str, Any]) -> Benchmark:
    """A row of ``benchmarks.yaml``."""
    few = {kind: Few(*form) for kind, form in row.get("few", {}).items()}
    zero = {kind: Zero(*form) for kind, form in row.get("zero", {}).items()}
    paper = {(k.split()[0], k.split()[1]): v for k, v in row.get("paper", {}).items()}
    return Benchmark(name, **row | {"few": few, "zero": zero, "paper": paper})


_ROWS = yaml.safe_load(Path(__file__).with_name("benchmarks.yaml").read_text(encoding="utf-8"))
BENCHMARKS: dict[str, Benchmark] = {name: _benchmark(name, row) for name, row in _ROWS.items()}
