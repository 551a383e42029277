"""The toy problems: right by construction, split by question, the same for the same seed."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.world.families import FAMILIES, HELD_OUT
from dsmath_lib.world.habits import TEAMS, sft_samples
from dsmath_lib.world.problems import (
    HABITS,
    TOY_BENCHMARKS,
    benchmark,
    careless,
    cot,
    draw_problem,
    fenced_program,
    parts,
    sample_problems,
    solve,
    split_of,
    tir,
)

problems = st.builds(
    lambda seed, family, level, lang: draw_problem(Random(seed), family, level, lang),
    st.integers(0, 10**6),
    st.sampled_from(sorted(FAMILIES)),
    st.integers(1, 5),
    st.sampled_from(["en", "zh"]),
)


@settings(max_examples=300, deadline=None)
@given(problems)
def test_every_step_is_true_and_the_last_result_is_the_answer(p):
    for step in p.steps:
        a, op, b, r = parts(step)
        expected = {
            "+": int(a) + int(b),
            "-": int(a) - int(b),
            "*": int(a) * int(b),
            "/": int(a) / int(b),
        }[op]
        assert int(r) == expected >= 0
    assert parts(p.steps[-1])[3] == p.answer
    assert 1 <= len(p.steps) <= 5


@settings(max_examples=100, deadline=None)
@given(problems, st.sampled_from([h for h in HABITS if h != "careless"]))
def test_every_habit_ends_with_the_boxed_answer(p, habit):
    text = cot(p, habit)
    assert re.findall(r"\\boxed\{(\d+)\}", text) == [p.answer]
    shown = sum(
        "=" in line and not line.startswith(("Check", "检验")) for line in text.splitlines()
    )
    assert (
        shown
        == {
            "steps": len(p.steps),
            "check": len(p.steps),
            "skip": int(len(p.steps) > 1),
            "guess": 0,
        }[habit]
    )


@settings(max_examples=100, deadline=None)
@given(problems)
def test_program_computes_the_answer(p):
    # The program is ours and holds only assignments and one print, so a tiny interpreter is enough to run it.
    values: dict[str, int] = {}
    lines = fenced_program(p).strip("`").removeprefix("python\n").strip().splitlines()
    for line in lines[:-1]:
        name, left, op, right = re.fullmatch(r"(\w)=(\w+?)([+*/-]+)(\w+)", line).groups()
        a, b = (values[v] if v in values else int(v) for v in (left, right))
        values[name] = {"+": a + b, "-": a - b, "*": a * b, "//": a // b if b else 0}[op]
    assert str(values[re.fullmatch(r"print\((\w)\)", lines[-1]).group(1)]) == p.answer


def test_tool_output_is_not_trained():
    p = sample_problems(1, split="train", seed=0)[0]
    segments = tir(p)
    assert [trained for _, trained in segments] == [True, False, True]
    assert segments[1][0] == f"```output\n{p.answer}\n```\n"


def test_careless_solutions_are_wrong_in_step_and_answer():
    for p in sample_problems(50, split="train", seed=3):
        text = careless(p, Random(1))
        assert text != cot(p) and text.splitlines()[:-2] == list(p.steps[:-1])


def test_splits_never_share_a_question_and_seeds_reproduce():
    drawn = {s: sample_problems(300, split=s, seed=1) for s in ("train", "val", "test")}
    for split, ps in drawn.items():
        assert len({p.question for p in ps}) == 300
        assert all(split_of(p.question) == split for p in ps)
    assert drawn["train"] == sample_problems(300, split="train", seed=1)
    assert drawn["train"] != sample_problems(300, split="train", seed=2)


def test_benchmarks_hold_their_families_and_language():
    assert HELD_OUT not in TEAMS
    for name, (families, lang, levels) in TOY_BENCHMARKS.items():
        ps = benchmark(name, 120)
        assert {p.family for p in ps} == set(families)
        assert {p.lang for p in ps} == {lang} and {p.level for p in ps} <= set(levels)
        assert ps[:50] == benchmark(name, 50)


def test_sft_never_sees_the_held_out_family_and_has_all_forms_and_habits():
    samples = sft_samples(2000, seed=0)
    assert HELD_OUT not in {s.meta["family"] for s in samples}
    assert {s.meta["habit"] for s in samples} == {*HABITS, "program", "tir"}
    share = sum(s.meta["form"] == "tir" for s in samples) / len(samples)
    assert 0.15 < share < 0.25
    assert all(abs(sum(t) - 1) < 1e-9 for t in TEAMS.values())


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="unknown split"):
        sample_problems(1, split="dev", seed=0)
    with pytest.raises(ValueError, match="unknown families"):
        sample_problems(1, split="train", seed=0, families=["nope"])
    with pytest.raises(ValueError, match="unknown toy benchmark"):
        benchmark("gsm", 1)
    with pytest.raises(ValueError, match="different problems"):
        sample_problems(100, split="test", seed=0, families=["linear"], levels=[1], langs=["en"])
    with pytest.raises(ValueError, match="not exact"):
        solve([(7, "/", 2)])
