"""Formulas of the real pages, per group of mark-up (corpus.md B.2), traps, and pages that fuzzing makes."""

import importlib.util
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from dsmath_lib.base.paths import ROOT
from dsmath_lib.base.record_files import Part
from dsmath_lib.crawl import read_pages as reading
from dsmath_lib.engines.webtext.pages import PageError, extract


def _truth():
    """``bench/corpus/truth.py``: the formulas of a page's source, read without the code under test."""
    spec = importlib.util.spec_from_file_location("truth", ROOT / "bench" / "corpus" / "truth.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["truth"] = module
    spec.loader.exec_module(module)
    return module


truth = _truth()
FEWEST = {  # formulas of a group on the pages of html/math, at least
    "x-tex annotation": 300, "d-math": 500, "mjx aria-label": 700, r"\(..\)": 350, r"\[..\]": 40,
    "$$..$$": 50, "$..$": 350, r"\begin{..}": 25, "MathML": 30, "texhtml": 70,
}  # fmt: skip


@pytest.fixture(scope="module")
def math_pages(data_dir: Path) -> list:
    """(source, what came out) of every real page with mathematics."""
    urls = {"mathse": "https://math.stackexchange.com/q", "mathoverflow": "https://mathoverflow.net/q",
            "physicsse": "https://physics.stackexchange.com/q",
            "worldbuildingse": "https://worldbuilding.stackexchange.com/q"}  # fmt: skip
    pages = truth.pages(data_dir / "web" / "html", "math")
    return [(p, extract(p.html, urls.get(p.name.split("-")[0], ""))) for p in pages]


@pytest.mark.parametrize("group", truth.GROUPS)
def test_formula_survival_on_real_pages(math_pages: list, group: str) -> None:
    """At least 99 % of a group's formulas stand in the text between dollar signs, each as often as in the source."""
    want = kept = 0
    for page, got in math_pages:
        n, found = truth.survival(page, got.text).get(group, (0, 0))
        want, kept = want + n, kept + found
    assert want >= FEWEST[group] and kept >= 0.99 * want, (kept, want)


def test_no_formula_twice_and_none_too_many(math_pages: list) -> None:
    twice = {p.name: t for p, got in math_pages if (t := truth.twice(p, got.text))}
    assert not twice
    # where every formula has its LaTeX in the source, the marks can be counted against it
    over = {p.name: (got.kept, p.n) for p, got in math_pages if not p.parts and got.kept > p.n}
    assert not over


def test_the_check_sees_a_second_copy() -> None:
    page = truth.read("p", "<p>Let \\(x^2\\) be.</p><math><mi>y</mi><mn>3</mn></math>")
    assert not truth.twice(page, "Let $x^2$ be. $y3$")
    assert truth.twice(page, "Let $x^2$ be $x^2$.") == {"x^2": 1}
    assert truth.twice(page, "Let $y 3$ be $y_3$.") == {"y3": 1}
    assert truth.survival(page, "Let x^2 be. $y_3$") == {r"\(..\)": (1, 0), "MathML": (1, 1)}


def test_near_duplicates_keep_their_formulas(data_dir: Path) -> None:
    """A textbook of 5,000 formulas: every sixth page here, the whole in ``bench/corpus/quality.py``."""
    total: Counter = Counter()
    for page in list(truth.pages(data_dir / "web" / "html", "neardup"))[::6]:
        text = extract(page.html).text
        assert not truth.twice(page, text)
        for n, kept in truth.survival(page, text).values():
            total.update(want=n, kept=kept)
    assert total["want"] > 500 and total["kept"] >= 0.99 * total["want"]


def test_lists_and_headings_with_formulas_are_content() -> None:
    """A short list is no menu if it holds formulas outside of links; a title may be a link."""
    html = "<p>We know this.</p><ul><li>Both \\(X\\) and \\(Y\\) vary.</li><li>Or not.</li></ul><p>So.</p>"
    want = "We know this.\n\n• Both $X$ and $Y$ vary.\n• Or not.\n\nSo."
    assert extract(html).text == want
    menu = '<ul><li><a href="#a">Part \\(1\\)</a></li></ul>'
    assert extract(menu + html).text == want
    title = '<div id="question-header"><h1><a href="/q">Is \\(n\\) odd?</a></h1></div><p>Yes, \\(n\\) is.</p>'
    assert extract(title).text.startswith("Is $n$ odd?")


def test_declared_dollars_take_numbers_too() -> None:
    """A number refused as money would pair the next dollar sign with a wrong one."""
    url = "https://math.stackexchange.com/q/1"
    got = extract("<p>So $2$ and $-3.5$ solve $x^2=a$, it costs $5 and $7.</p>", url)
    assert got.text == "So $2$ and $-3.5$ solve $x^2=a$, it costs $5 and $7." and got.kept == 3


def test_no_false_formula_on_plain_pages(data_dir: Path) -> None:
    found = {}
    for path in sorted((data_dir / "web/html/plain").glob("*.html")):
        for page in reading.read_crawl_file(Part(str(path)), Counter()):
            try:
                if n := extract(page.html, page.url).found:
                    found[path.name] = n
            except PageError:
                pass
    assert not found


HOSTILE = {
    "script never closed": "<script>" * 100_000,
    "openers over breaks": "\\[<br>" * 100_000,
    "comments": "\\[<!--" * 100_000 + "-->",
    "lone surrogates": "<p>a\ud800b \\(x\\)</p>",
    "deep sections": "<section>" * 90_000 + "<math><mi>x</mi></math>",
    "deep articles": "<article>" * 100_000,
    "many attributes": "<p " + "a=b " * 200_000 + ">text",
    "many sup": "<p>x" + "<sup>" * 100_000,
    "alternating": "<div><p>" * 100_000,
    "dollars": "$a " * 300_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_more_hostile_pages_are_bounded(name: str) -> None:
    start = time.process_time()
    try:
        extract(HOSTILE[name])
    except PageError:
        pass
    assert time.process_time() - start < 5


def test_damaged_real_pages(data_dir: Path) -> None:
    """Cut, shuffled, with NUL bytes and of mixed encodings: a text or a reason, within the time."""
    rng = random.Random(0)
    for path in sorted((data_dir / "web/html/math").glob("*.html"))[::6]:
        data = path.read_bytes()[:300_000]
        cut = data[: rng.randrange(len(data))]
        noise = bytearray(data)
        for _ in range(200):
            noise[rng.randrange(len(noise))] = rng.choice(b"\0<>\"'&\xff\x80$\\")
        mixed = data[: len(data) // 2] + "中文é".encode("gb18030") * 50 + data[len(data) // 2 :]
        for damaged in (cut, bytes(noise), mixed):
            start = time.process_time()
            try:
                extract(reading.decode(damaged))
            except PageError:
                pass
            assert time.process_time() - start < 5
