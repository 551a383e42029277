"""Pages from WARC and WET files, HTML files and JSONL. A broken record is counted by reason, never fatal."""

import gzip
import html as entities
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator, WarcRecordType

from dsmath_lib.base.record_files import BadFile, Part, read_records, reader_of, whole, why
from dsmath_lib.base.records import Document, Page
from dsmath_lib.crawl.bodies import BodyError, decode, readable, unpack
from dsmath_lib.crawl.shards import DocRow, Shard, to_row
from dsmath_lib.crawl.warc_records import WarcRecords

WARC = (".warc", ".warc.gz", ".wet", ".wet.gz", ".warc.zst", ".wet.zst")
HTML = (".html", ".htm", ".xhtml")
_HTML_TYPES = {"text/html", "application/xhtml+xml", "application/xhtml"}
_LINK, _META = re.compile("<link", re.I), re.compile("<meta", re.I)
_CANONICAL = re.compile(r"rel=[\"']?canonical", re.I)
_OG_URL = re.compile(r"property=[\"']?og:url", re.I)
# of WET files whose Content-Length lines are wrong
_HEAD = re.compile(rb"WARC/\d\.\d+\s*$")
_FIELD = re.compile(rb"(WARC-[\w-]+|Content-[\w-]+)\s*:\s*(.*)", re.I)
_SWALLOWED = re.compile(rb"(?:^|\n)WARC/\d\.\d+\r?\n?(?:\Z|(?i:WARC-))")
_ADDRESS = re.compile(r"(?:href|content)=[\"']?(https?://[^\"'\s>]+)", re.I)


def find_files(patterns: Iterable[str], folder: Path) -> list[Path]:
    """Files that match the glob patterns below ``folder``, each once, sorted inside a pattern.

    Raises:
        FileNotFoundError: a pattern matches nothing; names it and the folder.
    """
    out: dict[Path, None] = {}
    for pattern in patterns:
        hits = [p for p in sorted(folder.glob(pattern)) if p.is_file()]
        if not hits:
            raise FileNotFoundError(f"no file matches '{pattern}' below {folder}")
        out.update(dict.fromkeys(hits))
    return list(out)


def read_shard(
    shard: Shard, counts: Counter, errors: list[str], *, max_chars: int
) -> Iterator[Page | Document]:
    """Pages and documents of a shard of any kind of file; what cannot be read is named in ``errors``."""
    for part in shard:
        before = Counter(counts)
        try:
            yield from read_crawl_file(part, counts, max_chars=max_chars)
        except BadFile as err:
            errors.append(str(err))
        for reason in (counts - before).keys():
            if reason.startswith("file ended early"):
                counts[f"note: {part.path}: {reason.removeprefix('file ')}"] += 1


def read_crawl_file(
    part: Part, counts: Counter, *, max_chars: int = 5_000_000
) -> Iterator[Page | Document]:
    """Everything usable in one part, by its suffix: pages, or documents where the file holds plain text.

    Args:
        counts: gets one count per record and reason (``"read: pages"``, ``"skipped: not HTML"`` …).
        max_chars: a larger page is skipped (WARC, HTML: in bytes).

    Raises:
        BadFile: it cannot be opened or is of an unknown kind; a file of records, also if it ends early.
    """
    if reader_of(part):
        for row in read_records(part, counts):
            if item := page_or_document(row, counts, max_chars=max_chars):
                yield item
        return
    path = Path(part.path)
    kinds = (WARC, read_warc), (HTML, read_html)
    reader = next((r for suffixes, r in kinds if path.name.lower().endswith(suffixes)), None)
    try:
        with path.open("rb") as f:
            f.read(1)
    except OSError as err:
        raise BadFile(f"{path}: {why(err)}") from None
    if reader is None:
        raise BadFile(f"{path}: not a kind of file that is known here")
    try:
        for item in reader(path, counts, max_bytes=max_chars):
            yield _encodable(item)
    except (OSError, EOFError, zlib.error) as err:
        counts[f"file ended early: {type(err).__name__}"] += 1


def _encodable(item: Page | Document) -> Page | Document:
    """An item without lone surrogates in its address and text: from names of files, or charsets that have them.

    (Those of a page's source are left to ``extract``.)
    """
    url = whole(item.url)
    if isinstance(item, Document) and (text := whole(item.text)) != item.text:
        return replace(item, url=url, text=text)
    return item if url == item.url else replace(item, url=url)


