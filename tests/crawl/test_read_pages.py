"""WARC, WET, HTML and JSONL; broken input is counted, never fatal."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsmath_lib.base.record_files import BadFile, Part
from dsmath_lib.base.records import Document, Page
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.crawl.shards import DocRow, as_record
from dsmath_lib.engines.webtext.languages import language

HTML = "<html><body><p>Ein schöner Tag für 小明</p></body></html>"


def warc(*records: tuple[str, bytes, str]) -> bytes:
    """A WARC file of responses ``(url, body, header lines)``."""
    out = b""
    for url, body, headers in records:
        http = b"HTTP/1.1 200 OK\r\n" + headers.encode() + b"\r\n\r\n" + body
        head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\n"
        head += f"Content-Type: application/http;msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
        out += head.encode() + http + b"\r\n\r\n"
    return out


def read(path: Path, **kw) -> tuple[list, Counter]:
    counts: Counter = Counter()
    return list(reading.read_crawl_file(Part(str(path)), counts, **kw)), counts


def test_warc_records_by_kind(tmp_path: Path) -> None:
    body = HTML.encode()
    data = warc(
        ("http://a.org/1", body, "Content-Type: text/html; charset=utf-8"),
        ("http://a.org/2", b"\x89PNG", "Content-Type: image/png"),
        (
            "http://a.org/3",
            gzip.compress(body),
            "Content-Type: text/html\r\nContent-Encoding: gzip",
        ),
        ("http://a.org/4", body, "Content-Type: text/html\r\nContent-Encoding: gzip"),  # it lies
        (
            "http://a.org/5",
            HTML.replace("小明", "").encode("latin-1"),
            "Content-Type: text/html; charset=latin-1",
        ),
        ("http://a.org/6", b"", "Content-Type: text/html"),
        ("http://a.org/7", b"<p>" + b"x" * 5000, "Content-Type: text/html"),
    )
    (tmp_path / "a.warc").write_bytes(data)
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(data))
    for name in ("a.warc", "a.warc.gz"):
        pages, counts = read(tmp_path / name, max_chars=4000)
        assert [p.url[-1] for p in pages] == ["1", "3", "4", "5"]
        assert all("schöner" in p.html for p in pages)
        assert (
            counts["skipped: not HTML"]
            == counts["skipped: empty"]
            == counts["skipped: over the size bound"]
            == 1
        )


def test_truncated_warc_keeps_what_was_whole(tmp_path: Path) -> None:
    data = warc(
        *((f"http://a.org/{i}", HTML.encode(), "Content-Type: text/html") for i in range(5))
    )
    for cut in (len(data) - 40, len(data) // 2, 30):
        path = tmp_path / "cut.warc.gz"
        path.write_bytes(gzip.compress(data)[: len(gzip.compress(data)) * cut // len(data)])
        read(path)  # no error
    (tmp_path / "cut.warc").write_bytes(data[: len(data) - 40])
    pages, _ = read(tmp_path / "cut.warc")
    assert len(pages) >= 4


def test_gzip_bomb_is_bounded() -> None:
    bomb = gzip.compress(b"a" * 10_000_000)
    assert len(reading.unpack(bomb, "gzip", 1000)) == 1001


def test_html_files(tmp_path: Path) -> None:
    files = {
        "a.html": b'<link rel="canonical" href="https://a.org/x?a=1&amp;b=2">' + HTML.encode(),
        "b.html": b"%PDF-1.4 \0\0\0\0\0 binary",
        "c.html": b"  \n ",
        "d.html": "<p>Привет мир, это обычный русский текст для проверки</p>".encode("cp1251"),
        "e.html": b'<meta charset="gb2312">'
        + "<p>小明有三个苹果，请问他还有几个苹果</p>".encode("gb2312"),
    }
    pages, counts = [], Counter()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        pages += reading.read_crawl_file(Part(str(tmp_path / name)), counts)
    assert pages[0].url == "https://a.org/x?a=1&b=2"
    assert "Привет" in pages[1].html and "小明" in pages[2].html and len(pages) == 3
    assert counts["skipped: not HTML"] == counts["skipped: empty"] == 1
    (tmp_path / "f.txt").write_text("text")
    for name, says in (("f.txt", "not a kind of file"), ("g.html", "No such file")):
        with pytest.raises(BadFile, match=f"{name}: {says}"):
            read(tmp_path / name)


def test_jsonl(tmp_path: Path) -> None:
    rows = [
        {"url": "u", "text": "t", "lang": "en"},
        {"url": "v", "html": "<p>x"},
        {"url": "w", "text": ""},
        [1],
        {"text": 3},
    ]
    lines = [json.dumps(r) for r in rows] + ["{broken", ""]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    got, counts = read(path)
    assert got == [DocRow("u", "t", "en"), Page("v", "<p>x")]
    assert counts["skipped: empty"] == 2 and counts["skipped: line is not a JSON object"] == 2


def test_missing_pattern_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file matches 'x/\*\.html'"):
        reading.find_files(["x/*.html"], tmp_path)


def test_language() -> None:
    assert (
        language("The quick brown fox jumps over the lazy dog and runs into the woods again.")
        == "en"
    )
    assert language("小明有三个苹果，他又买了两个苹果。请问他现在有几个苹果？") == "zh"
    assert language("りんごが三つあります。もう二つ買いました。") == "ja"
    assert language("$x^2 + y^2$ $$z$$") == ""


def test_edge_files(data_dir: Path) -> None:
    """Pages readable in the edge files of the real data; the compressed and the plain file give the same."""
    folder = data_dir / "web/warc"
    at_least = {
        "edge-clueweb-quirk.warc.gz": 29,
        "edge-clipped.warc.gz": 0,  # its only page is cut
        "edge-warcio-trunc.warc": 0,
        "edge-warcio-iana.org-chunked.warc": 1,
        "edge-warcio-bad-non-chunked.warc.gz": 1,
        "edge-warcio-wrong-chunks.warc.gz": 1,
        "aut-archive.org-2009.warc.gz": 93,
        "dolma-sample-0000.warc.gz": 22,
    }
    for name, n in at_least.items():
        assert len(read(folder / name)[0]) >= n, name
    for path in sorted(folder.glob("edge-*")):
        read(path)
    gz, plain = (read(folder / f"resiliparse-cc-sample.{s}")[0] for s in ("warc.gz", "warc"))
    assert gz == plain and len(gz) == 16
    wet, _ = read(data_dir / "web/wet/cc_net-sample-multi.warc.wet")
    assert [d.url for d in wet] == [
        f"http://sample_{x}" for x in ("english.com", "chinese.zh", "russian.ru")
    ]
    assert wet[0].text.startswith("Famous Mark Twain Quotes")


def test_wet_with_wrong_lengths(tmp_path: Path) -> None:
    """A length that is too large swallows the next header: the file is split at the headers, each text once."""
    head = "WARC/1.0\nWARC-Type: {}\nWARC-Target-URI: http://a.org/{}\nContent-Length: {}\n\n"
    texts = [f"Text number {i} with some words." for i in range(4)]
    data = head.format("warcinfo", "", 60) + "software: x\n\n"
    for i, t in enumerate(texts):
        data += head.format("conversion", i, len(t) + 50 * (i == 1)) + t + "\n\n"
    (tmp_path / "a.wet").write_text(data)
    (tmp_path / "b.wet.gz").write_bytes(gzip.compress(data.encode()))
    for name in ("a.wet", "b.wet.gz"):
        docs, counts = read(tmp_path / name)
        assert [(d.url[-1], d.text) for d in docs] == [(str(i), t) for i, t in enumerate(texts)]
        assert counts["file with wrong lengths: split at headers"] == 1


def test_parquet(tmp_path: Path) -> None:
    import datasets

    rows = [
        {"url": "u", "html": "", "text": "t", "lang": "en"},
        {"url": "v", "html": "<p>x", "text": "", "lang": ""},
        {"url": "w", "html": None, "text": None, "lang": None},
    ]
    want = [DocRow("u", "t", "en"), Page("v", "<p>x")]
    data = datasets.Dataset.from_list(rows)
    data.to_parquet(tmp_path / "a.parquet")
    got, counts = read(tmp_path / "a.parquet")
    assert got == want and counts["skipped: empty"] == 1
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadFile, match=r"broken\.parquet: not readable as Parquet"):
        read(tmp_path / "broken.parquet")


def test_a_row_is_the_same_page_or_document_however_it_is_read(tmp_path: Path) -> None:
    """As JSONL and as Parquet, by the notebook's reader and by that of the commands."""
    rows = [
        {"url": "null html", "html": None, "text": "t", "lang": "en"},
        {"url": "blank html", "html": " \n", "text": "t", "lang": "en"},
        {"url": None, "html": "<p>x", "text": "t", "lang": None},
        {"url": None, "html": None, "text": "t", "lang": None},
        {"url": "both", "html": "<p>x", "text": "t", "lang": "en"},
        {"url": "null text", "html": "<p>x", "text": None, "lang": "en"},
        {"url": "nothing", "html": None, "text": None, "lang": "en"},
        {"url": "long html", "html": "<p>" + "x" * 100, "text": "t", "lang": "en"},
        {"url": "long text", "html": None, "text": "x" * 101, "lang": "en"},
        {"url": "just fits", "html": "<p>" + "x" * 97, "text": None, "lang": "en"},
    ]
    want = [
        Document("null html", "t", "en"),
        Document("blank html", "t", "en"),
        Page("", "<p>x"),
        Document("", "t", ""),
        Page("both", "<p>x"),
        Page("null text", "<p>x"),
        Page("just fits", "<p>" + "x" * 97),
    ]
    numbers = {
        "read: pages": 4, "read: documents": 3, "skipped: empty": 1,
        "skipped: over the size bound": 2,
    }  # fmt: skip
    text = "\n".join(map(json.dumps, rows)).encode()
    (tmp_path / "a.jsonl").write_bytes(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        path, counts, errors = tmp_path / name, Counter(), []
        by_command = list(reading.read_shard((Part(str(path)),), counts, errors, max_chars=100))
        for got, counted in (read(path, max_chars=100), (by_command, counts)):
            plain = [Document(d.url, d.text, d.lang) if isinstance(d, Document) else d for d in got]
            assert plain == want and counted == numbers and not errors, name


def test_other_fields_of_a_row_are_kept_and_a_row_too_deep_is_no_object(tmp_path: Path) -> None:
    lines = [json.dumps({"url": "u", "text": "t", "id": 7, "n_formulas": 2}), "[" * 100_000]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (got,), counts = read(tmp_path / "a.jsonl")
    assert as_record(got) == {"url": "u", "text": "t", "lang": "", "n_formulas": 2, "id": 7}
    assert counts["skipped: line is not a JSON object"] == 1
