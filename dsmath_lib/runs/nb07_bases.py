"""RL from many base models (SimpleRL-Zoo ran ten): small ones of several sizes, each with its own reading."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from dsmath_lib.evaluation.metrics import Estimate, paired_difference, share_of
from dsmath_lib.lm.model import Shape, build_model, load_model
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.rows.zero_runs import BASES, Base
from dsmath_lib.runs.nb07_simplerl import Look, Problems, read_on, run_zero


def shape_of(start: Path | str, base: Base) -> Shape:
    """The sizes of a base, as shares of those of the model in ``start``: whole heads, at least one of each."""
    c = load_model(start).config
    heads = max(1, round(c.num_attention_heads * base.width))
    heads -= heads % c.num_key_value_heads if heads > c.num_key_value_heads else 0
    kv_heads = min(c.num_key_value_heads, heads)
    width = c.hidden_size // c.num_attention_heads * heads
    layers = max(1, round(c.num_hidden_layers * base.depth))
    wide = max(8, round(c.intermediate_size * base.width / 8) * 8)
    return Shape(width, layers, heads, kv_heads, wide, c.vocab_size, c.max_position_embeddings)


def empty_base(
    sizes: tuple[int, ...], seed: int, device: torch.device | str = "cpu"
) -> PreTrainedModel:
    """A new model of ``Shape(*sizes)``, which has read nothing yet."""
    return build_model(Shape(*sizes), seed=seed, init_std=0.05).to(device)


def run_bases(e: Experiment, problems: Problems, room: int) -> dict[str, tuple[Look, Look]]:
    """Each of the first ``bases`` rows of ``BASES`` reads ``math_tokens`` tokens of its corpus, then learns by GRPO
    from answers for ``compare_steps`` steps; its looks before and after."""
    cfg, out = e.cfg, {}
    for name, row in [*BASES.items()][: cfg.bases]:
        new = partial(empty_base, tuple(shape_of(e.start, row)), row.seed)
        start = read_on(cfg, e.stage, e.tokenizer, e.device, f"base-{name}", new, row.corpus)
        of = replace(e, start=start)
        out[name] = run_zero(of, "zero-grpo", start, problems, room, f"zoo-{name}")[1:]
    return out


def bases_table(looks: dict[str, tuple[Look, Look]]) -> list[dict[str, Any]]:
    """Rows for a table: each base, its share of right samples before and after, and the paired gain."""
    return [
        {
            "base": name,
            "reads": BASES[name].corpus,
            "before": sum(a.shares) / len(a.shares),
            "after": sum(b.shares) / len(b.shares),
            "gain": paired_difference(b.shares, a.shares),
        }
        for name, (a, b) in looks.items()
    ]


def bases_metrics(looks: dict[str, tuple[Look, Look]]) -> dict[str, Estimate]:
    """``zoo.X_gain`` of each base; ``zoo_gained``: the share of bases whose gain is above 0, all of them the items."""
    gains = {f"zoo.{r['base']}_gain": r["gain"] for r in bases_table(looks)}
    if gains:
        gains["zoo_gained"] = share_of(sum(g.value > 0 for g in gains.values()), len(gains))
    return gains
