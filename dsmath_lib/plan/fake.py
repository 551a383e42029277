"""The library's own step at full size without memory: weights are fake tensors, and their bytes are counted.

A 1.5 B model's step takes seconds of one core. Fake tensors have shapes and no numbers; token ids, masks and other
indices stay real, since shapes depend on them. Library workspaces and fragmentation are not counted.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, PretrainedConfig

from dsmath_lib.engines.layout import pad
from dsmath_lib.engines.memory import checkpoint_layers, picked_logprobs
from dsmath_lib.lm.train import autocast, before_targets
from dsmath_lib.rl.logprobs import completion_logprobs

_INDEXED = {torch.ops.aten.index.Tensor, torch.ops.aten._unsafe_index_put.default}
_INDEXED |= {torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default}


class Counted(TorchDispatchMode):
    """Bytes of the fake tensors that live, ``now``, and their most, ``peak``."""

    def __init__(self, known: list[torch.Tensor]):
        super().__init__()
        self.seen: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
        self.now = 0
        self._note(known)
        self.now = self.peak = 0  # counted from here

    def _gone(self, size: int) -> None:
        self.now -= size

    def _note(self, found: Any) -> None:
        for t in tree_leaves(found):
            if isinstance(t, FakeTensor):
                storage = t.untyped_storage()
                if storage not in self.seen:
                    size = self.seen[storage] = storage.nbytes()
                    self.now += size
                    weakref.finalize(storage, self._gone, size)
        self.peak = max(self.peak, self.now) if hasattr(self, "peak") else self.now

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in _INDEXED:  # a mask's size is known where the mask is real
            places: list = []
            for i in args[1]:
                real = i is not None and i.dtype == torch.bool and not isinstance(i, FakeTensor)
                places += i.nonzero(as_tuple=True) if real else [i]
            args = (args[0], places, *args[2:])
        out = function(*args, **(kwargs or {}))
        self._note(out)
        return out


def counted_step(config: PretrainedConfig, step: Callable[[Any], None]) -> int:
    """Bytes at the peak of ``step``, without weights and gradients.

    Args:
        step: does the forward and backward pass of a model; its tensors of token ids are real.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
        for p in model.parameters():  # so that the gradients are there and not counted
            p.grad = torch.zeros_like(p)
    known = [*model.parameters(), *(p.grad for p in model.parameters()), *model.buffers()]
    count = Counted(known)
    with count:
        step(model)
    return count.peak


def fake_supervised(
    config: PretrainedConfig, rows: int, context: int, dtype: str, *, checkpointed: bool = False
) -> int:
    """``counted_step`` of a micro-batch of pre-training or fine-tuning, every token a target."""
    ids = torch.zeros(rows, context, dtype=torch.long)

    def step(model) -> None:
        if checkpointed:
            checkpoint_layers(model)
        with autocast(torch.device("cpu"), dtype):
            found = before_targets(model, {"inputs": ids, "targets": ids})
            logp, _ = picked_logprobs(model.get_output_embeddings(), *found)
        logp.sum().backward()

    return counted_step(config, step)


def fake_policy(
    config: PretrainedConfig, prompt: int, new: int, rows: int, dtype: str, *, share: int = 1
) -> int:
    """``counted_step`` of a micro-batch of RL: completions of ``new`` tokens, ``share`` of them behind each prompt."""
    n = rows * share
    tokens = pad([[1] * prompt] * n, [[1] * new] * n, share=[share] * rows)

    def step(model) -> None:
        with autocast(torch.device("cpu"), dtype):
            logprobs, _ = completion_logprobs(model, tokens)
        logprobs.sum().backward()

    return counted_step(config, step)
