"""The filter before the decontamination: "no" is certain, and most pages get it."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsmath_lib.base.text import grams
from dsmath_lib.corpus.decontaminate import BenchmarkText, build_index, find_hits

ITEMS = [
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many in May.",
    "商店有苹果42千克，香蕉比苹果多8千克，香蕉有多少千克？",
    r"Compute $\frac{1}{2} \times \left(3 + 4\right)$ and subtract 1,000 from the rest of $5^2 - 3$.",
    "Straße 12 km, größte Füße 30 cm, Maß 5 = 5, Gruß 7 = 7, Schluß",
    "x = 3 and y = 4",
    "find the sum",
    "- * - *",
]
INDEX = build_index([BenchmarkText("b", str(i), t) for i, t in enumerate(ITEMS)])
# characters whose folded form is longer, shorter, of another kind, or depends on what stands beside them
ODD = "²³½…™ßﬁſKＡ１，＼｛⁄´¨\u0301\u00ad\u200b\ufeff\u2212–－＊*-{},\\$%\ufdfa각ᄀ\u1161𝑥😀①İ"


def holds(text: str) -> bool:
    return bool(find_hits(grams(text), INDEX))


@settings(max_examples=300)
@given(st.data())
def test_no_is_certain(data: st.DataObject) -> None:
    """Whatever stands in and round a benchmark text: a page with a hit passes the filter."""
    item = data.draw(st.sampled_from(ITEMS))
    piece = st.text(alphabet=ODD + "ab1 \n", max_size=4)
    at = data.draw(st.integers(0, len(item)))
    if data.draw(st.booleans()):
        item = item.replace("1", "１").replace("e", "ｅ").replace(",", "，").replace("ss", "ß")
    page = data.draw(piece) + item[:at] + data.draw(piece) + item[at:] + data.draw(piece)
    if holds(page):
        assert INDEX.filter.may_hold(page)


@pytest.mark.parametrize("character", ODD)
def test_odd_characters_fold_as_in_the_grams(character: str) -> None:
    """A text made of one odd character among others finds itself, folded or not."""
    words = "one two three four five six seven eight nine ten eleven".split()
    for text in (
        " ".join([*words[:6], f"a{character}b", f"1{character}000", *words[6:]]),
        "".join(f"{character}{w} " for w in words),
    ):
        index = build_index([BenchmarkText("b", "0", text)])
        assert index.filter.may_hold(text) and index.filter.may_hold(f"And {text.upper()}.")


def test_most_pages_are_told_apart() -> None:
    """The filter compares runs of pieces, so other texts of the same words get a no."""
    rng = random.Random(0)
    words = sorted({w for t in ITEMS for w in grams(t) if w not in "-*"})
    pages = [" ".join(rng.choices(words, k=300)) for _ in range(200)]
    assert not any(map(holds, pages)) and sum(map(INDEX.filter.may_hold, pages)) <= 50


def test_planted_questions_on_real_texts(data_dir: Path) -> None:
    path = data_dir / "math" / "gsm8k"
    file = next(iter(sorted(path.glob("*test*.jsonl"))), None)
    if file is None:
        pytest.skip("no GSM8K test file")
    questions = [json.loads(line)["question"] for line in file.open(encoding="utf-8")][:300]
    index = build_index([BenchmarkText("gsm8k", str(i), q) for i, q in enumerate(questions)])
    assert all(index.filter.may_hold(f"Seite … №5\n\n{q}²\n\nend") for q in questions)
