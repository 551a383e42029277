"""What 06_one_gradient is made of: all methods on one budget of rollouts and updates, from one start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedModel

from dsmath_lib.base.seeds import seed_for
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.evaluation.metrics import Estimate, clustered, paired_difference, pool
from dsmath_lib.rewards.ask import ask
from dsmath_lib.rl.diagnostics import mean, measured
from dsmath_lib.rl.experiment import Experiment, RunId
from dsmath_lib.rows.methods import METHODS, TITLES
from dsmath_lib.runs.policy_run import both_ways, sampled, train_run
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


def sampled_answers(e: Experiment, model: PreTrainedModel) -> dict[str, Any]:
    """Sampled and greedy accuracy on the validation questions; the same random numbers for every model."""
    found = both_ways(e, model, "methods")
    return {
        "shares": found["sampled"].shares,
        "greedy": found["greedy"].summary()["accuracy"],
        "length": found["sampled"].summary()["length"],
    }


def run_methods(e: Experiment, before: Mapping[str, Any]) -> dict[str, Outcome]:
    """Every method of ``cfg.methods`` with every seed; finished runs are loaded, an interrupted one goes on.

    All see the same questions in the same order and make the same number of updates. Offline methods learn from
    what the start draws at those questions, online ones from what they draw themselves.

    Args:
        before: ``sampled_answers`` of the start.
    """
    accuracy = sum(before["shares"]) / len(before["shares"])
    at_start = {"accuracy": accuracy, "length": before["length"]}

    def answers(policy: PreTrainedModel) -> dict[str, Any]:
        return sampled_answers(e, policy)

    out = {}
    for name in e.cfg.methods:
        runs = [RunId(log_name(name, seed), seed) for seed in e.cfg.seeds]
        done = [
            train_run(e, METHODS[name], r, sampled_accuracy, at_start, answers)[1] for r in runs
        ]
        columns = {k: [d[k] for d in done] for k in ("shares", "greedy", "length")}
        out[name] = Outcome(name, columns["shares"], columns["greedy"], columns["length"])
    return out


def sampled_accuracy(e: Experiment, sampler: Sampler) -> dict[str, float]:
    """The validation during a run: sampled accuracy and mean length."""
    seed = seed_for(e.cfg.seed, "methods")
    return ask(sampler, e.validation, sampled(e.cfg), seed).summary()


def log_name(method: str, seed: int) -> str:
    """Kind of the log rows of a method's run."""
    return f"{method}.{seed}"


def results_table(start: Mapping[str, Any], outcomes: Mapping[str, Outcome]) -> list[dict]:
    """One row per method: sampled accuracy, gain over the start pooled over the seeds, spread over seeds."""
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
                "gain over the start": pool(by_seed(o, start["shares"])),
                "over seeds": f"{min(means):.3f} to {max(means):.3f}",
                "greedy": sum(o.greedy) / len(o.greedy),
                "length": sum(o.lengths) / len(o.lengths),
            }
        )
    return rows


_PAIRS = (("online-rft", "rft"), ("grpo-os", "online-rft"), ("grpo-ps", "grpo-os"))  # of Figure 5


def by_seed(o: Outcome, start: Sequence[float]) -> list[Estimate]:
    """The gain over the start of each seed's run, paired by question."""
    return [paired_difference(s, start) for s in o.shares]


def differences(outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """The steps of Figure 5 beside the paper's: those of whose methods both have run."""
    paper = dict(zip(_PAIRS, ("+2.4 / +1.3", "+0.8 / +0.4", "+1.7 / +0.3"), strict=True))
    return [
        {
            "difference": f"{TITLES[a]} − {TITLES[b]}",
            "paper, points on GSM8K / MATH": paper[a, b],
            "ours": pool(d),
        }
        for (a, b), d in paired(outcomes).items()
    ]


def paired(outcomes: Mapping[str, Outcome]) -> dict[tuple[str, str], list[Estimate]]:
    """(a, b) of ``PAIRS`` -> for each seed a minus b in sampled accuracy, paired by question.

    One estimate per seed: averaged over the seeds first, the interval would not know the luck of a training.
    """
    return {
        (a, b): [
            paired_difference(x, y)
            for x, y in zip(outcomes[a].shares, outcomes[b].shares, strict=True)
        ]
        for a, b in _PAIRS
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
