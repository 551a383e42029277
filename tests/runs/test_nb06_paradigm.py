"""Table 10: every gradient coefficient by autograd, on a small policy."""

import pytest
import torch

from dsmath_lib.runs.nb06_paradigm import EQUATIONS, check_method, coefficient, example
from tests.rl.conftest import tiny_policy

pytestmark = pytest.mark.numeric
PROMPTS = [[0, 5, 6]] * 4 + [[0, 9]] * 4
COMPLETIONS = [[20, 21, 1], [22, 23, 24, 25], [40], [1], [30, 2], [30, 31, 33, 1], [7, 8], [9]]


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_row_of_table_10(name):
    x = example(PROMPTS, COMPLETIONS)
    row = check_method(name, x, tiny_policy(), tiny_policy(seed=1))
    assert row["largest difference"] < 1e-12
    assert row["norm of the gradient"] > 1e-3


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_check_can_fail(name, monkeypatch):
    """A coefficient that is wrong by 5 % is found."""
    from dsmath_lib.runs import nb06_paradigm as paradigm

    monkeypatch.setattr(paradigm, "coefficient", lambda *a: 1.05 * coefficient(*a))
    row = check_method(name, example(PROMPTS, COMPLETIONS), tiny_policy(), tiny_policy(seed=1))
    assert row["largest difference"] > 1e-5


def test_eq_14_as_printed_is_another_gradient():
    """The paper's DPO coefficient leaves out β: what it prints differs from the gradient of its own Eq. 12."""
    x = example(PROMPTS, COMPLETIONS)
    logp = torch.zeros(8, 4)
    gc = coefficient("dpo", x, logp, logp, logp)
    assert gc[1, 0].item() == pytest.approx(0.04 * 0.5)  # printed: σ(0) = 0.5


def test_unknown_rows_are_named():
    x = example(PROMPTS, COMPLETIONS)
    with pytest.raises(ValueError, match="'dapo' is not in Table 10"):
        coefficient("dapo", x, torch.zeros(8, 4), torch.zeros(8, 4), torch.zeros(8))
