"""SimpleRL-Zero: rows, prompts, starts, the runs themselves, and that an interrupted one ends the same."""

from random import Random

import pytest
import torch

from dsmath_lib.base.errors import ParamsError, StageError
from dsmath_lib.base.paths import PARAMS_DIR
from dsmath_lib.engines.grader.verdict import grade
from dsmath_lib.evaluation.behaviour import reflections
from dsmath_lib.evaluation.equations import equations_hold
from dsmath_lib.params.base import read_yaml
from dsmath_lib.params.simplerl import SimpleRLParams
from dsmath_lib.report.simplerl_pictures import behaviour_plot, group_table
from dsmath_lib.rl import loop
from dsmath_lib.rl.losses import token_weights
from dsmath_lib.rl.reward_functions import rewards_from
from dsmath_lib.rows.methods import METHODS, TITLES
from dsmath_lib.rows.prompts import make_prompt
from dsmath_lib.rows.zero_runs import RUNS
from dsmath_lib.runs import nb07_simplerl as zero
from dsmath_lib.runs import nb07_transfer as transfer
from dsmath_lib.stage.folder import Stage
from dsmath_lib.world.problems import cot, sample_problems
from dsmath_lib.world.reflection import long_cot
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment
from tests.rounding import assert_same

tokenizer = fixtures.tokenizer

TINY = {
    "questions": 8, "questions_per_step": 2, "group_size": 3, "max_new_tokens": 6, "steps": 3,
    "compare_steps": 2, "math_tokens": 0, "warm_samples": 4, "warm_steps": 2, "eval_questions": 4,
    "eval_every": 1, "checkpoint_every": 1, "levels": [1], "langs": ["en"],
    "question_template": "toy-page", "runs": ["zero-grpo"],
}  # fmt: skip
ROOM = 314  # tokens of the longest prompt: the context of 320 without max_new_tokens


def params(**changes) -> SimpleRLParams:
    folder = PARAMS_DIR / "smoke"
    values = read_yaml(folder / "common.yaml") | read_yaml(folder / "07_simplerl_zero.yaml")
    return SimpleRLParams.check(values | TINY | changes, "test")


@pytest.fixture
def base(tmp_path, tokenizer):
    """A folder with a tiny model whose context holds a question."""
    from dsmath_lib.lm.model import Shape, build_model

    model = build_model(Shape(16, 2, 2, 1, 32, len(tokenizer), 320), seed=0, init_std=0.3)
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(scope="module")
def problems():
    kw = {"levels": (1,), "langs": ("en",)}
    return sample_problems(8, split="train", seed=0, **kw), sample_problems(
        4, split="val", seed=0, **kw
    )


def test_every_run_is_made_of_known_parts():
    for run in RUNS.values():
        assert run.method in METHODS and TITLES[run.method]
        assert rewards_from(params(), None, rule=run.reward).weights
        assert make_prompt(run.template or "toy-page", "Q?").text


def test_the_two_releases_as_rows():
    first, zoo = METHODS["simplerl"], METHODS["simplerl-zoo"]
    assert first.needs_critic and first.kl == "reward"
    assert not zoo.needs_critic and zoo.kl == "loss" and zoo.norm == "token"
    # Zoo: every token counts the same, 2 + 8 of them; Eq. 3 gives each output a half
    lengths = torch.tensor([2, 8])
    assert torch.allclose(token_weights(lengths, zoo.norm), torch.tensor([0.1, 0.1]))
    assert torch.allclose(token_weights(lengths, "sequence"), torch.tensor([0.25, 0.0625]))


def test_weights_of_named_rewards(base, tokenizer, problems):
    def weights(cfg):
        e = experiment(cfg, None, tokenizer, None)
        return zero.of_run(e, "zero-ppo", base, problems, ROOM).rewards.weights

    assert weights(params()) == {"accuracy": 1.0, "format": 1.0}
    cfg = params(
        reward_rule="r1-worked", reward_names=["accuracy", "format"], reward_weights=[1, 0.5]
    )
    assert weights(cfg) == {"accuracy": 1.0, "format": 0.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": ["zero"]}, "unknown run 'zero'"),
        ({"runs": ["format", "format"]}, "named twice"),
        ({"runs": []}, "runs"),
        ({"reward_rule": "nice"}, "unknown reward_rule 'nice'"),
        ({"stop": [""]}, "empty string"),
        ({"reward_model": "outcome"}, "reward_model"),
    ],
)
def test_bad_parameters_are_named(changes, message):
    with pytest.raises(ParamsError, match=message):
        params(**changes)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_long_solutions_are_right_and_look_back(lang):
    problems = sample_problems(40, split="train", seed=1, levels=(2, 3), langs=(lang,))
    rng = Random(0)
    texts = [long_cot(p, rng) for p in problems]
    assert all(grade(p.answer, t).correct for p, t in zip(problems, texts, strict=True))
    assert all(reflections(t) for t in texts)  # the check at the end
    slips = [t for t in texts if "Retry" in t or "重算" in t]
    assert 5 < len(slips) < 40
    for text in slips:  # what is called wrong is wrong, what is done again is right
        lines = text.split("\n")
        again = next(i for i, x in enumerate(lines) if x.startswith(("Retry", "重算")))
        assert not equations_hold(lines[again - 2])
        assert equations_hold(lines[again].split(" ")[1])


def test_what_decides_the_starts_are_parameters():
    """A name that is none would be left out in silence, and a start of other parameters be taken for this one."""
    assert zero.OF_THE_BASE < zero.OF_THE_WARM < set(SimpleRLParams.model_fields)


