"""What other extractors and decontamination tools get wrong (corpus.md B.3 and C.2), beside the files of each step."""

from collections import Counter

import pytest

from dsmath_lib.base.records import Document, Page
from dsmath_lib.base.text import grams
from dsmath_lib.corpus.decontaminate import (
    BenchmarkText,
    Report,
    build_index,
    decontaminate,
    find_hits,
)
from dsmath_lib.crawl.read_pages import decode
from dsmath_lib.engines.webtext.asciimath import asciimath_to_latex
from dsmath_lib.engines.webtext.pages import documents, extract

NOTE = '<math><semantics><mi>x</mi><annotation encoding="application/x-tex">{}</annotation></semantics></math>'


def inline(markup: str) -> str:
    return extract(f"<html><body><p>Let {markup} be.</p></body></html>").text


@pytest.mark.parametrize(
    ("latex", "want"),
    [
        (r"{\displaystyle {\textstyle x^2}}", "x^2"),
        (r"\textcolor{red}x + \color{blue}y", "x + y"),
        ("a &lt; b", "a < b"),
        ("a &amp; b", "a & b"),
        (r"\text{&amp;lt;}", r"\text{&lt;}"),  # unescaped once
    ],
)
def test_wrappers_go_and_entities_are_read_once(latex: str, want: str) -> None:
    assert inline(NOTE.format(latex)) == f"Let ${want}$ be."


def test_entities_of_delimiters() -> None:
    assert inline("&#92;(x^2&#92;)") == "Let $x^2$ be."
    assert inline("&#36;&#36;x^2&#36;&#36;").split() == ["Let", "$$x^2$$", "be."]


def test_plus_signs_of_image_formulas() -> None:
    """In an address of latex.php ``+`` is a space; in an alternative text it is a plus."""
    assert (
        inline('<img class="latex" src="/latex.php?latex=a%5E2+b" alt="a^2+b">')
        == "Let $a^2+b$ be."
    )
    assert inline('<img src="/latex.php?latex=a%5E2+b">') == "Let $a^2 b$ be."


def test_formulas_in_nested_tables() -> None:
    cell = f"<table><tr><td>a {NOTE.format('x^2')}</td></tr></table>"
    text = inline(f"<table><tr><td>{cell}</td><td>{NOTE.format('y^3')}</td></tr></table>")
    assert text.count("$x^2$") == 1 and text.count("$y^3$") == 1


@pytest.mark.parametrize("tag", ["pre", "code", "textarea", "script", "style"])
def test_code_holds_no_formulas(tag: str) -> None:
    got = extract(f"<p>Some text.</p><{tag}>\\(x^2\\) $$y^2$$ [tex]z[/tex]</{tag}>")
    assert got.found == 0


@pytest.mark.parametrize(
    "page",
    [
        "Let \\(x^2\\) be.",  # no element at all
        "<html><head><title>t</title></head>Let \\(x^2\\) be.",
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd">'
        '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>Let \\(x^2\\) be.</p></body></html>',
        '<p>Let <math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math> be.</p>',
        "<p>Let <m:math xmlns:m='x'><m:msup><m:mi>x</m:mi><m:mn>2</m:mn></m:msup></m:math> be.</p>",
    ],
)
def test_odd_documents(page: str) -> None:
    assert extract(page).text == "Let $x^2$ be."


def test_many_links_and_large_pages() -> None:
    links = "<p>" + "".join(f'<a href="/{i}">link {i}</a> ' for i in range(3_500)) + "</p>"
    assert "$x^2$" in extract(f"<p>Let \\(x^2\\) be.</p>{links}").text
    long = "<p>" + "Some words of a long page. " * 36_000 + "</p><p>Let \\(x^2\\) be.</p>"
    assert 970_000 < len(long) < 1_000_000 and extract(long).kept == 1


def test_wrong_charset_is_mended() -> None:
    data = '<meta charset="iso-8859-1"><p>Für \\(x^2\\) gilt é.</p>'.encode()
    assert extract(decode(data, "latin-1")).text == "Für $x^2$ gilt é."


def test_pages_full_of_braces_and_symbols_stay() -> None:
    """C4 drops pages with a brace, Gopher those with many symbols: that takes away mathematics."""
    lines = "".join(f"<p>\\[\\sum_{{i={i}}}^{{n}} \\frac{{1}}{{i}}\\]</p>" for i in range(30))
    assert extract(f"<html><body>{lines}</body></html>").kept == 30


