"""Near-duplicate removal: MinHash signatures, banded (LSH), joined by union-find; one page of each group stays."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from dsmath_lib.corpus.urls import url_hash
from dsmath_lib.records import Document

_UNIT = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+")  # CJK characters and words


def shingles(text: str, n: int) -> np.ndarray:
    """Hashes of all runs of ``n`` words (CJK: characters), shape (m,), uint64, each once. Short texts give one."""
    units = [zlib.crc32(w.encode()) for w in _UNIT.findall(text.lower())]
    words = np.array(units or [0], dtype=np.uint64)
    m = max(len(words) - n + 1, 1)
    h = np.zeros(m, dtype=np.uint64)
    for i in range(min(n, len(words))):  # a polynomial hash modulo 2^64; overflow is meant
        h = h * np.uint64(0x9E3779B97F4A7C15) + words[i : i + m]
    h ^= h >> np.uint64(31)
    return np.unique(h * np.uint64(0xBF58476D1CE4E5B9))


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
    return ((hashes * a + b) >> np.uint64(32)).min(axis=1).astype(np.uint32)


def similarity(x: np.ndarray, y: np.ndarray) -> float:
    """Estimated Jaccard similarity of two signatures."""
    return float((x == y).mean())


class UnionFind:
    """Disjoint groups of ``0..n-1``; the smallest index of a group stands for it."""

    def __init__(self, n: int):
        self.parent = list(range(n))

    def find(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        i, j = sorted((self.find(i), self.find(j)))
        self.parent[j] = i


def groups(signatures: np.ndarray, *, bands: int, min_similarity: float) -> list[int]:
    """For each row the smallest index of its near-duplicate group.

    Args:
        signatures: (n, n_perm) uint32; ``n_perm`` is a multiple of ``bands``.
        bands: two rows are compared when one band agrees whole: P = 1 - (1 - J^rows)^bands.
        min_similarity: compared rows are joined from this estimated similarity on; 0 joins all compared rows.
    """
    n, width = signatures.shape
    rows = width // bands
    uf = UnionFind(n)
    for band in range(bands):
        part = np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows])
        buckets: dict[bytes, list[int]] = {}
        for i in range(n):
            leaders = buckets.setdefault(part[i].tobytes(), [])
            for j in leaders:
                if uf.find(i) == uf.find(j):
                    break
                if similarity(signatures[i], signatures[j]) >= min_similarity:
                    uf.join(i, j)
                    break
            else:
                if len(leaders) < 16:  # one bucket of unlike pages must not cost n^2
                    leaders.append(i)
    return [uf.find(i) for i in range(n)]


def unique(
    docs: Sequence[Document],
    counts: Counter,
    *,
    bands: int,
    rows: int,
    shingle: int,
    min_similarity: float,
) -> tuple[list[Document], list[int]]:
    """One document of each near-duplicate group, and the group of every input document.

    The one that stays has the smallest address hash, so the order and sharding of the input do not matter.
    """
    if not docs:
        return [], []
    perms = permutations(bands * rows)
    sigs = np.stack([signature(shingles(d.text, shingle), perms) for d in docs])
    group = groups(sigs, bands=bands, min_similarity=min_similarity)
    best: dict[int, int] = {}
    for i, g in enumerate(group):
        if g not in best or url_hash(docs[i].url) < url_hash(docs[best[g]].url):
            best[g] = i
    stay = set(best.values())
    counts["near duplicates"] += len(docs) - len(stay)
    return [d for i, d in enumerate(docs) if i in stay], group
