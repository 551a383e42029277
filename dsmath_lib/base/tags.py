"""HTML from small pieces: text is escaped, what ``tag`` made is not."""

import html
from collections.abc import Iterable, Sequence

VOID = ("br", "img", "meta")


class Html(str):
    """Text that is HTML already."""


def tag(name: str, /, *inside: object, **attributes: object) -> Html:
    """``<name …>inside</name>``. A ``_`` in an attribute is ``-``, at its end nothing: ``class_``, ``aria_label``."""
    written = "".join(
        f' {k.rstrip("_").replace("_", "-")}="{html.escape(str(v))}"' for k, v in attributes.items()
    )
    return Html(f"<{name}{written}>" + ("" if name in VOID else f"{joined(inside)}</{name}>"))


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Pieces one after the other; ``between`` is HTML."""
    return Html(between.join(p if isinstance(p, Html) else html.escape(str(p)) for p in parts))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    styles: Sequence[str],
    caption: str = "",
) -> Html:
    """A table; ``styles``: CSS of each column."""
    top = tag(
        "tr", *(tag("th", h, scope="col", style=s) for h, s in zip(head, styles, strict=True))
    )
    body = (
        tag("tr", *(tag("td", c, style=s) for c, s in zip(r, styles, strict=True))) for r in rows
    )
    above = [tag("caption", caption)] if caption else []
    return tag("table", *above, tag("thead", top), tag("tbody", *body))


def page(title: str, style: str, *body: object, script: str = "") -> str:
    """A whole page that needs nothing from elsewhere; ``style`` and ``script`` are written as they are."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(style)),
    )
    end = [tag("script", Html(script))] if script else []
    whole = tag("html", tag("head", *head), "\n", tag("body", *body, *end), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n"
