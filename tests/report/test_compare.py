"""The paper's tables beside ours, and the README's measured block."""

import importlib.util
import json

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.report import compare

EVAL = "08_evaluation"


def estimate(value, half=0.04, n=500):
    return {"value": value, "low": value - half, "high": value + half, "n": n}


@pytest.fixture
def results():
    metrics = {
        "sft.toy-gsm.cot.greedy": estimate(0.45),
        "policy.toy-gsm.cot.greedy": estimate(0.57),
        "diff.policy-sft.toy-gsm.cot.greedy": estimate(0.12, 0.03),
        "sft.toy-heldout.cot.greedy": estimate(0.2),
        "policy.toy-heldout.cot.greedy": estimate(0.3),
        "policy.toy-math.cot.greedy": estimate(0.3),  # no SFT score: no pair
        "policy.toy-gsm.cot.maj@8": estimate(0.6),
        "policy.toy-gsm.cot.maj@1": estimate(0.5),
    }
    return {EVAL: {"metrics": metrics}}


def test_pairs_need_both_models(results):
    assert compare.measured_pairs(results) == [("toy-gsm", "cot"), ("toy-heldout", "cot")]
    assert compare.measured_pairs({}) == []


def test_table_5_sets_the_paper_beside(results):
    gsm, heldout = compare.table_5(results)
    assert gsm["paper's"] == "GSM8K" and gsm["paper SFT → RL"] == "82.9 → 88.2"
    assert gsm["paper gain"] == "+5.3" and gsm["our gain"].startswith("+12.0 [+9.0, +15.0] points")
    assert heldout["paper gain"] == "–" and heldout["our gain"].startswith("+10.0 [")


def test_paper_scores_of_real_and_toy_benchmarks():
    assert compare.paper_score("toy-math", "policy", "tir") == 58.8
    assert compare.paper_score("math-500", "policy", "tir") == 58.8
    assert compare.paper_score("toy-heldout", "policy", "cot") is None
    assert compare.paper_gain("toy-cmath", "cot") == pytest.approx(4.2)


def test_scores_by_k_are_sorted(results):
    assert list(compare.by_k(results, "policy", "toy-gsm", "maj")) == [1, 8]
    assert compare.by_k(results, "base", "toy-gsm", "maj") == {}


@pytest.mark.parametrize("empty", [False, True])
def test_gains_figure_draws_also_without_results(results, empty):
    compare.gains_figure({} if empty else results).savefig("/dev/null", format="png")


@pytest.fixture
def bench_table():
    spec = importlib.util.spec_from_file_location("bench_table", ROOT / "bench" / "table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_measured_block_pools_the_seeds(bench_table, tmp_path, results):
    for seed, shift in ((0, 0.0), (1, 0.02)):
        run = {
            "stage": EVAL,
            "params": {"seed": seed},
            "metrics": results[EVAL]["metrics"]
            | {"policy.toy-gsm.cot.greedy": estimate(0.57 + shift)},
            "seconds": 100.0 + 20 * seed,
            "peak_memory_mb": {"resident": 900.0},
            "environment": {"device": "cpu", "cores": 2, "threads": 2, "versions": {"torch": "2"}},
        }
        (tmp_path / f"seed{seed}").mkdir()
        (tmp_path / f"seed{seed}" / "08.json").write_text(json.dumps(run))
    runs = bench_table.read(tmp_path)
    text = bench_table.block(runs)
    assert len(runs) == 2
    assert "| toy-gsm, RL, greedy | 58.0 [" in text and "n = 1,000, 2 seeds" in text
    assert "| 08_evaluation | 100, 120 | 900 |" in text and "2 run(s)" in text


def test_without_reference_runs_the_block_says_so(bench_table, tmp_path):
    assert bench_table.block(bench_table.read(tmp_path)) == "No reference run is kept yet.\n"
    assert bench_table.methods([]) == "No run of scale `claims` is kept yet.\n"


def test_methods_on_one_budget(bench_table):
    share = {"value": 0.4, "low": 0.3, "high": 0.5, "n": 300}
    p = {"methods": ["rft", "ppo"], "steps": 60, "questions_per_step": 32, "group_size": 8}
    p |= {"seeds": [0, 1], "eval_questions": 300, "eval_samples": 8, "eval_temperature": 0.7}
    metrics = {
        "rft_sampled": share,
        "rft_gain": share,
        "rft_entropy": 0.125,
        "ppo_minus_rft": share,
    }
    text = bench_table.methods([{"06_one_gradient": {"params": p, "metrics": metrics}}])
    assert (
        "| rft | 40.0 [30.0, 50.0] %, n = 300 | +40.0 [+30.0, +50.0] points, n = 300 | 0.125 nats |"
        in text
    )
    assert "| ppo | – | – | – |" in text and "| ppo minus rft | | +40.0 [" in text
    assert "60 steps of 256 rollouts, seeds 0, 1 together" in text
