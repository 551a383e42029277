"""Is a file a whole fastText classifier? Looked through before the C++ reader, which believes every number, sees it.

The format: a head of numbers, the dictionary, two matrices, dense or quantised; every count is held against the bytes.
"""

import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path

_HEAD = struct.Struct("<14id3i2q")
_MAGIC, _VERSIONS = 793712314, (11, 12)
_SUPERVISED, _LOSSES = 3, (1, 2, 3, 4)
_MOST_WORDS = 30_000_000
_LONGEST = 1 << 16  # bytes of a word
_CENTROIDS = 256


class _Bytes:
    """A place in the file that only moves forward, and not past the end."""

    def __init__(self, data: mmap):
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple:
        size = struct.calcsize(form)
        self.skip(size)
        return struct.unpack_from(form, self.data, self.at - size)

    def skip(self, n: int) -> None:
        _need(0 <= n <= len(self.data) - self.at, "it is shorter than it says")
        self.at += n


def _need(holds: bool, why: str) -> None:
    if not holds:
        raise ValueError(why)


def check_model_file(path: Path) -> None:
    """Look a supervised model through.

    Raises:
        ValueError: it is no whole model, or its numbers do not fit each other; says which.
        OSError: it cannot be read.
    """
    with path.open("rb") as f:
        _need(path.stat().st_size > _HEAD.size, "it is too short")
        with mmap(f.fileno(), 0, access=ACCESS_READ) as data:
            _check(_Bytes(data))


def _check(file: _Bytes) -> None:
    head = file.take(_HEAD.format)
    magic, version, dim, _, _, _, _, ngrams, loss, model, bucket, minn, maxn, _ = head[:14]
    size, words, labels, _, pruned = head[15:]
    _need(magic == _MAGIC and version in _VERSIONS, "it does not begin as one")
    _need(model == _SUPERVISED and loss in _LOSSES, "it is no classifier")
    _need(0 < dim < 1 << 16 and 0 < ngrams < 64 and 0 <= minn and 0 <= maxn < 256, "its settings")
    _need(
        0 < words and 0 < labels and words + labels == size <= _MOST_WORDS, "its numbers of words"
    )
    hashed = ngrams > 1 or maxn > 0
    _need(0 <= bucket < 1 << 31 and (bucket > 0 or not hashed), "its number of buckets")
    _need(-1 <= pruned <= bucket, "its pruned words")
    _dictionary(file, words, size)
    kept = [file.take("<2i")[1] for _ in range(max(pruned, 0))]
    _need(all(0 <= k < pruned for k in kept), "its pruned words")
    rows = words + (bucket if pruned < 0 else pruned)
    (quantised,) = file.take("<?")
    _need(quantised or pruned < 0, "its pruned words")
    _matrix(file, quantised, rows, dim, exactly=hashed)
    (quantised_too,) = file.take("<?")
    _matrix(file, quantised and quantised_too, labels, dim, exactly=True)
    _need(file.at == len(file.data), "more follows than there should be")


def _dictionary(file: _Bytes, words: int, size: int) -> None:
    """Words, then labels: text, a zero, a count of eight bytes, one byte that is 0 or 1."""
    data, at = file.data, file.at
    for i in range(size):
        end = data.find(b"\0", at, at + _LONGEST)
        _need(end >= 0 and end + 10 <= len(data), "its dictionary is cut short")
        _need(data[end + 9] == (i >= words), "its words and labels are mixed up")
        at = end + 10
    file.at = at


def _matrix(file: _Bytes, quantised: bool, rows: int, dim: int, exactly: bool) -> None:
    if not quantised:
        _size(file.take("<2q"), rows, dim, exactly)
        m, n = struct.unpack_from("<2q", file.data, file.at - 16)
        file.skip(4 * m * n)
        return
    norms, m, n, codes = file.take("<?2qi")
    _size((m, n), rows, dim, exactly)
    file.skip(codes)
    _need(codes == m * _quantizer(file, n), "its codes")
    if norms:
        file.skip(m)
        _need(_quantizer(file, 1) == 1, "its codes")


def _size(found: tuple[int, int], rows: int, dim: int, exactly: bool) -> None:
    m, n = found
    fits = m == rows if exactly else m >= rows or m > 0
    _need(fits and 0 < m < 1 << 33 and n == dim, f"a matrix of {m} × {n} for {rows} × {dim}")


def _quantizer(file: _Bytes, dim: int) -> int:
    """Centroids of a product quantiser; the number of its parts."""
    d, parts, each, last = file.take("<4i")
    _need(d == dim and 0 < each <= dim and parts == -(-dim // each), "its quantiser")
    _need(last == (dim % each or each), "its quantiser")
    file.skip(4 * _CENTROIDS * dim)
    return parts
