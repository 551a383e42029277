"""A few bytes of Parquet that unpack to many: memory stays bounded, the rows are counted."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsmath_lib.base.record_files import _dictionaries, _page_bytes

READ = """
import resource, sys
from collections import Counter
from dsmath_lib.base.record_files import Part, read_records
counts = Counter()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
n = sum(1 for _ in read_records(Part(sys.argv[1]), counts))
print(n, counts["skipped: over the size bound"], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


def read(path) -> tuple[int, int, int]:
    """Rows given, rows over the bound, and the megabytes that it took."""
    out = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, timeout=120
    )
    return tuple(map(int, out.stdout.split()))


@pytest.mark.parametrize("rows, value", [(60, 20_000_000), (3, 100_000_000), (2_000, 200_000)])
def test_one_value_for_many_rows_does_not_multiply(rows, value, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a" * value] * rows}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    given, over, megabytes = read(path)
    assert given + over == rows and (given == 0) == (value > 16_000_000)
    assert megabytes < 1_000


def test_the_size_of_a_dictionary_is_read(tmp_path):
    path = tmp_path / "x.parquet"
    for size in (10, 5_000, 3_000_000):
        pq.write_table(
            pa.table({"text": ["a" * size] * 9, "n": list(range(9))}), path, compression="zstd"
        )
        found = _dictionaries(str(path), pq.ParquetFile(path).metadata.row_group(0))
        assert size <= found <= size + 200
    assert _page_bytes(b"") == _page_bytes(b"\x15\xff\xff") == 0
