"""The boards: their arithmetic is the library's, and the page needs nothing from elsewhere."""

import itertools
import json
import re

import pytest
import torch
from py_mini_racer import MiniRacer

from dsmath_lib.report.boards import group_board, script_of
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def run():
    js = MiniRacer()
    js.eval(script_of("group_board"))
    return lambda state: json.loads(js.eval(f"JSON.stringify(pushes({json.dumps(state)}))"))


def state(rewards, lengths, ratios, **more):
    answers = [
        {"reward": r, "length": n, "ratio": q}
        for r, n, q in zip(rewards, lengths, ratios, strict=True)
    ]
    plain = {"eps": 0.2, "beta": 0.04, "logx": 0.0, "sample": False, "norm": "sequence"}
    return {"answers": answers, "scale": True} | plain | more


def library(s):
    """Loss and the push on the first token of each answer, by autograd."""
    double = torch.float64
    rewards = torch.tensor([a["reward"] for a in s["answers"]], dtype=double)
    lengths = torch.tensor([a["length"] for a in s["answers"]])
    group = torch.zeros(len(rewards), dtype=torch.long)
    advantages = group_advantages(rewards, group, ddof=int(s["sample"]), eps=0.0, scale=s["scale"])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ratios = torch.tensor([a["ratio"] for a in s["answers"]], dtype=double)
    old = torch.zeros(mask.shape, dtype=double)
    logp = (old + ratios.log()[:, None]).requires_grad_()
    ref = logp.detach() + s["logx"]
    weights = token_weights(lengths, s["norm"]).double()
    objective = Objective(clip_low=s["eps"], clip_high=s["eps"], beta=s["beta"])
    loss, _ = policy_loss(LogProbs(logp, old, ref), advantages, mask, weights, objective)
    loss.backward()
    return loss.item(), advantages.tolist(), (-logp.grad[:, 0]).tolist()


@pytest.mark.parametrize(
    "s",
    [
        state([1, 0, 0, 1], [3, 1, 3, 2], [1, 1, 1, 1]),
        state([1, 0, 0, 1], [3, 1, 3, 2], [1.5, 0.5, 1.4, 0.6]),
        state([1, 0], [5, 20], [1.3, 1.3], logx=-1.0, beta=0.3),
        state([1, 0, 0], [2, 4, 10], [0.9, 1.1, 1.0], norm="token", sample=True),
        state([1, 1, 0, 0, 0], [1, 2, 3, 4, 5], [1.0] * 5, scale=False, eps=0.05),
        state([1, 1, 1], [2, 2, 2], [1.2, 1.0, 0.8], logx=0.7),
        state([0, 0], [1, 1], [1.0, 1.0], beta=0.0),
    ],
)
def test_the_board_computes_what_the_library_computes(run, s):
    got, (loss, advantages, push) = run(s), library(s)
    # weights of the library are float32: 1/3 has seven digits
    assert got["loss"] == pytest.approx(loss, rel=1e-6, abs=1e-7)
    assert [r["advantage"] for r in got["rows"]] == pytest.approx(advantages, rel=1e-6, abs=1e-9)
    assert [r["push"] for r in got["rows"]] == pytest.approx(push, rel=1e-6, abs=1e-7)
    rewards = {a["reward"] for a in s["answers"]}
    assert got["signal"] == (len(rewards) > 1)


def test_a_clipped_token_gets_no_push_and_says_so(run):
    for ratio, reward in itertools.product((0.5, 1.5), (0, 1)):
        s = state([reward, 1 - reward], [1, 1], [ratio, 1.0], beta=0.0)
        row = run(s)["rows"][0]
        # too far in the direction that the advantage wants
        assert row["stopped"] == ((ratio > 1) == (reward == 1))
        assert (row["push"] == 0) == row["stopped"]


def test_the_page_stands_alone():
    page = group_board().page()
    assert not re.search(r"(?:src|href)\s*=|https?:|@import|fetch\(|eval\(|innerHTML", page)
    shown = group_board()._repr_html_()
    assert shown.startswith("<iframe") and 'sandbox="allow-scripts"' in shown
    assert "aria-pressed" in page and "aria-live" in page and "<script" not in shown
    assert "play with" in repr(group_board())
