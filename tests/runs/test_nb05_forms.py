"""Rounds: the reference is reset, the reward model renewed; reward functions of models; bad reward models."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from dsmath_lib.base.records import Completions, Problem
from dsmath_lib.engines.decode import SamplerError
from dsmath_lib.rewards.ask import Sampling
from dsmath_lib.rewards.models import load_reward_model, new_reward_model
from dsmath_lib.rewards.questions import Questions
from dsmath_lib.rl.explore import explore, live
from dsmath_lib.rl.reward_functions import (
    RewardError,
    Rewards,
    model_reward,
    model_steps,
    rewards_from,
    rule_reward,
    rule_steps,
    together,
)
from dsmath_lib.runs import nb05_forms as forms
from dsmath_lib.runs.changes import right_steps
from dsmath_lib.runs.nb05_forms import compare_forms, renewal
from dsmath_lib.runs.nb05_grpo import make_policy
from dsmath_lib.runs.nb05_truth import truth_steps
from dsmath_lib.stage.folder import Stage
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment, grpo_params, odd_reward, odd_steps, tiny_policy

questions, tokenizer = fixtures.questions, fixtures.tokenizer

pytestmark = pytest.mark.numeric
SMALL = {"steps": 2, "checkpoint_every": 1, "eval_every": 0, "questions_per_step": 2}
SMALL |= {"compare_models": [], "compare_wrong": []}


@pytest.fixture
def folders(tokenizer, tmp_path):
    """A policy, an outcome and a process model of one vocabulary, as folders."""
    policy = tiny_policy(len(tokenizer))
    policy.save_pretrained(tmp_path / "policy")
    tokenizer.save_pretrained(tmp_path / "policy")
    for kind in ("outcome", "process"):
        model = new_reward_model(tmp_path / "policy", kind, tokenizer)
        torch.nn.init.normal_(model.score.weight, generator=torch.Generator().manual_seed(0))
        model.save_pretrained(tmp_path / kind)
    return tmp_path


def run(e, renew=None, name="policy"):
    return make_policy(e, run=name, renew=renew)


def both(rollouts, golds):
    return odd_reward(rollouts, golds)


def test_rounds_reset_the_reference(tokenizer, questions, folders):
    cfg = grpo_params(iterations=2, lr=1e-2, **SMALL)
    stage = Stage(cfg, "05_grpo")
    rewards = Rewards(both, {"odd": 1.0}, odd_steps, {"steps": 1.0})
    e = experiment(cfg, stage, tokenizer, questions, rewards, folders / "policy")
    policy, _ = run(e)
    rows = stage.read_log("grpo")
    assert [r["step"] for r in rows] == [1, 2, 3, 4]
    start = [rows[0]["kl"], rows[2]["kl"]]  # policy and reference are one at each start
    assert start == pytest.approx([0, 0], abs=1e-12)
    assert rows[1]["kl"] > 1e-9 and rows[3]["kl"] > 1e-9
    before = len(rows)
    again, _ = run(replace(e, stage=Stage(cfg, "05_grpo")))
    assert len(stage.read_log("grpo")) == before  # finished rounds are loaded
    for p, q in zip(policy.parameters(), again.parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_reward_model_is_renewed(tokenizer, questions, folders, monkeypatch):
    solve = forms.solutions_of
    seen = []

    def every_second_is_right(*args):
        seen.extend(solve(*args))
        return [replace(s, correct=i % 2 == 1) for i, s in enumerate(seen)]

    monkeypatch.setattr(forms, "solutions_of", every_second_is_right)
    cfg = grpo_params(
        iterations=2,
        reward_model=str(folders / "outcome"),
        reward_names=["model"],
        renew_questions=4,
        renew_steps=3,
        renew_lr=1e-2,
        **SMALL,
    )
    stage = Stage(cfg, "05_grpo")
    start = load_reward_model(folders / "outcome")
    rewards = rewards_from(cfg, tokenizer, start, None)
    e = experiment(cfg, stage, tokenizer, questions, rewards, folders / "policy")
    run(e, renewal(e))
    assert len(seen) == 4 * cfg.group_size
    renewed = load_reward_model(stage.artifacts / "reward_model-round1")
    pairs = zip(start.parameters(), renewed.parameters(), strict=True)
    assert any(not torch.equal(p, q) for p, q in pairs)
    rows = stage.read_log("grpo")
    assert {"reward.model", "reward.accuracy"} <= set(rows[0])
    assert renewal(replace(e, cfg=grpo_params())) is None


def test_a_reward_model_without_new_signal_stays(tokenizer, questions, folders):
    """A policy that answers everything wrong: all labels are equal, and the old model goes on scoring."""
    cfg = grpo_params(
        iterations=2, reward_model=str(folders / "outcome"), reward_names=["model"],
        renew_questions=2, renew_steps=2, **SMALL,
    )  # fmt: skip
    stage = Stage(cfg, "05_grpo")
    start = load_reward_model(folders / "outcome")
    renew = renewal(experiment(cfg, stage, tokenizer, questions))
    with pytest.warns(UserWarning, match="round 1 keeps its reward_model.*all labels are 0"):
        rewards = renew(1, tiny_policy(len(tokenizer)), rewards_from(cfg, tokenizer, start, None))
    assert not (stage.artifacts / "reward_model-round1").exists()
    ids = [[5, 6], [7]]
    old, new = (
        explored(Sampler(ids), f).rewards["model"]
        for f in (model_reward(start, tokenizer), rewards.outcome)
    )
    torch.testing.assert_close(old, new, atol=1e-12, rtol=0)


def test_two_policies_keep_their_own_renewals(tokenizer, questions, folders):
    """Data is kept by the policy that wrote it: another policy, or the same one later, draws its own."""
    cfg = grpo_params(reward_model=str(folders / "outcome"), renew_questions=2, renew_steps=1)
    stage = Stage(cfg, "05_grpo")
    rewards = rewards_from(cfg, tokenizer, load_reward_model(folders / "outcome"), None)
    with pytest.warns(UserWarning):
        for run, seed in (("", 0), ("form-", 0), ("", 3), ("", 3)):
            renew = renewal(experiment(cfg, stage, tokenizer, questions), run=run)
            renew(1, tiny_policy(len(tokenizer), seed=seed), rewards)
    names = sorted(p.name.split("renewal")[0] for p in stage.artifacts.glob("*renewal-data*"))
    assert names == ["", "", "form-"]


def test_form_gains_by_hand(tokenizer, questions, folders, monkeypatch):
    """Start 0, first round 1, second round 1, one long round 0 of 1: +1 for rounds, and 1 − 0 for the first."""
    cfg = grpo_params(compare_steps=2, **SMALL)
    stage = Stage(cfg, "05_grpo")
    for name in ("form-outcome", "form-process", "form-rounds", "form-rounds-round1"):
        tiny_policy(len(tokenizer)).save_pretrained(stage.artifacts / name)
    order = iter([0.0, 0.0, 1.0, 1.0, 1.0])  # start, outcome, process, rounds, first
    monkeypatch.setattr(
        forms, "ask", lambda *a, **k: SimpleNamespace(shares=[next(order)] * len(questions))
    )
    e = experiment(cfg, stage, tokenizer, questions, start=folders / "policy")
    got = forms.form_gains(e)
    assert got["rounds_minus_one"].value == got["form_process_gain"].value == 1.0
    assert got["form_outcome_gain"].value == 0.0 and "model_rounds_minus_one" not in got
    assert got["first_minus_second_round"].value == 1.0
    off = grpo_params(compare_steps=0)
    assert forms.form_gains(replace(e, cfg=off)) == {}


def test_learned_forms_are_paid_by_their_models(tokenizer, questions, folders):
    """The rollouts of the first step are the rule's; who pays differs; only renewed rounds train a reward model."""
    models = [str(folders / "outcome"), str(folders / "process")]
    cfg = grpo_params(
        compare_steps=2, renew_questions=2, renew_steps=1, **SMALL | {"compare_models": models}
    )
    stage = Stage(cfg, "05_grpo")
    rule = rule_reward("accuracy")
    rewards = Rewards(rule, {"accuracy": 1.0}, rule_steps(tokenizer, rule), {"steps": 1.0})
    e = experiment(cfg, stage, tokenizer, questions, rewards, folders / "policy")
    with pytest.warns(UserWarning, match="keeps its reward_model"):  # a tiny policy is never right
        out = compare_forms(e)
    assert list(out) == [*forms.FORMS, *forms.LEARNED]
    rows = {n: stage.read_log(n)[0] for n in out}
    assert len({r["accuracy"] for r in rows.values()}) == 1
    assert rows["outcome"]["reward"] == rows["outcome"]["accuracy"] == 0
    assert rows["outcome-model"]["reward"] == pytest.approx(rows["outcome-model"]["reward.model"])
    assert rows["outcome-model"]["reward"] == pytest.approx(rows["rounds-kept"]["reward"])
    assert rows["process-model"]["reward.steps"] != rows["process"]["reward.steps"]
    assert "reward.model" not in rows["process-model"]
    got = forms.form_gains(e)
    assert {"model_process_minus_outcome", "model_renewed_minus_kept"} <= got.keys()


