"""What 06_one_gradient is made of: all methods on one budget of rollouts and updates, from one start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.evaluation.metrics import Estimate, clustered, paired_difference
from dsmath_lib.lm.model import load_model
from dsmath_lib.params.methods import MethodsParams
from dsmath_lib.rl.critic import Critic
from dsmath_lib.rl.diagnostics import mean, measured
from dsmath_lib.rl.loop import Players, Rewards, train_policy
from dsmath_lib.rl.questions import Questions
from dsmath_lib.rows.methods import METHODS, TITLES
from dsmath_lib.runs.kept import train_once
from dsmath_lib.runs.nb05_grpo import answer, both_ways, frozen, settings_of
from dsmath_lib.stage.folder import Stage


@dataclass(frozen=True)
class Outcome:
    """A method after its budget: ``shares`` of right samples per validation question, one list per seed."""

    method: str
    shares: list[list[float]]
    greedy: list[float]
    lengths: list[float]

    @property
    def per_question(self) -> list[float]:
        """Share of right samples of each question, mean over the seeds."""
        return [sum(x) / len(x) for x in zip(*self.shares, strict=True)]


def sampled_answers(
    cfg: MethodsParams,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    validation: Questions,
) -> dict[str, Any]:
    """Sampled and greedy accuracy on the validation questions; the same random numbers for every model."""
    found = both_ways(cfg, model, tokenizer, validation, "methods")
    lengths = [n for row in found["sampled"].lengths for n in row]
    greedy = found["greedy"].shares
    return {
        "shares": found["sampled"].shares,
        "greedy": sum(greedy) / len(greedy),
        "length": sum(lengths) / len(lengths),
    }


def sampled_accuracy(cfg: MethodsParams, validation: Questions):
    """The validation during a run: sampled accuracy and mean length."""

    def evaluate(sampler: Sampler) -> dict[str, float]:
        a = answer(
            sampler,
            validation,
            n=cfg.eval_samples,
            temperature=cfg.eval_temperature,
            max_new_tokens=cfg.max_new_tokens,
            seed=seed_for(cfg.seed, "methods"),
        )
        lengths = [n for row in a.lengths for n in row]
        return {"accuracy": sum(a.shares) / len(a.shares), "length": sum(lengths) / len(lengths)}

    return evaluate


def run_methods(
    cfg: MethodsParams,
    stage: Stage,
    start: Path | str,
    tokenizer: PreTrainedTokenizerBase,
    questions: Questions,
    validation: Questions,
    rewards: Rewards,
    before: Mapping[str, Any],
    *,
    device: torch.device | str,
) -> dict[str, Outcome]:
    """Every method of ``cfg.methods`` with every seed; finished runs are loaded, an interrupted one goes on.

    All see the same questions in the same order and make the same number of updates. Offline methods learn from
    what the start draws at those questions, online ones from what they draw themselves.

    Args:
        before: ``sampled_answers`` of the start.
    """
    reference = frozen(load_model(start, revision=cfg.sft_revision, device=device))
    accuracy = sum(before["shares"]) / len(before["shares"])
    at_start = {"accuracy": accuracy, "length": before["length"]}
    out = {}
    for name in cfg.methods:
        done = [
            _one(cfg, name, seed, stage, start, reference, tokenizer, questions, validation,
                 rewards, at_start, device)
            for seed in cfg.seeds
        ]  # fmt: skip
        columns = {k: [d[k] for d in done] for k in ("shares", "greedy", "length")}
        out[name] = Outcome(name, columns["shares"], columns["greedy"], columns["length"])
    return out


def _one(
    cfg, name, seed, stage, start, reference, tokenizer, questions, validation, rewards,
    at_start, device,
) -> dict[str, Any]:  # fmt: skip
    method, run = METHODS[name], log_name(name, seed)

    def make():
        policy = load_model(start, revision=cfg.sft_revision, device=device)
        critic = Critic(policy) if method.needs_critic else None
        train_policy(
            cfg,
            method,
            stage,
            run,
            Players(policy, reference, tokenizer, critic),
            questions,
            rewards,
            sampled_accuracy(cfg, validation),
            seed=seed,
            at_start=at_start,
        )
        return policy, sampled_answers(cfg, policy, tokenizer, validation)

    # the other methods of the list do not decide this one's result
    settings = {k: v for k, v in settings_of(cfg).items() if k not in ("methods", "seeds")}
    settings |= {"method": repr(method), "run_seed": seed}
    return train_once(stage, run, settings, tokenizer, make, device)[1]


def log_name(method: str, seed: int) -> str:
    """Kind of the log rows of a method's run."""
    return f"{method}.{seed}"


