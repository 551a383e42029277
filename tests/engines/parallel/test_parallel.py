"""Exchanges between ranks, shards and whole weights; that no order of calls hangs is held by a time limit."""

import time
from functools import partial

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from dsmath_lib.base.errors import StageError
from dsmath_lib.engines import parallel
from dsmath_lib.lm.model import Shape, build_model
from tests.ranks import on_ranks
from tests.rounding import assert_same

pytestmark = pytest.mark.numeric


def tiny(tie: bool = True) -> torch.nn.Module:
    return build_model(Shape(16, 3, 2, 1, 32, 50, 64), tie=tie, init_std=0.3).double()


def ids() -> torch.Tensor:
    return torch.randint(0, 50, (5, 12), generator=torch.Generator().manual_seed(1))


@parallel.through_root
def loss_of(model, rows):
    """Body and head apart, as in training; the normaliser is that of the whole batch."""
    hidden = model.base_model(input_ids=rows[:, :-1], use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden)
    found = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum"
    )
    return found / ids()[:, 1:].numel()


def whole(tensors) -> list:
    return [(t.full_tensor() if hasattr(t, "full_tensor") else t).tolist() for t in tensors]


def test_exchanges():
    def work():
        r = parallel.rank()
        numbers = {"low": r, "high": r, "sum": r} | ({"own": 1} if r else {})
        failed = ""
        try:
            parallel.agreed(lambda: 1 / 0)
        except (ZeroDivisionError, StageError) as err:
            failed = f"{type(err).__name__}: {err}"
        return {
            "gathered": parallel.gathered({"rank": r, "text": "é" * r}),
            "total": parallel.total(r + 0.5),
            "tensor": parallel.total(torch.tensor([1.0, r])).tolist(),
            "most": parallel.most(r),
            "merged": parallel.merged_numbers(numbers, {"low": min, "high": max}),
            "agreed": parallel.agreed(lambda: [r, "first"]),
            "shares": [list(range(7)[parallel.share(7)]), list(range(2)[parallel.share(2)])],
            "failed": failed,
        }

    one, three = on_ranks(1, work)[0], on_ranks(3, work)
    assert one["gathered"] == [{"rank": 0, "text": ""}]
    assert (one["total"], one["tensor"], one["most"]) == (0.5, [1.0, 0.0], 0)
    for found in three:
        assert found["gathered"] == [{"rank": r, "text": "é" * r} for r in range(3)]
        assert (found["total"], found["tensor"], found["most"]) == (4.5, [3.0, 3.0], 2)
        assert found["merged"] == {"low": 0, "high": 2, "sum": 3, "own": 2}
        assert found["agreed"] == [0, "first"]
    assert [x for f in three for x in f["shares"][0]] == list(range(7))
    assert [x for f in three for x in f["shares"][1]] == [0, 1]
    kinds = [f["failed"].partition(":")[0] for f in three]
    assert kinds == ["ZeroDivisionError", "FirstRankError", "FirstRankError"]
    assert len({f["failed"].partition(":")[2] for f in three}) == 1


class Low(torch.nn.Module):
    """A frozen matrix with an adapter of rank 2."""

    def __init__(self, base):
        super().__init__()
        self.base, size = base, base.weight.shape
        self.base.requires_grad_(False)
        self.a = torch.nn.Linear(size[1], 2, bias=False)
        self.b = torch.nn.Linear(2, size[0], bias=False)
        for i, m in enumerate((self.a, self.b)):
            torch.nn.init.normal_(m.weight, generator=torch.Generator().manual_seed(i))

    def forward(self, x):
        return self.base(x) + self.b(self.a(x))


def with_adapters(tie):
    """A frozen model with adapters: only they are trained."""
    model = tiny(tie).requires_grad_(False)
    for layer in model.model.layers:
        layer.self_attn.q_proj = Low(layer.self_attn.q_proj).double()
        layer.mlp.up_proj = Low(layer.mlp.up_proj).double()
    return model


def computed_again(tie):
    """Layers under a checkpoint."""
    model = tiny(tie)
    for layer in model.model.layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    return model


@pytest.mark.parametrize(
    ("make", "tie"),
    [(tiny, True), (tiny, False), (computed_again, True), (with_adapters, True)],
)
def test_gradients_norm_and_weights_are_those_of_one_process(make, tie):
    """Gradients and their norm too: Adam would hide a wrong scale."""

    def work():
        model = parallel.shard(make(tie))
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-2, fused=True)
        steps = []
        for _ in range(3):
            optimizer.zero_grad()
            for part, counts in parallel.parts({"ids": ids()}, 2):
                (loss_of(model, part["ids"]) * counts).backward()
            gradients = whole(p.grad for p in trained)
            norm = parallel.clip(model, 0.5)
            optimizer.step()
            with torch.no_grad():  # a look between the steps leaves nothing old behind
                look = float(loss_of(model, ids()))
            steps.append([gradients, norm, whole(model.parameters()), look])
        kinds = sorted({str(p.dtype) for p in model.parameters()})
        return steps, kinds

    want, kinds = on_ranks(1, work)[0]
    assert kinds == ["torch.float64"]
    for n in (2, 3):
        for got, dtypes in on_ranks(n, work):
            assert dtypes == kinds
            assert_same(got, want)


def test_a_whole_copy_has_the_weights_of_now():
    def work():
        model = parallel.shard(tiny())
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(2.0)
        copy = parallel.whole_copy(model) if parallel.sharded(model) else model
        names = sorted(parallel.whole_weights(model))
        tied = copy.get_input_embeddings().weight is copy.get_output_embeddings().weight
        return float(loss_of(copy, ids())), names, tied

    one = on_ranks(1, work)[0]
    first, *others = on_ranks(3, work)
    assert_same(first[0], one[0])
    assert first[1] == one[1]
    assert first[2] and all(o[1] == [] and o[2] for o in others)


def test_a_slow_sender_holds_nobody_up():
    """Weights are gathered by all ranks first; then one sends, tensor by tensor, while the others go on to the next
    exchange. Three ranks: with two, the wrong order can pass."""

    def work():
        model, sent = parallel.shard(tiny()), []

        def send(name, tensor):
            time.sleep(0.01)
            sent.append((name, tuple(tensor.shape)))

        for _ in range(2):
            for name, tensor in parallel.whole_weights(model).items():
                send(name, tensor)
            parallel.gathered(parallel.rank())
            sum(
                loss_of(model, p["ids"]) * c for p, c in parallel.parts({"ids": ids()}, 2)
            ).backward()
        return sent

    first, *others = on_ranks(3, work, limit_s=30)
    assert len(first) == 2 * len(tiny().state_dict())
    assert others == [[], []]


def test_pieces_of_an_evaluation_are_done_once_and_come_in_order():
    def work():
        model, done = parallel.shard(tiny()), []

        def look(i):
            with torch.no_grad():
                loss_of(model, ids()[:1])  # all ranks run it equally often, or this hangs
            done.append(i)
            return i * i

        return [parallel.spread(model, list(range(n)), look) for n in (0, 1, 4)], done

    for results, done in on_ranks(3, work, limit_s=30):
        assert results == [[], [0], [0, 1, 4, 9]]
        assert len(done) == 3
