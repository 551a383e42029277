"""At full rank LoRA follows full training of the same matrices.

With A of orthonormal columns (r at least the number of inputs) and B at 0, one step of gradient descent moves
W + s B A by -η s² G Aᵀ A = -η s² G (G: the gradient of W, A's own gradient is 0): the step of full training at the rate
η s². Later A moves, too, by terms of second order in the rate.
"""

import numpy as np
import pytest
import torch

from dsmath_lib.engines.adapters import TARGETS, adapter_of, merged, with_adapter
from dsmath_lib.lm.train import TrainSettings, loss_and_backward, make_optimizer
from tests.engines.adapters.conftest import lora, plain
from tests.lm.test_train import batch_of

pytestmark = pytest.mark.numeric
RATE, STEPS = 0.02, 25


def batch():
    b = batch_of(0)
    return {k: v % 60 if k == "inputs" else v for k, v in b.items()} | {
        "targets": torch.where(b["targets"] < 0, b["targets"], b["targets"] % 60)
    }


def full():
    """All weights but those that can have an adapter are frozen."""
    model = plain()
    for name, p in model.named_parameters():
        p.requires_grad_(name.split(".")[-2] in TARGETS["all-linear"])
    return model


def orthonormal(rank):
    """alpha = r, so s = 1; and one rate for both."""
    model = with_adapter(plain(), lora(rank, alpha=rank))
    g = torch.Generator().manual_seed(1)
    for _, a, _ in adapter_of(model).layers():
        torch.nn.init.orthogonal_(a, generator=g)
    return model


def descend(model, steps=STEPS, make=None):
    """The losses of plain gradient descent (or of another optimizer) on one batch."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = make(model) if make else torch.optim.SGD(trained, lr=RATE)
    losses, b = [], batch()
    for _ in range(steps):
        optimizer.zero_grad()
        losses.append(loss_and_backward(model, b, 6, "float32"))
        optimizer.step()
    return np.array(losses)


def test_the_first_step_is_that_of_full_training():
    whole, model = full(), orthonormal(32)
    descend(whole, 1)
    descend(model, 1)
    start = plain().state_dict()
    for name, w in merged(adapter_of(model), plain()).state_dict().items():
        torch.testing.assert_close(w, whole.state_dict()[name], rtol=0, atol=1e-12)
        if name.split(".")[-2] in TARGETS["all-linear"]:
            assert (w - start[name]).abs().max() > 1e-4  # it is a step


def gap(a, b):
    """Largest distance of two loss curves, as a share of what full training gains."""
    return float(np.abs(a - b).max() / (b[0] - b[-1]))


def test_at_full_rank_the_loss_follows_full_training_and_at_rank_1_it_does_not():
    want = descend(full())
    assert want[-1] < want[0] - 0.3  # there is something to follow
    assert gap(descend(orthonormal(32)), want) < 0.01
    assert gap(descend(orthonormal(1)), want) > 0.4


def test_with_adamw_and_the_adapter_as_it_is_made():
    """No equality: Adam's steps in A and B are not those in W. Each at its best rate gains as much in 40 steps."""

    def adamw(rate):
        def make(model):
            optimizer = make_optimizer(model, TrainSettings(1, lambda step: rate, weight_decay=0.0))
            for group in optimizer.param_groups:
                group["lr"] = rate
            return optimizer

        return make

    def gain(make):
        curves = [descend(make(), 40, adamw(rate)) for rate in (1e-2, 3e-2)]
        return curves[0][0] - min(c[-1] for c in curves)

    want = gain(full)
    assert gain(lambda: with_adapter(plain(), lora(32, alpha=32))) > 0.98 * want
    assert gain(lambda: with_adapter(plain(), lora(1, alpha=1))) < 0.8 * want
