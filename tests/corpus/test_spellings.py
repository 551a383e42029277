"""One formula, many spellings: a page that writes a benchmark's formula in another way is found."""

import unicodedata

import pytest

from dsmath_lib.base import spellings
from dsmath_lib.base.text import grams
from dsmath_lib.corpus.decontaminate import BenchmarkText, build_index, find_hits

SAME = [  # each row: spellings of one formula, in signs, LaTeX of several habits, and raised digits
    [r"\frac{1}{2}", r"\frac12", r"\frac 1 2", r"\dfrac{1}{2}", r"\tfrac{ 1 }{ 2 }", r"\cfrac12", "1/2", "½"],
    [r"\frac{a}{b}", r"\frac ab", r"\dfrac a b", r"\frac{a}b", "a/b"],
    [r"\frac{\pi}{2}", r"\frac\pi2", "π/2"],
    [r"\sqrt{2}", r"\sqrt2", r"\sqrt 2", "√2"],
    [r"\sqrt{x+1}", "√(x+1)"],
    [r"\alpha+\pi", "α+π", "α + π"],
    ["x^{2}", "x^2", "x²"],
    ["2^{10}", "2¹⁰"],
    ["x_{1}", "x_1", "x₁"],
    [r"\alpha_{1}", "α₁"],
    [r"x \le y", r"x \leq y", r"x\leqslant y", "x ≤ y"],
    [r"x \ge 3", r"x \geqslant 3", "x≥3"],
    [r"x \neq y", r"x \ne y", "x≠y"],
    [r"a \cdot b", r"a \times b", "a·b", "a × b"],
    [r"a \pm b", "a±b"],
    [r"\infty", "∞"],
    [r"\varphi", r"\phi", "φ"],
    [r"\angle ABC", "∠ABC"],
    [r"30^\circ", r"30^{\circ}", "30°"],
    [r"A \cup B", "A∪B"],
    [r"\sum_{i=1}^n i", r"\sum\limits_{i=1}^{n} i", "∑_{i=1}^n i"],
    [r"\int_0^1", r"\int_{0}^{1}", "∫_0^1"],
    [r"x \to 0", r"x \rightarrow 0", "x→0"],
    [r"f'(x)", "f′(x)"],
    [r"\left( x \right)", r"\bigl(x\bigr)", "(x)"],
    [r"\vec{a}", r"\overrightarrow{a}"],
    ["−3", "-3", "－3"],
    ["1,000", "1000", "1{,}000", "１０００"],
]  # fmt: skip
ROW = "The sum of {} and the number of all the other roads that lead to town is asked for."


def hit(page: str, item: str) -> bool:
    index = build_index([BenchmarkText("b", "0", item)])
    return bool(find_hits(grams(page), index))


@pytest.mark.parametrize("row", SAME, ids=lambda row: row[0])
def test_spellings_of_one_formula_give_the_same_grams(row: list[str]) -> None:
    want = grams(row[0])
    assert want and [(s, grams(s)) for s in row] == [(s, want) for s in row]


@pytest.mark.parametrize("row", SAME, ids=lambda row: row[0])
def test_a_benchmark_row_in_each_spelling_is_found(row: list[str]) -> None:
    """Also where the text round the formula is too short for ten grams of its own."""
    short = "Find {} for all of it."
    for form in (ROW, short):
        index = build_index([BenchmarkText("b", "0", form.format(f"${row[0]}$"))])
        for s in row:
            for left, right in (("$", "$"), ("\\(", "\\)"), ("", "")):
                page = f"Before. {form.format(left + s + right)} Behind."
                assert find_hits(grams(page), index), page


def test_other_formulas_have_other_grams() -> None:
    """What is one spelling of another formula would remove pages that are none."""
    first = [tuple(grams(row[0])) for row in SAME]
    assert len(set(first)) == len(first)
    unlike = [
        r"\frac{1}{2}",
        r"\frac{2}{1}",
        r"\frac{12}{3}",
        "12",
        "1 2",
        "x^2",
        "x_2",
        "x2",
        r"\sqrt{3}",
        r"\alpha",
    ]
    assert (
        len({tuple(grams(s)) for s in unlike}) == len(unlike) - 1
    )  # "x2" in LaTeX is x 2, "1 2" is no number
    assert not hit(ROW.format("$x^3$"), "Find $x^2$ for all of it.")


def test_every_sign_is_its_command() -> None:
    for sign, name in spellings._NAMES.items():
        assert grams(f"a {sign} b") == grams(f"a \\{name} b"), sign
    for letter, name in spellings._GREEK.items():
        assert grams(f"a {letter} b") == grams(f"a \\{name} b"), letter
    for sign, form in spellings._HALVES.items():
        assert grams(sign) == grams(form) == grams(unicodedata.normalize("NFKC", sign)), sign


def test_greek_prose_stays_words() -> None:
    """Letters are names in formulas only: a Greek page is no list of them."""
    assert grams("αριθμός") == ["αριθμός"] or "alpha" not in grams("αριθμός")
    assert "alpha" in grams("2α")
