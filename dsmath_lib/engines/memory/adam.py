"""AdamW with its two averages in 8 bits, by torchao: 2 bytes a parameter instead of 8.

Averages are kept in blocks of 256 numbers with one scale each. Vectors, whose averages are few, keep them in float32.
bfloat16 weights are rounded up or down at random, in proportion to what is cut off, so that small steps add up; rounded
to the nearest, a step below 1/256 of a weight would never change it.
"""

import functools
import importlib.util
import warnings
from contextlib import nullcontext
from typing import Any

import torch

from dsmath_lib.base.errors import ParamsError

PARTS = ("codes", "scale")  # of an average in 8 bits; the table of its values is the same for all


def eight_bit_adamw(groups: list[dict], betas: tuple[float, float]) -> torch.optim.Optimizer:
    """The optimizer of groups of parameters. Its state dict holds plain tensors, so that safetensors can save it.

    Raises:
        ParamsError: torchao is not installed.
    """
    if importlib.util.find_spec("torchao") is None:
        raise ParamsError(
            "parameter 'optimizer' = 'adamw-8bit', but torchao is not installed here; use 'adamw', or install it: "
            'pip install -c constraints.txt -e ".[adam8bit]"'
        )
    return _class()(groups, lr=1.0, betas=betas, bf16_stochastic_round=True)


@functools.cache
def _class() -> type:
    from torchao.optim import AdamW8bit

    class EightBitAdamW(AdamW8bit):
        """torchao's optimizer, with learning rates as numbers, and a state of plain tensors."""

        def add_param_group(self, param_group: dict) -> None:
            super().add_param_group(param_group)
            self.param_groups[-1]["lr"] = float(self.param_groups[-1]["lr"])

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:
            rates = [g["lr"] for g in self.param_groups]
            for g, lr in zip(self.param_groups, rates, strict=True):
                g["lr"] = torch.tensor(lr, dtype=torch.float32)  # a number would be compiled in
            try:
                with (
                    nullcontext() if self._compiled() else torch.compiler.set_stance("force_eager")
                ):
                    super().step(closure)
            finally:
                for g, lr in zip(self.param_groups, rates, strict=True):
                    g["lr"] = lr

        def _compiled(self) -> bool:
            """On a GPU, if a compiler is there; on a CPU, compiling would take longer than it saves."""
            device = self.param_groups[0]["params"][0].device
            return device.type == "cuda" and compiler_works(device)

        def _new_buffer(self, p: torch.Tensor, signed: bool) -> torch.Tensor:
            out = super()._new_buffer(p, signed)
            return out if hasattr(out, "codes") else out.float()

        def state_dict(self) -> dict[str, Any]:
            out = super().state_dict()
            out["state"] = {i: _plain(s) for i, s in out["state"].items()}
            return out

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            weights = [p for g in self.param_groups for p in g["params"]]
            state, groups = state_dict["state"], state_dict["param_groups"]
            super().load_state_dict({"state": {}, "param_groups": groups})
            for i, s in state.items():
                p = weights[i]
                self.state[p] = {"step": s["step"].clone()}
                for name, signed in (("exp_avg", True), ("exp_avg_sq", False)):
                    average = self._new_buffer(p, signed)
                    if name in s:
                        average.copy_(s[name])
                    else:
                        for part in PARTS:
                            getattr(average, part).copy_(s[f"{name}.{part}"])
                    self.state[p][name] = average

        def shapes(self, p: torch.Tensor) -> dict[str, torch.Size]:
            """Name -> shape of what a state dict holds of a parameter."""
            buffers = {
                "exp_avg": self._new_buffer(p, True),
                "exp_avg_sq": self._new_buffer(p, False),
            }
            return {
                name: t.shape for name, t in _plain({"step": torch.tensor(0.0)} | buffers).items()
            }

    return EightBitAdamW


def _plain(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A parameter's state with averages in 8 bits taken apart: ``exp_avg.codes`` and ``exp_avg.scale``."""
    out = {}
    for name, t in state.items():
        out |= {f"{name}.{k}": getattr(t, k) for k in PARTS} if hasattr(t, "codes") else {name: t}
    return out


@functools.cache
def compiler_works(device: torch.device) -> bool:
    """Whether torch.compile makes code here; if not, one warning, and the step runs uncompiled: slower, the same."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(1, device=device))
    except Exception as err:
        first = str(err).strip().splitlines() or [""]
        warnings.warn(
            f"adamw-8bit runs uncompiled and slower: torch.compile failed ({first[0]})",
            stacklevel=2,
        )
        return False
    return True
