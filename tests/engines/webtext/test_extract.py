"""Formulas of every mark-up exactly once, money stays money, hostile pages stay bounded (corpus.md B.3)."""

import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.base.records import Page
from dsmath_lib.engines.webtext import asciimath, delimiters, marks, mathml
from dsmath_lib.engines.webtext.delimiters import MAX_FORMULA, Scanner, page_delimiters
from dsmath_lib.engines.webtext.marks import Marks, mark_text
from dsmath_lib.engines.webtext.pages import PageError, documents, extract

MATHML = "<mrow><msup><mi>x</mi><mn>2</mn></msup></mrow>"
NOTE = '<annotation encoding="application/x-tex">{\\displaystyle x^2}</annotation>'
SEMANTIC = f"<semantics>{MATHML}{NOTE}</semantics>"
CONFIG = (
    '<script type="text/x-mathjax-config">MathJax.Hub.Config({tex2jax: {inlineMath: '
    "[['$','$'], ['\\\\(','\\\\)']], processEscapes: true}});</script>"
)
IMG = "latex.codecogs.com/gif.latex?\\inline&space;x%5E2"

# name -> (HTML of the formula, its text); the page around it is "Let … be."
INLINE = {
    "M1 script": ('<script type="math/tex">x^2</script>', "$x^2$"),
    "M1 CDATA": ('<script type="math/tex">% <![CDATA[\nx^2 %]]></script>', "$x^2$"),
    "M3 asciimath script": ('<script type="math/asciimath">x^2</script>', "$x^{2}$"),
    "M4 annotation": (f"<math>{SEMANTIC}</math>", "$x^2$"),
    "M4 prefix": (
        f"<mml:math>{SEMANTIC.replace('<m', '<mml:m').replace('</m', '</mml:m')}</mml:math>",
        "$x^2$",
    ),
    "M5 alttext": (f'<math alttext="x^2">{MATHML}</math>', "$x^2$"),
    "M6 bare": (f"<math>{MATHML}</math>", "$x^2$"),
    "M6 assistive": (
        f'<mjx-container jax="CHTML"><mjx-math aria-hidden="true"><mjx-c></mjx-c>x2</mjx-math>'
        f"<mjx-assistive-mml><math>{MATHML}</math></mjx-assistive-mml></mjx-container>",
        "$x^2$",
    ),
    "M7 KaTeX": (
        f'<span class="katex"><span class="katex-mathml"><math>{SEMANTIC}</math></span>'
        '<span class="katex-html" aria-hidden="true"><span class="base">x2</span></span></span>',
        "$x^2$",
    ),
    "M8 Wikipedia": (
        f'<span class="mwe-math-element"><span style="display: none;"><math>{SEMANTIC}</math></span>'
        '<img src="x.svg" class="mwe-math-fallback-image-inline" alt="{\\displaystyle x^2}"></span>',
        "$x^2$",
    ),
    "M9 preview": (
        '<span class="MathJax_Preview">x2</span><span class="MathJax" id="e"><span>x2</span></span>'
        '<script type="math/tex">x^2</script>',
        "$x^2$",
    ),
    "M10 aria-label": (
        '<span class="mjpage"><span class="mjx-chtml"><span class="mjx-math" aria-label="x^2">'
        '<span aria-hidden="true">x2</span></span></span></span>',
        "$x^2$",
    ),
    "M11 latex.php": (
        '<img src="https://s.wp.com/latex.php?latex=x%5E2&bg=ffffff" alt="x^2" class="latex">',
        "$x^2$",
    ),
    "M11 latex.php without alt": ('<img src="/latex.php?latex=x%5E2+%2B+1&bg=fff">', "$x^2 + 1$"),
    "M11 codecogs": (f'<img src="https://{IMG}">', "$x^2$"),
    "M11 mathtex": ('<img src="/cgi-bin/mathtex.cgi?x^2+1">', "$x^2+1$"),
    "M11 alt": ('<img class="tex" src="f.png" alt="x^2">', "$x^2$"),
    "M12 paren": ("\\(x^2\\)", "$x^2$"),
    "M12 tag": ("[tex]x^2[/tex]", "$x^2$"),
    "M12 escaped": ("&lt;math&gt;x^2&lt;/math&gt;", "$x^2$"),
    "M12 less": ("\\(a &lt; b\\)", "$a < b$"),
    "M14 wp-katex": ('<span class="wp-katex-eq" data-display="false">x^2</span>', "$x^2$"),
    "M14 Khan": ('<span class="tex" data-expr="x^2">x2</span>', "$x^2$"),
    "M15 Distill": ("<d-math>x^2</d-math>", "$x^2$"),
    "M15 old Distill": ("<dt-math>x^2</dt-math>", "$x^2$"),
    "M15 Socratic": ("<mathjax>#x^2#</mathjax>", "$x^2$"),
    "M15 Sphinx": ('<span class="math notranslate nohighlight">\\(x^2\\)</span>', "$x^2$"),
    "M16 texhtml": ('<span class="texhtml"><i>x</i><sup>2</sup></span>', "$x^{2}$"),
    "M17 data-latex": ('<span data-latex="x^2">x2</span>', "$x^2$"),
    "M17 Quill": ('<span class="ql-formula" data-value="x^2">x2</span>', "$x^2$"),
    "M17 Zhihu": ('<img src="https://www.zhihu.com/equation?tex=x%5E2" alt="x^2">', "$x^2$"),
}
DISPLAY = {
    "M2 script": '<script type="math/tex; mode=display">x^2</script>',
    "M4 block": f'<math display="block">{SEMANTIC}</math>',
    "M7 KaTeX": f'<span class="katex-display"><span class="katex"><math>{SEMANTIC}</math></span></span>',
    "M9 rendered": '<div class="MathJax_Display"><span class="MathJax">x2</span></div>'
    '<script type="math/tex">x^2</script>',
    "M10 block": '<span class="mjx-chtml MJXc-display"><span class="mjx-math" aria-label="x^2">x2</span></span>',
    "M12 dollars": "$$x^2$$",
    "M12 brackets": "\\[x^2\\]",
    "M12 over br": "\\[<br>x^2<br>\\]",
    "M15 Distill": '<d-math block="">x^2</d-math>',
    "M15 pandoc": '<span class="math display">\\[x^2\\]</span>',
}


