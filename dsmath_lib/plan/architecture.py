"""The sizes of a model that its memory depends on: from its configuration, a folder, the table, or the parameters."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from transformers import AutoConfig, PretrainedConfig

from dsmath_lib.base.errors import ParamsError
from dsmath_lib.lm.model import pinned

_TABLE = Path(__file__).with_name("models.yaml")


@dataclass(frozen=True)
class Architecture:
    """A decoder with gated feed-forward layers (Llama, Qwen2, Qwen3). ``head_dim``: numbers of one head.

    biases: queries, keys and values have them. head_norms: queries and keys are normed head by head.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocab: int
    tied: bool
    context: int
    biases: bool = False
    head_norms: bool = False

    @property
    def layer_matrices(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the seven matrices of a layer: queries, keys, values, output, gate, up, down."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        h, i = self.hidden, self.inner
        return (h, q), (h, kv), (h, kv), (q, h), (h, i), (h, i), (i, h)

    @property
    def layer_parameters(self) -> int:
        """Numbers of one layer: matrices, biases, norms."""
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim if self.biases else 0
        norms = 2 * self.hidden + (2 * self.head_dim if self.head_norms else 0)
        return sum(a * b for a, b in self.layer_matrices) + biases + norms

    @property
    def embedding(self) -> int:
        """Numbers of one embedding matrix."""
        return self.vocab * self.hidden

    @property
    def body(self) -> int:
        """Numbers of the model without its output layer, as a critic or a reward model has them."""
        return self.embedding + self.layers * self.layer_parameters + self.hidden

    @property
    def parameters(self) -> int:
        """Numbers in all; tied matrices count once."""
        return self.body + (0 if self.tied else self.embedding)

    def adapter(self, rank: int) -> int:
        """Numbers of LoRA adapters of this rank on all seven matrices of every layer."""
        return self.layers * rank * sum(a + b for a, b in self.layer_matrices)


def architecture_of(config: PretrainedConfig) -> Architecture:
    """The sizes that a transformers configuration names."""
    heads = config.num_attention_heads
    kind = config.model_type
    return Architecture(
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        inner=config.intermediate_size,
        vocab=config.vocab_size,
        tied=config.tie_word_embeddings,
        context=config.max_position_embeddings,
        biases=kind == "qwen2" or bool(getattr(config, "attention_bias", False)),
        head_norms=kind == "qwen3",
    )


@functools.cache
def known_models() -> dict[str, dict[str, Any]]:
    """Hub name -> its row in the table: commit, kind of tokenizer, fields of the configuration."""
    return yaml.safe_load(_TABLE.read_text(encoding="utf-8"))


def config_of(name: str, revision: str = "") -> PretrainedConfig:
    """The configuration of a local folder, of a model of the table, or, with a network, of a pinned Hub model.

    Raises:
        ParamsError: the folder has none, the table has another commit, or the Hub cannot be reached.
    """
    row = known_models().get(name)
    if row and not Path(name).is_dir():
        if revision and revision != row["commit"]:
            raise ParamsError(f"{name} at {revision}: the table of models has {row['commit']}")
        fields = dict(row["config"])
        return AutoConfig.for_model(fields.pop("model_type"), **fields)
    try:
        return AutoConfig.from_pretrained(
            name, revision=pinned(name, revision), trust_remote_code=False
        )
    except (OSError, ValueError) as err:
        line = str(err).strip().splitlines()[0]
        raise ParamsError(
            f"the sizes of '{name}' are not known: no folder with a config.json, no row in "
            f"dsmath_lib/plan/models.yaml, and not read from the Hub ({line})"
        ) from None