PROBLEM = Problem("1", "Q?", "34", family="chain", program="a=7+5\nb=a*3\nc=b-2\nprint(c)")


@pytest.mark.parametrize(
    ("steps", "right", "labels"),
    [
        (["7+5=12\n", "12*3=36\n", "36-2=34\n", "\\boxed{34}"], True, [1, 1, 1, 1]),
        (["7+5=13\n", "13*3=39\n", "\\boxed{37}"], False, [0, 1, 0]),  # goes on rightly
        (["\n", "7*5=35\n", "12*3=36\n", "\\boxed{34}"], True, [0, 0, 0, 1]),
        (["\\boxed{34}"], True, [1]),
        ([], False, []),
    ],
)
def test_steps_are_judged_by_the_truth(steps, right, labels):
    assert right_steps(PROBLEM, steps, right) == [bool(y) for y in labels]


def test_a_share_of_the_truth_is_turned_round(tokenizer):
    prompts = [tokenizer.encode(f"{i}?", add_special_tokens=False) for i in range(60)]
    asked = Questions([PROBLEM] * 60, prompts)
    text = "7+5=12\n1\nThe answer is 34."
    ids = tokenizer.encode(text, add_special_tokens=False)
    rollouts = SimpleNamespace(
        prompts=prompts, completions=[ids] * 60, texts=[text] * 60, finish=["eos"] * 60
    )
    rows = {}
    for wrong in (0.0, 0.25):
        steps = truth_steps(asked, tokenizer, rule_reward("accuracy"), wrong, seed=0)
        ends, named = steps(rollouts, ["34"] * 60)
        rows[wrong] = named["steps"]
        assert steps(rollouts, ["34"] * 60) == (ends, named)  # replays
    assert rows[0.0] == [[1.0, 0.0, 1.0]] * 60
    turned = sum(
        a != b for x, y in zip(*rows.values(), strict=True) for a, b in zip(x, y, strict=True)
    )
    assert 25 < turned < 65  # of 180