@pytest.mark.parametrize("name", INLINE)
def test_inline_formula_once(name: str) -> None:
    html, formula = INLINE[name]
    got = extract(f"<html><body><p>Let {html} be.</p></body></html>")
    assert got.text == f"Let {formula} be."
    assert (got.found, got.kept) == (1, 1)


@pytest.mark.parametrize("name", DISPLAY)
def test_display_formula_in_its_own_paragraph(name: str) -> None:
    got = extract(f"<html><body><p>Let {DISPLAY[name]} be.</p></body></html>")
    assert got.text.split("\n\n") == ["Let", "$$x^2$$", "be."]


def test_m13_environment() -> None:
    got = extract("<p>So \\begin{align} a &amp;= b \\\\ c &amp;= d \\end{align} holds.</p>")
    assert "$$\\begin{align} a &= b \\\\ c &= d \\end{align}$$" in got.text and got.kept == 1


def test_m3_backticks_need_nothing_here() -> None:
    """AsciiMath between backticks is not read as a formula: code stands between backticks far more often."""
    assert extract("<p>Run `x^2` now.</p>").found == 0


def test_m16_scripts_outside_formulas() -> None:
    got = extract(
        '<p>The area is r<sup>2</sup> and H<sub>2</sub>O, the 1<sup>st</sup><sup><a href="#n">3</a></sup>.</p>'
    )
    assert (
        "r^{2}" in got.text
        and "H_{2}O" in got.text
        and "^{st}" not in got.text
        and "^{3}" not in got.text
    )


def test_dollars_only_where_declared_or_tex() -> None:
    money = "<p>It costs $5 and $7, or $1.50-$2 (about $3K to $4K).</p>"
    assert extract(money).found == 0
    assert extract(CONFIG + money).found == 0  # "5 and " would be bad TeX even there
    assert extract(CONFIG + "<p>Let $n$ be.</p>").text == "Let $n$ be."
    assert extract("<p>Let $n$ be.</p>").found == 0
    assert extract("<p>Let $x_1 = 2$ be.</p>").found == 1
    assert extract("<p>Let $n$ be.</p>", "https://math.stackexchange.com/q/1").found == 1


def test_page_configuration_with_javascript_syntax() -> None:
    v3 = "window.MathJax = {tex: {inlineMath: [['$', '$'], [\"@@\", \"@@\"]], packages: ['a', 'b']}};"
    left = {d.left for d in page_delimiters([v3]) if d.declared}
    assert {"$", "@@"} <= left and "a" not in left
    katex = 'renderMathInElement(document.body, {delimiters: [{left: "$", right: "$", display: false}]})'
    assert next(d for d in page_delimiters([katex]) if d.left == "$").declared
    assert not next(d for d in page_delimiters(["jQuery('$')"]) if d.left == "$").declared


@pytest.mark.parametrize("tag", ["pre", "code", "textarea"])
def test_skipped_elements(tag: str) -> None:
    assert extract(f"<p>Text</p><{tag}>\\(x^2\\) $$y^2$$</{tag}>").found == 0
    assert extract('<p>T</p><p class="tex2jax_ignore">\\(x^2\\)</p>').found == 0


def test_hidden_answer_and_template_and_figure_are_kept() -> None:
    hidden = '<p>Q</p><div style="display:none"><p>Long answer <script type="math/tex">x^2</script> here.</p></div>'
    assert "$x^2$ here" in extract(hidden).text
    assert "$x^2$" in extract("<p>A</p><template><p>\\(x^2\\)</p></template>").text
    figure = (
        "<article><p>Text here</p><figure><figcaption>See \\(x^2\\)</figcaption></figure></article>"
    )
    assert "$x^2$" in extract(figure).text


