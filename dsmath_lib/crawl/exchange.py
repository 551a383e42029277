"""Exchange between shards through files: a shard sorts its records by destination, a destination reads its slices.

A destination (a partition) holds all records with one hash, so it can decide alone, with the memory of one partition.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dsmath_lib.base.files import replaced


def save_bucket(path: Path, array: np.ndarray) -> None:
    """Write an array as ``.npy``, whole or not at all."""
    with replaced(path) as tmp, tmp.open("wb") as f:
        np.save(f, array, allow_pickle=False)


def load_bucket(path: Path) -> np.ndarray:
    """An array that stays on disk and is read where it is used."""
    return np.load(path, mmap_mode="r", allow_pickle=False)


class BucketRows:
    """Single rows of an array on disk. Pages of a mapped file would stay in memory, more with every shard."""

    def __init__(self, path: Path) -> None:
        table = load_bucket(path)
        self.dtype, self.size = table.dtype, table.strides[0]
        self.start = table.offset if len(table) else 0
        self.file = path.open("rb", buffering=0)

    def row(self, i: int) -> np.ndarray:
        self.file.seek(self.start + i * self.size)
        return np.frombuffer(self.file.read(self.size), self.dtype)


def scatter(path: Path, records: np.ndarray, to: np.ndarray, n: int) -> None:
    """Write records, shape (m,), in the order of their destination ``to``, 0 … n - 1, with the ends of the slices."""
    order = np.argsort(to, kind="stable")
    ends = np.searchsorted(to[order], np.arange(n), side="right")
    save_bucket(path.with_suffix(".ends.npy"), ends)
    save_bucket(path, records[order])


def gather(paths: Sequence[Path], p: int) -> np.ndarray:
    """All records for destination ``p``, in the order of ``paths``."""
    slices = []
    for path in paths:
        ends = load_bucket(path.with_suffix(".ends.npy"))
        start, stop = int(ends[p - 1]) if p else 0, int(ends[p])
        slices.append(np.array(load_bucket(path)[start:stop]))
    return np.concatenate(slices)
