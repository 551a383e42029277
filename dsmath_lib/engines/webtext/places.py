"""Where short byte strings stand in a page, in one compiled pass."""

import numpy as np

from dsmath_lib.base.compiled import compiled

_BLOCK = 256  # places that are compared at once


def needles(*words: bytes) -> np.ndarray:
    """For ``places``: words of 4 bytes, or of 3 bytes and "!" and a byte that must not follow."""
    return np.array([[*w.replace(b"!", b""), b"!" in w] for w in words], np.uint8)


def places(data: bytes, words: np.ndarray, keep: int, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each needle stands in ``data``, and where the first ``keep`` of them do, at most ``limit`` places."""
    padded = np.frombuffer(data + b" " * (_BLOCK + 3), np.uint8)
    return _places(padded, len(data), words, keep, limit)


@compiled
def _places(data, size, words, keep, limit):
    counts, at = np.zeros(len(words), np.int64), np.empty(limit, np.int64)
    n = 0
    hit = np.empty(_BLOCK, np.uint8)
    eight = hit.view(np.uint64)
    for i in range(0, size, _BLOCK):
        first, second = data[i : i + _BLOCK], data[i + 1 : i + 1 + _BLOCK]
        third = data[i + 2 : i + 2 + _BLOCK]
        hit[:] = 0
        for k in range(len(words)):
            a, b, c, mark = words[k, 0], words[k, 1], words[k, 2], np.uint8(k + 1)
            for j in range(_BLOCK):  # no branch, so the compiler compares 32 bytes at once
                unlike = (first[j] ^ a) | (second[j] ^ b) | (third[j] ^ c)
                hit[j] = mark if unlike == 0 else hit[j]
        for q in range(len(eight)):
            if eight[q] == 0:
                continue
            for j in range(8 * q, 8 * q + 8):
                k = hit[j] - 1
                if k >= 0 and (data[i + j + 3] == words[k, 3]) != words[k, 4]:
                    counts[k] += 1
                    if k < keep and n < limit:
                        at[n] = i + j
                        n += 1
    return counts, at[:n]
