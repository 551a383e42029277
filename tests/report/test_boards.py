"""The boards: their arithmetic is the library's, and the page needs nothing from elsewhere."""

import itertools
import json
import re

import numpy as np
import pytest
import torch
from py_mini_racer import MiniRacer

from dsmath_lib.corpus import rank
from dsmath_lib.evaluation import metrics
from dsmath_lib.report.boards import board, board_names, script_of
from dsmath_lib.rl.advantages import group_advantages
from dsmath_lib.rl.kl import ESTIMATORS
from dsmath_lib.rl.losses import LogProbs, Objective, policy_loss, token_weights

pytestmark = pytest.mark.numeric


def calls(name, function):
    """A function of a board's script, called from here."""
    js = MiniRacer()
    js.eval(script_of(name))
    return lambda state: json.loads(js.eval(f"JSON.stringify({function}({json.dumps(state)}))"))


@pytest.fixture(scope="module")
def run():
    return calls("group", "pushes")


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


@pytest.mark.parametrize("name", board_names())
def test_the_page_stands_alone(name):
    page = board(name).page()
    assert not re.search(r"(?:src|href)\s*=|https?:|@import|fetch\(|eval\(|innerHTML", page)
    shown = board(name)._repr_html_()
    assert shown.startswith("<iframe") and 'sandbox="allow-scripts"' in shown
    assert "aria-pressed" in page and "aria-live" in page and "<script" not in shown
    assert "play with" in repr(board(name)) and "Predict" in page


def test_an_unknown_board_names_the_known():
    with pytest.raises(KeyError, match="group, clip"):
        board("grip")


def test_the_clip_is_the_librarys():
    token = calls("clip", "token")
    one, yes = torch.ones(1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.bool)
    for ratio, a, eps in itertools.product(
        (0.5, 0.85, 1.0, 1.15, 1.6), (-1.5, 0.0, 1.0), (0.0, 0.2)
    ):
        logp = torch.tensor([[ratio]], dtype=torch.float64).log().requires_grad_()
        o = Objective(clip_low=eps, clip_high=eps, beta=0.0)
        three = LogProbs(logp, torch.zeros(1, 1, dtype=torch.float64))
        loss, stats = policy_loss(three, a * one, yes, one, o)
        loss.backward()
        got = token({"ratio": ratio, "advantage": a, "eps": eps})
        assert got["objective"] == pytest.approx(-loss.item(), abs=1e-12)
        assert got["stopped"] == bool(stats["clipped"])
        if (
            ratio != 1 or eps
        ):  # with eps 0 both products meet at 1, where the slope is a matter of taste
            assert got["slope"] == pytest.approx(-logp.grad.item(), abs=1e-12)


def test_the_kl_is_the_librarys():
    estimates = calls("kl", "estimates")
    for pi, ref in (([6, 3, 1], [3, 3, 4]), ([1, 1, 1], [1, 1, 1]), ([10, 1, 2], [1, 7, 2])):
        got = estimates({"pi": pi, "ref": ref})
        p, q = (torch.tensor(w, dtype=torch.float64) / sum(w) for w in (pi, ref))
        for name, estimator in ESTIMATORS.items():
            values = estimator(p.log(), q.log())
            assert [r[name] for r in got["rows"]] == pytest.approx(values.tolist(), abs=1e-12)
            assert got["means"][name] == pytest.approx((p * values).sum().item(), abs=1e-12)
        assert got["kl"] == pytest.approx((p * (p / q).log()).sum().item(), abs=1e-12)
        assert got["other"] == pytest.approx((q * (q / p).log()).sum().item(), abs=1e-12)
        logp = p.log().requires_grad_()
        ESTIMATORS["k3"](logp, q.log()).sum().backward()
        assert [r["pull"] for r in got["rows"]] == pytest.approx((-logp.grad).tolist(), abs=1e-12)


def test_the_budget_is_the_librarys():
    js = MiniRacer()
    js.eval(script_of("budget"))
    pages = json.loads(js.eval("JSON.stringify(PAGES)"))
    keep = calls("budget", "keep")
    scores, tokens = (np.array([p[k] for p in pages]) for k in ("score", "tokens"))
    math = np.array([p["math"] for p in pages])
    hist = rank.histogram(scores, tokens)
    for budget, least in itertools.product((10, 40, 240, 241, 500, 1110), (0.0, 0.3, 0.86)):
        got = keep({"pages": pages, "budget": budget, "least": least})
        mask, _ = rank.keep_top(scores, hist, budget, least)
        assert got["kept"] == mask.tolist() and got["tokens"] == tokens[mask].sum()
        assert got["precision"] == (pytest.approx(math[mask].mean()) if mask.any() else None)
        assert got["recall"] == pytest.approx((mask & math).sum() / math.sum())


def test_the_votes_are_the_librarys():
    scores = calls("votes", "scores")
    for answers in (
        [0, 0, 0, 1, 1, 1, 1, 2],
        [0, None, None, 1, 1, 2, 2, 0],
        [None] * 8,
        [0, 1, 2, None, 0, 1, 2, None],
    ):
        right = [a == 0 for a in answers]
        for row in scores({"answers": answers}):
            assert row["pass"] == pytest.approx(
                metrics.pass_at_k(8, sum(right), row["k"]), abs=1e-12
            )
            maj = metrics.maj_at_k(answers, right, row["k"])
            assert row["maj"] == pytest.approx(maj, abs=1e-12)