def read_warc(path: Path, counts: Counter, *, max_bytes: int) -> Iterator[Page | Document]:
    """HTML responses of a WARC file and conversion records of a WET file, compressed or not.

    Bodies are unpacked here and not by fastwarc, which gives up a whole file when a page says gzip and is not.
    """
    given: set[str] = set()  # texts given already, should the lengths prove wrong
    seen = False
    records = WarcRecords(path, counts)
    for record in records:
        seen = True
        try:
            if record.record_type == WarcRecordType.warcinfo:
                if _swallows(record.reader.read(max_bytes)):
                    yield from _salvaged(path, counts, max_bytes, given)
                    return
                continue
            item = _record(record, records, max_bytes)
        except Exception as err:  # a damaged body; the next record may be whole
            counts[f"skipped: damaged record ({type(err).__name__})"] += 1
            continue
        if isinstance(item, Document):
            if _swallows(item.text.encode()):
                yield from _salvaged(path, counts, max_bytes, given)
                return
            given.add(item.url)
        if item is not None:
            counts["read: documents" if isinstance(item, Document) else "read: pages"] += 1
            yield item
    if not seen and path.stat().st_size and not _has_records(path):
        counts["file without a WARC record"] += 1


def _swallows(data: bytes) -> bool:
    """Does another record begin in the body of one?"""
    return b"WARC/" in data and bool(_SWALLOWED.search(data))  # the search alone costs 1 ms a page


def _has_records(path: Path) -> bool:
    """Is there a record of any kind?"""
    try:
        return (
            next(iter(ArchiveIterator(str(path), quirks_mode=True, parse_http=False)), None)
            is not None
        )
    except Exception:
        return False


def _salvaged(path: Path, counts: Counter, max_bytes: int, given: set[str]) -> Iterator[Document]:
    """The texts not yet given of a WET file whose records are longer or shorter than they say."""
    counts["file with wrong lengths: split at headers"] += 1
    for headers, body in _split_at_headers(path, max_bytes):
        url = headers.get("warc-target-uri", "").strip("<> ")
        if headers.get("warc-type") != "conversion" or url in given:
            continue
        text = _text_or_count(body, counts, max_bytes, "utf-8")
        if text:
            counts["read: documents"] += 1
            yield Document(url, text)


def _split_at_headers(path: Path, max_bytes: int) -> Iterator[tuple[dict[str, str], bytes]]:
    """``(headers in lower case, body)`` of each record; at most ``max_bytes + 1`` bytes of a body are kept."""
    headers: dict[str, str] = {}
    body: list[bytes] = []
    size, in_head, started = 0, False, False
    with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as f:
        for line in iter(lambda: f.readline(2**20), b""):
            if _HEAD.match(line):
                if started:
                    yield headers, b"".join(body).strip(b"\r\n")
                headers, body, size, in_head, started = {}, [], 0, True, True
            elif in_head:
                if m := _FIELD.match(line.strip()):
                    headers[m[1].decode("latin-1").lower()] = m[2].decode("utf-8", "replace")
                in_head = bool(line.strip())
            elif started and size <= max_bytes:
                body.append(line)
                size += len(line)
    if started:
        yield headers, b"".join(body).strip(b"\r\n")


def _record(record, records: WarcRecords, max_bytes: int) -> Page | Document | None:
    counts = records.counts
    url = (record.headers.get("WARC-Target-URI") or "").strip("<> ")
    if not url.startswith(("http://", "https://")):
        counts["skipped: no web address"] += 1
        return None
    if record.record_type == WarcRecordType.conversion:
        size = record.content_length
        data = record.reader.read(max_bytes + 1)
        if len(data) < min(size, max_bytes):
            counts["note: text shorter than announced"] += 1
        text = _text_or_count(data, counts, max_bytes, "utf-8")
        return Document(url, text) if text else None
    charset = None
    if record.is_http:
        if record.http_headers is None or (record.http_headers.status_code or 200) != 200:
            counts["skipped: status not 200"] += 1
            return None
        charset = record.http_charset
    size = record.content_length
    data = record.reader.read(max_bytes + 1)
    if _swallows(data) and records.swallowed():
        counts["skipped: damaged record (wrong length)"] += 1
        return None
    if record.is_http and len(data) <= max_bytes:
        try:
            data = _whole_body(data, record, size, max_bytes)
        except BodyError as err:
            counts[f"skipped: {err}"] += 1
            return None
    kind = (record.http_content_type or "").split(";")[0].strip().lower()
    if not (kind in _HTML_TYPES or (not kind and looks_like_html(data))):
        counts["skipped: not HTML"] += 1
        return None
    text = _text_or_count(data, counts, max_bytes, charset)
    return Page(url, text) if text else None