def test_paid_and_right_are_means_over_steps():
    log = [{"step": s, "reward": s, "accuracy": 0.0} for s in (1, 2, 3)]
    assert forms.paid_and_right(log, 2) == [
        {"step": 2, "paid": 1.5, "right": 0.0},
        {"step": 3, "paid": 3.0, "right": 0.0},
    ]
    steps = [r | {"reward.steps": 0.5} for r in log]
    assert {r["paid"] for r in forms.paid_and_right(steps, 2)} == {0.5}


def test_forms_share_a_start(tokenizer, questions, folders):
    cfg = grpo_params(compare_steps=2, **SMALL)
    stage = Stage(cfg, "05_grpo")
    rewards = Rewards(both, {"odd": 1.0}, odd_steps, {"steps": 1.0})
    out = compare_forms(experiment(cfg, stage, tokenizer, questions, rewards, folders / "policy"))
    assert list(out) == ["outcome", "process", "rounds"]
    first = {n: stage.read_log(n)[0]["reward"] for n in out}
    assert list(first.values()) == pytest.approx([first["outcome"]] * 3)  # the same rollouts
    assert [len(stage.read_log(n)) for n in out] == [2, 2, 2]


class Sampler:
    """Gives completions that are chosen beforehand."""

    def __init__(self, ids):
        self.ids = ids

    def sample(self, prompts, *, n, **_):
        if isinstance(self.ids, Exception):
            raise self.ids
        return Completions(self.ids, [[0.0] * len(c) for c in self.ids],
                           ["eos"] * len(self.ids), [""] * len(self.ids))  # fmt: skip

    def rest(self):
        """It holds no weights."""


def explored(sampler, function, steps=None):
    asked, how = Questions([Problem("", "?", "7")], [[0, 5]]), Sampling(4, 2, 1.0)
    return explore(live(sampler), asked, how, Rewards(function, {}, steps), seed=0)


