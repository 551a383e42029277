"""Archives in archives, links, and names with ``..``: counted by reason; nothing is written but the output."""

import gzip
import io
import os
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from dsmath_lib.base.record_files import BadFile, Part
from dsmath_lib.crawl import commands
from dsmath_lib.crawl import read_pages as reading

PAGE = b"<html><body><p>A page with enough words to be one, and \\(x^2\\) in it.</p></body></html>"
UP = "../../evil.html"


def tar(mode: str = "w:gz") -> bytes:
    """A page under a name with ``..``, one with a full path, and links out of the folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as f:
        for name in (UP, "/evil.html"):
            member = tarfile.TarInfo(name)
            member.size = len(PAGE)
            f.addfile(member, io.BytesIO(PAGE))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            member = tarfile.TarInfo("link.html")
            member.type, member.linkname = kind, "../../../etc/passwd"
            f.addfile(member)
    return out.getvalue()


def zipped(data: bytes = PAGE) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as f:
        f.writestr(UP, data)
    return out.getvalue()


def record(url: str, body: bytes, kind: str = "text/html") -> bytes:
    http = b'HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename="%s"\r\n\r\n'
    payload = http % (kind.encode(), UP.encode()) + body
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Filename: {UP}\r\n"
    head += (
        f"Content-Type: application/http;msgtype=response\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload + b"\r\n\r\n"


def tree(folder: Path) -> dict[str, int]:
    """Every file and link below a folder, with its size."""
    found = {}
    for at, _, names in os.walk(folder):
        found |= {os.path.join(at, n): os.lstat(os.path.join(at, n)).st_size for n in names}
    return found


def read(path: Path) -> tuple[list[str], Counter]:
    counts: Counter = Counter()
    try:
        return [p.url for p in reading.read_crawl_file(Part(str(path)), counts)], counts
    except BadFile as err:
        return [str(err)], counts


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.warc.gz", tar(), "file without a WARC record"),
        ("a.warc", tar("w"), "file without a WARC record"),
        ("a.warc", zipped(), "file without a WARC record"),
        ("a.warc.gz", gzip.compress(gzip.compress(record("http://a.org", PAGE))), "file without a WARC record"),
        ("a.html", zipped(), "skipped: not HTML"),
        ("a.html", gzip.compress(zipped()), "skipped: not HTML"),
        ("a.html", zipped(b"\0" * 50_000_000), "skipped: not HTML"),
        ("a.html", gzip.compress(gzip.compress(b"<p>" + b"a" * 50_000_000)), "skipped: over the size bound"),
    ],
)  # fmt: skip
def test_an_archive_under_another_name_is_counted(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(data)
    before = tree(tmp_path.parent)
    got, counts = read(path)
    assert not got and counts[why] == 1 and tree(tmp_path.parent) == before


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip", "a.warc.gz.zip"])
def test_an_archive_under_its_own_name_is_refused_by_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(zipped())
    (said,), _ = read(tmp_path / name)
    assert name in said and "not a kind of file that is known here" in said


def test_records_that_hold_archives_and_names_that_climb(tmp_path: Path) -> None:
    """Addresses and file names of records are text: no file is named by them."""
    (tmp_path / "in").mkdir()
    body = b"".join((
        record("http://a.org/1.zip", zipped(), "application/zip"),
        record("http://a.org/2.zip", zipped()),
        record("http://a.org/3.tgz", tar()),
        record("http://a.org/../../../tmp/evil", PAGE),
        record("file:///etc/passwd", PAGE),
        record("../../evil", PAGE),
        record("http://a.org/last", PAGE),
    ))  # fmt: skip
    path = tmp_path / "in" / "..evil..warc"
    path.write_bytes(body)
    got, counts = read(path)
    assert got == ["http://a.org/../../../tmp/evil", "http://a.org/last"]
    assert counts["skipped: no web address"] == 2 and counts.total() == 7
    before = tree(tmp_path)
    out = tmp_path / "docs.jsonl"
    assert commands.extract_files([str(path)], str(out), max_chars=100_000) == 0
    assert tree(tmp_path).keys() - before.keys() == {str(out)}


def test_links_in_a_folder(tmp_path: Path) -> None:
    """Loops, dangling links and links to folders above end; a page behind a link is a page."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.html").write_bytes(PAGE)
    (folder / "own.html").write_bytes(PAGE.replace(b"2", b"3"))
    links = {"loop": folder, "up": tmp_path, "sub/back": folder, "page.html": tmp_path / "outside.html",
             "self.html": folder / "self.html", "dangling.html": tmp_path / "nothing.html"}  # fmt: skip
    for name, to in links.items():
        (folder / name).symlink_to(to)
    found = commands.find([str(folder)], tmp_path)
    assert [p.name for p in found] == ["own.html", "page.html"]
    assert commands.extract_files([str(folder)], str(tmp_path / "o.jsonl"), max_chars=10_000) == 0
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2


def test_an_output_that_is_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    source, victim = tmp_path / "a.html", tmp_path / "victim"
    source.write_bytes(PAGE)
    victim.write_text("mine")
    (tmp_path / "o.jsonl").symlink_to(victim)
    assert commands.extract_files([str(source)], str(tmp_path / "o.jsonl"), max_chars=10_000) == 0
    assert victim.read_text() == "mine" and not (tmp_path / "o.jsonl").is_symlink()
