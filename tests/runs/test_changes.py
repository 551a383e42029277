"""What RL changed, on answers made by hand: guesses, plans, equations, and what the numbers say in words."""

from dataclasses import replace
from random import Random

import pytest

from dsmath_lib.base.records import Problem
from dsmath_lib.runs import changes
from dsmath_lib.runs.changes import Work, work_of
from dsmath_lib.world.families import FAMILIES
from dsmath_lib.world.problems import careless, cot, draw_problem, operations, solve
from dsmath_lib.world.reflection import long_cot

pytestmark = pytest.mark.numeric
# (7 + 5) * 3, then 2 less
PROBLEM = Problem("1", "?", "34", family="chain", program="a=7+5\nb=a*3\nc=b-2\nprint(c)")
WITH = Work(1, 1, True, False, True)
GUESS = Work(0, 0, False, False, False)


@pytest.mark.parametrize(
    ("text", "equations", "holding", "plan", "guesses"),
    [
        ("7+5=12\n12*3=36\n36-2=34\nThe answer is \\boxed{34}.", 3, 3, True, False),
        ("5 + 7 = 12, so $3*12=36$ and 36-2=34.", 3, 3, True, False),  # turned round
        ("7+5=13\n13*3=39\n39-2=37", 3, 2, True, False),  # a slip, carried on
        ("7+5=13\n12*3=36\n36-2=34", 3, 2, False, False),  # a number from nowhere
        ("7+5=12\n12+3=15\n15-2=13", 3, 3, False, False),  # the wrong operation
        ("7+5=12\n12*3=36\n2-36=34", 3, 2, False, False),  # a difference does not turn
        ("36-2=34\n\\boxed{34}", 1, 1, False, False),  # steps left out
        ("7+5=14\nWait: 7+5=12\n12*3=36\n36-2=34\nCheck: 34+2=36", 5, 4, True, False),
        ("The answer is \\boxed{34}.", 0, 0, False, True),
        ("a=7+5\nb=a*3\nprint(b-2)", 0, 0, False, False),  # a program is work, too
    ],
)
def test_work_of_an_answer(text, equations, holding, plan, guesses):
    w = work_of(PROBLEM, text, True)
    assert (w.equations, w.holding, w.plan, w.guesses) == (equations, holding, plan, guesses)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_world_s_own_solutions_have_the_plan(family):
    for level in (1, 3, 5):
        p = draw_problem(Random(level), family, level, "en")
        assert [f"{a}{op}{b}={r}" for a, op, b, r in solve(operations(p))] == list(p.steps)
        texts = [cot(p), cot(p, "check"), careless(p, Random(0)), long_cot(p, Random(0))]
        assert all(work_of(p, t, True).plan for t in texts)
        assert not work_of(p, cot(p, "guess"), True).plan
    assert work_of(replace(p, family="", program=""), cot(p), True) is None


def test_shares_count_equations_not_answers():
    works = [Work(4, 1, True, False, False), Work(1, 1, True, False, True), GUESS, None]
    assert changes.share_of_work(works, "holding").value == pytest.approx(2 / 5)
    assert changes.share_of_work(works, "guesses").value == pytest.approx(1 / 3)
    assert changes.share_of_work(works, "right_with_work").value == pytest.approx(1 / 2)
    assert changes.share_of_work([GUESS], "holding") is None
    assert changes.change([GUESS], works[:1], "holding") is None


def test_an_interval_of_a_ratio_covers_its_truth():
    """Answers of 1 to 4 equations, each true with 0.7: about 95 of 100 intervals hold it."""
    rng, held = Random(0), 0
    for _ in range(200):
        works = []
        for _ in range(150):
            n = rng.randint(1, 4)
            works.append(Work(n, sum(rng.random() < 0.7 for _ in range(n)), True, False, True))
        e = changes.share_of_work(works, "holding")
        held += e.low <= 0.7 <= e.high
    assert 180 <= held <= 198


def logs(*works):
    return [{"step": s, "accuracy": 0.0, "work": [list(w) for w in x]} for s, x in works]


def test_moments_of_a_log():
    seen = changes.moments(logs((0, [GUESS]), (5, [GUESS]), (9, [WITH]), (12, [WITH])))
    assert list(seen) == ["before", "after 5 steps", "after 12 steps"]
    assert seen["after 12 steps"] == [WITH]
    assert list(changes.moments(logs((0, [GUESS]), (9, [WITH])))) == ["before", "after 9 steps"]
    assert changes.moments([{"step": 0, "accuracy": 0.5}]) == {}
    assert changes.changes_table({}) == changes.families_table([PROBLEM], {}) == []
    assert changes.change_metrics([PROBLEM], {}) == {}


def test_tables_and_metrics_by_family():
    problems = [PROBLEM] * 20 + [replace(PROBLEM, family="share")] * 20
    seen = {"before": [GUESS] * 40, "after 9 steps": [WITH] * 20 + [GUESS] * 20}
    assert changes.changes_table(seen)[-1]["right answer"].value == pytest.approx(0.5)
    chain, share = changes.families_table(problems, seen)
    assert (chain["family"], chain["n"], chain["guess at once"]) == ("chain", 20, "100 → 0")
    assert share["right, change"].value == 0
    m = changes.change_metrics(problems, seen)
    assert m["work.change.chain.guesses"].value == -1
    assert m["work.change.guesses"].value == pytest.approx(-0.5)
    assert "work.change.holding" not in m  # nobody wrote an equation before


WRONG = Work(1, 0, True, False, False)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([GUESS] * 50, [WITH] * 50, "shows its work more often; that it calculates better is not"),
        ([WRONG] * 50, [WITH] * 50, "It calculates better."),
        ([GUESS] * 25 + [WRONG] * 25, [WITH] * 50, "better, and it shows its work"),
        ([WITH] * 50, [WITH] * 50, "No gain is shown"),
        ([WITH] * 50, [WRONG] * 50, "worse than before"),
        ([WRONG._replace(code=True, equations=0)] * 50, [WITH._replace(equations=0, code=True)] * 50,
         "Neither habit nor arithmetic"),
        ([], [], "Nothing to compare"),
    ],
)  # fmt: skip
def test_the_sentence_follows_the_numbers(before, after, said):
    seen = {"before": before, "end": after} if before else {}
    assert said in changes.reading(changes.change_metrics([PROBLEM] * len(before), seen))
