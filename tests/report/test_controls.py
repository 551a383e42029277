"""Control worlds: one thing is taken out, and the table says what that did to the effect."""

import json
from random import Random

import pytest

from dsmath_lib.evaluation.metrics import Estimate
from dsmath_lib.params.worlds import WORLDS
from dsmath_lib.report import controls as C
from dsmath_lib.report import verdict_rules as V
from dsmath_lib.report.claims import all_claims
from dsmath_lib.rl.reward_functions import mislabelled
from dsmath_lib.rl.rollouts import Rollouts
from dsmath_lib.rows.rewards import REWARDS
from dsmath_lib.world.habits import TEAMS, annotate, sft_samples
from dsmath_lib.world.problems import sample_problems
from dsmath_lib.world.web import PLAIN, make_web


def e(value, half=0.02):
    return Estimate(value, value - half, value + half, 300)


@pytest.mark.parametrize(
    ("normal", "control", "said"),
    [
        (e(0.10), e(0.11), C.STAYS),
        (e(0.10), e(0.05), C.SHRINKS),
        (e(0.10), e(0.00), C.VANISHES),
        (e(0.10), e(0.09, 0.1), C.UNCLEAR),
        (e(0.01), e(0.10), C.NOTHING),
        (e(0.504, 0.0), e(0.503, 0.0), C.STAYS),  # exact counts are never quite equal
        (e(0.504, 0.0), e(0.203, 0.0), C.SHRINKS),
    ],
)
def test_what_follows_from_both_worlds(normal, control, said):
    verdicts = V.positive(normal), V.positive(control)
    assert C.what_happened(normal, control, verdicts) == said


def test_every_control_world_is_in_the_table_and_names_a_claim():
    rows = C.control_table({}, 0.03)
    assert {r["control world"].partition(":")[0] for r in rows} == set(WORLDS) - {"normal"}
    assert {r["claim"] for r in rows} <= {c.id for c in all_claims(0.03, 8)}
    assert all(r["so"] == C.MISSING for r in rows)


def test_runs_of_this_machine_go_before_the_kept_ones(tmp_path, monkeypatch):
    def write(path, world, gain, seed=0, scale="control"):
        path.parent.mkdir(parents=True, exist_ok=True)
        metrics = {"greedy_gain": vars(e(gain)), "sampled_gain": vars(e(gain))}
        params = {"world": world, "seed": seed}
        about = {"stage": "05_grpo", "scale": scale, "params": params, "metrics": metrics}
        path.write_text(json.dumps(about))

    kept, here = tmp_path / "kept", tmp_path / "reports"
    monkeypatch.setenv("DSMATH_REPORTS", str(here))
    for seed in (0, 1):
        write(kept / f"normal-seed{seed}" / "05_grpo.json", "normal", 0.1, seed)
    write(kept / "no-guessing-seed0" / "05_grpo.json", "no-guessing", 0.0)
    worlds = C.load_controls(kept)
    assert {w: len(r) for w, r in worlds.items()} == {"normal": 2, "no-guessing": 1}
    so = {
        (r["claim"], r["control world"].partition(":")[0]): r["so"]
        for r in C.control_table(worlds, 0.03)
    }
    assert so["C24", "no-guessing"] == C.VANISHES and so["C24", "wrong-labels"] == C.MISSING
    write(here / "control/05_grpo/results.json", "normal", 0.3)
    write(here / "controlled/05_grpo/results.json", "normal", 0.9, scale="controlled")
    normal, other = C.load_controls(kept)["normal"]
    assert normal["05_grpo"]["metrics"]["greedy_gain"]["value"] == 0.3
    assert other["05_grpo"]["metrics"]["greedy_gain"]["value"] == 0.1


def test_nobody_guesses_in_the_world_without_guessing():
    habits = [s.meta["habit"] for s in sft_samples(400, 0, guessing=False)]
    usual = [s.meta["habit"] for s in sft_samples(400, 0)]
    assert "guess" not in habits and usual.count("guess") > 40
    # all else is as it was: who did not guess writes the same
    assert [h for h, u in zip(habits, usual, strict=True) if u != "guess"] == [
        u for u in usual if u != "guess"
    ]
    p = next(
        p
        for p in sample_problems(50, split="train", seed=0)
        if p.family in TEAMS and len(p.steps) > 1
    )
    said = {annotate(p, Random(i), guessing=False)[1] for i in range(60)}
    assert all("\n" in text for text in said)


def test_the_plain_web_has_the_same_mathematics_and_no_pages_full_of_numbers():
    plain, usual = make_web(300, 3, hard_negatives=False), make_web(300, 3)
    styles = {t.style for t in plain.truth.values()}
    assert not styles & PLAIN.keys() and {t.style for t in usual.truth.values()} & PLAIN.keys()
    assert not {"forum", "textbook", "code"} & set(PLAIN) and set(PLAIN.values()) <= styles | {
        "zh-blog",
        "tech",
    }
    shares = [sum(t.is_math for t in w.truth.values()) / 300 for w in (plain, usual)]
    assert abs(shares[0] - shares[1]) < 0.1


def test_a_tenth_of_the_rewards_says_the_opposite_and_equal_answers_get_the_same():
    n = 3000
    rows = [[1, i % 7, i] for i in range(n)]
    seen = Rollouts(
        prompts=[[5]] * n, completions=rows, logprobs=[[0.0] * 3] * n, finish=["eos"] * n, group=None, texts=[""] * n
    )  # fmt: skip
    right = [float(i % 2) for i in range(n)]
    noisy = mislabelled(lambda r, g: {"accuracy": right}, REWARDS["accuracy"], 0.1)
    got = noisy(seen, [""] * n)["accuracy"]
    wrong = sum(a != b for a, b in zip(got, right, strict=True))
    assert 0.08 < wrong / n < 0.12 and set(got) == {0.0, 1.0}
    assert noisy(seen, [""] * n)["accuracy"] == got
    # +1 / -0.5 / -1: what was not right is paid as right, what was right as wrong
    row = REWARDS["simplerl-v0"]
    all_wrong = mislabelled(lambda r, g: {"accuracy": [1.0, -0.5, 0.0][: len(g)]}, row, 1.0)
    three = Rollouts([[5]] * 3, rows[:3], [[0.0] * 3] * 3, ["eos"] * 3, None, [""] * 3)
    assert all_wrong(three, [""] * 3)["accuracy"] == [-0.5, 1.0, 1.0]
