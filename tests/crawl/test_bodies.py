"""Bodies of responses that are not what they should be: unpacked whole, or counted by reason and left out."""

import gzip
import io
import random
import zlib
from collections import Counter
from pathlib import Path

import brotli
import pytest
from fastwarc.stream_io import ZstdWriter

from dsmath_lib.crawl.bodies import decode
from dsmath_lib.crawl.read_pages import read_html, read_warc

TEXT = "It has a body worth keeping. " * 40
PAGE = f"<html><head><title>t</title></head><body><main><h1>Head</h1><p>{TEXT}</p></main>"
BODY = PAGE.encode()
BIG = f"<html><body><p>{' '.join(str(random.Random(1).random()) for _ in range(9_000))}</p></body></html>".encode()


def record(url: str, body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *headers]
    if not any(h.startswith("Content-Type") for h in headers):
        lines.append("Content-Type: text/html")
    payload = "\r\n".join([*lines, "", ""]).encode() + body
    head = ["WARC/1.0", "WARC-Type: response", f"WARC-Target-URI: {url}", "WARC-Date: 2020-01-01T00:00:00Z",
            f"WARC-Record-ID: <urn:uuid:{len(body):032x}>", "Content-Type: application/http; msgtype=response",
            f"Content-Length: {len(payload)}"]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + payload + b"\r\n\r\n"


def read(data: bytes, folder: Path, name: str = "x.warc") -> tuple[dict[str, str], Counter]:
    (folder / name).write_bytes(data)
    counts: Counter = Counter()
    pages = {p.url: p.html for p in read_warc(folder / name, counts, max_bytes=1_000_000)}
    return pages, counts