def test_a_page_keeps_the_number_of_formulas() -> None:
    html = "".join(f"<p>Let \\(x_{i}\\) be \\[y_{i}\\]</p>" for i in range(50))
    got = extract(f"<html><body>{html}</body></html>")
    assert got.kept == 100
    for i in range(50):
        assert got.text.count(f"$x_{i}$") == 1 and got.text.count(f"$$y_{i}$$") == 1


def test_marks_of_a_hostile_page_are_not_ours() -> None:
    got = extract("<p>\ue0000\ue001 \ue00099\ue001 Let \\(x^2\\) be.</p>")
    assert got.text.count("x^2") == 1 and "\ue000" not in got.text


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 10_000 + "x",
        "<div>" * 10_000 + "x" + "</div>" * 10_000,
        "<" * 900_000,
        "<math><mrow>" * 3_000,
        "\\(" * 200_000,
        "$$ " * 200_000,
        "\\begin{align}" * 30_000,
        "a\0b<p>\0\\(x^2\\)</p>",
        "<p>text</p><math><mi>x",
        "<p>cut <script type='math/tex'>x",
        "<p>" + "<img src='latex.php?latex=%'>" * 2000,
        "<frameset><frame src=x></frameset>",
        "",
    ],
    ids=range(13),
)
def test_hostile_pages_are_bounded(html: str) -> None:
    start = time.process_time()
    try:
        extract(html)
    except PageError:
        pass
    assert time.process_time() - start < 5


def test_ten_megabytes_are_refused_at_once() -> None:
    counts: Counter = Counter()
    pages = [Page("u", "<" * 10_000_000), Page("v", "<p>ok</p>")]
    assert [d.url for d in documents(pages, counts, max_chars=10**6)] == ["v"]
    assert counts["page: over the size bound"] == 1


WORK = {  # pages of openers: bodies that are refused again and again, or that never close
    "dollars": "$",
    "pairs of dollars": "$$ ",
    "openers": "\\(",
    "openers and one closer far away": "\\[word ",
    "environments": "\\begin{align}",
    "refused bodies": "\\(some words " * 500 + "\\)",
    "over breaks": "\\[<br>",
    "dollars with words": "$ it costs ",
}


@pytest.mark.parametrize("name", WORK)
def test_work_of_the_scanner_is_bounded(name: str, monkeypatch) -> None:
    """Characters looked at, not seconds: linear in the page, and never more than the bound and one last body."""
    most, work, sizes = 2_000_000, [], (40_000, 80_000, 1_000_000)
    for module in (delimiters, marks):
        monkeypatch.setattr(module, "MAX_WORK", most)
    for size in sizes:
        page = (WORK[name] * (size // len(WORK[name]) + 1))[:size] + "\\] \\)"
        scanner = Scanner(page_delimiters(()))
        mark_text(page, scanner, Marks())
        work.append(scanner.work)
    small, double, large = work
    assert 0 < double <= 2.1 * small + MAX_FORMULA
    assert large <= most + 2 * sizes[-1] + MAX_FORMULA


@given(st.text(alphabet="<>/\\()[]{}$&;pmathbrscit=\"' \n^_x1中\0", max_size=300))
def test_any_text_is_extracted_or_refused(text: str) -> None:
    try:
        got = extract(f"<p>{text}</p>")
    except PageError:
        return
    assert got.kept <= got.found


@given(st.text(alphabet="\\()[]{}$ab =x^_1\n", max_size=200))
def test_scanner_spans_do_not_overlap(text: str) -> None:
    found = Scanner(page_delimiters(())).find(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(f.latex in text[f.start : f.end] for f in found)


def test_mathml_structures() -> None:
    from selectolax.lexbor import LexborHTMLParser

    def latex(x: str) -> str:
        return mathml.mathml_to_latex(LexborHTMLParser(f"<math>{x}</math>").css_first("math"))

    assert latex("<mfrac><mn>1</mn><mi>n</mi></mfrac>") == r"\frac{1}{n}"
    assert latex("<mroot><mi>x</mi><mn>3</mn></mroot>") == r"\sqrt[3]{x}"
    assert latex("<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover>") == r"\sum_i^n"
    assert latex("<mover><mi>v</mi><mo>→</mo></mover>") == r"\vec{v}"
    assert latex("<mfenced><mi>a</mi><mi>b</mi></mfenced>") == "(a,b)"
    assert latex('<mfrac linethickness="0"><mi>n</mi><mi>k</mi></mfrac>') == r"{n \atop k}"
    assert (
        latex("<mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr></mtable>")
        == r"\begin{matrix}1 & 2\end{matrix}"
    )
    assert latex("<mi>α</mi><mo>≤</mo><mtext>so it is</mtext>") == r"\alpha \le \text{so it is}"


def test_asciimath() -> None:
    assert asciimath.asciimath_to_latex("sum_(i=1)^n i^2/2") == r"\sum_{i = 1}^{n} \frac{i^{2}}{2}"
    assert asciimath.asciimath_to_latex("sqrt(a+b)/c") == r"\frac{\sqrt{a + b}}{c}"
    asciimath.asciimath_to_latex(")" * 50 + "(" * 5000)  # unbalanced and deep: no error
