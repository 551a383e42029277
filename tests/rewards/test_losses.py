"""Both losses against their closed forms, in value and gradient, and how a batch is cut."""

import math

import pytest
import torch

from dsmath_lib.rewards.models import new_reward_model
from dsmath_lib.rewards.reward_losses import pairwise_loss, pointwise_loss
from dsmath_lib.rewards.training import (
    RewardExample,
    batch_losses,
    batch_of,
    label_loss_and_backward,
)

pytestmark = pytest.mark.numeric
S = torch.tensor([-3.0, -0.5, 0.0, 0.4, 2.5], dtype=torch.float64)
Y = torch.tensor([0.0, 1.0, 0.25, 1.0, 0.7], dtype=torch.float64)


def test_pointwise_value_and_gradient():
    s = S.clone().requires_grad_()
    loss = pointwise_loss(s, Y)
    p = 1 / (1 + (-S).exp())
    assert torch.allclose(loss, -Y * p.log() - (1 - Y) * (1 - p).log(), atol=1e-12)
    loss.sum().backward()
    assert torch.allclose(s.grad, p - Y, atol=1e-12)


def test_pointwise_by_hand():
    values = pointwise_loss(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([1.0, 1.0, 0.0]))
    assert values.tolist() == pytest.approx([0.693147, 0.313262, 1.313262], abs=1e-6)


def test_a_soft_label_is_best_met_by_its_own_probability():
    y = torch.tensor(0.25, dtype=torch.float64)
    s = torch.logit(y).requires_grad_()
    loss = pointwise_loss(s, y)
    loss.backward()
    assert abs(s.grad) < 1e-12
    assert loss.item() == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)))


def test_pairwise_value_and_gradient():
    c, r = S.clone().requires_grad_(), S.flip(0).clone().requires_grad_()
    loss = pairwise_loss(c, r)
    margin = S - S.flip(0)
    p = 1 / (1 + (-margin).exp())  # chance that the chosen one wins
    assert torch.allclose(loss, -p.log(), atol=1e-12)
    loss.sum().backward()
    assert torch.allclose(c.grad, p - 1, atol=1e-12) and torch.allclose(r.grad, 1 - p, atol=1e-12)


def test_pairwise_counts_differences_only():
    c, r = torch.tensor([1.0, -2.0]), torch.tensor([0.0, 3.0])
    assert torch.allclose(pairwise_loss(c, r), pairwise_loss(c + 7, r + 7), atol=1e-12)
    assert pairwise_loss(c, c).tolist() == pytest.approx([math.log(2)] * 2)


def test_far_scores_stay_finite():
    far = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = pointwise_loss(far, torch.tensor([0.0, 1.0])).sum() + pairwise_loss(-far, far).sum()
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(far.grad).all()


ROWS = {
    "outcome": [
        RewardExample(tuple(range(3, 3 + n)), (n - 1,), (float(n % 2),)) for n in (4, 7, 5, 6, 9)
    ],
    "process": [
        RewardExample(tuple(range(3, 13)), (2, 5, 9), (1.0, 0.5, 0.0)),
        RewardExample(tuple(range(8, 14)), (3,), (0.0,)),
        RewardExample(tuple(range(20, 28)), (1, 7), (1.0, 1.0)),
    ],
}
ROWS["pairs"] = [(ROWS["outcome"][i], ROWS["outcome"][j]) for i, j in ((0, 1), (2, 3), (4, 0))]


def model_for(kind, lm_folder, tokenizer):
    model = new_reward_model(
        lm_folder, "process" if kind == "process" else "outcome", tokenizer, probability=True
    )
    torch.manual_seed(0)
    torch.nn.init.normal_(model.score.weight)
    return model


@pytest.mark.parametrize("kind", ROWS)
def test_micro_batches_change_neither_loss_nor_gradient(kind, lm_folder, tokenizer):
    model = model_for(kind, lm_folder, tokenizer)
    found = {}
    for size in (1, 2, 64):
        model.zero_grad()
        loss = label_loss_and_backward(model, batch_of(ROWS[kind]), size, "float32")
        found[size] = loss, torch.cat([p.grad.flatten() for p in model.parameters()])
    for size in (1, 2):
        assert found[size][0] == pytest.approx(found[64][0], rel=1e-9)
        torch.testing.assert_close(found[size][1], found[64][1], atol=1e-12, rtol=1e-9)
    with torch.no_grad():
        alone = torch.cat([batch_losses(model, batch_of([r])) for r in ROWS[kind]]).mean()
    assert float(alone) == pytest.approx(found[64][0], rel=1e-9)  # nor does padding
    assert found[64][1].abs().sum() > 0


@pytest.mark.parametrize("kind", ROWS)
def test_the_loss_of_a_new_model_is_log_2(kind, lm_folder, tokenizer):
    model = new_reward_model(lm_folder, "process" if kind == "process" else "outcome", tokenizer)
    loss = label_loss_and_backward(model, batch_of(ROWS[kind]), 64, "float32")
    assert loss == pytest.approx(math.log(2), abs=1e-12)


def test_the_batch_loss_is_the_mean_over_labels(lm_folder, tokenizer):
    """Three rows with 3, 1 and 2 labels: every label has weight 1/6, whatever row it is in."""
    model = model_for("process", lm_folder, tokenizer)
    per_label = []
    for r in ROWS["process"]:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([r.ids])).logits[0, list(r.positions), 0]
        p = logits.sigmoid()
        per_label += [
            -(y * math.log(q) + (1 - y) * math.log(1 - q))
            for y, q in zip(r.labels, p.tolist(), strict=True)
        ]
    got = batch_losses(model, batch_of(ROWS["process"])).mean().item()
    assert len(per_label) == 6 and got == pytest.approx(sum(per_label) / 6, abs=1e-12)