def zstd(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = ZstdWriter(out)
    writer.write(data)
    writer.close()
    return out.getvalue()


WHOLE = {
    "brotli": (brotli.compress(BODY), "br"),
    "brotli in gzip": (gzip.compress(brotli.compress(BODY)), "br, gzip"),
    "zstd": (zstd(BODY), "zstd"),
    "zstd that is not said": (zstd(BODY), "identity"),
    "gzip": (gzip.compress(BODY), "x-gzip"),
    "gzip that is not said": (gzip.compress(BODY), "identity"),
    "gzip twice": (gzip.compress(gzip.compress(BODY)), "gzip"),
    "gzip twice, said so": (gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
    "two members": (gzip.compress(BODY[:500]) + gzip.compress(BODY[500:]), "gzip"),
    "zeros behind": (gzip.compress(BODY) + bytes(64), "gzip"),
    "deflate": (zlib.compress(BODY), "deflate"),
    "raw deflate": (zlib.compress(BODY)[2:-4], "deflate"),
    "says gzip, is plain": (BODY, "gzip"),
    "says Brotli, is plain": (BODY, "br"),
}
REFUSED = {
    "cut Brotli": (brotli.compress(BODY)[:-9], "br", "body cut short"),
    "cut gzip": (gzip.compress(BODY)[:-20], "gzip", "body cut short"),
    "cut deflate": (zlib.compress(BODY)[:-20], "deflate", "body cut short"),
    "cut zstd": (zstd(BODY)[:-9], "zstd", "body damaged"),
    "second member cut": (gzip.compress(BODY) + gzip.compress(BODY)[:40], "gzip", "body cut short"),
    "something behind": (gzip.compress(BODY) + b"<p>ad</p>", "gzip", "data behind the body"),
    "Brotli that is not said": (brotli.compress(BODY), "identity", "text of no known charset"),
    "a coding of yesterday": (BODY, "compress", "body packed in a way not known (compress)"),
    "a bomb": (gzip.compress(b"<p>" + b"a" * 20_000_000), "gzip", "over the size bound"),
    "a bomb in a bomb": (gzip.compress(gzip.compress(b"a" * 20_000_000)), "gzip", "over the size bound"),
    "a Brotli bomb": (brotli.compress(b"<p>" + b"a" * 20_000_000), "br", "over the size bound"),
    "a zstd bomb": (zstd(b"<p>" + b"a" * 20_000_000), "zstd", "over the size bound"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_body_is_unpacked_whole(name: str, tmp_path: Path) -> None:
    body, coding = WHOLE[name]
    pages, counts = read(
        record("http://a.example/1", body, f"Content-Encoding: {coding}"), tmp_path
    )
    assert pages == {"http://a.example/1": PAGE} and counts == {"read: pages": 1}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_that_is_no_whole_page_is_counted_and_the_next_one_read(
    name: str, tmp_path: Path
) -> None:
    body, coding, why = REFUSED[name]
    data = record("http://a.example/1", body, f"Content-Encoding: {coding}") + record(
        "http://a.example/2", BODY
    )
    pages, counts = read(data, tmp_path)
    assert list(pages) == ["http://a.example/2"] and counts == {
        "read: pages": 1,
        f"skipped: {why}": 1,
    }


def test_fewer_bytes_than_announced(tmp_path: Path) -> None:
    pages, counts = read(
        record("http://a.example/1", BODY[:300], f"Content-Length: {len(BODY)}"), tmp_path
    )
    assert not pages and counts == {"skipped: body cut short": 1}
    pages, _ = read(
        record("http://a.example/1", BODY, "Content-Length: 100"), tmp_path
    )  # unpacked by the crawler
    assert pages
    ends = BODY + b"</body></html>"
    assert read(record("http://a.example/1", ends, f"Content-Length: {len(ends) + 2}"), tmp_path)[
        0
    ]  # all of it is there


@pytest.mark.parametrize("name", ["x.warc", "x.warc.gz"])
def test_a_file_cut_anywhere_gives_no_half_page(name: str, tmp_path: Path) -> None:
    pack = gzip.compress if name.endswith(".gz") else bytes
    first, last = pack(record("http://a.example/1", BODY)), pack(record("http://a.example/2", BIG))
    whole = {"http://a.example/1": PAGE, "http://a.example/2": BIG.decode()}
    for cut in [*range(20, len(last), len(last) // 12), len(last) - 4]:
        pages, _ = read(first + last[:cut], tmp_path, name)
        assert pages["http://a.example/1"] == PAGE
        assert pages.items() <= whole.items()


def test_a_file_that_is_no_archive_is_said(tmp_path: Path) -> None:
    assert read(random.Random(0).randbytes(20_000), tmp_path)[1] == {
        "file without a WARC record": 1
    }


JAPANESE, CHINESE, KOREAN = (
    "次の方程式を解きます。" * 9,
    "求解下列方程的根，并证明。" * 9,
    "다음 방정식을 풀어라." * 9,
)
SEVEN = [("ISO-2022-JP", "iso2022_jp", JAPANESE), ("iso-2022-kr", "iso2022_kr", KOREAN),
         ("HZ-GB-2312", "hz", CHINESE), ("ISO-2022-JP-2", "iso2022_jp_2", JAPANESE),
         ("utf-7", "utf_7", CHINESE)]  # fmt: skip


@pytest.mark.parametrize(("charset", "codec", "text"), SEVEN)
@pytest.mark.parametrize("where", ["header", "meta"])
def test_charsets_of_seven_bits(charset: str, codec: str, text: str, where: str) -> None:
    meta = f"<meta charset={charset}>" if where == "meta" else ""
    html = f"<html><head>{meta}</head><body><p>{text}</p></body></html>"
    assert decode(html.encode(codec), charset if where == "header" else None) == html


def test_a_charset_of_seven_bits_that_is_not_declared_or_not_there() -> None:
    assert JAPANESE in decode(f"<p>{JAPANESE}</p>".encode("iso2022_jp"))
    assert (
        decode(b"<meta charset=hz><p>a ~{ b</p>".replace(b"hz", b"utf-8"))
        == "<meta charset=utf-8><p>a ~{ b</p>"
    )
    assert (
        decode(f"<p>{JAPANESE}</p>".encode(), "ISO-2022-JP") == f"<p>{JAPANESE}</p>"
    )  # it is UTF-8


def test_an_html_file_that_is_packed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(gzip.compress(BODY))
    assert [p.html for p in read_html(tmp_path / "a.html", Counter(), max_bytes=10**6)] == [PAGE]
