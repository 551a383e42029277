"""Near duplicates: MinHash signatures, banded (LSH). ``crawl/dedup`` joins the pairs; one page of a group stays."""

from collections.abc import Callable, Iterator

import numpy as np

from dsmath_lib.base.urls import text_hash
from dsmath_lib.engines.index import hash_words as word_hashes
from dsmath_lib.engines.index import least, runs

MAX_LEADERS = 16  # one bucket of unlike pages must not cost n^2
_CHUNK = 4_096  # signatures of one bucket in memory at a time


def shingles(text: str, n: int) -> np.ndarray:
    """Hashes of all runs of ``n`` words (CJK: characters), shape (m,), uint64, each once. Short texts give one.

    A text of signs alone is one word.
    """
    words = word_hashes(text)
    h = runs(words if len(words) else np.array([text_hash("".join(text.split()))], np.uint64), n)
    h.sort()
    return h[np.flatnonzero(np.concatenate([[True], h[1:] != h[:-1]]))]


def permutations(n_perm: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Multiply-shift functions ``x -> (a*x + b) >> 32``: odd ``a`` and ``b``, each of shape (n_perm, 1), uint64."""
    rng = np.random.default_rng([seed, n_perm])
    a, b = rng.integers(0, 2**64, size=(2, n_perm, 1), dtype=np.uint64)
    return a | np.uint64(1), b


def signature(hashes: np.ndarray, perms: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """MinHash signature, shape (n_perm,), uint32: the least value of each function over the shingles.

    Two signatures agree in one place with probability equal to the Jaccard similarity of the shingle sets.
    """
    a, b = perms
    return least(hashes, a[:, 0], b[:, 0])


def similarity(x: np.ndarray, y: np.ndarray) -> float:
    """Estimated Jaccard similarity of two signatures."""
    return float((x == y).mean())


def band_keys(signatures: np.ndarray, bands: int) -> np.ndarray:
    """A hash of each band, shape (n, bands), uint64; pages with the same key in a band are compared.

    Args:
        signatures: (n, n_perm) uint32; ``n_perm`` is a multiple of ``bands``. P(compared) = 1 - (1 - J^rows)^bands.
    """
    n, width = signatures.shape
    parts = signatures.reshape(n, bands, width // bands).astype(np.uint64)
    keys = np.broadcast_to(np.arange(bands, dtype=np.uint64), (n, bands))
    for r in range(width // bands):  # overflow is meant
        keys = (keys ^ parts[:, :, r]) * np.uint64(0x9E3779B97F4A7C15)
        keys = keys ^ (keys >> np.uint64(29))
    return keys


def near_pairs(
    keys: np.ndarray,
    ids: np.ndarray,
    take: Callable[[np.ndarray], np.ndarray],
    min_similarity: float,
) -> Iterator[tuple[int, np.ndarray]]:
    """Near duplicates inside each bucket of equal keys: ``(leader, members)``, positions in ``keys``.

    In the order of their ids, a page joins the first leader it is similar to, or becomes one. So the result depends on
    the pages alone, not on their order or place.

    Args:
        keys, ids: (m,) uint64, of one band or of several.
        take: positions (k,) -> signatures (k, n_perm).
        min_similarity: compared pages are joined from this estimated similarity on; 0 joins all compared pages.
    """
    if not len(keys):
        return
    by = np.lexsort((ids, keys))
    starts = np.flatnonzero(np.r_[True, keys[by][1:] != keys[by][:-1]])
    stops = np.r_[starts[1:], len(by)]
    many = stops - starts > 1
    for a, b in zip(starts[many], stops[many], strict=True):
        left = by[a:b]
        for _ in range(MAX_LEADERS):
            if len(left) < 2:
                break
            leader, left = left[0], left[1:]
            own = take(np.array([leader]))
            chunks = (left[i : i + _CHUNK] for i in range(0, len(left), _CHUNK))
            equal = [(take(c) == own).mean(axis=1) for c in chunks]
            near = np.concatenate(equal) >= min_similarity
            if near.any():
                yield int(leader), left[near]
            left = left[~near]