def test_a_killed_sampler_is_named():
    with pytest.raises(SamplerError, match=r"RuntimeError: engine died.*same command"):
        explored(Sampler(RuntimeError("engine died")), odd_reward)
    with pytest.raises(SamplerError, match="returned 1 completions for 1 prompts × 2"):
        explored(Sampler([[5]]), odd_reward)


def test_models_and_rules_add_up(tokenizer, folders):
    model = load_reward_model(folders / "outcome")
    function = together(model_reward(model, tokenizer), odd_reward_safe)
    r = explored(Sampler([[5, 7], []]), function)
    assert set(r.rewards) == {"model", "odd"}
    total = r.total_reward({"model": 0.5, "odd": 2.0})
    torch.testing.assert_close(total, 0.5 * r.rewards["model"] + 2 * r.rewards["odd"])
    with pytest.raises(RewardError, match="two reward functions are named"):
        explored(Sampler([[5], [6]]), together(odd_reward_safe, odd_reward_safe))


def odd_reward_safe(rollouts, golds):
    return {"odd": [sum(t % 2 for t in c) / max(len(c), 1) for c in rollouts.completions]}


def test_a_reward_model_of_another_vocabulary_is_refused(folders):
    from dsmath_lib.lm.tokenizer import train_tokenizer

    other = train_tokenizer(["Other words, other pieces: apples and pears."] * 20, 290)
    model = load_reward_model(folders / "outcome")
    with pytest.raises(RewardError, match="vocabulary"):
        explored(Sampler([[5], [6]]), model_reward(model, other))
    process = load_reward_model(folders / "process")
    with pytest.raises(RewardError, match="vocabulary"):
        explored(Sampler([[5], [6]]), odd_reward_safe, model_steps(process, other))


def test_process_model_scores_every_step(tokenizer, folders):
    process = load_reward_model(folders / "process")
    ids = tokenizer.encode(" 1+2=3\nThe answer is 3", add_special_tokens=False)
    r = explored(Sampler([ids, []]), odd_reward_safe, model_steps(process, tokenizer))
    assert len(r.step_ends[0]) == 2 and r.step_ends[0][-1] == len(ids) - 1
    assert [len(x) for x in r.step_rewards["steps"]] == [2, 0]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (lambda r, g: 1 / 0, "step reward function raised ZeroDivisionError"),
        (lambda r, g: ([[0]], {"s": [[1.0]]}), "1 rows for 2"),
        (lambda r, g: ([[5], [0]], {"s": [[1.0], [1.0]]}), "row 0 has 1 tokens and ends"),
        (lambda r, g: ([[0], [0]], {"s": [[1.0], []]}), "other numbers of values"),
        (lambda r, g: ([[0], [0]], {"s": [[float("nan")], [1.0]]}), "row 0 is .nan"),
    ],
)
def test_bad_step_rewards_are_named(steps, message):
    with pytest.raises(RewardError, match=message):
        explored(Sampler([[5], [6]]), odd_reward_safe, steps)


def test_rule_steps(tokenizer):
    texts = [" 1+2=3\n3*2=7\nThe answer is \\boxed{7}.", " 1+2=3\nThe answer is \\boxed{7}."]
    ids = [tokenizer.encode(t, add_special_tokens=False) for t in texts]
    sampler = Sampler(ids)
    sample = sampler.sample
    sampler.sample = lambda *a, **k: replace(sample(*a, **k), texts=texts)
    r = explored(sampler, odd_reward_safe, rule_steps(tokenizer, rule_reward("accuracy")))
    assert r.step_rewards["steps"] == [[1, 0, 1], [1, 1]]
    weights = {"steps": 1.0, "odd": 2.0}  # a reward of the whole completion counts at its last step
    total = r.total_step_rewards(weights)
    assert total[0][:2] == [1, 0]
    assert total[0][2] == pytest.approx(1 + 2 * r.rewards["odd"][0].item())
    with pytest.raises(KeyError, match="no reward named 'x'"):
        r.total_step_rewards({"x": 1.0})


def test_the_last_step_gets_the_coin_of_its_answer(tokenizer):
    """The reward random cannot grade one answer alone: outcome and steps share the draw of the batch."""
    ids = [tokenizer.encode(t, add_special_tokens=False) for t in (" 1+2=3\n7", " 8")]
    coin = rule_reward("random", seed=1)
    r = explored(Sampler(ids), coin, rule_steps(tokenizer, coin))
    assert [row[-1] for row in r.step_rewards["steps"]] == r.rewards["accuracy"].tolist()
    assert set(r.rewards["accuracy"].tolist()) == {0.0, 1.0}
