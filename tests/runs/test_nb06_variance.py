"""The variance that a baseline saves: against gradients made row by row, and by hand."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from dsmath_lib.engines.layout import pad
from dsmath_lib.rl.logprobs import completion_logprobs
from dsmath_lib.runs import nb06_variance as V
from dsmath_lib.runs.nb06_paradigm import example
from tests.rl.conftest import tiny_policy

PROMPTS = [[0, 5, 6]] * 4 + [[0, 9]] * 4
COMPLETIONS = [[20, 21, 1], [22, 23, 24, 25], [40], [1], [30, 2], [30, 31, 33, 1], [7, 8], [9]]


@dataclass(frozen=True)
class Paid:
    weights: dict
    steps: object = None


@pytest.fixture
def sizes(monkeypatch):
    """``squared_sizes`` of the eight answers above, paid as told."""

    def of(policy, paid):
        seen = example(PROMPTS, COMPLETIONS).rollouts
        seen.rewards["accuracy"] = torch.tensor(paid)
        monkeypatch.setattr(V, "explore", lambda *a: seen)
        monkeypatch.setattr(V, "live", lambda sampler: sampler)
        monkeypatch.setattr(V, "sampling_of", lambda cfg: None)
        cfg = SimpleNamespace(seed=0, std_ddof=1, std_eps=1e-4, share_prompt=4, temperature=1.0)
        e = SimpleNamespace(
            cfg=cfg, questions=[0, 1], sampler=lambda m: None, rewards=Paid({"accuracy": 1.0}), device="cpu"
        )  # fmt: skip
        return V.squared_sizes(e, policy, 2)

    return of


def by_row(policy, i):
    """∇ of the mean log-prob of answer i, alone."""
    seen = example(PROMPTS, COMPLETIONS).rollouts
    tokens = pad([seen.prompts[i]], [seen.completions[i]])
    logp, _ = completion_logprobs(policy, tokens)
    grads = torch.autograd.grad(logp.sum() / len(COMPLETIONS[i]), list(policy.parameters()))
    return torch.cat([g.flatten() for g in grads])


@pytest.mark.numeric
def test_sizes_are_those_of_gradients_made_row_by_row(sizes):
    policy, paid = tiny_policy(), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
    rows = torch.stack([by_row(policy, i) for i in range(8)])
    # the others' mean: of a right answer 1/3 and 0, of a wrong one 2/3 and 1/3
    mean = [2 / 3, -2 / 3, -2 / 3, 2 / 3, -1 / 3, -1 / 3, 1.0, -1 / 3]
    found = sizes(policy, paid)
    for name, a in (("none", paid), ("mean", mean)):
        for q in (0, 1):
            part = slice(4 * q, 4 * q + 4)
            want = (torch.tensor(a[part], dtype=rows.dtype)[:, None] * rows[part]).mean(0)
            assert found[name][q] == pytest.approx(float(want.square().sum()), rel=1e-6)


def test_where_all_are_right_a_baseline_takes_everything_away(sizes):
    found = sizes(tiny_policy(), [1.0] * 8)
    assert found["mean"] == found["normalised"] == [0.0, 0.0] and min(found["none"]) > 0
    saved = {r["baseline"]: r["saved"] for r in V.variance_rows(found)}
    assert saved["mean"].value == 1.0 and saved["none"] is None and saved["normalised"] is None
    nothing = V.variance_rows({"none": [0.0, 0.0], "mean": [0.0, 0.0]})
    assert [r["saved"] for r in nothing] == [None, None]


def test_the_ratio_by_hand():
    """0 + 2 of 1 + 3 is a half; the rest is ± 0.25 of the mean, its standard error 0.25."""
    e = V.variance_saved([0.0, 2.0], [1.0, 3.0])
    assert (e.value, e.high - e.value, e.n) == pytest.approx((0.5, 1.959964 * 0.25, 2))
    assert V.variance_saved([3.0, 3.0], [2.0, 2.0]).value == -0.5
    with pytest.raises(ValueError, match="nothing to compare"):
        V.variance_saved([1.0], [0.0])