# -- decontamination -------------------------------------------------------------------------------------------------
QUESTION = (
    "What is the first year in which the two clubs have more than one hundred members together"
)
ANSWER = "They grow by twelve and by nine members each year so the answer is the year 2031"


def items(*texts: str, n: int = 10):
    return build_index([BenchmarkText("b", str(i), t) for i, t in enumerate(texts)], n=n)


def test_a_question_is_found_without_its_answer_and_in_any_prompt() -> None:
    index = items(QUESTION, ANSWER)
    for page in (
        f"Q: {QUESTION}? A: 2031",
        f"{QUESTION} {ANSWER}",
        f"Solution. {ANSWER}",
        f"{ANSWER}\n\n{QUESTION}",
    ):
        assert find_hits(grams(page), index), page
    # a run that exists only because question and answer were joined is no part of the index
    joined = f"{' '.join(QUESTION.split()[-5:])} {' '.join(ANSWER.split()[:5])}"
    assert not find_hits(grams(joined), index)


def test_a_gram_of_several_items_hits_all_of_them() -> None:
    """datatrove keeps the last item of a gram only."""
    index = items(QUESTION, f"Say: {QUESTION}, please")
    report = Report()
    list(decontaminate([Document("u", QUESTION)], index, report))
    assert report.items_hit["b"] == {"0", "1"}


def test_ligatures_and_compatibility_forms() -> None:
    text = "The ﬁrst ﬂight of the ﬁve oﬃcers took ① hour and ½ of the fuel was left"
    plain = "The first flight of the five officers took 1 hour and 1⁄2 of the fuel was left"
    assert grams(text) == grams(plain) and find_hits(grams(plain), items(text))


# -- pages that fail -------------------------------------------------------------------------------------------------
ROOT_CLASSES = [
    "texhtml",
    "math notranslate",
    "wp-katex-eq",
    "ql-formula",
    "tex",
    "mjx-math",
    "katex",
    "MathJax",
]


@pytest.mark.parametrize("tag", ["html", "body"])
@pytest.mark.parametrize("name", ROOT_CLASSES)
def test_a_page_is_no_formula(tag: str, name: str) -> None:
    """The classes of formulas on the elements that hold the page."""
    page = f"<{tag} class='{name}' aria-label=y data-expr=z data-latex=w><p>Let \\(x^2\\) be.</p>"
    assert extract(page).text == "Let $x^2$ be."
    alone = f"<{tag} class='{name}'><span class=texhtml>x</span><p>Some text.</p>"
    assert extract(alone).text.split() == ["$x$", "Some", "text."]


@pytest.mark.parametrize(
    ("source", "want"),
    [
        (")" * 3, ") ) )"),
        ("x)+)y", "x ) + ) y"),
        ("x/2)", r"\frac{x}{2} )"),
        ("(x", "(x"),
        ("", ""),
        ("xsin x", r"x \sin x"),
    ],
)
def test_brackets_of_ascii_math_that_match_nothing(source: str, want: str) -> None:
    assert asciimath_to_latex(source) == want


def test_ascii_math_of_any_length_and_depth() -> None:
    for source in (")" * 100_000, "(" * 100_000, "sqrt" * 20_000, "x/" * 50_000, "x^" * 50_000):
        assert asciimath_to_latex(source)


def test_an_error_on_a_page_loses_that_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(html: str, *_: object) -> str:
        if "bad" in html:
            raise IndexError("of a library")
        if "full" in html:
            raise MemoryError
        return html

    monkeypatch.setattr("dsmath_lib.engines.webtext.pages.mark_text", broken)
    pages = [Page(str(i), f"<p>\\(x\\) {word}") for i, word in enumerate(("a", "bad", "b"))]
    counts: Counter = Counter()
    assert [d.url for d in documents(pages, counts, max_chars=1_000)] == ["0", "2"]
    assert counts["page: IndexError in it"] == 1 and counts["pages extracted"] == 2
    with pytest.raises(MemoryError):  # not the page's fault: the shard is tried again
        list(documents([Page("u", "<p>\\(x\\) full")], counts, max_chars=1_000))
