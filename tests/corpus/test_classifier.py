"""The classifier: its input matrix, repeatable training, one line a page, builds that are refused."""

import random
import re
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsmath_lib.corpus import classifier
from tests.crawl.test_mining import SETTINGS, text


def test_input_matrix_is_initialised(tmp_path: Path) -> None:
    """fastText 0.9.3 leaves most of the matrix uninitialised with one thread: with lr 0 it must be within 1/dim."""
    settings = replace(SETTINGS, lr=1e-12, dim=64, bucket=50_000)
    for _ in range(2):
        model = classifier.train_classifier(["a b c"], ["d e f"], settings, tmp_path)
        matrix = model.get_input_matrix()
        assert np.isfinite(matrix).all() and np.abs(matrix).max() <= 1 / 64 + 1e-6
        assert (
            np.abs(matrix).mean() > 0.4 / 64
        )  # uniform in ±1/dim has mean 0.5/dim; a zero part would lower it


def test_training_repeats_exactly_and_separates(tmp_path: Path) -> None:
    rng = random.Random(1)
    pos, neg = ([text(rng, s) for _ in range(30)] for s in ("known", "news"))
    scores = [
        classifier.score_lines(classifier.train_classifier(pos, neg, SETTINGS, tmp_path), pos + neg)
        for _ in range(2)
    ]
    np.testing.assert_allclose(*scores, rtol=0, atol=1e-6)  # fastText computes in float32
    assert scores[0][:30].min() > 0.5 > scores[0][30:].max()
    assert list(tmp_path.glob("train-*")) == []
    assert classifier.score_lines(
        classifier.train_classifier(pos, neg, SETTINGS, tmp_path), ["", "unseen"]
    ).tolist() == pytest.approx([0.5, 0.5], abs=0.5)
    with pytest.raises(ValueError, match="both classes"):
        classifier.train_classifier(pos, [], SETTINGS, tmp_path)


def test_one_line() -> None:
    assert classifier.one_line("Let $x=1$.\n\n小明") == "let $ x = 1 $ . 小 明"
    assert "__label__" not in classifier.one_line("spam __label__math")


@given(
    st.text(alphabet="aZ1_ \n\t\x1c\x85\xa0.,$\\é’中か한İß²\u0301😀𝑥", max_size=40)
    | st.text(max_size=40)
)
def test_one_line_is_the_regex_in_its_docstring(text: str) -> None:
    """Lower case, a space round each CJK character and each sign, one space in each gap."""
    alone = r"([\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]|[^\w\s])"
    words = re.sub(alone, r" \1 ", text.lower()).split()
    assert classifier.one_line(text) == " ".join(words).replace("__label__", "label")


def test_compact_scores_are_those_of_the_whole_model(tmp_path: Path) -> None:
    """One number per row and label in place of 32, at the same probabilities up to rounding."""
    math = [f"the sum of {i} and {i + 1} is {2 * i + 1}" for i in range(100)]
    other = [f"the price of {w} went up on day {i}" for i, w in enumerate(["tea", "oil"] * 50)]
    settings = classifier.FastTextSettings(32, 0.5, 3, 1, 5, 5_000, 1, 0)
    model = classifier.train_classifier(math, other, settings, tmp_path)
    whole = classifier.score_lines(model, math + other)
    small = classifier.compact(model)
    assert small.get_dimension() == 2 and small.get_input_matrix().shape[1] == 2
    assert (
        whole.std() > 0.2 and abs(classifier.score_lines(small, math + other) - whole).max() < 1e-5
    )


@pytest.mark.parametrize(
    ("installed", "says"),
    [({}, "not installed"), ({"fasttext": "0.9.3", "fasttext-community": "0.11.9"}, "fasttext 0.9.3"),
     ({"fasttext-community": "0.11.7"}, "0.11.7")],
)  # fmt: skip
def test_broken_builds_are_refused(installed: dict[str, str], says: str) -> None:
    with (
        mock.patch.object(classifier, "_version", installed.get),
        pytest.raises(ImportError, match=says),
    ):
        classifier.load_fasttext()
    assert classifier.load_fasttext() is sys.modules["fasttext"]
