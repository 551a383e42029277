"""Addresses: one canonical form per page, exact duplicates, and the domain of a page."""

import hashlib
import posixpath
import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_TRACKING = re.compile(
    r"^(utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|ref|sessionid|sid|phpsessid|jsessionid)$", re.I
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.I)


def canonical(url: str) -> str:
    """One form for addresses that show the same page.

    Scheme, ``www.``, default port, fragment, tracking parameters, parameter order, ``index.html`` and a closing slash
    make no difference. An address that cannot be parsed is returned stripped.
    """
    url = url.strip()
    try:
        parts = urlsplit(url if "://" in url else "http://" + url)
        name = (parts.hostname or "").lower().removeprefix("www.").rstrip(".")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
        query = [
            (k, v)
            for k, v in parse_qsl(parts.query, keep_blank_values=True)
            if not _TRACKING.match(k)
        ]
    except ValueError:
        return url
    path = quote(
        unquote(re.sub(r";jsessionid=[^/?]*", "", parts.path, flags=re.I)),
        safe="/:@!$&'()*+,;=~-._",
    )
    path = _INDEX.sub("/", posixpath.normpath(path) if path else "/")
    path = path.rstrip("/")
    return f"{name}{port}{path}" + (f"?{urlencode(sorted(query))}" if query else "")


def host(url: str) -> str:
    """The paper's "base URL": the host without ``www.`` (its example: mathoverflow.net). Empty if there is none."""
    return canonical(url).split("/", 1)[0].split("?", 1)[0].split(":", 1)[0]


def url_hash(url: str, salt: str = "") -> int:
    """Stable 64-bit hash of a canonical address: the same in every process, shard and run."""
    return int.from_bytes(
        hashlib.blake2b((salt + canonical(url)).encode(), digest_size=8).digest(), "big"
    )


def record_hash(record: Any) -> int:
    """Who a record (with ``.url`` and ``.text``) is: the hash of its address, or of its text if it has none.

    The name of a local file is no address: two folders may hold pages of one name.
    """
    if record.url and not record.url.startswith("file:"):
        return url_hash(record.url)
    return text_hash(record.text)


def text_hash(text: str) -> int:
    """Stable 64-bit hash of a text."""
    data = text.encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def plainness(record: Any) -> int:
    """Which of two records with one canonical address stays: that with the smaller number (64 bits).

    The shorter address, as crawled, goes first (it has no tracking tags); a hash settles the rest. So the choice does
    not depend on the order of the crawl.
    """
    whole = f"{record.url}\0{record.text}".encode("utf-8", "replace")
    rest = int.from_bytes(hashlib.blake2b(whole, digest_size=6).digest(), "big")
    return min(len(record.url), 0xFFFF) << 48 | rest