def test_short_solutions_are_the_worlds():
    asked = sample_problems(5, split="train", seed=1, levels=(2,), langs=("en",))
    short, long = (zero.long_samples(params(), asked, 5, form) for form in ("short", "long"))
    assert [s.segments[0][0] for s in short] == [cot(p) for p in asked]
    assert all(reflections(s.segments[0][0]) for s in long)


def test_a_run_on_other_levels_is_validated_on_the_same_questions(base, tokenizer, problems):
    e = experiment(params(), None, tokenizer, None)
    hard = zero.of_run(e, "hard", base, problems, ROOM)
    assert {p.level for p in hard.questions.problems} == {4, 5}
    assert hard.validation.problems == problems[1]
    assert zero.of_run(e, "zero-grpo", base, problems, ROOM).questions.problems == problems[0]


def test_sft_on_the_same_questions_learns_their_solutions(base, tokenizer, problems):
    cfg = params(sft_model=str(base), runs=["format", "sft"], lr=1e-2)
    stage, policy, *_, e = run(cfg, base, tokenizer, problems, "sft")
    rows = stage.read_log("sft.eval")
    assert [r["step"] for r in rows] == [0, 1, 2]
    assert len(rows[0]["right"]) == len(rows[0]["lengths"]) == len(rows[0]["work"]) == 4
    away = transfer.elsewhere(cfg.model_copy(update={"transfer_questions": 3}))
    assert {p.family for p in away["new family"]} == {"ages"}
    assert {p.level for p in away["harder levels"]} <= {2, 3, 4, 5}
    right = transfer.right_elsewhere(e, policy, away, ROOM)
    assert {k: len(v) for k, v in right.items()} == {"new family": 3, "harder levels": 3}


@pytest.mark.numeric
def test_transfer_by_hand():
    home = {"base": [False] * 4, "sft": [True] * 4}
    away = {"base": {"a": [True, False], "b": [True]}, "sft": {"a": [False, False], "b": [True]}}
    got = transfer.transfer_metrics(home, away)
    assert got["home.sft_gain"].value == 1.0
    assert got["away.sft_gain"].value == pytest.approx(-1 / 3)
    table = {(r["model"], r["questions"]): r for r in transfer.transfer_table(home, away)}
    assert table["sft", "a"]["gain over the base"].value == -0.5
    assert table["base", "at home"]["gain over the base"].value == 0
    assert (
        transfer.transfer_metrics(home, {})
        == {}
        == transfer.elsewhere(params(transfer_questions=0))
    )


def test_page_prompts_hold_the_question_as_it_is():
    for template in ("toy-page", "toy-page-program", "simplerl-chat", "simplerl-plain", "r1-tags"):
        for lang in ("en", "zh"):
            assert "What is {x}?" in make_prompt(template, "What is {x}?", lang).text
    assert "\\boxed{}" in make_prompt("simplerl-chat", "Q").text
    with pytest.raises(StageError, match="toy-page"):
        make_prompt("nothing", "Q")


def test_group_table():
    rows = group_table(("a", (1, -0.5, -0.5, -1)))
    assert rows[0]["advantages"] == [1.667, -0.333, -0.333, -1.0]


def run(cfg, base, tokenizer, problems, name):
    stage = Stage(cfg, "07_simplerl_zero")
    e = experiment(cfg, stage, tokenizer, None, start=base)
    where = {"base": base}
    where[RUNS[name].start] = zero.make_start(e, RUNS[name].start, problems[0])
    of = e, name, where[RUNS[name].start], problems, ROOM
    return stage, *zero.run_zero(*of), zero.of_run(*of)


@pytest.mark.parametrize("name", ["zero-grpo", "zero-ppo", "warm-grpo", "short-grpo", "program"])
def test_runs_end_to_end(base, tokenizer, problems, name):
    cfg = params(sft_model=str(base), runs=["format", name])
    stage, policy, before, after, e = run(cfg, base, tokenizer, problems, name)
    assert [r["step"] for r in stage.read_log(name)] == [1, 2]  # compare_steps
    evals = stage.read_log(f"{name}.eval")
    assert [r["step"] for r in evals] == [0, 1, 2] and "reflecting" in evals[0]
    texts = stage.read_log(f"{name}.samples")
    assert len(texts) == 2 and len(texts[0]["texts"]) == len(texts[0]["rewards"]) == 4
    assert len(before.greedy) == len(after.sampled) == 4 and before.behaviour["length"] > 0
    row = zero.result_row(name, before, after)
    assert row["sampled gain"].n == 4
    assert behaviour_plot({name: evals}).axes
    again = run(cfg, base, tokenizer, problems, name)  # loaded, not trained
    assert again[3] == after
    group = zero.one_group(e, policy)
    assert len(group.rewards) == len(group.advantages) == 8 * cfg.group_size


@pytest.mark.numeric
def test_an_interrupted_run_ends_the_same(base, tokenizer, problems, monkeypatch):
    straight = run(
        params(scale="straight", sft_model=str(base)), base, tokenizer, problems, "zero-grpo"
    )
    step, calls = loop.one_step, []

    def killed(*args):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return step(*args)

    cfg = params(scale="resumed", sft_model=str(base))
    monkeypatch.setattr(loop, "one_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run(cfg, base, tokenizer, problems, "zero-grpo")
    monkeypatch.setattr(loop, "one_step", step)
    resumed = run(cfg, base, tokenizer, problems, "zero-grpo")
    assert_same(vars(resumed[3]), vars(straight[3]))
    for kind in ("zero-grpo", "zero-grpo.eval", "zero-grpo.samples"):
        assert_same(resumed[0].read_log(kind), straight[0].read_log(kind))
    assert_same(list(resumed[1].parameters()), list(straight[1].parameters()))
