"""One row never ends a job: lone surrogates, nesting, size, values that Python cannot hold; through every command."""

import json
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsmath_lib.base import record_files as records
from dsmath_lib.base.record_files import Part
from dsmath_lib.corpus import classifier
from dsmath_lib.crawl import commands, dedup, shards
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.crawl.annotate import Annotations, page_path
from dsmath_lib.crawl.mined import Rules

SMALL = classifier.FastTextSettings(4, 0.5, 1, 1, 1, 1_000, 1, 0)
NESTED = "[" * 900 + "]" * 900
BAD = [  # legal lines, each of which would fail in some step as it is
    '{"url":"http://a.com/\\ud800","text":"x"}',
    '{"url":"http://\\udfff.com/x?\\ud800=\\udc00","text":"words of a page"}',
    '{"url":"u","text":"abc \\ud800"}',
    '{"url":"http://b.com/1","text":"some text","lang":"\\ud800","\\ud801":{"\\ud802":["\\ud803"]}}',
    '{"url":"http://b.com/2","html":"<p>a \\ud800 b"}',
    '{"url":"http://[bad","text":"an address that is none"}',
    '{"url":"a\\u2100b.com","text":"another address that is none"}',
    '{"url":"[","text":"the third"}',
    '{"url":{"a":[1]},"text":"an address of another kind","n_formulas":"many"}',
    '{"url":"http://b.com/3","text":"\\u0000 \\u2028 \\ufeff","x":1e999}',
    '{"url":"http://c.org/1?ref=\\u2028\\u0085","text":"an address that is known, with ends of lines"}',
    f'{{"url":"http://b.com/4","text":"nested","x":{NESTED}}}',
    f'{{"url":{NESTED},"text":"nested address"}}',
    f'{{"url":"http://b.com/5","text":"long number","x":{"9" * 5_000}}}',
    f'{{"url":"http://b.com/6","text":"number","x":{"9" * 400}}}',
    "[" * 100_000,
    '{"a":' * 100_000,
    "\ud800",
]  # fmt: skip


def write(path: Path, lines: list[str], n_good: int = 20) -> str:
    good = [
        json.dumps({"url": f"http://c.org/{i}", "text": f"page {i} {'math ' * i}"})
        for i in range(n_good)
    ]
    path.write_bytes("\n".join([*good, *lines]).encode("utf-8", "surrogatepass") + b"\n")
    return str(path)


