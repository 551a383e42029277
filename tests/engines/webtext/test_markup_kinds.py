"""Mark-up of formulas that field reports found unread, read flat or read twice; siblings of each."""

import pytest

from dsmath_lib.base.records import Page
from dsmath_lib.engines.webtext.pages import documents, extract

AM = '<script src="/MathJax.js?config={}"></script>'


def text_of(html: str) -> str:
    return extract(f"<html><body><p>{html}</p></body></html>").text


def math(inner: str) -> str:
    return f"<math>{inner}</math>"


LATEX = {
    r"{}_{6}^{14}C": "<mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>",
    r"T_{i}^{j}": "<mmultiscripts><mi>T</mi><mi>i</mi><mi>j</mi></mmultiscripts>",
    r"R_{i}{}^{j}": "<mmultiscripts><mi>R</mi><mi>i</mi><none/><none/><mi>j</mi></mmultiscripts>",
    r"{}^{2}x^{3}": "<mmultiscripts><mi>x</mi><none/><mn>3</mn><mprescripts/><none/><mn>2</mn></mmultiscripts>",
    r"x=3\quad 4=y": "<mi>x</mi><mo>=</mo><mn>3</mn><mspace linebreak='newline'/><mn>4</mn><mo>=</mo><mi>y</mi>",
    r"3\, 4": "<mn>3</mn><mspace width='0.2em'/><mn>4</mn>",
    "34": "<mn>3</mn><mspace width='0'/><mn>4</mn>",
    r"\cancel{x}+1": "<menclose notation='updiagonalstrike'><mi>x</mi></menclose><mo>+</mo><mn>1</mn>",
    r"\boxed{7}": "<menclose notation='box'><mn>7</mn></menclose>",
}


@pytest.mark.parametrize("latex", LATEX)
def test_presentation_mathml(latex: str) -> None:
    assert text_of(f"So {math(LATEX[latex])} holds.") == f"So ${latex}$ holds."


