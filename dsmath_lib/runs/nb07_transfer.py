"""Does what was learnt hold elsewhere? RL and SFT on the same questions, asked where neither was trained (SimpleRL)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from dsmath_lib.base.records import Problem
from dsmath_lib.base.seeds import seed_for
from dsmath_lib.evaluation.metrics import Estimate, accuracy, paired_difference
from dsmath_lib.lm.train import autocast
from dsmath_lib.params.simplerl import SimpleRLParams
from dsmath_lib.rewards.ask import ask, flat
from dsmath_lib.rewards.questions import as_prompts
from dsmath_lib.rl.experiment import Experiment
from dsmath_lib.runs.policy_run import greedy
from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.problems import LEVELS, sample_problems

RULE = "simplerl-zoo"


def elsewhere(cfg: SimpleRLParams) -> dict[str, list[Problem]]:
    """Questions that no run was trained on, by the way in which they are new; {} outside the world, or if
    ``transfer_questions`` is 0."""
    n = cfg.transfer_questions
    if not n or cfg.question_source != "world":
        return {}
    how = {"n": n, "split": "val", "seed": seed_for(cfg.seed, "elsewhere"), "langs": cfg.langs}
    families = [f for f in FAMILIES if f != HELD_OUT]
    out = {"new family": sample_problems(**how, families=[HELD_OUT], levels=cfg.levels)}
    if harder := [x for x in LEVELS if x > max(cfg.levels)]:
        out["harder levels"] = sample_problems(**how, families=families, levels=harder)
    return out


def right_elsewhere(
    e: Experiment, model: PreTrainedModel, away: Mapping[str, Sequence[Problem]], room: int
) -> dict[str, list[bool]]:
    """Which of these questions a model answers right, greedily, in the prompt of the runs."""
    out = {}
    for name, problems in away.items():
        asked = as_prompts(e.tokenizer, problems, e.cfg.style, room)
        here = replace(e, validation=asked)
        with autocast(model.device, e.cfg.dtype):
            out[name] = flat(ask(here.sampler(model), asked, greedy(e.cfg), 0, RULE).correct)
    return out


def transfer_table(
    home: Mapping[str, Sequence[bool]], away: Mapping[str, Mapping[str, Sequence[bool]]]
) -> list[dict[str, Any]]:
    """Rows for a table: each model at home (validation) and elsewhere, greedy, with its gain over ``base``."""
    out = []
    for model, sets in away.items():
        for name, right in {"at home": home[model], **sets}.items():
            base = home["base"] if name == "at home" else away["base"][name]
            row = {"model": model, "questions": name, "n": len(right), "right": accuracy(right)}
            out.append(row | {"gain over the base": paired_difference(right, base)})
    return out


def transfer_metrics(
    home: Mapping[str, Sequence[bool]], away: Mapping[str, Mapping[str, Sequence[bool]]]
) -> dict[str, Estimate]:
    """``home.X_gain`` and ``away.X_gain`` of each model X over ``base``, all new questions together; paired."""
    out = {}
    for model in away:
        if model != "base":
            both = [[x for s in away[m].values() for x in s] for m in (model, "base")]
            out[f"home.{model}_gain"] = paired_difference(home[model], home["base"])
            out[f"away.{model}_gain"] = paired_difference(*both)
    return out
