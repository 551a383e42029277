"""A learner's functions in a short run: right ones give the library's curve, wrong ones do not."""

import pytest

from dsmath_lib.exercises.ex05 import my_advantages, my_loss
from dsmath_lib.exercises.ex06 import my_coefficient
from dsmath_lib.rl.coefficients import COEFFICIENTS
from dsmath_lib.rl.losses import LOSSES
from dsmath_lib.runs.yours import apart, beside_yours
from tests.rl import conftest as fixtures
from tests.rl.conftest import experiment, grpo_params, tiny_policy

questions, tokenizer, stage = fixtures.questions, fixtures.tokenizer, fixtures.stage

pytestmark = pytest.mark.numeric


@pytest.fixture
def made(tokenizer, questions, stage, tmp_path):
    tiny_policy(len(tokenizer)).save_pretrained(tmp_path)
    cfg = grpo_params(beta=0.04, kl_estimator="k3", updates_per_exploration=2)
    return experiment(cfg, stage, tokenizer, questions, start=tmp_path)


def test_right_functions_give_the_librarys_curve(made):
    curves = beside_yours(made, "grpo-os", 3, my_advantages, my_loss)
    assert [len(rows) for rows in curves.values()] == [3, 3]
    assert curves["library"][0]["grad_norm"] > 0 and apart(curves) < 1e-4


def test_wrong_ones_do_not(made):
    def raw(rewards, group):
        return rewards

    assert apart(beside_yours(made, "grpo-os", 2, raw)) > 0.01


def test_any_row_takes_a_coefficient(made):
    curves = beside_yours(made, "online-rft", 2, my_coefficient)
    assert apart(curves) < 1e-4 and curves["library"][0]["grad_norm"] > 0


def test_the_table_of_methods_is_left_as_it_was(made):
    before = set(COEFFICIENTS), set(LOSSES)

    def breaks(rewards, group):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        beside_yours(made, "grpo-os", 1, breaks, my_loss)
    assert (set(COEFFICIENTS), set(LOSSES)) == before


def test_runs_without_a_step_or_a_number_are_not_apart():
    assert apart({"library": [{"kl": None}], "yours": [{"kl": None}]}) == 0
    assert apart({"library": [{"kl": 1.0}], "yours": [{"kl": 1.5}]}) == pytest.approx(1 / 3)
