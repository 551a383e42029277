"""One plain model of base and adapter, for all who come later: merged once, into untouched weights, in float32."""

from typing import Any

import torch

from dsmath_lib.base.dtypes import at_least_float32
from dsmath_lib.base.errors import StageError
from dsmath_lib.engines.adapters.lora import Adapter


@torch.no_grad()
def merged(adapter: Adapter, pristine: Any) -> Any:
    """W + (alpha / r) B A for every adapted matrix of ``pristine``, in place, then in the dtype of the trained model.

    The trained model's own weights are never touched: to add the adapter and take it off again in bfloat16 loses bits
    each time (``merge_drift``).

    Args:
        pristine: the weights that the adapter was trained on, loaded anew, in float32.

    Returns:
        ``pristine``.

    Raises:
        StageError: these are not the weights under the adapter. They were changed on disk, or the adapter was merged
            into them already.
    """
    weights = pristine.state_dict()
    for name, t in adapter.base_weights():
        own = weights.get(name)
        if own is None or not torch.equal(own.to(t.dtype), t.to(own.device)):
            raise StageError(
                f"{name} of {adapter.config.base_model_name_or_path or 'the base'} is not the matrix that the adapter "
                "was trained on: it was changed, or an adapter was merged into it; train from the right start again"
            )
    for name, a, b in adapter.layers():
        w = weights[name]
        both = at_least_float32(b).to(w.device) @ at_least_float32(a).to(w.device)
        w.copy_(at_least_float32(w) + adapter.scale * both)
    return pristine.to(adapter.model.dtype)
