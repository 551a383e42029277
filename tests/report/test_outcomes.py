"""Every row of the ledger is fed results that must give each of its verdicts (``outcomes.yaml``)."""

from pathlib import Path

import pytest
import yaml

from dsmath_lib.report import ledger as L
from dsmath_lib.report import verdict_rules as V
from dsmath_lib.report.claims import all_claims

TESTED = [c for c in all_claims(margin=0.03, k=8) if c.parts]
OUTCOMES = yaml.safe_load(Path(__file__).with_name("outcomes.yaml").read_text(encoding="utf-8"))
WORDS = {"agrees": V.AGREES, "disagrees": V.DISAGREES, "noisy": V.NOISY}


def number(x):
    if not isinstance(x, list):
        return x
    value, half = x
    return {"value": value, "low": value - half, "high": value + half, "n": 500}


def results(claim, rows, verdict):
    """One run of the claim's stage, and of the stages whose parameters it asks for."""
    run = {stage: {"params": dict(params)} for stage, params in rows.get("ran", {}).items()}
    own = run.setdefault(claim.stage, {})
    for name, x in {**rows.get("more", {}), **rows[verdict]}.items():
        among, _, rest = name.rpartition("/")
        own.setdefault(among or "metrics", {})[rest] = number(x)
    return run


def verdict(claim, rows, word, seeds=3):
    return L.verdict_of(claim, [results(claim, rows, word)] * seeds)


@pytest.mark.parametrize("claim", TESTED, ids=lambda c: c.id)
def test_a_row_can_give_each_of_its_verdicts(claim):
    assert claim.id in OUTCOMES, (
        f"{claim.id} has parts and no outcomes: give some in {Path(__file__).with_name('outcomes.yaml')}"
    )
    rows = OUTCOMES[claim.id]
    for word, want in WORDS.items():
        if word == "noisy" and rows.get("exact"):
            continue
        assert verdict(claim, rows, word).verdict == want, (claim.id, word)
    # and without what it needs, none of them
    assert L.verdict_of(claim, [{}]).verdict == V.NOT_TESTED


@pytest.mark.parametrize("claim", TESTED, ids=lambda c: c.id)
def test_an_exact_row_has_no_interval_in_it(claim):
    rows = OUTCOMES[claim.id]
    numbers = [x for word in ("agrees", "disagrees") for x in rows[word].values()]
    assert bool(rows.get("exact")) == (not any(isinstance(x, list) for x in numbers))


def test_no_outcome_is_left_of_a_row_that_is_gone():
    assert set(OUTCOMES) == {c.id for c in TESTED}


def needing(what):
    return [c for c in TESTED if any(getattr(p.needs, what) > (what == "seeds") for p in c.parts)]


@pytest.mark.parametrize("claim", needing("seeds"), ids=lambda c: c.id)
def test_one_seed_gives_no_verdict_where_two_trainings_are_compared(claim):
    for word in ("agrees", "disagrees"):
        parts = verdict(claim, OUTCOMES[claim.id], word, seeds=1).ours
        for part, v in zip(claim.parts, parts.verdicts, strict=True):
            assert part.needs.seeds == 1 or v == V.NOT_TESTED, part.what
        assert parts.verdict in (V.NOT_TESTED, V.AGREES, V.NOISY)


SHORT = {  # claim -> a run that is too short, or that lacks what the claim is about
    "C08": {"more": {"seed.passes": 0.4}},
    "C30": {"ran": {"06_one_gradient": {"steps": 6}}},
    "C31": {"ran": {"06_one_gradient": {"steps": 39}}},
    "C32": {"ran": {"05_grpo": {"compare_steps": 4}}},
    "C33": {"ran": {"05_grpo": {"compare_steps": 4}}},
    "C34": {"ran": {"08_evaluation": {"samples": 4}}},
    "S02": {"ran": {"07_simplerl_zero": {"steps": 10}}},
    "S03": {"ran": {"07_simplerl_zero": {"steps": 10}}},
    "Z01": {"ran": {"07_simplerl_zero": {"compare_steps": 60, "bases": 2}}},
    "S01": {"ran": {"07_simplerl_zero": {"steps": 10}}},
    "S04": {"ran": {"07_simplerl_zero": {"compare_steps": 2}}},
    "S05": {"more": {"main_start_code": 0.0}},
    "S06": {"more": {"main_start_reflecting": 0.0}},
    "S07": {"ran": {"07_simplerl_zero": {"compare_steps": 2}}},
    "Z02": {"ran": {"07_simplerl_zero": {"compare_steps": 2}}},
    "Z04": {"ran": {"07_simplerl_zero": {"steps": 50, "eval_samples": 4}}},
}


@pytest.mark.parametrize("id_", SHORT)
def test_a_short_run_or_one_without_the_habit_gives_none(id_):
    claim = next(c for c in TESTED if c.id == id_)
    for word in ("agrees", "disagrees"):
        assert verdict(claim, OUTCOMES[id_] | SHORT[id_], word).verdict == V.NOT_TESTED


def test_a_test_with_few_questions_is_no_test_of_absence():
    claim = next(c for c in TESTED if c.id == "C34")
    run = results(claim, OUTCOMES["C34"], "agrees")
    for e in run["08_evaluation"]["metrics"].values():
        e["n"] = 200
    assert L.verdict_of(claim, [run]).verdict == V.NOT_TESTED
    assert "needs 400 questions" in L.verdict_of(claim, [run]).ours.lines()[0]
    assert L.verdict_of(claim, [run] * 2).verdict == V.AGREES
