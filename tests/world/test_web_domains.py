"""Domains, the checked-in URL annotations, mark-up, wording and the ready-made corpora."""

import csv
from importlib.resources import files
from random import Random

import pytest

from dsmath_lib.engines.webtext.pages import extract
from dsmath_lib.world.corpora import CORPORA, corpus, seed_documents
from dsmath_lib.world.leaks import disguised, guard, protected
from dsmath_lib.world.markup import MARKUPS, html_page, plain_text
from dsmath_lib.world.mathpages import CONTENT, math_page
from dsmath_lib.world.problems import TOY_BENCHMARKS, sample_problems
from dsmath_lib.world.prose import genres, prose
from dsmath_lib.world.sites import SITE_KINDS, web_domains
from dsmath_lib.world.wording import reworded


def test_domains_are_disjoint_and_shares_sum_to_one():
    found = web_domains()
    assert len({d.host for d in found}) == len(found) == sum(k.count for k in SITE_KINDS) > 300
    assert sum(d.share for d in found) == pytest.approx(1)
    for d in found:
        assert d.host.endswith(".example")
        assert sum(p.share for p in d.paths) == pytest.approx(1)
        assert len({p.prefix for p in d.paths}) == len(d.paths)


# Kinds an annotator looked at: all with math, and those whose numbers might mislead the domain rule.
ANNOTATED = {k.name for k in SITE_KINDS[:12]} | {"code", "sports", "finance", "timetable", "tech"}


def annotation_rows() -> list[tuple[str, str, str, str]]:
    """Rows ``(domain, path_prefix, math, decided_by)`` of the checked-in table ``url_annotations.csv``."""
    return [
        (d.host, p.prefix, "yes" if p.math else "no", "toy-web")
        for d in web_domains()
        if d.kind in ANNOTATED
        for p in d.paths
    ]


def test_annotations_in_the_repository_cover_every_math_path():
    table = files("dsmath_lib.world").joinpath("url_annotations.csv").read_text("utf-8")
    rows = [tuple(r) for r in csv.reader(table.splitlines())]
    assert rows[0] == ("domain", "path_prefix", "math", "decided_by")
    assert rows[1:] == annotation_rows()
    yes = {(d, p) for d, p, math, _ in rows[1:] if math == "yes"}
    assert yes == {(d.host, p.prefix) for d in web_domains() for p in d.paths if p.math}


def test_mixed_domains_have_paths_of_both_sorts():
    mixed = [d for d in web_domains() if d.kind in ("school", "portal", "zh-mixed")]
    assert len(mixed) > 30
    assert all({p.math for p in d.paths} == {True, False} for d in mixed)


@pytest.mark.parametrize("markup", MARKUPS)
def test_a_formula_comes_back_once_from_every_markup(markup):
    blocks = [
        ("h1", "A page"),
        ("p", "The area of this figure is $a * b$ and we see that $x_1 < \\frac{c}{d}$ holds."),
        ("p", "Now look at the next line.\n$$\\sum_{i=1}^{n} i$$\nThis was the sum."),
    ]
    html = html_page(blocks, title="t", site="S", lang="en", markup=markup, rng=Random(1))
    text = extract(html, "https://s.example/1").text
    for latex in ("a * b", "x_1 < \\frac{c}{d}", "\\sum_{i=1}^{n} i"):
        assert text.count(latex) == 1, text
        if markup != "plain":
            assert f"${latex}$" in text


def test_money_is_not_a_formula():
    rng = Random(3)
    for _ in range(20):
        blocks = prose(rng, "shop")
        html = html_page(blocks, title="t", site="S", lang="en", markup="", rng=rng)
        assert extract(html, "https://s.example/1").found == 0


def test_navigation_and_footer_are_not_part_of_the_text():
    rng = Random(4)
    for style in CONTENT:
        blocks = math_page(rng, style)
        html = html_page(blocks, title="t", site="Site", lang="en", markup="mathjax", rng=rng)
        text = extract(html, "https://s.example/1").text
        assert "Privacy" not in text and "Sign in" not in text
        assert "".join(plain_text(blocks).split()) == "".join(text.split())


def test_every_style_of_every_path_can_be_written():
    styles = {p.style for d in web_domains() for p in d.paths}
    rng = Random(5)
    for style in sorted(styles):
        blocks = prose(rng, style) if style in genres() else math_page(rng, style)
        assert blocks[0][0] == "h1"
        assert "@" not in plain_text(blocks)


def test_rewording_keeps_numbers_and_avoids_the_benchmarks():
    rng = Random(6)
    for p in sample_problems(300, split="train", seed=7):
        q = reworded(p, rng)
        assert [c for c in q.question if c.isdigit()] == [c for c in p.question if c.isdigit()]
        assert (q.steps, q.answer, q.program) == (p.steps, p.answer, p.program)


def test_disguised_items_are_still_found():
    rng = Random(8)
    for name in TOY_BENCHMARKS:
        for p in protected(name)[:150]:
            assert guard().hits(f"Look at this one. {disguised(p.question, rng)}\nThanks.")


@pytest.mark.parametrize("name", CORPORA)
def test_corpora_repeat_and_are_clean(name):
    docs = corpus(name, 60, 1)
    assert docs == corpus(name, 60, 1) != corpus(name, 60, 2)
    assert len({d.text for d in docs}) == 60
    assert not any(guard().hits(d.text) for d in docs)


def test_math_code_prints_its_answer_and_arxiv_has_no_worked_arithmetic():
    for d in corpus("math_code", 20, 3):
        program, _, answer = d.text.split("\n\n")[0].partition("\n")[2].rpartition("\n# ")
        assert program.splitlines()[-1].startswith("print(")
        assert answer.isdigit()
    assert not any(" = " in d.text and "boxed" in d.text for d in corpus("arxiv", 20, 3))


def test_unknown_corpus_is_named():
    with pytest.raises(ValueError, match="unknown corpus 'books'"):
        corpus("books", 1, 0)


def test_seed_documents_know_only_part_of_the_styles():
    docs = seed_documents(80, 1)
    text = "\n".join(d.text for d in docs)
    assert {d.lang for d in docs} == {"en"}
    assert docs == seed_documents(80, 1)
    assert "print(" not in text and "(A)" not in text and "解" not in text
    assert not any(guard().hits(d.text) for d in docs)