UNKNOWN = {
    "content": "<apply><plus/><ci>x</ci><cn>2</cn></apply>",
    "a stack": "<mstack><mn>12</mn><mn>5</mn><msline/><mn>17</mn></mstack>",
    "long division": "<mlongdiv><mn>3</mn><mn>12</mn></mlongdiv>",
    "an enclosure": "<menclose notation='phasorangle'><mn>3</mn></menclose>",
    "of tomorrow": "<mrow><mn>1</mn><mfuture><mn>2</mn></mfuture></mrow>",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_mathml_is_counted_and_never_flat(name: str) -> None:
    from collections import Counter

    counts: Counter = Counter()
    html = f"<p>Look at {math(UNKNOWN[name])} and {math('<mi>y</mi>')} here.</p>"
    (doc,) = documents([Page("http://a.example/1", html)], counts, max_chars=10_000)
    assert doc.text == "Look at and $y$ here." and counts["formulas not read"] == 1


SQUARE = "<msup><mi>x</mi><mn>2</mn></msup>"
ONCE = {
    "script": f'<script type="math/mml">{math(SQUARE)}</script>',
    "script with a prefix": '<script type="math/mml"><mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn>'
    "</mml:msup></mml:math></script>",
    "script and its picture": '<span class="MathJax_Preview">x2</span><span class="MathJax_CHTML"><span>x</span>2'
    f'</span><script type="math/mml">{math(SQUARE)}</script>',
    "script and assistive MathML": f'<span class="MathJax"><span class="MJX_Assistive_MathML">{math(SQUARE)}</span>'
    f'</span><script type="math/mml">{math(SQUARE)}</script>',
    "attribute": "<span class='mjx-chtml MathJax_CHTML' data-mathml='"
    + math(SQUARE).replace("<", "&lt;")
    + "'><span class='mjx-char'>x</span><span class='mjx-char'>2</span></span>",
    "attribute and assistive MathML": "<span class='MathJax' data-mathml='"
    + math(SQUARE).replace("<", "&lt;")
    + f"'><span>x2</span><span class='MJX_Assistive_MathML'>{math(SQUARE)}</span></span>",
    "attribute and script": "<span class='MathJax_SVG' data-mathml='"
    + math(SQUARE).replace("<", "&lt;")
    + "'><svg></svg></span><script type='math/tex'>x^2</script>",
}  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_other_homes_of_mathml_give_the_formula_once(name: str) -> None:
    got = extract(f"<p>Take {ONCE[name]} here.</p>")
    assert got.text == "Take $x^2$ here." and got.kept == 1


ASCII = {
    "`sqrt(x+1)/2 = 5`": r"$\frac{\sqrt{x+1}}{2} = 5$",
    "`x^2`": "$x^{2}$",
    "`alpha`": r"$\alpha$",
    "`sum_(i=1)^n i`": r"$\sum_{i = 1}^{n} i$",
}


@pytest.mark.parametrize("source", ASCII)
@pytest.mark.parametrize(
    "config",
    ["AM_CHTML", "TeX-MML-AM_CHTML", "AM_HTMLorMML-full", "TeX-AMS_HTML,input/AsciiMath"],
)
def test_asciimath_between_backticks(source: str, config: str) -> None:
    got = extract(AM.format(config) + f"<p>Solve {source} for the unknown.</p>")
    assert got.found == 1
    assert got.text.replace(" ", "") == f"Solve{ASCII[source]}fortheunknown.".replace(" ", "")


@pytest.mark.parametrize(
    "html",
    [
        "<p>Run `x^2` now.</p>",  # loads nothing
        AM.format("AM_CHTML") + "<p>Run `make install` now.</p>",
        AM.format("AM_CHTML") + "<pre>`x^2`</pre><p>Text</p>",
        AM.format("AM_CHTML") + "<p>a ` alone</p>",
        AM.format("TeX-AMS_CHTML") + "<p>Run `x^2` now.</p>",
    ],
)
def test_backticks_that_hold_no_formula(html: str) -> None:
    assert extract(html).found == 0


def test_ruby_stands_inside_of_words() -> None:
    page = "<p><ruby>法律<rp>(</rp><rt>ほうりつ</rt><rp>)</rp></ruby>では<ruby>親<rt>おや</rt></ruby>が子を叱る。</p>"
    assert extract(page).text == "法律では親が子を叱る。"
    assert (
        extract("<p>one<button>x</button>two</p>").text == "one two"
    )  # what is no reading parts words


def test_footnotes_in_brackets_are_no_powers() -> None:
    page = "<p>获得奖项<sup>[1-2]</sup>，面积为 x<sup>2</sup> 且 a<sub>[n]</sub><sup>[3, 4]</sup>。</p>"
    assert extract(page).text == "获得奖项[1-2]，面积为 x^{2} 且 a_{[n]}[3, 4]。"


def test_empty_items_leave_no_points() -> None:
    line = "Line {} of a paste has words enough to be read as prose, and it ends with a stop."
    first, last = line.format(1), line.format(2)
    items = "".join(f"<li><div>{x}</div></li>" for x in (first, "&nbsp;", "&#xA0;", last))
    assert extract(f"<ol>{items}</ol>").text.split("\n") == [f"• {first}", f"• {last}"]


def test_the_items_of_a_list_stay_together() -> None:
    """A link among items of prose is one of them; a list of links is a menu."""
    asked = [
        "Is it a planned purchase?",
        '<a href="/w">Where am I going to put it</a>?',
        "Is it in my budget?",
    ]
    items = "".join(f"<li>{x}</li>" for x in asked)
    prose = "<p>The test should be yours, and you answer all of its questions before you buy anything at all.</p>"
    got = extract(f"{prose}<ul>{items}</ul>{prose}").text
    assert "• Where am I going to put it?\n• Is it in my budget?" in got
    links = "".join(
        f'<li><a href="/{i}">Another page of this site, number {i}</a></li>' for i in range(4)
    )
    assert "number 2" not in extract(f"{prose}<ul>{links}</ul>{prose}").text