def urls(path: Path) -> list[str]:
    return [json.loads(line)["url"] for line in path.read_bytes().decode("utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("line", BAD)
def test_every_command_goes_on_after_a_row(tmp_path: Path, line: str) -> None:
    """The page after it is there, too; the exit code is 0."""
    after = '{"url":"http://d.org/last","text":"the last page of all"}'
    source = write(tmp_path / "in.jsonl", [line, after])
    out, model = tmp_path / "out.jsonl", str(tmp_path / "model.bin")
    assert commands.extract_files([source], str(out), max_chars=1_000) == 0
    assert "http://d.org/last" in urls(out)
    settings = dedup.DedupSettings(2, 2, 3, 0.9)
    assert (
        commands.deduplicate([source], str(out), settings, dropped=str(tmp_path / "gone.jsonl"))
        == 0
    )
    assert "http://d.org/last" in urls(out) and len(set(urls(out))) == len(urls(out))
    parts = dedup.dedup_shards(shards.plan([Path(source)]), tmp_path / "dedup", settings)[0]
    assert len(dedup.read_dropped(tmp_path / "dedup", len(parts))) in (0, 1)
    commands.train_files([source], [source], SMALL, model)
    assert commands.classify_files([source], str(out), model=model) == 0
    assert "http://d.org/last" in urls(out)
    bench = tmp_path / "bench.jsonl"
    bench.write_text('{"question":"page 3 of some \\ud800 benchmark that has many words in it"}\n')
    bench.write_text(
        bench.read_text() + '{"question":"\\ud800"}\n'
    )  # too short: named in the report
    said = str(tmp_path / "report.json")
    assert (
        commands.decontaminate_files([source], str(out), benchmarks=[str(bench)], report=said) == 0
    )
    assert "http://d.org/last" in urls(out)
    rules = Rules((0.5,), 0.0, 1, 0.98, 0.1, 1, 1.0)
    options = dict(seed=[source], annotations=[], rules=rules, settings=SMALL)
    assert commands.mine_files([source], str(tmp_path / "mined"), **options) == 0
    assert (tmp_path / "mined" / "proposals.csv").read_text(encoding="utf-8")
    pages = list(reading.read_crawl_file(Part(source), Counter(), max_chars=1_000))
    assert pages[-1].url == "http://d.org/last"
    for page in pages:
        page.url.encode()


def test_lone_surrogates_are_marked_and_pages_stay_apart(tmp_path: Path) -> None:
    """``?`` in their place would make a query of the rest, and one page of two."""
    lines = ['{"url":"http://a.com/\\ud800","text":"one"}', '{"url":"http://a.com/","text":"two words"}',
             '{"url":"http://a.com/\\ud83d\\ude00","text":"\\ud83d\\ude00 is whole"}']  # fmt: skip
    source = write(tmp_path / "in.jsonl", lines, 0)
    commands.deduplicate([source], str(tmp_path / "out.jsonl"), dedup.DedupSettings(2, 2, 3, 0.9))
    assert urls(tmp_path / "out.jsonl") == [
        "http://a.com/\ufffd",
        "http://a.com/",
        "http://a.com/😀",
    ]
    encoded = '{"text":"a\ud800b \ud000","n":1.5,"big":12345678901234567890}'
    want = {"text": "a\ufffdb \ud000", "n": 1.5, "big": 12345678901234567890}
    assert records.of_line(encoded.encode("utf-8", "surrogatepass")) == want


def test_lines_that_hold_no_row() -> None:
    for line in (b"", b"[]", b"1", b"{", b"\xff", b'{"a":%s}' % (b"[" * 101 + b"]" * 101)):
        with pytest.raises(ValueError, match=r"not JSON|expected an object"):
            records.of_line(line)
    for level in (1, 50, 99):
        assert records.of_line(b'{"a":%s}' % (b"[" * level + b"]" * level))


def test_files_whose_name_is_no_text(tmp_path: Path) -> None:
    path = Path(tmp_path.joinpath("a").as_posix() + "\udcff.html")
    try:
        path.write_text("<html><p>Some text.</p>")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (page,) = reading.read_crawl_file(Part(str(path)), Counter())
    page.url.encode()
    assert commands.extract_files([str(path)], str(tmp_path / "out.jsonl"), max_chars=1_000) == 0
    assert len(urls(tmp_path / "out.jsonl")) == 1


def test_charsets_that_give_surrogates(tmp_path: Path) -> None:
    body = b"<html><p>Some \\ud800 text \xff.</p>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=unicode_escape\r\n\r\n"
    warc = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.org/\xff\r\n"
    warc += b"Content-Type: application/http\r\nContent-Length: %d\r\n\r\n" % len(head + body)
    (tmp_path / "a.warc").write_bytes(warc + head + body + b"\r\n\r\n")
    out = tmp_path / "out.jsonl"
    assert commands.extract_files([str(tmp_path / "a.warc")], str(out), max_chars=1_000) == 0
    assert len(urls(out)) == 1


# -- Parquet and Arrow -----------------------------------------------------------------------------------------------
def table(n: int = 6, **columns: pa.Array) -> pa.Table:
    own = {
        "url": pa.array([f"http://a.org/{i}" for i in range(n)]),
        "text": pa.array([f"page {i}" for i in range(n)]),
    }
    return pa.table(own | columns)  # fmt: skip


def not_utf8(n: int) -> pa.Array:
    return pa.array([b"ok"] * (n - 1) + [b"ab\xff"], pa.binary()).view(pa.string())


def far(n: int) -> pa.Array:
    return pa.array([0] * (n - 1) + [10**18], pa.timestamp("us"))


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize("column", [{"text": not_utf8(6)}, {"time": far(6)}])
def test_a_row_that_python_cannot_hold(tmp_path: Path, name: str, column: dict) -> None:
    path, data = tmp_path / name, table(**column)
    if name.endswith("parquet"):
        pq.write_table(data, path)
    else:
        with pa.OSFile(str(path), "wb") as f, pa.ipc.new_stream(f, data.schema) as out:
            out.write_table(data)
    counts: Counter = Counter()
    found = list(records.read_records(Part(str(path)), counts))
    assert [r["url"] for r in found] == [f"http://a.org/{i}" for i in range(5)]
    assert sum(n for what, n in counts.items() if what.startswith("skipped: row not readable")) == 1
    assert len(list(reading.read_crawl_file(Part(str(path)), Counter()))) == 5


def test_large_rows_are_counted_and_never_plain_data_together(tmp_path: Path) -> None:
    text = pa.array(
        ["a" * 10, "b" * (records.MAX_ROW + 1), "c" * (records.MAX_ROW - 100), "d" * 10]
    )
    pq.write_table(table(4, text=text), tmp_path / "x.parquet")
    counts: Counter = Counter()
    found = [r["text"][:1] for r in records.read_records(Part(str(tmp_path / "x.parquet")), counts)]
    assert found == ["a", "c", "d"] and counts == {"skipped: over the size bound": 1}
    schema = pa.schema([("text", pa.string())])
    lengths: list[int] = []

    class Batch:
        """A batch that says how much of it becomes plain data at once."""

        def __init__(self, batch: pa.RecordBatch):
            self.batch, self.num_rows, self.nbytes = batch, batch.num_rows, batch.nbytes

        def slice(self, *at: int) -> "Batch":
            return Batch(self.batch.slice(*at))

        def to_pylist(self) -> list[dict]:
            lengths.append(self.nbytes)
            return self.batch.to_pylist()

    many = pa.record_batch([pa.array(["x" * 1_000_000] * 100)], schema=schema)
    assert len(list(records.of_batch(Batch(many), Counter()))) == 100
    assert max(lengths) <= records.MAX_ROW


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes there")
def test_a_bomb_of_parquet_is_not_unpacked(tmp_path: Path) -> None:
    """A few kilobytes that hold three rows of 100 million letters."""
    import resource

    value = pa.array(["a" * 100_000_000]).cast(pa.large_string())
    path = tmp_path / "x.parquet"
    whole = pa.chunked_array([value, value, value])
    pq.write_table(pa.table({"text": whole}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 200_000
    before, counts = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Counter()
    assert not list(records.read_records(Part(str(path)), counts))
    assert not list(reading.read_crawl_file(Part(str(path)), counts))
    assert counts == {"skipped: over the size bound": 6}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_numbers_that_parquet_cannot_hold(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [f'{{"url":"u","text":"t","x":{10**30}}}'], 0)
    with pytest.raises(ValueError, match=r"out\.parquet.*write \.jsonl instead"):
        commands.deduplicate(
            [source], str(tmp_path / "out.parquet"), dedup.DedupSettings(2, 2, 3, 0.9)
        )


# -- addresses -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "path"),
    [("http://www.a.com/b%20c/d.html?x=1#y", "/b c/d.html"), ("a.com", "/"), ("http://a.com/?q=/x", "/"), ("", "/")],
)  # fmt: skip
def test_path_of_an_address(url: str, path: str) -> None:
    assert page_path(url) == path


@pytest.mark.parametrize(
    "url", ["[bad", "a\u2100b.com", "http://[", "//[", "http://a:99999/x", "http://a:b/", "\\[/"]
)
def test_addresses_that_are_none_have_a_path(url: str) -> None:
    assert page_path(url).startswith("/")
    assert Annotations({"": {"/": True}, "a.com": {"/": True}}).decide(url) in (None, True)
