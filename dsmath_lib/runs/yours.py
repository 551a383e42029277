"""A learner's own function in a real short run, beside the library's: the curves must be the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from dsmath_lib.rl.coefficients import COEFFICIENTS
from dsmath_lib.rl.experiment import Experiment, Players, RunId
from dsmath_lib.rl.loop import train_policy
from dsmath_lib.rl.losses import LOSSES, LogProbs, LossAndStats, Objective, policy_loss
from dsmath_lib.rows.methods import method

YOURS = "yours"
_QUESTIONS = 8  # of a step: enough to see a curve, and a step takes a second
Curves = dict[str, list[dict[str, Any]]]


def beside_yours(
    e: Experiment, name: str, steps: int, coefficient: Callable, loss: Callable | None = None
) -> Curves:
    """Two runs of a method from the same start on the same questions: the library's, and one with the functions given.

    Args:
        coefficient: rewards (B,), group (B,) -> advantages (B,). loss: log-probs (B, T) of policy, old and reference,
            advantages (B,), mask (B, T), weights (B,), ε, β -> the loss; None: the library's.

    Returns:
        the log rows of ``library`` and ``yours``.
    """
    changes = {"steps": max(steps, 1), "eval_every": 0, "checkpoint_every": 0}
    changes |= {"questions_per_step": min(_QUESTIONS, e.cfg.questions_per_step)}
    e = replace(e, cfg=e.cfg.model_copy(update=changes))
    kit, out = method(name), {}
    with _registered(coefficient, loss):
        own = replace(kit, coefficient=YOURS, loss=YOURS if loss else kit.loss)
        for who, row in (("library", kit), (YOURS, own)):
            policy = e.policy()
            players = Players(policy, e.reference(policy))
            run = RunId(f"build-{who}", e.cfg.seed)
            train_policy(e, row, players, run)
            out[who] = e.stage.read_log(run.name)
    return out


@contextmanager
def _registered(coefficient: Callable, loss: Callable | None) -> Iterator[None]:
    """The learner's functions under the name ``yours``, for as long as the runs take."""

    def of_loss(
        logp: LogProbs,
        advantages: torch.Tensor,
        mask: torch.Tensor,
        weights: torch.Tensor,
        o: Objective,
    ) -> LossAndStats:
        three = logp.policy, logp.old, logp.policy if logp.reference is None else logp.reference
        _, stats = policy_loss(logp, advantages, mask, weights, o)
        return loss(*three, advantages, mask, weights, o.clip_low, o.beta), stats

    COEFFICIENTS[YOURS] = lambda x, m: coefficient(x.reward, x.rollouts.group)
    if loss:
        LOSSES[YOURS] = of_loss
    try:
        yield
    finally:
        COEFFICIENTS.pop(YOURS, None)
        LOSSES.pop(YOURS, None)


def apart(curves: Curves, keys: Sequence[str] = ("reward", "kl", "grad_norm")) -> float:
    """The largest relative difference between the two runs in the numbers named, over all steps."""
    pairs = zip(curves["library"], curves[YOURS], strict=True)
    gaps = [_gap(a, b, k) for a, b in pairs for k in keys if a.get(k) is not None]
    return max(gaps, default=0.0)


def _gap(a: Mapping[str, float], b: Mapping[str, float], key: str) -> float:
    size = max(abs(a[key]), abs(b[key]))
    return abs(a[key] - b[key]) / size if size > 1e-9 else 0.0