def _whole_body(data: bytes, record: Any, size: int, max_bytes: int) -> bytes:
    """The unpacked body of a response.

    Raises:
        BodyError: it has fewer bytes than announced, or is packed in a way that cannot be undone.
    """
    headers = record.http_headers
    said = (headers.get("Content-Length") or "").strip()
    in_chunks = bool(headers.get("Transfer-Encoding"))  # their lengths are no part of the body
    short = len(data) < size or (said.isdigit() and len(data) < int(said))
    if short and not in_chunks and b"</html" not in data[-64:].lower():
        raise BodyError("body cut short")
    return unpack(data, headers.get("Content-Encoding") or "", max_bytes)


def read_html(path: Path, counts: Counter, *, max_bytes: int) -> Iterator[Page]:
    """One HTML file; its address is the one it declares, else ``file:`` and its name."""
    with path.open("rb") as f:
        data = f.read(max_bytes + 1)
    try:
        data = unpack(data, "", max_bytes)
    except BodyError as err:
        counts[f"skipped: {err}"] += 1
        return
    if data.strip() and not looks_like_html(data):
        counts["skipped: not HTML"] += 1
        return
    text = _text_or_count(data, counts, max_bytes, None)
    if text:
        counts["read: pages"] += 1
        yield Page(declared_url(text) or f"file:///{path.parent.name}/{path.name}", text)


def page_or_document(
    row: Mapping[str, Any], counts: Counter, *, max_chars: int
) -> Page | DocRow | None:
    """The one rule for a row of any file: a page if ``html`` holds text, else a document if ``text`` does.

    A field that is missing, null, blank or no text counts as not there; so does a null ``url``, which becomes "".

    Returns:
        None, counted by reason: neither field is there, or the one that is has more than ``max_chars`` characters.
    """
    html = row.get("html")
    if isinstance(html, str) and html.strip():
        item, size = Page(str(row.get("url") or ""), html), len(html)
    else:
        item = to_row({k: v for k, v in row.items() if k != "html"})
        size = 0 if item is None else len(item.text)
    if item is None:
        counts["skipped: empty"] += 1
        return None
    if size > max_chars:
        counts["skipped: over the size bound"] += 1
        return None
    counts["read: documents" if isinstance(item, Document) else "read: pages"] += 1
    return item


def looks_like_html(data: bytes) -> bool:
    """A tag among the first 2,000 bytes, and no NUL bytes as binary files have (UTF-16 marks itself)."""
    head = data[:2000]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return b"<" in head and head.count(b"\0") < 4 and bool(re.search(rb"<\s*(!|\?|[a-zA-Z])", head))


def declared_url(text: str) -> str:
    """The address a page gives itself (``rel=canonical``, else ``og:url``); empty if it gives none."""
    head = text[:200_000]
    for name, mark in ((_LINK, _CANONICAL), (_META, _OG_URL)):
        if m := _ADDRESS.search(_tag(head, name, mark)):
            return entities.unescape(m[1])
    return ""


def _tag(text: str, name: re.Pattern[str], mark: re.Pattern[str]) -> str:
    """The first tag of this name with a mark in it, "" if there is none; each character is read once."""
    end = 0
    while m := name.search(text, end):
        end = text.find(">", m.end()) + 1
        if not end:
            break
        if mark.search(text, m.end() + 1, end):
            return text[m.start() : end]
    return ""


def _text_or_count(data: bytes, counts: Counter, max_bytes: int, charset: str | None) -> str:
    if len(data) > max_bytes:
        counts["skipped: over the size bound"] += 1
        return ""
    if not data.strip():
        counts["skipped: empty"] += 1
        return ""
    text = decode(data, charset)
    if not readable(text):
        counts["skipped: text of no known charset"] += 1
        return ""
    return text
