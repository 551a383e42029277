"""Log-probs of given tokens: the numbers of log_softmax and its gradient, in fewer arrays."""

import pytest
import torch

from dsmath_lib.engines.memory import picked_logprobs


def parts(n=7, v=11, h=5, bias=False):
    g = torch.Generator().manual_seed(0)
    head = torch.nn.Linear(h, v, bias=bias)
    with torch.no_grad():
        for p in head.parameters():
            p.copy_(torch.randn(p.shape, generator=g))
    hidden = torch.randn(n, h, generator=g, requires_grad=True)
    return head, hidden, torch.randint(0, v, (n,), generator=g), torch.randn(n, generator=g)


@pytest.mark.numeric
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("at_once", [2**26, 30])
@pytest.mark.parametrize("block", [2**21, 25])
@pytest.mark.parametrize("bias", [False, True])
def test_values_and_gradients_are_those_of_log_softmax(
    temperature, at_once, block, bias, monkeypatch
):
    from dsmath_lib.engines.memory import head as module

    monkeypatch.setattr(module, "BLOCK", block)
    head, hidden, target, weights = parts(bias=bias)
    whole = torch.log_softmax(head(hidden) / temperature, -1)
    want = whole.gather(1, target[:, None])[:, 0]
    (want * weights).sum().backward()
    grads = [hidden.grad, *(p.grad for p in head.parameters())]
    hidden.grad = None
    head.zero_grad()
    got, entropy = picked_logprobs(head, hidden, target, temperature, True, at_once)
    (got * weights).sum().backward()
    near = {"rtol": 1e-12, "atol": 1e-13}
    torch.testing.assert_close(got, want, **near)
    torch.testing.assert_close(entropy, -(whole.exp() * whole).sum(-1).detach(), **near)
    assert not entropy.requires_grad
    for a, b in zip([hidden.grad, *(p.grad for p in head.parameters())], grads, strict=True):
        torch.testing.assert_close(a, b, **near)


@pytest.mark.numeric
def test_words_that_cannot_come_and_huge_logits_stay_numbers():
    logits = torch.tensor([[0.0, -torch.inf, 0.0], [1e4, 0.0, -1e4]], requires_grad=True)
    got, entropy = picked_logprobs(
        _As(logits), torch.zeros(2, 1), torch.tensor([0, 0]), entropy=True
    )
    got.sum().backward()
    ln2 = 0.6931471805599453
    assert got.tolist() == pytest.approx([-ln2, 0.0]) and entropy.tolist() == pytest.approx(
        [ln2, 0.0]
    )
    assert logits.grad.tolist() == [[0.5, 0.0, -0.5], [0.0, 0.0, 0.0]]


class _As(torch.nn.Module):
    """A head that returns these logits."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.weight = logits, logits

    def forward(self, hidden):
        return self.logits.clone()


@pytest.mark.numeric
def test_a_second_way_back_is_an_error_not_a_wrong_number():
    head, hidden, target, _ = parts()
    got, _ = picked_logprobs(head, hidden, target)
    got.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        got.sum().backward()


def test_one_array_of_logits_is_kept():
    head, hidden, target, _ = parts(n=50, v=1000)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: sizes.append(x.numel()) or x, lambda x: x
    ):
        picked_logprobs(head, hidden, target, entropy=True)
    assert [n for n in sizes if n >= 50_000] == [50_000]
