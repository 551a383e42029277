"""A mixture of corpora as one token stream, with exact accounts of what was read from where."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from dsmath_lib.base.prompts import bos_ids, plain_ids
from dsmath_lib.base.seeds import seed_for


@dataclass(frozen=True)
class Mixture:
    """The stream and its accounts. ``tokens`` is ``(n,)`` int32; ``used`` sums to ``n``.

    ``passes`` is tokens used over tokens in the corpus: above 1 means that text was repeated.
    """

    tokens: np.ndarray
    used: dict[str, int]
    size: dict[str, int]

    @property
    def passes(self) -> dict[str, float]:
        return {name: n / self.size[name] for name, n in self.used.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of the stream, in hex."""
        return hashlib.sha256(self.tokens.tobytes()).hexdigest()


def tokenize_documents(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> list[np.ndarray]:
    """Each text as ``[bos] + ids + [eos]`` in int32 (no bos where the tokenizer has none); empty ones are left out."""
    bos, eos = bos_ids(tokenizer), tokenizer.eos_token_id
    encoded = plain_ids(tokenizer, [t for t in texts if t])
    return [np.array([*bos, *ids, eos], dtype=np.int32) for ids in encoded]


def mixture_stream(
    corpora: Mapping[str, Sequence[np.ndarray]],
    shares: Mapping[str, float],
    n_tokens: int,
    seed: int,
) -> Mixture:
    """Join whole documents so that each corpus gets its share of tokens; the last one is cut to fit.

    The next document always comes from the corpus that is furthest behind its share (the shares hold along
    the whole stream, not only at its end). Each pass over a corpus is a new shuffle from ``(seed, name, pass)``.

    Args:
        corpora: name -> token arrays of its documents (see ``tokenize_documents``).
        shares: name -> share of tokens; scaled to sum to 1. A share of 0 leaves the corpus out.

    Raises:
        ValueError: a share is negative, all are 0, or a corpus with a share has no documents.
    """
    wanted = {k: v for k, v in shares.items() if v}
    if not wanted or min(wanted.values()) < 0:
        raise ValueError(f"shares must be at least 0 and not all 0: {dict(shares)}")
    empty = [k for k in wanted if not sum(map(len, corpora.get(k, ())))]
    if empty:
        raise ValueError(f"no documents in {', '.join(empty)}, but the mixture asks for them")
    total = sum(wanted.values())
    share = {k: v / total for k, v in wanted.items()}
    used = dict.fromkeys(share, 0)
    order = {k: _endless(len(corpora[k]), seed, k) for k in share}
    stream = np.empty(n_tokens, dtype=np.int32)
    at = 0
    while at < n_tokens:
        name = max(share, key=lambda k: share[k] * (at + 1) - used[k])
        doc = corpora[name][next(order[name])][: n_tokens - at]
        stream[at : at + len(doc)] = doc
        at += len(doc)
        used[name] += len(doc)
    return Mixture(stream, used, {k: sum(map(len, corpora[k])) for k in share})


def _endless(n: int, seed: int, name: str):
    """Document numbers: one shuffle of 0..n-1 after another."""
    turn = 0
    while True:
        rng = np.random.default_rng(seed_for(seed, "mixture", name, turn))
        yield from rng.permutation(n).tolist()
        turn += 1
