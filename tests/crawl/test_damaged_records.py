"""A damaged record of a WARC file loses itself and nothing else, and the loss is said."""

import gzip
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.base.record_files import Part
from dsmath_lib.crawl.read_pages import read_crawl_file

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def record(
    name: str, body: bytes, http: bytes = OK + b"\r\n", length: object = None, more: bytes = b""
) -> bytes:
    block = http + body
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/" + name.encode()
    head += b"\r\nContent-Type: application/http; msgtype=response\r\n" + more
    said = str(len(block) if length is None else length).encode()
    return head + b"Content-Length: " + said + b"\r\n\r\n" + block + b"\r\n\r\n"


def page(words: str) -> bytes:
    return f"<html><body><p>{words} says that x is a number</p></body></html>".encode()


LOST = {
    "chunk length of letters": record("bad", b"zz\r\n<p>bad</p>\r\n0\r\n\r\n", CHUNKED),
    "negative chunk length": record("bad", b"-5\r\n<p>bad</p>\r\n0\r\n\r\n", CHUNKED),
    "huge chunk length": record("bad", b"f" * 20 + b"\r\n<p>bad</p>\r\n0\r\n\r\n", CHUNKED),
    "no chunk length": record("bad", b"\r\n<p>bad</p>\r\n0\r\n\r\n", CHUNKED),
    "chunked, and is not": record("bad", page("bad"), CHUNKED),
    "length too large": record("bad", page("bad"), length=900),
    "length of a terabyte": record("bad", page("bad"), length=10**12),
    "length of 30 digits": record("bad", page("bad"), length="9" * 30),
    "two lengths": record("bad", page("bad"), more=b"Content-Length: 9999999999\r\n"),
    "length too small": record("bad", page("bad"), length=20),
    "negative length": record("bad", page("bad"), length=-7),
    "length in words": record("bad", page("bad"), length="many"),
    "no HTTP": record("bad", page("bad"), b"\0\0\0\0"),
}
KEPT = {
    "a long cookie": record(
        "bad", page("bad"), OK + b"Set-Cookie: " + b"a" * 100_000 + b"\r\n\r\n"
    ),
    "many headers": record("bad", page("bad"), OK + b"A: b\r\n" * 20_000 + b"\r\n"),
    "a long WARC header": record("bad", page("bad"), more=b"WARC-X: " + b"a" * 100_000 + b"\r\n"),
    "a status of letters": record("bad", page("bad"), OK.replace(b"200", b"abc") + b"\r\n"),
}


def read(data: list[bytes], tmp_path, packed: bool) -> tuple[list[str], Counter]:
    path = tmp_path / ("x.warc.gz" if packed else "x.warc")
    path.write_bytes(b"".join(gzip.compress(d) if packed else d for d in data))
    counts: Counter = Counter()
    return [
        p.url[len("http://a.example/") :] for p in read_crawl_file(Part(str(path)), counts)
    ], counts


GOOD = [record(str(i), page(str(i))) for i in range(4)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [*LOST, *KEPT])
@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_damaged_record_costs_itself_alone(kind, at, packed, tmp_path):
    bad = (LOST | KEPT)[kind]
    pages, counts = read([*GOOD[:at], bad, *GOOD[at:]], tmp_path, packed)
    assert [p for p in pages if p != "bad"] == list("0123")
    if kind in KEPT:
        assert pages[at] == "bad"
    elif "bad" not in pages:
        assert any(k.startswith(("skipped", "file ended early")) for k in counts), counts


def test_several_in_one_file(tmp_path):
    data = [x for bad, good in zip(LOST.values(), GOOD * 9, strict=False) for x in (bad, good)]
    for packed in (False, True):
        pages, _ = read(data, tmp_path, packed)
        assert [p for p in pages if p != "bad"] == [str(i % 4) for i in range(len(LOST))]


@pytest.mark.parametrize("packed", [False, True])
def test_a_record_inside_a_page_is_text(packed, tmp_path):
    """With the right length, a page that shows a WARC record brings no page of another address in."""
    forged = b"\r\n\r\n" + record("forged", page("forged"))
    inside = record("honest", page("honest") + forged)
    pages, counts = read([GOOD[0], inside, GOOD[1]], tmp_path, packed)
    assert pages == ["0", "honest", "1"] and not any("damaged" in k for k in counts)
    stored = record("honest", page("honest") + gzip.compress(record("forged", page("forged"))))
    pages, _ = read([GOOD[0], stored, GOOD[1]], tmp_path, packed)
    assert "forged" not in pages and pages[0] == "0" and pages[-1] == "1"


def test_a_file_that_is_cut_says_so(tmp_path):
    path = tmp_path / "cut.warc.gz"
    whole = b"".join(map(gzip.compress, GOOD))
    path.write_bytes(whole[:-60])
    counts: Counter = Counter()
    assert len(list(read_crawl_file(Part(str(path)), counts))) == 3
    assert counts["file ended early: damaged"] == 1
    path.write_bytes(whole)
    counts.clear()
    assert len(list(read_crawl_file(Part(str(path)), counts))) == 4 and set(counts) == {
        "read: pages"
    }


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200), st.booleans())
def test_any_damage_ends_reading_in_order(tmp_path_factory, noise, at, packed):
    folder = tmp_path_factory.mktemp("noise")
    bad = GOOD[1][:at] + noise + GOOD[1][at + len(noise) :]
    pages, _ = read([GOOD[0], bad, GOOD[2], GOOD[3]], folder, packed)
    assert pages[0] == "0" and pages[-1] == "3" and len(pages) <= 5
