"""LoRA on a transformers model, and the same model seen without it.

What works everywhere (training, our sampler, vLLM) is small and everything else is refused: linear layers of named
kinds, one rank for all, no bias, no embedding, no output layer, no variant such as DoRA.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.base.machine import need_peft

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # those that vLLM has kernels for
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
TARGETS = {"attention": _ATTENTION, "mlp": _MLP, "all-linear": _ATTENTION + _MLP}
ADAPTER_FOLDER = "adapter"  # inside the folder of the merged model
_NAME = "default"


def with_adapter(model: Any, cfg: Any, start: Path | str = "", revision: str = "") -> Any:
    """Put a new adapter on ``model``, in place; with rank 0 nothing happens. Only the adapter is trained then.

    The adapter is at least float32, whatever the model is; A is drawn from ``cfg.seed``, B is 0.

    Args:
        cfg: parameters with ``lora_rank``, ``lora_alpha``, ``lora_targets`` and ``seed``.
        start: folder or Hub name of the model's weights, ``revision`` its commit: what ``merged`` needs later.

    Returns:
        ``model``.

    Raises:
        ParamsError: peft is not installed; a rank or a target that is not supported; the model has no such layers, or
            an adapter already.
    """
    if not cfg.lora_rank:
        return model
    need_peft()
    if cfg.lora_rank not in RANKS:
        known = ", ".join(map(str, (0, *RANKS)))
        raise ParamsError(f"parameter 'lora_rank' = {cfg.lora_rank}: no such rank (known: {known})")
    if adapter_of(model):
        raise ParamsError("the model has an adapter already: one is put on a plain model only")
    names = _checked_targets(model, cfg.lora_targets)
    with torch.random.fork_rng(devices=[]):
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(
            r=cfg.lora_rank,
            lora_alpha=cfg.lora_alpha,
            target_modules=list(names),
            task_type="CAUSAL_LM",
            base_model_name_or_path=str(start),
            revision=revision or None,
        )
        torch.manual_seed(cfg.seed)
        inject_adapter_in_model(config, model, _NAME)
    for name, p in model.named_parameters():
        if p.requires_grad != (".lora_" in name):
            raise ParamsError(f"peft would train {name}, which is not part of an adapter")
        if p.requires_grad:
            p.data = p.data.to(torch.promote_types(p.dtype, torch.float32))
    return model


def _checked_targets(model: Any, kind: str) -> Sequence[str]:
    """The names of the layers of a kind; each must be a plain linear layer and stand once in every block."""
    if kind not in TARGETS:
        known = ", ".join(TARGETS)
        raise ParamsError(f"parameter 'lora_targets' = {kind!r}: no such kind (known: {known})")
    blocks = model.config.num_hidden_layers
    for name in TARGETS[kind]:
        found = [m for path, m in model.named_modules() if path.endswith(f".{name}")]
        if len(found) != blocks or any(type(m) is not torch.nn.Linear for m in found):
            raise ParamsError(
                f"parameter 'lora_targets' = {kind!r}: {type(model).__name__} does not have one linear layer "
                f"{name} in each of its {blocks} blocks; LoRA works with models of the Llama and Qwen2 kind"
            )
    return TARGETS[kind]


class Adapter:
    """The adapter of a model: ``on``, or seen with it off (as the reference sees it)."""

    def __init__(self, model: Any, on: bool = True):
        self.model, self.on = model, on

    @property
    def config(self) -> Any:
        """peft's configuration: ``r``, ``lora_alpha``, ``target_modules``, where the base is from."""
        return self.model.peft_config[_NAME]

    @property
    def rank(self) -> int:
        return self.config.r

    @property
    def scale(self) -> float:
        """What B A is multiplied by: alpha / r."""
        return self.config.lora_alpha / self.config.r

    def layers(self) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
        """Name of each adapted matrix in the plain model, A (r, in), B (out, r)."""
        for path, m in self.model.named_modules():
            if hasattr(m, "lora_A"):
                yield f"{path}.weight", m.lora_A[_NAME].weight, m.lora_B[_NAME].weight

    def base_weights(self) -> list[tuple[str, torch.Tensor]]:
        """The plain model's ``state_dict``: its names, its tensors, nothing of the adapter."""
        return [
            (name.replace(".base_layer.", "."), t)
            for name, t in self.model.state_dict().items()
            if ".lora_" not in name
        ]

    def save(self, folder: Path) -> None:
        """Write the adapter as peft and vLLM read it: ``adapter_config.json``, ``adapter_model.safetensors``."""
        tensors = {}
        for name, a, b in self.layers():
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            tensors |= {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        lists = {
            k: sorted(v) if isinstance(v, set) else v for k, v in self.config.to_dict().items()
        }
        text = json.dumps(lists, indent=1, sort_keys=True)  # the same bytes for the same adapter
        (folder / "adapter_config.json").write_text(text + "\n", encoding="utf-8")

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """The model computes without the adapter; the graph of an earlier forward pass keeps its gradient."""
        layers = [m for m in self.model.modules() if hasattr(m, "lora_A")]
        for m in layers:
            m.enable_adapters(False)
        try:
            yield
        finally:
            for m in layers:
                m.enable_adapters(True)


class _Without:
    """A part of a model, called with the adapter off and without a gradient; all else is the part's own."""

    def __init__(self, adapter: Adapter, part: torch.nn.Module):
        self._adapter, self._part = adapter, part

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with torch.no_grad(), self._adapter.switched_off():
            return self._part(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in ("_adapter", "_part", "to", "requires_grad_", "load_state_dict"):
            raise AttributeError(
                f"{name}: a model seen without its adapter has no weights of its own"
            )
        return getattr(self._part, name)


class AdapterOff(_Without):
    """A model whose adapter is off in every forward pass: the weights under it, of which there is no second copy.

    All else (configuration, device, output layer, which has no adapter) is the model's own.
    """

    def __init__(self, model: Any):
        super().__init__(Adapter(model, on=False), model)

    @property
    def adapter(self) -> Adapter:
        return self._adapter

    @property
    def base_model(self) -> Callable[..., Any]:
        return _Without(self._adapter, self._part.base_model)

    def get_decoder(self) -> Callable[..., Any]:
        return _Without(self._adapter, self._part.get_decoder())

    def train(self, mode: bool = True) -> "AdapterOff":
        self._part.train(mode)
        return self

    def eval(self) -> "AdapterOff":
        return self.train(False)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Of the plain model."""
        return dict(self._adapter.base_weights())


def adapter_of(model: Any) -> Adapter | None:
    """The adapter of a model, on or off; None for a plain model."""
    if isinstance(model, AdapterOff):
        return model.adapter
    return Adapter(model) if getattr(model, "peft_config", None) else None


def without_adapter(module: torch.nn.Module) -> torch.nn.Module:
    """Take every adapter out of ``module``, in place: what is left are the layers under it. Returns ``module``."""
    for path, m in list(module.named_modules()):
        if hasattr(m, "lora_A"):
            parent, _, name = path.rpartition(".")
            setattr(module.get_submodule(parent), name, m.base_layer)
    return module
