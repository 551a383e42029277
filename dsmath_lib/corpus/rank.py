"""Keep the best-scored pages up to a token budget, through a histogram: no global sort, so shards can be summed."""

import re

import numpy as np

BINS = 4_000
_LIMIT = 16.0  # log-odds are cut here: float32 probabilities hold no more
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
TOKENS_PER_WORD = 1.3


def n_tokens(text: str) -> int:
    """Tokens of a text, estimated: 1.3 per word, 1 per CJK character. The paper counts with its own tokenizer."""
    rest, cjk = _CJK.subn(" ", text)
    return cjk + round(TOKENS_PER_WORD * len(rest.split()))


def bin_of(scores: np.ndarray) -> np.ndarray:
    """Bin of each probability, shape (n,), 0 … BINS - 1, in equal steps of log-odds: scores crowd near 0 and 1."""
    p = np.clip(np.asarray(scores, dtype=np.float64), 1e-12, 1 - 1e-12)
    logit = np.clip(np.log(p) - np.log1p(-p), -_LIMIT, _LIMIT)
    return np.minimum(((logit + _LIMIT) / (2 * _LIMIT) * BINS).astype(int), BINS - 1)


def histogram(scores: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Tokens in each score bin, shape (BINS,). Histograms of shards add up to that of the whole."""
    return np.bincount(bin_of(scores), weights=tokens, minlength=BINS).astype(np.int64)


def cut_bin(hist: np.ndarray, budget: int) -> int:
    """The lowest bin to keep, so that the tokens in it and above do not exceed ``budget``.

    The best bin that holds pages is always kept, also if it alone is over the budget.
    """
    from_top = np.cumsum(hist[::-1])[::-1]
    fits = np.flatnonzero(from_top <= budget)
    cut = int(fits[0]) if len(fits) else BINS
    filled = np.flatnonzero(hist)
    return min(cut, int(filled[-1])) if len(filled) else cut


def keep_top(
    scores: np.ndarray, hist: np.ndarray, budget: int, min_score: float = 0.0
) -> tuple[np.ndarray, float]:
    """Mask (n,) of the pages to keep, and the lowest score kept (1 if none is).

    Args:
        scores: (n,) probabilities of a shard's pages.
        hist: tokens per score bin of the whole crawl, (BINS,).
        budget: tokens of the whole crawl to keep at most.
        min_score: pages with a lower score stay out even if the budget is not full.
    """
    lowest = max(cut_bin(hist, budget), int(bin_of(np.array([min_score]))[0]))
    mask = bin_of(scores) >= lowest
    return mask, float(np.asarray(scores)[mask].min()) if mask.any() else 1.0
