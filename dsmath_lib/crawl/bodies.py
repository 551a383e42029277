"""The body of a response as bytes and as text: unpacked whole, in its charset, or refused with a reason."""

import io
import re
import zlib
from collections.abc import Callable

import brotli
from fastwarc.stream_io import ZstdReader
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

_LAYERS = 4  # of compression, one in the other
_STEP = 2**16
# charsets of 7 bits: what they hold is valid UTF-8 too, as other signs
_SEVEN = {
    "iso-2022-jp": "iso2022_jp_ext", "csiso2022jp": "iso2022_jp_ext", "iso-2022-jp-2": "iso2022_jp_2",
    "iso-2022-jp-1": "iso2022_jp_1", "iso-2022-jp-3": "iso2022_jp_3", "iso-2022-kr": "iso2022_kr",
    "hz-gb-2312": "hz", "hz": "hz", "utf-7": "utf_7",
}  # fmt: skip
_META = re.compile(
    rb"<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*+=\s*+[\"']?\s*+([\w-]{2,30})", re.I
)
_SHIFTS = re.compile(rb"\x1b\$(?:[@B]|\([DOPQ])")  # to Japanese signs of two bytes
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f\ufffd]")
_LOW = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])  # those of one byte
_MOST_CONTROLS = 0.05


class BodyError(ValueError):
    """A body that is no whole page; the message is the reason it is counted under."""


def unpack(data: bytes, encoding: str, max_bytes: int) -> bytes:
    """A body without its compression: by its ``Content-Encoding``, last first, and by what it begins with.

    A body that is not packed as it says comes back as it is. At most ``max_bytes + 1`` bytes come out of a layer.

    Raises:
        BodyError: of a coding not known here, cut short, or with other data behind the packed ones.
    """
    for name in reversed([x.strip().lower() for x in encoding.split(",") if x.strip()]):
        if name == "br":
            data = _brotli(data, max_bytes)
        elif name == "deflate":
            data = _deflate(data, max_bytes)
        elif name not in ("gzip", "x-gzip", "zstd", "identity", "none", "utf-8", "chunked"):
            raise BodyError(f"body packed in a way not known ({name[:20]})")
        elif name in ("gzip", "x-gzip", "zstd"):
            data = _by_magic(data, max_bytes)
    for _ in range(_LAYERS):  # also what is packed twice, or without saying so
        before, data = data, _by_magic(data, max_bytes)
        if data is before or len(data) > max_bytes:
            return data
    raise BodyError("body packed too many times")


def _by_magic(data: bytes, max_bytes: int) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return _members(data, max_bytes, lambda: zlib.decompressobj(31))
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(data, max_bytes)
    return data


def _members(data: bytes, max_bytes: int, make: Callable) -> bytes:
    """All members of a gzip body; blanks and zeros may stand behind the last."""
    out, size = [], 0
    while data.startswith(b"\x1f\x8b"):
        unpacker = make()
        try:
            part = unpacker.decompress(data, max_bytes + 1 - size)
        except zlib.error:
            raise BodyError("body damaged") from None
        out.append(part)
        size += len(part)
        if size > max_bytes:
            break
        if not unpacker.eof:
            raise BodyError("body cut short")
        data = unpacker.unused_data
    if size <= max_bytes and data.strip(b"\0 \t\r\n"):
        raise BodyError("data behind the body")
    return b"".join(out)


def _deflate(data: bytes, max_bytes: int) -> bytes:
    """zlib or raw deflate; data of another kind come back as they are."""
    if data.startswith(b"\x1f\x8b"):
        return _by_magic(data, max_bytes)
    for bits in (15, -15):
        unpacker = zlib.decompressobj(bits)
        try:
            out = unpacker.decompress(data, max_bytes + 1)
        except zlib.error:
            continue
        if not out and data:
            continue
        if len(out) <= max_bytes and not unpacker.eof:
            raise BodyError("body cut short")
        return out
    return data


def _zstd(data: bytes, max_bytes: int) -> bytes:
    reader, out, size = ZstdReader(io.BytesIO(data)), [], 0
    try:
        while size <= max_bytes and (part := reader.read(min(_STEP, max_bytes + 1 - size))):
            out.append(part)
            size += len(part)
    except Exception:  # of the library's own types
        raise BodyError("body damaged") from None
    return b"".join(out)


def _brotli(data: bytes, max_bytes: int) -> bytes:
    """A Brotli body, which has no sign to know it by; text that only claims to be one comes back as it is."""
    unpacker, out, size = brotli.Decompressor(), [], 0
    try:
        part = unpacker.process(data, output_buffer_limit=_STEP)
        while True:
            out.append(part)
            size += len(part)
            if size > max_bytes or unpacker.is_finished():
                return b"".join(out)
            if unpacker.can_accept_more_data():
                raise BodyError("body cut short")
            part = unpacker.process(b"", output_buffer_limit=_STEP)
    except brotli.error:
        if b"<" in data[:2_000] and not _unprintable(data[:2_000].decode("latin-1")):
            return data
        raise BodyError("body damaged") from None


# -- text ------------------------------------------------------------------------------------------------------------
def decode(data: bytes, charset: str | None = None) -> str:
    """Bytes to text: UTF-8 if they are, else the declared charset, else the detected one. Never raises.

    UTF-8 goes first: bytes that decode as UTF-8 by chance are very rare, wrong declarations are not. Charsets of 7 bits
    go before it where they are declared, or where their shifts stand in the bytes.
    """
    if (seven := _seven(data, charset)) is not None:
        return seven
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return bytes_to_str(data, charset or detect_encoding(data, from_html_meta=True))
    except (LookupError, UnicodeError):
        return bytes_to_str(data, detect_encoding(data))


def _seven(data: bytes, charset: str | None) -> str | None:
    said = [
        (charset or "").lower(),
        *(m.decode("ascii").lower() for m in _META.findall(data[:4_096])[:2]),
    ]
    codec = next((_SEVEN[x] for x in said if x in _SEVEN), None)
    if codec is None and b"\x1b" in data and _SHIFTS.search(data):
        codec = "iso2022_jp_ext"
    if codec is None or not data.isascii() or not any(s in data for s in (b"\x1b", b"~{", b"+")):
        return None
    return data.decode(codec, "replace")


def _unprintable(text: str) -> bool:
    most = _MOST_CONTROLS * len(text)
    data = text.encode("utf-8", "surrogatepass")
    # at least as many as there are, in a tenth of the time
    some = len(data) - len(data.translate(None, _LOW)) + data.count(b"\xc2") + text.count("\ufffd")
    return some > most and len(_CONTROLS.findall(text)) > most


def readable(text: str) -> bool:
    """Is it text, and not bytes of another kind read as such?"""
    return not _unprintable(text)
