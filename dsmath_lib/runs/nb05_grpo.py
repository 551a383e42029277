"""What 05_grpo is made of: GRPO in rounds, answers before and after, what they show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from dsmath_lib.base.tensors import tensors_digest
from dsmath_lib.engines.decode import Sampler
from dsmath_lib.evaluation.metrics import paired_difference
from dsmath_lib.params.grpo import GRPOParams
from dsmath_lib.rewards.ask import Answers, ask, flat
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.experiment import Experiment, RunId
from dsmath_lib.rl.reward_functions import Rewards
from dsmath_lib.rows.methods import Method, method
from dsmath_lib.runs.changes import logged
from dsmath_lib.runs.kept import Made
from dsmath_lib.runs.policy_run import greedy, share_right, train_run

# (round, policy, rewards) -> the rewards of the next round, with a renewed reward model
Renew = Callable[[int, PreTrainedModel, Rewards], Rewards]


def greedy_accuracy(e: Experiment, sampler: Sampler) -> dict[str, Any]:
    """The validation of a run: greedy accuracy and mean length, and what each answer shows (``changes.Work``)."""
    a = ask(sampler, e.validation, greedy(e.cfg), seed=0)
    return a.summary() | logged(e.validation.problems, flat(a.texts), flat(a.correct))


def method_of(cfg: GRPOParams) -> Method:
    """The row of GRPO with the choices of 05's parameters."""
    return replace(
        method("grpo-ps" if cfg.supervision == "process" else "grpo-os"),
        norm=cfg.loss_norm,
        scale_by_std=cfg.scale_by_std,
        leave_one_out=cfg.leave_one_out,
    )


def make_policy(
    e: Experiment, *, run: str = "policy", log: str = "grpo", renew: Renew | None = None
) -> Made:
    """GRPO in ``cfg.iterations`` rounds (Algorithm 1), or the finished policy if the same run was made before.

    Each round starts where the one before ended; that policy is its reference, too. Every finished round is kept in
    ``artifacts/``, the last one under ``run``. The optimiser starts anew with each round (not stated in the paper).

    Args:
        log: kind of the log's rows; steps go on counting over the rounds.
    """
    rounds = [f"{run}-round{i}" for i in range(1, e.cfg.iterations)] + [run]
    before, policy, numbers = "", None, {}
    for i, name in enumerate(rounds):
        if i:  # goes on from the round before
            e = replace(e, start=e.stage.artifacts / rounds[i - 1])
            before = weights_digest(policy)
            if renew is not None:
                e = replace(e, rewards=renew(i, policy, e.rewards))
        this = RunId(name, e.cfg.seed, log, after=i * e.cfg.steps, also=before)
        policy, numbers = train_run(e, method_of(e.cfg), this, greedy_accuracy)
    return policy, numbers


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 of all weights, in hex."""
    return tensors_digest(model.named_parameters())


def before_after(before: Mapping[str, Answers], after: Mapping[str, Answers]) -> dict[str, Any]:
    """Metrics of the comparison: accuracy before, after and the paired difference, greedy and sampled."""
    out: dict[str, Any] = {}
    for way in before:
        for when, a in (("before", before[way]), ("after", after[way])):
            out[f"{way}_{when}"] = share_right(a.correct)
        out[f"{way}_gain"] = paired_difference(after[way].shares, before[way].shares)
    for when, a in (("before", before), ("after", after)):
        out[f"length_{when}"] = a["sampled"].summary()["length"]
    return out


def samples_table(
    questions: Questions, columns: Mapping[str, Answers], rows: Sequence[int]
) -> list[dict[str, str]]:
    """Rows for ``table``: the question, its answer, and each model's first answer marked ✓ or ✗."""
    out = []
    for i in rows:
        p = questions.problems[i]
        row = {"question": p.question, "answer": p.answer}
        for name, a in columns.items():
            row[name] = f"{'✓' if a.correct[i][0] else '✗'} {a.texts[i][0].strip()}"
        out.append(row)
    return out
