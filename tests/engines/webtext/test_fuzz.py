"""Hostile pages that fuzzing makes: a text or a reason, never another error, in bounded time (corpus.md B.3)."""

import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dsmath_lib.crawl.read_pages import decode
from dsmath_lib.engines.webtext.pages import PageError, extract

BOUND_S = 5.0  # CPU seconds of one page, whatever it holds
PIECES = st.sampled_from(
    ["<p>", "</p>", "<div>", "</div>", "<span class=math-container>", "<span class=katex>", "</span>", "<math>",
     "</math>", "<mrow>", "<annotation encoding='application/x-tex'>", "<script type='math/tex'>", "</script>",
     "<ul>", "<li>", "</ul>", "<a href=x>", "</a>", "<!--", "-->", "<br>", "<table><td>", "</table>", "<template>",
     "<figure>", "<h1>", "<sup>2</sup>", "<img alt='$x^2$' src='latex.php?latex=x%5E2'>", "<d-math block>",
     "<div style='display:none'>", "\\(", "\\)", "\\[", "\\]", "$", "$$", "\\begin{align}", "\\end{align}",
     "&lt;math&gt;", "&#36;", "&amp;", "\0", "\ue000", "\ue001", "\ud800", "x^2", "中文", "\u202e",
     "<html class=texhtml>", "<body class='math notranslate'>", "<body class=wp-katex-eq>",
     "<script type='math/asciimath'>", "<font size=7>", "<b a=1>", "<ol><li>", "<dl><dd>", "<svg><title>",
     "<select><option>", "<pre>", ")", "))]}", "((", "/",
     "5 and ", "<", ">", "\"", "=", " "]
)  # fmt: skip
PAGES = st.lists(PIECES, max_size=60).map("".join)
SLOW = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])


def check(html: str) -> None:
    start = time.process_time()
    try:
        got = extract(html, "https://math.stackexchange.com/q/1")
    except PageError as err:
        assert err.__cause__ is None  # the page's fault, not an error of ours
    else:
        assert 0 <= got.kept <= got.found and got.text == got.text.strip()
        assert "\ue000" not in got.text and "\0" not in got.text
        got.text.encode()
    assert time.process_time() - start < BOUND_S


@SLOW
@given(PAGES)
@example("\ud800<p>\\(x\\)</p>")
@example("<ul><ul>\\(x\\)</ul>")
@example("<html class=texhtml><p>x</p>")
def test_any_mix_of_markup(page: str) -> None:
    check(page)


@SLOW
@given(PAGES, st.integers(0, 4_000))
def test_cut_anywhere(page: str, at: int) -> None:
    check(f"<html><body><p>Let {page} be.</p></body></html>"[:at])


@SLOW
@given(
    st.lists(
        st.tuples(
            PAGES, st.sampled_from(["utf-8", "gb18030", "utf-16", "latin-1", "shift_jis", "koi8-r"])
        )
    )
)
def test_bytes_of_mixed_encodings(parts: list[tuple[str, str]]) -> None:
    data = b"".join(text.encode(charset, "ignore") for text, charset in parts)
    check(decode(data))


@SLOW
@given(st.binary(max_size=2_000))
def test_any_bytes(data: bytes) -> None:
    check(decode(data))
    check(decode(data, "utf-16"))


@pytest.mark.parametrize(
    "piece",
    ["<div>", "<ul>", "<ul><li>", "<a><ul>\\(x\\)", "<math><mfrac>", "<span class=katex>", "<table><tr><td>", "<b>",
     "<p>", "<svg>", "<template>", "<mrow>", "<sup>", "<blockquote>", "<h1><a>", "<d-math>"],
)  # fmt: skip
def test_nested_ten_thousand_deep(piece: str) -> None:
    check(f"<p>\\(a\\) {piece * 10_000} \\(x^2\\)")


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!", "</", "<p", "<script", "&", "&#36;", "$x$ ", "\\("]
)
def test_ten_megabytes_of_one_thing(piece: str) -> None:
    """Refused by its size; with the bound lifted, still in bounded time."""
    page = piece * (10_000_000 // len(piece) + 1)
    with pytest.raises(PageError, match="over the size bound"):
        extract(page)


@pytest.mark.parametrize("piece", ["<", "<a ", "<!", "</", "<p", "&", "\0<"])
def test_a_megabyte_of_one_thing(piece: str) -> None:
    check(piece * (990_000 // len(piece)))


def test_ten_megabytes_of_openers_with_the_bound_lifted() -> None:
    start = time.process_time()
    try:
        extract("<" * 10_000_000, max_chars=20_000_000)
    except PageError:
        pass
    assert time.process_time() - start < 4 * BOUND_S
