"""Mark-up is bounded before it is parsed: not under what a parser builds, and close to it on usual pages."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from resiliparse.parse.html import HTMLTree, NodeType

from dsmath_lib.base.paths import ROOT
from dsmath_lib.engines.webtext.bounds import measure_markup
from dsmath_lib.engines.webtext.outline import outline
from dsmath_lib.engines.webtext.pages import MAX_DEPTH, PageError, extract


def opened(html: str) -> int:
    return measure_markup(html.lower().encode(), html.count("<"))[0]


def depth(html: str) -> int:
    """Elements in elements of the tree that a parser builds, below ``body``."""
    deepest, stack = 0, [(HTMLTree.parse(html).body, 0)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        child = node.first_child
        while child is not None:
            if child.type == NodeType.ELEMENT:
                stack.append((child, level + 1))
            child = child.next
    return deepest


@pytest.mark.parametrize(
    ("html", "want"),
    [
        ("<div><p>a<p>b<p>c</div>", 2),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>", 4),
        ("<dl><dt>a<dt>b</dl><select><option>a<option>b</select>", 4),  # a list is not taken off over its item
        ("<p>a<br>b<img src='a>b'>c<input disabled></p>" * 9, 1),
        ("<table><tr><td>a<td>b<tr><td>c</table>" * 9, 4),  # a table has a body and rows
        ("<svg viewBox=0><g><path d='M 0'/><path d='M 1'/></g></svg>" * 9, 2),
        ("<svg><title>a</title></svg>" * 9, 2),
        ("<script>if (a<b) x = '<div><div>'</script><style><b></style><!-- <b><b> -->", 0),
        ("<script><!-- <script> </script><b><b> --></script><i>x</i>", 1),
        ("<textarea><b></textarea><title><b></title>" * 9, 0),
        ("a < b <3 </> <?x?> <!doctype html>", 0),
        ("<a href=x", 0),  # a tag that does not end is none
        ("<b></i></b>", 1),
        ("<i><b></i></b>" * 9, 10),  # crossed: more than there are
    ],
)  # fmt: skip
def test_elements_open_at_once(html: str, want: int) -> None:
    assert opened(html) == want
    assert depth(html) <= want + 1  # of elements that hold none, the last is not counted


@pytest.mark.parametrize(
    ("tag", "want"),
    [
        ("<p>", 0),
        ("<p a b=1 c='x y' d=\"/>\" e=/x>", 5),
        ("<p a=1/b>", 1),
        ("<p / a / b />", 2),
        ("<p =a==b>", 1),
        ("</p a b c>", 3),
        ("<p a b", 0),
    ],
)
def test_attributes_of_one_tag(tag: str, want: int) -> None:
    assert measure_markup(tag.encode(), tag.count("<"))[3] == want


def test_copied_bytes_count_inline_elements_that_stay_open() -> None:
    closed, left = "<p><b class=x>a</b></p>" * 50, "<p><b class=x>a</p>" * 50
    assert measure_markup(left.encode(), 150)[2] > 25 * measure_markup(closed.encode(), 150)[2]


TAGS = st.sampled_from(
    "p div span li ul ol b font a table tr td th tbody select option x dd dt h1 button form svg math g "
    "path mi mtext foreignobject title style script template br img caption object ruby rt textarea "
    "body html code".split()
)  # fmt: skip
FORMS = st.sampled_from(["<{}>", "<{}>x", "</{}>", "</{}>x", "<{}/>", "<{} a='>'>"])
MORE = st.sampled_from(
    ["<![CDATA[ > x ]]>", "<!-- <b> -->", "<!-->", "<script><!--<script></script>"]
)
TAG = st.one_of(*[st.builds(str.format, FORMS, TAGS)] * 9, MORE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TAG, min_size=1, max_size=12).map("".join))
def test_never_far_under_the_depth_of_the_tree(unit: str) -> None:
    """The depth of the tree is measured from half the greatest on: rows and paragraphs may be implied."""
    html = unit * 30
    assert 2 * opened(html) + 10 >= depth(html)


# a, button, nobr and select end the one before
ELEMENTS = ["div", "article", "span", "b", "i", "font", "ol", "ul", "menu", "blockquote", "section", "x-y",
            "svg", "math", "object", "ruby", "fieldset", "details", "optgroup",
            "ol><li", "ul><li", "dl><dd", "table><td", "table><tr><td", "li><ul"]  # fmt: skip


@pytest.mark.parametrize("element", ELEMENTS)
def test_depth_counts_every_element(element: str) -> None:
    """A page that needs a tree is refused; one that does not is read."""
    formula = "<math><mi>x</mi></math>"
    page = f"<p>{formula}</p>" + f"<{element}>{formula}" * (MAX_DEPTH + 1)
    with pytest.raises(PageError, match=r"^nested too deep$"):
        extract(page)
    assert extract(f"<p>{formula}</p>" + f"<{element}>{formula}" * 20).text
    if element != "math":
        deep = extract("<p>Text \\(x\\)</p>" + f"<{element}>\\(x\\)" * (3 * MAX_DEPTH))
        assert deep.text.startswith("Text $x$")


def test_long_pages_without_closing_tags_stay() -> None:
    for unit in ("<p>a <b>b</b>", "<li>a", "<dt>a<dd>b", "<br>a", "<p>a<img src=x>"):
        assert extract(unit * 2_000).text.count("a") == 2_000
    assert extract("<table>" + "<tr><td>a<td>b" * 2_000).text.count("a") == 2_000


def fill(text: str) -> str:
    """The text again and again, a megabyte of it."""
    return text * (1_000_000 // len(text))


def unlike(form: str, n: int) -> str:
    return "".join(form.format(i) for i in range(n))


def ascii_math(text: str) -> str:
    return f"<p>a</p><script type='math/asciimath'>{text}</script>"


PAGES = {  # made when they are needed
    "ordered lists": lambda: fill("<ol><li>a"),
    "lists with formulas": lambda: fill("<ul><li>$x^2$"),
    "lists alone": lambda: fill("<ul>"),
    "items in a list in a list": lambda: "<ol>" * 290 + "<li>a" * 190_000,
    "lines in a list in a list": lambda: "<ol>" * 290 + "<li>" + "a<br>" * 190_000,
    "closed lists": lambda: fill("<ol><li>a" * 290 + "</ol>" * 290),
    "unlike inline elements": lambda: unlike("<em a={}>x", 70_000),
    "inline elements and paragraphs": lambda: unlike("<i a={}>", 250) + "<p>x" * 240_000,
    "fonts": lambda: unlike("<font size={}>", 3_000) + "<p>x" * 3_000,
    "every inline element": lambda: "<b><i><s><u><tt><em><big>" * 3 + "<p>x" * 240_000,
    "one long inline element": lambda: f"<b a='{'x' * 300_000}'>" + "<p>x" * 100_000,
    "closing tags that match nothing": lambda: "<span>" * 80_000 + "</b>" * 120_000,
    "lists and closing tags": lambda: fill("<ol><li>a</x>"),
    "attributes": lambda: f"<div {unlike('a{}=b ', 100_000)}>x",
    "attributes that hold tags": lambda: "<div " + unlike("<a{}='>' ", 70_000) + ">x",
    "groups of options": lambda: "<select>" + "<optgroup><option>x" * 50_000,
    "nested formulas": lambda: "<math>" * 140 + "<mspace>" * 100_000,
    "marked text": lambda: "<span class=math>" * 140 + "<i>x</i>" * 100_000,
    "AsciiMath": lambda: ascii_math("x+" * 400_000),
    "AsciiMath words": lambda: ascii_math("abcdefgh" * 100_000),
    "closing brackets": lambda: ascii_math(")" * 1_200),
    "wide tables": lambda: "<table>" + "<tr><td colspan=1000 rowspan=65000>x" * 27_000,
    "paragraphs": lambda: fill("<p>x"),
}


def costs() -> dict[str, list]:
    """Of each page: its text's size over its own, and CPU seconds. The process may grow by a gigabyte, not more."""
    import resource

    extract("<p>a</p>" * 200)  # compiles
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    out = {}
    for name, make in PAGES.items():
        page, start = make(), time.process_time()
        try:
            size = len(extract(page).text) / len(page)
        except PageError as err:
            size = repr(err.__cause__) if err.__cause__ else 0
        out[name] = [size, time.process_time() - start]
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, limits the address space")
def test_no_page_of_a_megabyte_takes_a_gigabyte_or_five_seconds() -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    child = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=300, env=env
    )
    assert child.returncode == 0, child.stderr[-2_000:]
    found = json.loads(child.stdout)
    assert found.keys() == PAGES.keys()
    assert not {k: v for k, v in found.items() if isinstance(v[0], str) or v[0] > 2 or v[1] > 5}


if __name__ == "__main__":
    print(json.dumps(costs()))


def test_a_slash_in_a_bare_value_closes_nothing() -> None:
    """``<g class=a/>`` opens an element; ``<g class="a"/>`` is one that holds nothing."""
    inside = [outline(f"<g class={v}/>x</g>".encode()).pieces[0, 2] for v in ("a", '"a"')]
    assert inside == [1, 0]
