"""Language models: a small Llama from named sizes, or pretrained weights from a folder or the Hub."""

import logging as standard_logging
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.utils import logging

from dsmath_lib.base.dtypes import DTYPES
from dsmath_lib.base.hub import ModelError, pinned, reading
from dsmath_lib.base.model_configs import refuse_kernels

logging.disable_progress_bar()  # its bars for reading and writing weights stop at 0 % in a log
STALE = "rotary_emb.inv_freq"  # old checkpoints hold it; it is computed


class WeightsError(ModelError):
    """The weights of a folder are not those of its model; the message names what is missing, too many or wrong."""


class Shape(NamedTuple):
    """The sizes of a model."""

    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    intermediate_size: int
    vocab_size: int
    context: int


def build_model(
    shape: Shape,
    tie: bool = True,
    seed: int = 0,
    init_std: float = 0.02,
    rope_theta: float = 10_000.0,
) -> LlamaForCausalLM:
    """A new Llama on the CPU in float32 (the paper's models share this design: RMSNorm, SwiGLU, RoPE).

    Special token ids are those of ``train_tokenizer``: bos 0, eos 1, pad 2.

    Args:
        tie: one matrix for input embedding and output layer.
        seed: draws the weights; the global random state is left as it was.
        init_std: standard deviation of the initial weights.
        rope_theta: base of the rotary position angles; the slowest turn takes about ``2 pi rope_theta`` tokens.

    Raises:
        ValueError: ``hidden_size`` is not a multiple of ``heads``, or ``heads`` not of ``kv_heads``.
    """
    hidden_size, layers, heads, kv_heads, intermediate_size, vocab_size, context = shape
    if hidden_size % heads or heads % kv_heads:
        raise ValueError(
            f"hidden_size {hidden_size} must be a multiple of heads {heads}, "
            f"and heads of kv_heads {kv_heads}"
        )
    config = LlamaConfig(
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=intermediate_size,
        vocab_size=vocab_size,
        max_position_embeddings=context,
        tie_word_embeddings=tie,
        initializer_range=init_std,
        rope_parameters={"rope_type": "default", "rope_theta": rope_theta},
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def load_model(
    name_or_path: str | Path,
    *,
    revision: str = "",
    device: torch.device | str = "cpu",
    dtype: str = "float32",
) -> PreTrainedModel:
    """Load weights from a local folder, or from the Hub at a pinned commit; safetensors only.

    Raises:
        ValueError: an unknown ``dtype``, or an adapter where a model should be.
        ModelError: a Hub name without a 40-digit commit as ``revision``, no safetensors weights, code of its own, no
            network; says why in one line.
        WeightsError: a tensor is missing, not one of the model's, of another shape, or not finite; names them.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype '{dtype}' (known: {', '.join(DTYPES)})")
    return load_weights(AutoModelForCausalLM, name_or_path, revision, dtype=dtype).to(device)


def aligned(model: PreTrainedModel) -> PreTrainedModel:
    """Copy weights that still lie in the file they were read from, at any address, to memory of torch's own.

    Matrix products on a CPU round differently at another alignment: without this a model that was saved and loaded
    differs from itself in the sixth digit of its logits, and a resumed run from one that was not interrupted.
    """
    for p in model.parameters():
        if p.device.type == "cpu":
            p.data = p.data.clone()
    return model


def load_weights(
    kind: Any,
    name_or_path: str | Path,
    revision: str = "",
    *,
    dtype: str = "float32",
    replaced: tuple[str, ...] = (),
    **options: Any,
) -> PreTrainedModel:
    """A model with exactly the weights of a place: the library would draw what is missing at random.

    Args:
        kind: one of the library's auto classes.
        replaced: beginnings of the names of tensors that the caller makes or drops, so they may be there or not.

    Raises:
        ModelError, WeightsError: as ``load_model``; ModelError also where its config asks for code of the Hub.
    """
    commit = pinned(name_or_path, revision)
    with reading(name_or_path):
        refuse_kernels(name_or_path, commit)
    level = logging.get_verbosity()
    # without its table of what is wrong: the error says it
    logging.set_verbosity(standard_logging.CRITICAL)
    try:
        with torch.random.fork_rng(devices=[]), reading(name_or_path):
            model, found = kind.from_pretrained(
                str(name_or_path),
                revision=commit,
                dtype=DTYPES[dtype],
                attn_implementation="sdpa",
                use_safetensors=True,  # pickle weights could run code
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # to name all of them
                **options,
            )
    except SafetensorError as err:
        raise WeightsError(f"{name_or_path}: weights that cannot be read ({err})") from None
    finally:
        logging.set_verbosity(level)
    shapes = {str(m[0] if isinstance(m, tuple) else m) for m in found["mismatched_keys"]}
    wrong = {
        "missing": found["missing_keys"],
        "not of this model": [n for n in found["unexpected_keys"] if not n.endswith(STALE)],
        "of another shape": shapes,
        "not finite": [
            n for n, t in model.state_dict().items()
            if t.is_floating_point() and not torch.isfinite(t).all()
        ],
    }  # fmt: skip
    said = [
        f"{what}: {_few(left)}"
        for what, names in wrong.items()
        if (left := sorted(n for n in names if not n.startswith(replaced)))
    ]
    if said or found["error_msgs"]:
        raise WeightsError(f"{name_or_path}: tensors {'; '.join([*said, *found['error_msgs']])}")
    return aligned(model)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def n_parameters(model: torch.nn.Module) -> int:
    """Number of weights; tied matrices count once."""
    return sum(p.numel() for p in model.parameters())
