from dsmath_lib.lm.model import n_parameters
from dsmath_lib.runs.nb02_flops import flops_per_token, matmul_rate, mfu
from tests.lm.conftest import tiny_model


def test_flops_by_hand():
    model = tiny_model()
    per_layer = 16 * 16 + 2 * 16 * 8 + 16 * 16 + 3 * 16 * 32 + 2 * 16  # q, k v, o, mlp, norms
    n = 64 * 16 + 2 * per_layer + 16
    assert n_parameters(model) == n
    assert flops_per_token(model, 64) == 6 * n + 6 * 2 * 16 * 64
    untied = tiny_model(tie=False)
    assert flops_per_token(untied, 64) == flops_per_token(model, 64)
    assert mfu(100.0, 5.0, 1000.0) == 0.5
    assert matmul_rate(size=64, seconds=0.01) > 0