def results_table(start: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> list[dict]:
    """One row per method: sampled accuracy, paired gain over the start with interval, spread over seeds."""
    rows = [
        {
            "method": "start",
            "sampled": clustered(start["shares"]),
            "greedy": start["greedy"],
            "length": start["length"],
        }
    ]
    for name, o in outcomes.items():
        means = [sum(s) / len(s) for s in o.shares]
        rows.append(
            {
                "method": TITLES[name],
                "sampled": clustered(o.per_question),
                "gain over the start": paired_difference(o.per_question, start["shares"]),
                "over seeds": f"{min(means):.3f} to {max(means):.3f}",
                "greedy": sum(o.greedy) / len(o.greedy),
                "length": sum(o.lengths) / len(o.lengths),
            }
        )
    return rows


PAIRS = (("online-rft", "rft"), ("grpo-os", "online-rft"), ("grpo-ps", "grpo-os"))  # of Figure 5


def differences(outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """The steps of Figure 5 beside the paper's: those of whose methods both have run."""
    paper = dict(zip(PAIRS, ("+2.4 / +1.3", "+0.8 / +0.4", "+1.7 / +0.3"), strict=True))
    return [
        {
            "difference": f"{TITLES[a]} − {TITLES[b]}",
            "paper, points on GSM8K / MATH": paper[a, b],
            "ours": d,
        }
        for (a, b), d in paired(outcomes).items()
    ]


def paired(outcomes: Mapping[str, Outcome]) -> dict[tuple[str, str], Estimate]:
    """(a, b) of ``PAIRS`` -> a minus b in sampled accuracy, paired by question; seeds are averaged first."""
    return {
        (a, b): paired_difference(outcomes[a].per_question, outcomes[b].per_question)
        for a, b in PAIRS
        if a in outcomes and b in outcomes
    }


def course(stage: Stage, methods: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """What was paid and what was wanted, at each validation of a run; means over the seeds.

    Returns:
        Rows with ``right`` and ``length`` of the validation; of the training batches of the ten steps up to there
        ``paid`` (what the method learns from: the step reward if it has one, else the reward), ``truncated`` and
        ``entropy`` in nats; ``told apart``, the share of DPO's pairs whose better answer has the larger margin.
    """
    out = []
    for name in methods:
        logs = [stage.read_log(log_name(name, s)) for s in seeds]
        evals = [stage.read_log(f"{log_name(name, s)}.eval") for s in seeds]
        for at in sorted({e["step"] for rows in evals for e in rows}):
            done = [e for rows in evals for e in rows if e["step"] == at]
            near = [r for rows in logs for r in rows if at - 10 < r["step"] <= max(at, 1)]
            row = {"method": TITLES[name], "step": at}
            row |= {"right": mean(done, "accuracy"), "length": mean(done, "length")}
            paid = "reward.steps" if any("reward.steps" in r for r in near) else "reward"
            row |= {"paid": mean(near, paid), "truncated": mean(near, "truncated")}
            row |= {"entropy": mean(near, "entropy")}
            if pairs := sum(measured(near, "pairs")):
                row["told apart"] = sum(measured(near, "preferred")) / pairs
            out.append(row)
    return out


def peaks(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, float]]:
    """Title of a method -> the step and the share of its best validation, of rows of ``course``."""
    best: dict[str, tuple[int, float]] = {}
    for r in rows:
        if r["right"] is not None and r["right"] > best.get(r["method"], (0, -1.0))[1]:
            best[r["method"]] = r["step"], r["right"]
    return best


def learning_curves(stage: Stage, methods: Sequence[str], seeds: Sequence[int]) -> list[dict]:
    """Validation accuracy over steps, mean over the seeds: rows ``{"step", <title>: accuracy…}``."""
    table: dict[int, dict[str, list[float]]] = {}
    for name in methods:
        for seed in seeds:
            for row in stage.read_log(f"{log_name(name, seed)}.eval"):
                table.setdefault(row["step"], {}).setdefault(name, []).append(row["accuracy"])
    return [
        {"step": step} | {TITLES[n]: sum(v) / len(v) for n, v in table[step].items()}
        for step in sorted(table)
    ]
