"""Tokenizer and weights of one model: no id without a row, and no row without a token that could be drawn."""

import torch

from dsmath_lib.base.errors import StageError

NEVER = -1e4  # a logit whose probability is 0 in every dtype, and whose product with it is, too


class VocabularyError(StageError):
    """The tokenizer has ids that the model does not know."""


def fit_vocabulary(model: torch.nn.Module, tokenizer) -> None:
    """Rows of the output layer that stand for no token are never drawn, and have no part in any probability.

    Embeddings are often padded to a round size (Qwen2.5: 151,936 rows for 151,665 tokens). The layer itself hides
    those rows, so that sampler, trainer and ``generate`` have one distribution. Calling it again changes nothing.

    Raises:
        VocabularyError: the tokenizer has an id beyond the embedding.
    """
    head, known = model.get_output_embeddings(), set(tokenizer.get_vocab().values())
    rows = head.weight.shape[0]
    if max(known) >= rows:
        raise VocabularyError(
            f"the tokenizer has ids up to {max(known)}, the model's vocabulary holds {rows}: they are not of one model"
        )
    empty = sorted(set(range(rows)) - known)
    if empty and empty_rows(model) == ():
        index = torch.tensor(empty)

        def hide(_module, _inputs, logits: torch.Tensor) -> torch.Tensor:
            return logits.index_fill_(-1, index.to(logits.device), NEVER)

        head.register_forward_hook(hide)
        head.empty_rows = tuple(empty)


def empty_rows(model: torch.nn.Module) -> tuple[int, ...]:
    """Ids that ``fit_vocabulary`` keeps from being drawn."""
    return getattr(model.get_output_embeddings(), "empty_rows", ())


def context_of(model: torch.nn.Module) -> int:
    """Tokens that prompt and completion may have together; a large number where the model names no limit."""
    return int(getattr(model.config, "max_position_embeddings", 0) or 1 << 30)
